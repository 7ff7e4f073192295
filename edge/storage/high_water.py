"""How far the cabin's log has come, in a small file beside the database.

SQLite drops committed rows without a word when a bit of its WAL flips, and its own check then says ok. This file knows better. It has two
slots, written in turn, each in a sector of its own with a checksum: a torn write leaves the older one.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from edge.storage import disk
from protocol import codec
from protocol.entries import Mark
from protocol.errors import Refused

SLOT_BYTES: Final = 512
_SLOT_STEP_BYTES: Final = 4096  # no two slots in one sector, on whatever disk
_MAGIC: Final = b"KABHW\x01"
_HEAD_BYTES: Final = len(_MAGIC) + 2
_DIGEST_BYTES: Final = 32


class HighWater(msgspec.Struct, frozen=True, array_like=True):
    """`mark`: last entry of the cabin's log; `theirs`: of the hub's, at that time. `digits` and `issued`: length of the receipt numbers, and how
    many there are of this length."""

    mark: Mark = Mark()
    theirs: Mark = Mark()
    digits: int = 3
    issued: int = 0


class _Slot(msgspec.Struct, frozen=True, array_like=True):
    turn: int
    high_water: HighWater


class HighWaterFile:
    """Owns the file `path`. `found` is what stood in it; None when there was none or when both slots are damaged (`damaged`)."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable when the file cannot be made or read."""
        self.found: HighWater | None = None
        self.damaged = False
        self._turn = 0
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._load(os.pread(self._descriptor, 2 * _SLOT_STEP_BYTES, 0))
            if os.fstat(self._descriptor).st_size != 2 * _SLOT_STEP_BYTES:
                # Its size never changes again, so that fdatasync is enough for a slot.
                os.ftruncate(self._descriptor, 2 * _SLOT_STEP_BYTES)
                os.fsync(self._descriptor)
                disk.sync_folder(path.parent)
        except OSError as error:
            raise disk.unavailable(error) from error

    def _load(self, raw: bytes) -> None:
        for place in (0, _SLOT_STEP_BYTES):
            slot = _parse(raw[place : place + SLOT_BYTES])
            if slot is not None and slot.turn >= self._turn:
                self._turn, self.found = slot.turn + 1, slot.high_water
        self.damaged = self.found is None and any(raw)

    def write(self, high_water: HighWater) -> None:
        """Durable on return. Raises Unavailable; whether it was written is not known then, and the file must be opened anew."""
        slot = _spell(self._turn, high_water)
        try:
            os.pwrite(self._descriptor, slot, (self._turn % 2) * _SLOT_STEP_BYTES)
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise disk.unavailable(error) from error
        self._turn += 1

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)


def _spell(turn: int, high_water: HighWater) -> bytes:
    body = codec.encode(_Slot(turn, high_water))
    head = _MAGIC + len(body).to_bytes(2, "big") + body
    assert len(head) + _DIGEST_BYTES <= SLOT_BYTES
    return (head + hashlib.sha256(head).digest()).ljust(SLOT_BYTES, b"\0")


def _parse(slot: bytes) -> _Slot | None:
    length = int.from_bytes(slot[len(_MAGIC) : _HEAD_BYTES], "big")
    end = _HEAD_BYTES + length
    if slot[: len(_MAGIC)] != _MAGIC or hashlib.sha256(slot[:end]).digest() != slot[end : end + _DIGEST_BYTES]:
        return None
    try:
        return codec.decode(_Slot, slot[_HEAD_BYTES:end], SLOT_BYTES)
    except Refused:
        return None
