"""The line is cut, the hub is away: what was accepted waits in the cabin and arrives once, in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from protocol.ids import SiteId
from tests.journeys.stage import AGENCY, Stage, stage
from tests.journeys.waiting import until
from tools.line import Line

RURAL_BITS_PER_SECOND = 2_000_000


@pytest.fixture(scope="module")
def rural(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Templin on a slow line, so that a cut meets something on its way."""
    with stage(tmp_path_factory.mktemp("rural"), "templin", bits_per_second=RURAL_BITS_PER_SECOND) as made:
        yield made


@pytest.mark.parametrize("silent", [False, True], ids=["reset", "silent"])
def test_a_cut_in_the_middle_of_a_document_costs_nothing(rural: Stage, silent: bool) -> None:
    line, before = line_of(rural), len(rural.handed_in("templin"))
    until(lambda: rural.connected("templin"), "the line is up")
    passed = line.up_bytes
    line.hold(60_000)  # less than the document has
    receipts = [rural.hand_in("templin", rural.photograph(10 + silent * 20))]
    until(lambda: line.up_bytes > passed + 8_000, "the document is on its way")
    line.cut(silent=silent)
    receipts += [rural.hand_in("templin", rural.page(11 + silent * 20 + number)) for number in range(4)]
    until(lambda: not rural.connected("templin"), "the cabin notices")
    assert rural.waiting("templin") == 5
    assert set(receipts).isdisjoint(at_hub(rural))
    line.release()
    line.mend()
    rural.drained("templin")
    assert sorted(at_hub(rural)[before:]) == sorted(receipts)


def test_a_line_that_flaps_loses_nothing(rural: Stage) -> None:
    line, before = line_of(rural), len(rural.handed_in("templin"))
    receipts = []
    for number in range(4):
        passed = line.up_bytes
        receipts.append(rural.hand_in("templin", rural.page(60 + number)))
        until(lambda: line.up_bytes > passed + 2_000, "something passes", look_seconds=0.002)  # noqa: B023
        line.cut(silent=bool(number % 2))
        line.mend()
    rural.drained("templin")
    assert sorted(at_hub(rural)[before:]) == sorted(receipts)


def test_twenty_documents_taken_while_the_hub_is_away_arrive_exactly_once(rural: Stage) -> None:
    before = len(rural.handed_in("templin"))
    assert rural.house.stop("hub") == 0
    receipts = [rural.hand_in("templin", rural.page(100 + number)) for number in range(20)]
    until(lambda: not rural.connected("templin"), "the cabin notices")
    assert rural.waiting("templin") == 20
    rural.house.start_hub()
    rural.drained("templin")
    assert sorted(at_hub(rural)[before:]) == sorted(receipts)
    assert rural.pull().returncode == 0
    rural.whole(["templin"])


def test_what_has_arrived_before_a_cut_is_not_sent_again(rural: Stage) -> None:
    line, handed = line_of(rural), rural.handed_in("templin")
    until(lambda: rural.connected("templin"), "the line is up")
    passed = line.up_bytes
    line.hold(200_000)
    rural.hand_in("templin", *(rural.photograph(number) for number in range(6)))
    [digest] = set(rural.handed_in("templin").values()) - set(handed.values())
    size_bytes = until(
        lambda: [
            row[0] for row in rural.ask("SELECT size_bytes FROM document JOIN blob USING (id) WHERE digest = ?", digest)
        ]
    )[0]
    assert size_bytes > 600_000
    for part_bytes in (180_000, 400_000):
        until(lambda: line.up_bytes > passed + part_bytes, "a part of it passes")  # noqa: B023
        assert rural.waiting("templin") == 1
        line.cut()
        line.hold(250_000)  # so that the whole has not passed when it is cut
        line.mend()
    line.release()
    rural.drained("templin")
    # Twice what was under way when the line was cut, and the greetings.
    assert line.up_bytes - passed < 1.25 * size_bytes


def line_of(rural: Stage) -> Line:
    return rural.house.lines[SiteId("templin")]


def at_hub(rural: Stage) -> list[str]:
    """Receipt numbers as they came into the agency's inbox; small documents overtake large ones."""
    rows = rural.ask("SELECT receipt FROM document WHERE agency = ? AND place IS NOT NULL ORDER BY place", AGENCY)
    return [receipt for (receipt,) in rows]
