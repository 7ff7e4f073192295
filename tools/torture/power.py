"""Power cuts, enumerated: a cabin and a hub live on a recording file system, and whatever a power cut at any moment may have left is opened. So does
an agency's connector, by itself (agency.py).

One recording holds both nodes. The states of each node are enumerated by themselves: their disks fail apart. SQLite recovers each of them; of those
that it reads alike, with the same beside them and the same promised, the first is judged for all, and now and then another, which must fare alike.
"""

from __future__ import annotations

import math
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from unittest.mock import patch

import edge.buffer
from edge.storage.opening import FILE
from protocol.ids import Digest
from protocol.limits import KIB
from tools.room import room
from tools.simulator import district, engines
from tools.simulator.district import HUB_FILE
from tools.torture import agency, promises
from tools.torture.crashes import Disk, PowerCut, lay_out
from tools.torture.judges import Judges
from tools.torture.lives import Life, tortured
from tools.torture.operations import Operation, Said, below
from tools.torture.pair import Keys, Pair
from tools.torture.planted import planted
from tools.torture.promises import Promised
from tools.torture.recording import recorded
from tools.torture.recovery import Recovery
from tools.torture.remembered import remembered
from tools.torture.report import Report, luck

STATES_A_RECORDING: Final = 4_000  # then another life is recorded
_WEIGHT: Final = 6.0
_WEIGHTS: Final = {
    "torn": 1.0,
    "nothing": 150.0,
    "all": 40.0,
    "names-lost": 40.0,
    "names-and-bytes-lost": 40.0,
}  # how likely
_STEPS: Final = 34
_AT_AGENCY: Final = 0.015
_SEGMENT_BYTES: Final = 48 * KIB  # of the hub: some in one life, so that beginning and removing them is cut too
_CHECKPOINT_BYTES: Final = 128 * KIB
_AUTOCHECKPOINT_PAGES: Final = 24
FILES: Final = {"cabin": FILE, "hub": HUB_FILE}  # of SQLite's
JUDGED_AGAIN: Final = 0.03  # of the states that SQLite reads like one that was judged


class Recorded(NamedTuple):
    """One life of both nodes."""

    keys: Keys
    operations: list[Operation]
    raws: dict[Digest, bytes]


def power(rounds: int, seed: int, plant: str = "", jobs: int = 1) -> Report:
    """Check about `rounds` crash states. With `plant`, the nodes that are recorded have that fault."""
    return tortured(Report("power", seed, plant, rounds), _play, STATES_A_RECORDING, jobs)


def _play(life: Life) -> Report:
    report = Report("power", life.seed, life.plant, life.rounds)
    report.counts["recordings"] += 1
    with room() as place, engines.kept(), remembered():
        at_agency = _share_of_agency(life)
        if at_agency:
            agency.tortured(place / "agency", life.name, life.plant, at_agency, report)
        if at_agency < life.rounds:
            recorded = live(place, life.name, life.plant)
            _check(recorded, _nodes(life.plant), place / "state", life.rounds - at_agency, life.name, report)
    return report


def _share_of_agency(life: Life) -> int:
    """How many of the rounds are those of an agency's folder. A state of it is opened beside a hub of its own, and takes as long as twenty others."""
    if life.plant:
        return life.rounds if life.plant.startswith("agency") else 0
    return int(life.rounds * _AT_AGENCY)


def live(place: Path, seed: str, plant: str = "") -> Recorded:
    """Record a life: documents are handed in, sent, secured, fetched, let go; both nodes are restarted now and then."""
    keys = Keys(place / "founded", seed)
    with recorded(place) as recording, planted(plant), _often():
        pair = Pair(keys, recording.folder, seed, lambda promise: recording.say(promises.spell(promise)))
        try:
            for step in _steps(pair, luck(seed, "steps")):
                step()
        finally:
            pair.close()
    return Recorded(keys, recording.operations, pair.raws)


def _steps(pair: Pair, dice: random.Random) -> Iterator[Callable[[], object]]:
    """What happens, in an order of chance; a document that is staged in several turns comes once."""
    _small_segments(pair)
    yield pair.hand_in
    yield from (pair.announce, pair.send, pair.answer)
    cards: list[tuple[Callable[[], object], int]] = [
        (pair.hand_in, 9),
        (pair.visit, 2),
        (pair.number, 2),
        (pair.announce, 5),
        (lambda: pair.send(dice.randrange(2_000, 40_000)), 3),
        (pair.send, 3),
        (pair.answer, 4),
        (pair.take, 2),
        (pair.tidy, 2),
        (pair.expire, 1),
        (pair.publish, 1),
        (pair.restart_cabin, 2),
        (lambda: _restart_hub(pair), 2),
    ]
    big = dice.randrange(_STEPS)
    for number in range(_STEPS):
        if number == big and dice.random() < 0.25:
            yield lambda: pair.hand_in(2_400_000)
        yield dice.choices([card for card, _ in cards], [weight for _, weight in cards])[0]
    yield from (pair.announce, pair.send, pair.answer, pair.take, pair.answer, pair.expire, pair.tidy)


def _restart_hub(pair: Pair) -> None:
    pair.restart_hub()
    _small_segments(pair)


def _small_segments(pair: Pair) -> None:
    pair.ledger.blobs._segment_bytes = _SEGMENT_BYTES
    with pair.ledger.database.turn() as connection:
        connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {_AUTOCHECKPOINT_PAGES}")


@contextmanager
def _often() -> Iterator[None]:
    """The cabin moves its WAL into its file often: a day's work in a short life."""
    with patch.object(edge.buffer, "CHECKPOINT_BYTES", _CHECKPOINT_BYTES):
        yield


# --- checking -------------------------------------------------------------------------------------------------------
def _nodes(plant: str) -> tuple[str, ...]:
    """Whose states are looked at; a planted fault is looked for where it is."""
    if not plant:
        return ("cabin", "hub")
    return ("cabin",) if plant.startswith(("cabin", "mark")) else ("hub",)


def _check(life: Recorded, chosen: tuple[str, ...], place: Path, rounds: int, seed: str, report: Report) -> None:
    """About `rounds` states of this life, evenly over its moments and over the kinds of cut; never one twice."""
    dice = luck(seed, "crashes")
    seconds = iter(range(1, 1 << 40))
    judges = Judges(life.keys, life.raws, lambda: district.at(1e6 + next(seconds)))
    both = {"cabin": judges.cabin, "hub": judges.hub}
    nodes = {
        node: Verdicts(both[node], Recovery(place.with_name(f"{node}-read"), FILES[node]), luck(seed, node))
        for node in chosen
    }
    totals: Counter[str] = Counter()
    for node in nodes:
        for disk, _ in moments(life, node):
            totals.update({f"{node}-{kind}": count for kind, count in disk.ways().items()})
    picks = {kind: Pick(share, dice) for kind, share in _shares(totals, rounds).items()}
    report.counts["operations"] += len(life.operations)
    report.counts["states-enumerated"] += totals.total()
    seen: set[int] = set()
    for node, disk, cut, promised in _picked(life, chosen, picks):
        left = disk.left(disk.choice(cut, dice))
        # Files that nothing is pending of come as the same objects again, and an object is hashed once.
        known = hash((node, promised.count, *sorted(left.items())))
        if known in seen:
            report.counts["same-as-another"] += 1
            continue
        seen.add(known)
        verdicts = nodes[node]
        broken = verdicts.of(left, sorted(disk.folders), place, promised)
        report.rounds += 1
        report.counts["judged"] += verdicts.fresh
        report.counts[f"{node}-{cut.kind}"] += 1
        for what in broken:
            report.broke(f"{node}, {cut.kind}, life {seed}: {what}")
        if report.enough:
            return


class Verdicts:
    """What `judge` says of the states of one node, each of which SQLite recovers. `fresh`: the last one was judged for itself."""

    def __init__(self, judge: Callable[[Path, Promised], list[str]], recovery: Recovery, dice: random.Random) -> None:
        self._judge = judge
        self._recovery = recovery
        self._dice = dice
        self._said: dict[tuple[int, int], list[str]] = {}  # by what was seen and how much had been promised
        self.fresh = True

    def of(self, left: dict[str, bytes], folders: list[str], place: Path, promised: Promised) -> list[str]:
        """Every promise that these files break; `place` is where they may be laid out."""
        seen = self._recovery.seen(left)
        before = None if seen is None else self._said.get((seen, promised.count))
        self.fresh = before is None or self._dice.random() < JUDGED_AGAIN
        if before is not None and not self.fresh:
            return before
        lay_out(left, folders, place)
        broken = self._judge(place, promised)
        shutil.rmtree(place)
        if before is not None and bool(before) != bool(broken):
            return [f"SQLite reads two states alike, and only one of them holds what was promised: {broken or before}"]
        if seen is not None:
            self._said[seen, promised.count] = broken
        return broken


def _picked(
    life: Recorded, nodes: tuple[str, ...], picks: dict[str, Pick]
) -> Iterator[tuple[str, Disk, PowerCut, Promised]]:
    """Power cuts of these nodes, moment after moment, by turns."""
    ways = {node: moments(life, node) for node in nodes}
    while ways:
        for node, way in list(ways.items()):
            moment = next(way, None)
            if moment is None:
                del ways[node]
                continue
            disk, promised = moment
            for kind, count in disk.ways().items():
                for number in picks[f"{node}-{kind}"].of(count):
                    yield node, disk, disk.cut(kind, number), promised


class Pick:
    """A `share` of very many, by chance, without a look at those between."""

    def __init__(self, share: float, dice: random.Random) -> None:
        self._share, self._dice = share, dice
        self._skipped = self._gap()

    def of(self, count: int) -> Iterator[int]:
        """Of the next `count` these."""
        while self._skipped < count:
            yield self._skipped
            self._skipped += 1 + self._gap()
        self._skipped -= count

    def _gap(self) -> int:
        """How many are passed over before the next one."""
        return 0 if self._share >= 1 else int(math.log(1.0 - self._dice.random()) / math.log1p(-self._share))


def _shares(totals: Counter[str], rounds: int) -> dict[str, float]:
    """What part of each kind of state is checked. There are so many ways to tear that they would crowd out all others."""
    weights = {kind: _WEIGHTS.get(kind.partition("-")[2], _WEIGHT) for kind in totals}
    per_weight = rounds / sum(totals[kind] * weights[kind] for kind in totals)
    return {kind: min(1.0, per_weight * weights[kind]) for kind in totals}


def moments(life: Recorded, node: str) -> Iterator[tuple[Disk, Promised]]:
    """Its disk before each operation of this node and after the last, and what had been promised by then."""
    disk, promised = Disk(), Promised()
    for operation in [*below(life.operations, f"/{node}"), None]:
        if isinstance(operation, Said):
            promised.heard(operation.words)
            continue
        if promised.count:
            yield disk, promised
        if operation is not None:
            disk.happens(operation)
