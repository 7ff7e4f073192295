"""The simulator's own parts: time, disk, tripwire, line."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path

import pytest

from tools.simulator.agenda import QUIET_SECONDS, Agenda, Waker
from tools.simulator.disk import Disk, Fsyncs
from tools.simulator.line import Line, Port, Strand, Trace
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
def test_a_kill_leaves_what_was_written_and_a_power_cut_what_was_fsynced(tmp_path: Path) -> None:
    fsyncs = Fsyncs()
    with fsyncs.noted():
        for power, left in ((False, b"safe, not safe"), (True, b"safe")):
            disk = Disk(tmp_path / str(power), fsyncs)
            with (disk.folder / "1.segment").open("wb", 0) as file:
                file.write(b"safe")
                os.fdatasync(file.fileno())
                file.write(b", not safe")
            disk.crash(power=power)
            assert (disk.folder / "1.segment").read_bytes() == left
            disk.crash(power=True)  # what survived once is on the disk
            assert (disk.folder / "1.segment").read_bytes() == left
            disk.tidy()
            assert len(list((tmp_path / str(power)).iterdir())) == 1


def test_an_uncommitted_row_does_not_survive(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "cabin", Fsyncs())
    connection = sqlite3.connect(disk.folder / "x.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (2)")
    disk.crash(power=True)
    connection.close()
    left = sqlite3.connect(disk.folder / "x.sqlite")
    assert left.execute("SELECT a FROM t").fetchall() == [(1,)]
    left.close()


# --- tripwire
def test_a_node_dies_between_any_two_statements() -> None:
    lives = []
    for steps in range(1, 6):
        wire, connection = Tripwire(), sqlite3.connect(":memory:", isolation_level=None)
        crashes: list[int] = []
        wire.set(steps, lambda crashes=crashes, steps=steps: crashes.append(steps))  # type: ignore[misc]
        try:
            with wire.watching():
                connection.execute("CREATE TABLE t (a)")
                connection.execute("INSERT INTO t VALUES (1)")
        except Crash:
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            lives.append((crashes, tables, connection.execute("SELECT * FROM t").fetchall() if tables else []))
        connection.close()
    # Before and after each of the two.
    assert lives == [([1], 0, []), ([2], 1, []), ([3], 1, []), ([4], 1, [(1,)])]


def test_a_full_disk_refuses_writes_and_nothing_else(tmp_path: Path) -> None:
    wire, connection = Tripwire(), sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (a)")
    wire.fill(1)

    def write() -> None:
        sql = "INSERT INTO t VALUES (1)"
        connection.execute(sql)

    with wire.watching():
        write()
        with pytest.raises(sqlite3.OperationalError, match="full"):
            write()
    with wire.watching():
        assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]
    wire.fill(None)
    with wire.watching():
        write()
    connection.close()


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


def test_a_stranger_is_told_so() -> None:
    with pytest.raises(AssertionError, match="does not know this key"):
        Ends().dial("stranger")
