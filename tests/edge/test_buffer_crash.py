"""Power cuts: the folder is copied while the cabin works, and the copy is opened. Nothing acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from random import Random as Dice

import pytest

from edge.buffer import Buffer, State
from protocol.entries import DocumentSealed, EpochOpened, Mark, VisitEnded
from protocol.manifest import Happening, Manifest, unverified
from tests.edge.cabin import BEGAN, Cabin, directory, journal_of, manifest_of, receipt

VISIT = VisitEnded(bytes(16), BEGAN, BEGAN, "left", 0, "de")
FILES = ("buffer.sqlite", "buffer.sqlite-wal", "high-water")


def copy(source: Path, into: Path, files: tuple[str, ...] = FILES) -> Path:
    """What a power cut now would leave; the -shm file is memory."""
    into.mkdir(parents=True, exist_ok=True)
    for name in files:
        if (source / name).exists():
            shutil.copyfile(source / name, into / name)
    return into


class Promised:
    """What this cabin has told the world."""

    def __init__(self) -> None:
        self.envelopes: dict[bytes, bytes] = {}  # digest → bytes, accepted
        self.secured: set[str] = set()
        self.numbers: set[str] = set()
        self.visits = 0
        self.last = Mark()
        self.theirs = Mark()

    def kept_by(self, buffer: Buffer) -> None:
        assert buffer.troubles == ()
        states = {row.receipt: row.state for row in buffer.documents(1000)}
        events = journal_of(buffer)
        sealed = [event for event in events if isinstance(event, DocumentSealed)]
        manifests = [unverified(Manifest, event.manifest) for event in sealed]
        assert len({manifest.receipt for manifest in manifests}) == len(manifests)
        assert [manifest.counter for manifest in manifests] == list(range(1, len(manifests) + 1))
        for event, manifest in zip(sealed, manifests, strict=True):
            if event.digest not in self.envelopes:
                continue  # it was on its way when the power went
            if manifest.receipt in self.secured:
                assert states[manifest.receipt] is State.SECURED
            elif states[manifest.receipt] is State.WAITING:
                assert buffer.read(event.digest, 0, 1 << 30) == self.envelopes[event.digest]
        assert set(self.envelopes) <= {event.digest for event in sealed}
        assert sum(isinstance(event, VisitEnded) for event in events) >= self.visits
        hashes = {entry.number: entry.hash for entry in buffer.log.read(0, 1 << 30, 1 << 20)}
        assert self.last.number == 0 or hashes[self.last.number] == self.last.hash
        assert buffer.log.theirs().number >= self.theirs.number
        assert buffer.issue_number() not in self.numbers


@pytest.mark.parametrize("seed", range(4))
def test_whatever_was_told_holds_after_a_power_cut_at_any_moment(tmp_path: Path, seed: int) -> None:
    dice = Dice(seed)
    cabin = Cabin(tmp_path / "cabin", seed)
    promised = Promised()
    cuts: list[Path] = []

    def cut() -> None:
        """The power may go here, also in the middle of a turn: whoever looks at the clock is in one."""
        if dice.random() < 0.15:
            there = copy(cabin.folder, tmp_path / f"cut-{len(cuts)}")
            cuts.append(there)
            after = Cabin(there, seed + 100)
            buffer = after.open()
            promised.kept_by(buffer)
            buffer.close()
            buffer = after.open()  # twice in a row
            promised.kept_by(buffer)
            buffer.close()
            shutil.rmtree(there)

    tick = cabin.clock

    def clock() -> datetime:
        cut()
        return tick()

    cabin.clock = clock  # type: ignore[assignment]
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    waiting = []
    for _ in range(60):
        cut()
        match dice.choice(("hand in", "visit", "secured", "number", "acknowledged", "again")):
            case "hand in":
                envelope = cabin.envelope(dice.choice((200, 70_000, 1_300_000)))
                put = cabin.hand_in(buffer, envelope)
                promised.envelopes[put.digest] = envelope
                promised.numbers.add(put.receipt)
                waiting.append(put)
            case "visit":
                buffer.append(VISIT)
                promised.visits += 1
            case "secured" if waiting:
                put = waiting.pop(dice.randrange(len(waiting)))
                stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
                buffer.log.commit([cabin.from_hub(stored)])
                cut()
                assert buffer.sync().secured == (put.receipt,)
                promised.secured.add(put.receipt)
            case "number":
                promised.numbers.add(buffer.issue_number())
            case "acknowledged":
                buffer.log.acknowledge(buffer.log.last().number)
                buffer.sync()
            case "again":
                buffer.close()
                buffer = cabin.open()
        promised.last, promised.theirs = buffer.log.last(), buffer.log.theirs()
    assert len(cuts) > 5
    assert len(promised.envelopes) > 3


def test_power_that_goes_between_the_commit_and_the_high_water_mark_loses_nothing(tmp_path: Path) -> None:
    cabin = Cabin(tmp_path / "cabin")
    buffer = cabin.open()
    cabin.hand_in(buffer)
    there = copy(cabin.folder, tmp_path / "cut", ("high-water",))
    put = cabin.hand_in(buffer)
    copy(cabin.folder, there, ("buffer.sqlite", "buffer.sqlite-wal"))
    buffer = Cabin(there, 9).open()
    assert buffer.troubles == ()
    assert put.receipt in {row.receipt for row in buffer.documents()}


def test_a_torn_end_of_the_wal_is_what_was_not_accepted_yet(tmp_path: Path) -> None:
    cabin = Cabin(tmp_path / "cabin")
    buffer = cabin.open()
    first = cabin.hand_in(buffer)
    envelope = cabin.envelope(100_000)
    facts = cabin.facts(buffer, envelope)
    staging = buffer.stage()
    staging.write(envelope)
    before = copy(cabin.folder, tmp_path / "before")
    began = (before / "buffer.sqlite-wal").stat().st_size
    staging.put(facts)
    whole = (cabin.folder / "buffer.sqlite-wal").read_bytes()
    assert len(whole) > began
    outcomes = set()
    dice = Dice(3)
    for place in range(12):
        there = copy(before, tmp_path / f"torn-{place}")
        length = len(whole) if place == 0 else dice.randrange(began, len(whole))
        (there / "buffer.sqlite-wal").write_bytes(whole[:length].ljust(dice.choice((length, len(whole))), b"\0"))
        buffer = Cabin(there, 10 + place).open()
        assert buffer.troubles == ()
        receipts = {row.receipt for row in buffer.documents()}
        outcomes.add(facts.receipt in receipts)
        assert first.receipt in receipts
        assert len(receipts) == buffer.waiting().documents
        assert buffer.issue_number() != facts.receipt
        buffer.close()
    assert outcomes == {False, True}


def test_a_torn_slot_of_the_high_water_mark_leaves_the_older_one(tmp_path: Path) -> None:
    cabin = Cabin(tmp_path / "cabin")
    buffer = cabin.open()
    cabin.hand_in(buffer)
    before = (cabin.folder / "high-water").read_bytes()
    buffer.append(VISIT)
    after = (cabin.folder / "high-water").read_bytes()
    changed = [place for place in range(len(after)) if before[place] != after[place]]
    for torn_at in range(changed[0], changed[-1], 37):
        there = copy(cabin.folder, tmp_path / f"torn-{torn_at}")
        (there / "high-water").write_bytes(after[:torn_at] + before[torn_at:])
        buffer = Cabin(there).open()
        assert buffer.troubles == ()
        assert sum(isinstance(event, VisitEnded) for event in journal_of(buffer)) == 1
        buffer.close()


def test_two_starts_that_are_cut_off_at_once_still_count_their_epochs(tmp_path: Path) -> None:
    cabin = Cabin(tmp_path / "cabin")
    buffer = cabin.open()
    for number in range(3):
        there = copy(cabin.folder, tmp_path / f"cut-{number}")
        cabin = Cabin(there, number)
        buffer = cabin.open()
    events = journal_of(buffer)
    assert [type(event) for event in events] == [EpochOpened] * 4
    assert [entry.epoch for entry in buffer.log.read(0, 1 << 20, 10)] == [1, 2, 3, 4]


def test_power_that_goes_before_the_first_mark_of_all_alarms_nobody(tmp_path: Path) -> None:
    """The first entry is committed, the mark beside it still blank: nothing was told to anybody. Found by `kabine torture power`."""
    cabin = Cabin(tmp_path / "cabin")
    cabin.open()
    there = copy(cabin.folder, tmp_path / "cut")
    (there / "high-water").write_bytes(bytes((cabin.folder / "high-water").stat().st_size))
    buffer = Cabin(there, 9).open()
    assert buffer.troubles == ()
    assert [entry.number for entry in buffer.log.read(0, 1 << 20, 10)] == [1, 2]
