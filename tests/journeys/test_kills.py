"""kill -9 in the middle: of the cabin, the hub, the connector, while documents flow. What was accepted is opened once, whole, in order."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.orders import Accepted
from protocol.errors import Unavailable
from protocol.ids import SiteId
from tests.journeys.stage import AGENCY, Stage, receipt_of, stage
from tests.journeys.waiting import until

DOCUMENTS = 15
SEEDS = range(1, 1 + int(os.environ.get("KABINE_KILL_SEEDS", "1")))  # each costs half a minute; more of them by hand
BITS_PER_SECOND = 1_500_000


@pytest.fixture(scope="module")
def flowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Templin on a slow line; a connector takes what comes."""
    with stage(tmp_path_factory.mktemp("flowing"), "templin", bits_per_second=BITS_PER_SECOND) as made:
        made.follow()
        yield made


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hub_is_killed_while_documents_flow(flowing: Stage, seed: int) -> None:
    chance, before = random.Random(seed), set(flowing.handed_in("templin"))
    line, receipts = flowing.house.lines[SiteId("templin")], list[str]()
    for part in _parts(chance, 3):
        passed = line.up_bytes
        receipts += [flowing.hand_in("templin", *page) for page in _papers(flowing, chance, part)]
        go_on = passed + chance.randrange(200, 150_000)
        until(lambda: line.up_bytes > go_on or flowing.waiting("templin") == 0, look_seconds=0.001)  # noqa: B023
        flowing.house.kill("hub")
        flowing.house.start_hub()
    assert _converged(flowing) - before == set(receipts)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cabin_is_killed_while_documents_are_taken(flowing: Stage, seed: int) -> None:
    """A handing in that was cut may have been accepted or not: the cabin's own file says which, and that holds."""
    chance, before = random.Random(seed), set(flowing.handed_in("templin"))
    receipts, unknown = list[str](), 0
    for part in _parts(chance, 4):
        *first, last = _papers(flowing, chance, part)
        receipts += [flowing.hand_in("templin", *page) for page in first]
        ends_at = chance.randrange(1, 6)
        told = flowing.submitting("templin", *last)
        heard = [each for _, each in zip(range(ends_at), told, strict=False)]
        flowing.house.kill("cabin-templin")
        try:
            heard += list(told)
        except Unavailable:
            pass
        if any(isinstance(each, Accepted) for each in heard):
            receipts.append(receipt_of(heard))
        else:
            unknown += 1
        flowing.house.start_cabin("templin")
    kept = _converged(flowing) - before
    assert set(receipts) <= kept
    assert len(kept) <= len(receipts) + unknown


@pytest.mark.parametrize("seed", SEEDS)
def test_the_connector_is_killed_while_it_opens(flowing: Stage, seed: int) -> None:
    chance, before = random.Random(seed), set(flowing.handed_in("templin"))
    receipts = list[str]()
    for part in _parts(chance, 5):
        receipts += [flowing.hand_in("templin", *page) for page in _papers(flowing, chance, part)]
        # From the moment it says that it fetches a certain document, a random number of looks later.
        fetched = len(before) + chance.randrange(len(receipts) - part, len(receipts))
        looks = iter(range(chance.randrange(12)))
        until(lambda: _count(flowing, "fetched") > fetched, look_seconds=0.001)  # noqa: B023
        until(lambda: next(looks, None) is None, look_seconds=0.002)  # noqa: B023
        flowing.house.kill(f"inbox-{AGENCY}")
        flowing.follow()
    assert _converged(flowing) - before == set(receipts)


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_is_killed_at_once(flowing: Stage, seed: int) -> None:
    chance, before = random.Random(seed), set(flowing.handed_in("templin"))
    receipts = [flowing.hand_in("templin", *page) for page in _papers(flowing, chance, DOCUMENTS)]
    for name in ("hub", "cabin-templin", f"inbox-{AGENCY}"):
        flowing.house.kill(name)
    assert flowing.house.status("templin") is None
    flowing.house.start_cabin("templin")
    flowing.house.start_hub()
    flowing.follow()
    assert _converged(flowing) - before == set(receipts)


def _parts(chance: random.Random, count: int) -> list[int]:
    """DOCUMENTS in so many parts, none empty."""
    cuts = sorted(chance.sample(range(1, DOCUMENTS), count - 1))
    return [end - start for start, end in zip([0, *cuts], [*cuts, DOCUMENTS], strict=True)]


def _papers(flowing: Stage, chance: random.Random, documents: int) -> Iterator[list[Path]]:
    for _ in range(documents):
        seed = chance.randrange(1000)
        yield [flowing.photograph(seed, 420, 594) if chance.random() < 0.3 else flowing.page(seed)]


def _count(flowing: Stage, happening: str) -> int:
    [(count,)] = flowing.ask("SELECT count(*) FROM receipt WHERE happening = ?", happening)
    return int(count)


def _converged(flowing: Stage) -> set[str]:
    """With everything running again all is opened without anybody's help, nothing lost, doubled or half; what the cabin ever handed in."""
    flowing.drained("templin")
    handed_in = set(flowing.handed_in("templin"))
    until(lambda: _count(flowing, "accepted") == len(handed_in), "the connector has taken everything")
    until(lambda: _states(flowing) == {"accepted"}, "the cabin has heard of it")
    flowing.whole(["templin"])
    assert not [path for path in flowing.into().iterdir() if path.suffix not in (".pdf", ".json")]
    said = (flowing.house.folder / "logs" / f"inbox-{AGENCY}.err").read_text()
    assert "WARNING" not in said
    assert "REFUSED" not in said
    return handed_in


def _states(flowing: Stage) -> set[str]:
    status = flowing.house.status("templin")
    return {row.state for row in status.documents} if status else set()
