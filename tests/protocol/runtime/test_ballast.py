"""What a node lays by for a full disk: on a real small one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol import limits
from protocol.runtime.ballast import FULL_BYTES, Ballast
from tests.edge.disks import full, small_disk

SMALL_KIB = 64 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, SMALL_KIB) as mount:
        yield mount


def test_it_is_taken_on_while_there_is_room_and_given_up_when_there_is_none(disk: Path) -> None:
    ballast = Ballast(disk, free_bytes_min=16 * limits.MIB)
    ballast.balance()
    assert (disk / "ballast").stat().st_blocks * 512 == limits.BALLAST_BYTES
    with full(disk, FULL_BYTES):
        ballast.balance()
        assert (disk / "ballast").exists()
    with full(disk, FULL_BYTES - 4096):
        ballast.shed()
        assert not (disk / "ballast").exists()
        ballast.balance()
        assert not (disk / "ballast").exists()
    ballast.balance()
    assert (disk / "ballast").exists()


def test_it_leaves_alone_what_must_stay_free(disk: Path) -> None:
    Ballast(disk, free_bytes_min=40 * limits.MIB).balance()
    assert not (disk / "ballast").exists()


def test_it_tells_whether_there_was_one(disk: Path) -> None:
    ballast = Ballast(disk, free_bytes_min=0)
    assert not ballast.drop()
    ballast.take()
    assert ballast.drop()
