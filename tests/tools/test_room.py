"""A room lies in memory where there is enough of it, else where temporary files lie."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tools import room


def test_a_room_lies_in_memory_and_is_gone_behind_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MEMORY", tmp_path)
    monkeypatch.setattr(room, "_FREE_BYTES_MIN", 0)
    with room.room() as place:
        assert place.parent == tmp_path
    assert not place.exists()


def test_memory_that_is_too_small_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container gives 64 MB of it: worlds were said to have broken a promise, since their disks were really full."""
    monkeypatch.setattr(room, "_MEMORY", tmp_path)
    monkeypatch.setattr(room, "_FREE_BYTES_MIN", 2**62)
    with room.room() as place:
        assert place.parent == Path(tempfile.gettempdir())
