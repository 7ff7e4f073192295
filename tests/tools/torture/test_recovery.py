"""States that SQLite reads alike are one state to a node; whatever else differs is judged for itself."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tools.torture import power
from tools.torture.power import Verdicts
from tools.torture.promises import Promised
from tools.torture.recovery import Recovery

Files = dict[str, bytes]
FRAME_BYTES = 24 + 4096
TELLS_APART = "SQLite reads two states alike, and only one of them holds what was promised: "


@pytest.fixture
def left(tmp_path: Path) -> Files:
    """A file, and a WAL with two commits of one page each behind those that made the table."""
    path = tmp_path / "node.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in ("PRAGMA page_size = 4096", "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)"):
            connection.execute(statement).fetchall()
        for value in ("one", "two"):
            connection.execute("INSERT INTO t VALUES (?)", (value,))
        return {f"/{each.name}": each.read_bytes() for each in tmp_path.iterdir() if not each.name.endswith("-shm")}


@pytest.fixture
def recovery(tmp_path: Path) -> Recovery:
    return Recovery(tmp_path / "read", "node.sqlite")


def torn(left: Files, at: int) -> Files:
    wal = bytearray(left["/node.sqlite-wal"])
    wal[at] ^= 1
    return {**left, "/node.sqlite-wal": bytes(wal)}


def test_what_lies_behind_the_last_sound_commit_makes_no_difference(left: Files, recovery: Recovery) -> None:
    whole = recovery.seen(left)
    first, second = recovery.seen(torn(left, -1)), recovery.seen(torn(left, -FRAME_BYTES // 2))
    assert first is not None
    assert first == second != whole
    assert recovery.seen({**left, "/node.sqlite-wal": left["/node.sqlite-wal"] + bytes(100)}) == whole


def test_a_commit_more_and_a_byte_beside_make_a_difference(left: Files, recovery: Recovery) -> None:
    last = torn(left, -1)
    both = torn(left, -FRAME_BYTES - 1)
    assert len({recovery.seen(each) for each in (left, last, both, {**left, "/high-water": b"1"}, left)}) == 4


def test_of_a_file_that_sqlite_does_not_open_it_says_nothing(left: Files, recovery: Recovery) -> None:
    whole = recovery.seen(left)
    assert recovery.seen({"/node.sqlite": b"no database" * 100}) is None
    assert recovery.seen({"/node.sqlite-wal": left["/node.sqlite-wal"]}) is None
    assert recovery.seen(left) == whole


class Judge:
    """Says what it is told to, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken: list[str] = []

    def __call__(self, folder: Path, promised: Promised) -> list[str]:
        assert (folder / "node.sqlite").exists()
        self.asked += 1
        return list(self.broken)


def test_of_states_that_are_read_alike_one_is_judged(
    left: Files, recovery: Recovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "JUDGED_AGAIN", 0.0)
    judge, promised = Judge(), Promised(count=3)
    verdicts = Verdicts(judge, recovery, random.Random(1))
    judge.broken = ["gone"]
    for state, fresh in ((torn(left, -1), True), (torn(left, -9), False), (left, True)):
        assert verdicts.of(state, [], tmp_path / "state", promised) == ["gone"]
        assert verdicts.fresh is fresh
    promised.count += 1
    assert verdicts.of(torn(left, -9), [], tmp_path / "state", promised) == ["gone"]
    assert judge.asked == 3


def test_two_that_are_read_alike_and_judged_otherwise_are_told(
    left: Files, recovery: Recovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "JUDGED_AGAIN", 1.0)
    judge = Judge()
    verdicts = Verdicts(judge, recovery, random.Random(1))
    assert verdicts.of(torn(left, -1), [], tmp_path / "state", Promised()) == []
    judge.broken = ["gone"]
    assert verdicts.of(torn(left, -9), [], tmp_path / "state", Promised()) == [f"{TELLS_APART}['gone']"]
