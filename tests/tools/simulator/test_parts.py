"""The simulator's own parts: time, disk, tripwire, line."""

from __future__ import annotations

import gc
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from protocol.errors import Mistake
from tools.simulator.agenda import QUIET_SECONDS, Agenda, Waker
from tools.simulator.disk import Disk
from tools.simulator.district import District
from tools.simulator.kernel import Kernel
from tools.simulator.line import Line, Port, Strand, Trace
from tools.simulator.shadow import DROPPED, TORN, Loss, Shadow
from tools.simulator.tripwire import Crash, Tripwire


# --- time
def test_deeds_and_events_happen_in_one_order() -> None:
    agenda, happened = Agenda(), []
    agenda.on(3, lambda: happened.append("deed"))
    agenda.after(4, lambda: happened.append("late"))
    agenda.after(2, lambda: happened.append("early"))
    agenda.run(3.5)
    assert happened == ["early", "deed"]
    agenda.run(10)
    assert happened == ["early", "deed", "late"]
    assert agenda.now == 10


def test_quiet_hours_are_slept_through_and_the_machines_do_not_notice() -> None:
    agenda, beats = Agenda(), []

    def beat() -> None:
        beats.append(agenda.clock)
        agenda.after(5, beat)

    beat()
    agenda.on(86_400, lambda: None)
    agenda.run(86_401)
    assert agenda.now == pytest.approx(86_401)
    assert agenda.clock < 2 * QUIET_SECONDS
    assert beats == [5.0 * number for number in range(len(beats))]


def test_a_waker_rings_once_at_the_earliest_time_asked_for() -> None:
    agenda, rang = Agenda(), []
    waker = Waker(agenda, lambda: rang.append(agenda.clock))
    waker.by(5)
    waker.by(2)
    waker.by(4)
    agenda.run(6)
    assert rang == [2]


# --- disk
class Machine:
    """A disk, and whoever writes on it."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.kernel = Kernel()
        self.disk = self.kernel.mount(Disk(folder, random.Random(seed)))
        self.wire = Tripwire()
        self.disk.toll = self.wire.step

    def die(self, *, power: bool) -> None:
        assert self.kernel.left_open(self.disk) == []
        self.disk.bury(power=power)
        self.wire.reset()


def test_a_kill_leaves_what_was_written_and_a_power_cut_what_was_fsynced(tmp_path: Path) -> None:
    left = set()
    for seed in range(40):
        machine = Machine(tmp_path / str(seed), seed)
        path = machine.disk.folder / "1.segment"
        with machine.kernel.watched():
            file = os.open(path, os.O_RDWR | os.O_CREAT)
            folder = os.open(machine.disk.folder, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.pwrite(file, b"s" * 1000, 0)
            os.fdatasync(file)
            os.pwrite(file, b"n" * 1000, 1000)
            os.close(folder)
            os.close(file)
            machine.die(power=False)
            assert path.read_bytes() == b"s" * 1000 + b"n" * 1000
            machine.die(power=True)
        assert path.read_bytes()[:1000] == b"s" * 1000
        left.add(path.read_bytes()[1000:])
    # All, nothing, and torn between sectors of 512 bytes.
    assert {b"n" * 1000, b""} <= left
    assert any(0 in torn for torn in left)


def test_a_name_counts_once_its_folder_was_fsynced(tmp_path: Path) -> None:
    left = set()
    for seed in range(20):
        machine = Machine(tmp_path / str(seed), seed)
        with machine.kernel.watched():
            for name in ("safe", "moved"):
                os.close(os.open(machine.disk.folder / name, os.O_RDWR | os.O_CREAT))
            folder = os.open(machine.disk.folder, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)
            (machine.disk.folder / "moved").rename(machine.disk.folder / "here")
            os.close(os.open(machine.disk.folder / "new", os.O_RDWR | os.O_CREAT))
            machine.die(power=True)
        left.add(tuple(sorted(path.name for path in machine.disk.folder.iterdir())))
    assert left == {("moved", "safe"), ("here", "safe"), ("here", "new", "safe")}


def _file(path: Path, content: bytes) -> None:
    """Bytes and name are on the disk."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(file, content, 0)
    os.fsync(file)
    os.close(file)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


@pytest.mark.parametrize("synced", [True, False])
def test_a_second_name_counts_once_its_folder_was_fsynced(tmp_path: Path, synced: bool) -> None:
    left = set()
    for seed in range(20):
        machine = Machine(tmp_path / str(seed), seed)
        first, second = machine.disk.folder / "first", machine.disk.folder / "second"
        with machine.kernel.watched():
            _file(first, b"bytes")
            os.link(first, second)
            if synced:
                _file(first, b"bytes")
            first.unlink()
            machine.die(power=True)
        left.add(tuple(sorted(path.name for path in machine.disk.folder.iterdir())))
        assert {path.read_bytes() for path in machine.disk.folder.iterdir()} == {b"bytes"}
    assert left == {("first", "second"), ("second",)} | (set() if synced else {("first",)})


def test_what_is_written_under_one_name_is_read_and_lost_under_the_other(tmp_path: Path) -> None:
    left = set()
    for seed in range(20):
        machine = Machine(tmp_path / str(seed), seed)
        first, second = machine.disk.folder / "first", machine.disk.folder / "second"
        with machine.kernel.watched():
            _file(first, b"old")
            os.link(first, second)
            _file(first, b"old")
            for _ in range(2):  # and again after a power cut: they are one file still
                file = os.open(second, os.O_RDWR)
                os.pwrite(file, b"new", 0)
                os.close(file)
                assert first.read_bytes() == b"new"
                machine.die(power=True)
                assert first.read_bytes() == second.read_bytes()
        left.add(first.read_bytes())
    assert left == {b"old", b"new"}


def test_a_file_gives_its_room_back_with_its_last_name(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "node")
    with machine.kernel.watched():
        free_bytes = machine.disk.free_bytes
        _file(machine.disk.folder / "first", b"bytes")
        os.link(machine.disk.folder / "first", machine.disk.folder / "second")
        (machine.disk.folder / "first").unlink()
        assert machine.disk.free_bytes == free_bytes - len(b"bytes")
        (machine.disk.folder / "second").unlink()
        assert machine.disk.free_bytes == free_bytes


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_bytes(b"other"),
        lambda path: path.open("r+b").close(),
        lambda path: path.replace(path.with_name("other")),
        lambda path: path.with_name("other").symlink_to(path),
        lambda path: os.write(os.open(path, os.O_RDWR), b"other"),
        lambda path: os.fdopen(os.open(path, os.O_RDWR), "wb").close(),
    ],
)
def test_nothing_is_done_to_a_file_past_its_disk(tmp_path: Path, act: Callable[[Path], object]) -> None:
    machine = Machine(tmp_path / "node")
    path = machine.disk.folder / "file"
    with machine.kernel.watched():
        _file(path, b"bytes")
        with pytest.raises(Mistake, match="past its disk"):
            act(path)
        (tmp_path / "elsewhere").write_bytes(b"other")  # on no node's disk
    assert path.read_bytes() == b"bytes"


def _commit(folder: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "x.sqlite", isolation_level=None)
    for statement in (
        "PRAGMA journal_mode = WAL",
        f"PRAGMA synchronous = {synchronous}",
        "CREATE TABLE IF NOT EXISTS t (a)",
        "INSERT INTO t VALUES (1)",
    ):
        connection.execute(statement)
    return connection


def _rows(folder: Path) -> list[int]:
    connection = sqlite3.connect(folder / "x.sqlite")
    try:
        return [row[0] for row in connection.execute("SELECT a FROM t")]
    except sqlite3.Error:
        return []
    finally:
        connection.close()


@pytest.mark.parametrize(("synchronous", "always_there"), [("FULL", True), ("NORMAL", False)])
def test_what_sqlite_has_committed_survives_as_it_is_fsynced(
    tmp_path: Path, synchronous: str, always_there: bool
) -> None:
    lost = 0
    for seed in range(20):
        machine = Machine(tmp_path / str(seed), seed)
        with machine.kernel.watched():
            connection = _commit(machine.disk.folder, "FULL")
            connection.close()
            machine.disk.adopt()
            connection = _commit(machine.disk.folder, synchronous)
            machine.wire.spring(power=True)
            connection.close()
            machine.die(power=True)
        lost += _rows(machine.disk.folder) != [1, 1]
    assert (lost == 0) is always_there


def test_a_node_dies_between_any_two_operations_of_sqlite(tmp_path: Path) -> None:
    lives = []
    for steps in range(1, 25):
        machine = Machine(tmp_path / str(steps))
        with machine.kernel.watched():
            _commit(machine.disk.folder, "FULL").close()
            machine.wire.set(steps, power=False)
            try:
                _commit(machine.disk.folder, "FULL").close()
            except sqlite3.Error:
                assert machine.wire.sprung
            gc.collect()
            machine.die(power=False)
        lives.append(len(_rows(machine.disk.folder)))
    assert lives == sorted(lives)
    assert set(lives) == {1, 2}


def test_a_full_disk_refuses_what_grows_and_nothing_else(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "full")
    with machine.kernel.watched():
        connection = _commit(machine.disk.folder, "FULL")
        machine.disk.free_bytes = 100
        with pytest.raises(sqlite3.OperationalError, match="full"):
            connection.execute("INSERT INTO t VALUES (zeroblob(10000))")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)
        assert os.statvfs(machine.disk.folder).f_bavail == 0
        machine.disk.heal()
        connection.execute("INSERT INTO t VALUES (zeroblob(10000))")
        connection.close()


@pytest.mark.parametrize("seed", range(6))
def test_after_a_failed_fsync_nobody_knows_what_is_on_the_disk(tmp_path: Path, seed: int) -> None:
    machine = Machine(tmp_path / "node", seed)
    path = machine.disk.folder / "file"
    with machine.kernel.watched():
        file = os.open(path, os.O_RDWR | os.O_CREAT)
        folder = os.open(machine.disk.folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
        os.pwrite(file, b"old", 0)
        os.fsync(file)
        machine.disk.syncs_until_failure = 1
        os.pwrite(file, b"new", 0)
        with pytest.raises(OSError, match="Input/output"):
            os.fsync(file)
        os.fsync(file)  # says that all is well
        os.close(file)
        machine.die(power=False)
        seen = path.read_bytes()
        machine.die(power=True)
    assert seen in (b"old", b"new")
    assert path.read_bytes() == b"old" or seen == b"new"


def test_a_bit_flips_on_the_disk_and_before_the_eyes(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "node")
    (machine.disk.folder / "file").write_bytes(b"abc")
    machine.disk.adopt()
    machine.disk.flip("file", 1, 0)
    assert (machine.disk.folder / "file").read_bytes() == b"acc"
    image = machine.disk.image()
    machine.disk.flip("file", 1, 0)
    machine.disk.restore(image)
    assert (machine.disk.folder / "file").read_bytes() == b"acc"


def test_writes_that_a_power_cut_drops_or_tears_are_counted() -> None:
    for loss in Loss:
        losses: Counter[str] = Counter()
        file = Shadow(bytes(8 * 4096))
        for page in range(8):
            file.write(page * 4096, bytes([page + 1]) * 4096)
        left = file.lose(loss, random.Random(2), losses)
        pages = [left[page * 4096 : page * 4096 + 4096] for page in range(8)]
        assert losses[DROPPED] == sum(not any(page) for page in pages)
        assert losses[TORN] == sum(0 in page and any(page) for page in pages)
        assert bool(losses[DROPPED]) == (loss is not Loss.NONE)
        assert bool(losses[TORN]) == (loss in (Loss.TAIL, Loss.SOME))


# --- tripwire
def test_who_has_ended_does_nothing_more() -> None:
    wire = Tripwire()
    wire.set(2, power=True)
    wire.step()
    for _ in range(3):
        with pytest.raises(Crash):
            wire.step()
    assert wire.sprung
    assert wire.power
    wire.reset()
    wire.step()


# --- line
class Ends:
    """A line with somebody at either end."""

    def __init__(self) -> None:
        self.agenda, self.port = Agenda(), Port()
        self.port.open, self.port.admits = True, lambda user: user != "stranger"
        self.line = Line(self.agenda, self.port, "templin", random.Random(1), Trace())
        self.strand: Strand | None = None
        self.why = ""

    def dial(self, user: str = "cabin:templin") -> Strand:
        def answered(strand: Strand | None, why: str) -> None:
            self.strand, self.why = strand, why

        self.line.dial(user, lambda: None, answered)
        self.agenda.run(self.agenda.now + 12)
        assert self.strand is not None, self.why
        return self.strand

    def at_hub(self) -> list[bytes]:
        self.agenda.run(self.agenda.now + 3)
        return [bytes(message.first) for message in self.port.receive(100, 1 << 20)]


def test_messages_arrive_in_order_and_once() -> None:
    ends = Ends()
    strand = ends.dial()
    for number in range(20):
        strand.say(b"%d" % number)
    assert ends.at_hub() == [b"%d" % number for number in range(20)]
    assert ends.port.say(strand.route, b"answer")
    ends.agenda.run(ends.agenda.now + 1)
    assert [bytes(first) for first, _, _ in strand.inbox] == [b"answer"]


def test_a_silent_line_swallows_and_gives_out_late() -> None:
    ends = Ends()
    strand = ends.dial()
    ends.line.hush("up")
    strand.say(b"one")
    assert ends.at_hub() == []
    assert ends.port.say(strand.route, b"heard")
    ends.agenda.run(ends.agenda.now + 1)
    assert len(strand.inbox) == 1
    ends.line.mend()
    assert ends.at_hub() == [b"one"]
    assert not strand.failure


def test_what_a_given_up_connection_had_said_comes_after_the_next_one_stands() -> None:
    ends = Ends()
    older = ends.dial()
    ends.line.half_reset()
    older.say(b"never")
    ends.line.mend()
    older = ends.dial()
    ends.line.hush("up")
    older.say(b"late")
    older.hang_up()
    ends.line.mend()
    newer = ends.dial()
    newer.say(b"new")
    assert sorted(ends.at_hub()) == [b"late", b"new"]
    assert ends.port.late == 1
    assert not ends.port.say(older.route, b"gone")


def test_a_cut_line_tells_both_and_lets_nobody_through() -> None:
    ends = Ends()
    strand = ends.dial()
    strand.say(b"lost")
    ends.line.cut()
    assert ends.at_hub() == []
    assert strand.failure
    assert not ends.port.say(strand.route, b"gone")
    with pytest.raises(AssertionError, match="cannot be reached"):
        ends.dial()
    ends.line.mend()
    ends.dial()


def test_what_is_lost_late_or_said_again_is_counted() -> None:
    ends = Ends()
    entries = b"\x95\xa7entries"
    older = ends.dial()
    older.say(entries)
    assert ends.at_hub() == [entries]
    assert +ends.port.fared == {}
    ends.line.hush("up")
    older.say(b"late")
    older.hang_up()
    ends.line.mend()
    newer: list[Strand] = []

    def answered(strand: Strand | None, why: str) -> None:
        assert strand is not None, why
        newer.append(strand)
        strand.say(entries)

    ends.line.dial("cabin:templin", lambda: None, answered)
    ends.agenda.run(ends.agenda.now + 12)
    assert ends.at_hub() == [entries, b"late"]
    newer[0].say(b"lost")
    ends.line.cut()
    ends.at_hub()
    assert +ends.port.fared == {"message-twice": 1, "message-lost": 1, "message-out-of-order": 1}


def test_a_stranger_is_told_so() -> None:
    with pytest.raises(AssertionError, match="does not know this key"):
        Ends().dial("stranger")


# --- district
def test_there_are_places_for_more_cabins_than_the_example_has() -> None:
    district = District(random.Random(1))
    assert district.sites(3) == list(district.town.sites[:3])
    many = district.sites(50)
    assert many[:5] == list(district.town.sites)
    assert (many[5].id, many[5].name) == ("templin-2", "Templin 2")
    assert len({site.id for site in many}) == len(many) == 50
