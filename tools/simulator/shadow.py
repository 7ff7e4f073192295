"""One file as its process sees it, and as the disk below has it: what was written since the last fsync may be lost, torn or reordered.

A file is remembered as its bytes on the disk (`durable`) and the writes that wait behind them. An fsync that fails leaves pages of which the
kernel believes that they are written (Linux marks them clean): nobody will write them again unless somebody touches them.
"""

from __future__ import annotations

import enum
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

DROPPED, TORN = "write-dropped", "write-torn"
SECTOR_BYTES: Final = 512  # a disk writes so much or nothing of it
PAGE_BYTES: Final = 4096  # the kernel writes so much or nothing of it, unless the power fails meanwhile

Write = tuple[int, bytes | None]  # where and what; None: the file is cut off there


class Loss(enum.Enum):
    """What a power cut leaves of the writes that wait."""

    ALL = "all"  # nothing of them is on the disk
    NONE = "none"  # the disk was quick
    TAIL = "tail"  # the first ones are there, the next is torn, the rest is gone
    SOME = "some"  # each of them or not, in any order, some torn


LOSSES: Final = (Loss.ALL, Loss.NONE, *(Loss.TAIL, Loss.SOME) * 2)  # how often each comes


class Shadow:
    """`size_bytes` is what the process sees. `doubtful`: pages that a failed fsync has left behind."""

    __slots__ = ("doubtful", "durable", "size_bytes", "waiting")

    def __init__(self, durable: bytes = b"") -> None:
        self.durable = bytearray(durable)
        self.size_bytes = len(durable)
        self.waiting: list[Write] = []
        self.doubtful: set[int] = set()

    @property
    def clean(self) -> bool:
        """Does the disk hold what the process sees?"""
        return not self.waiting and not self.doubtful

    def write(self, offset_bytes: int, data: bytes) -> None:
        """The process writes."""
        self.waiting.append((offset_bytes, data))
        end = offset_bytes + len(data)
        self.size_bytes = max(self.size_bytes, end)

    def cut(self, size_bytes: int) -> None:
        """The process makes the file shorter or longer."""
        self.waiting.append((size_bytes, None))
        self.size_bytes = size_bytes

    def sync(self, seen: Callable[[int, int], bytes]) -> None:
        """All that waits is on the disk. `seen(offset, length)` reads what the process sees: a page is written as a whole."""
        for offset_bytes, data in self.waiting:
            _put(self.durable, offset_bytes, data)
            if self.doubtful and data:
                self._write_out(offset_bytes, len(data), seen)
        self.waiting.clear()

    def _write_out(self, offset_bytes: int, length_bytes: int, seen: Callable[[int, int], bytes]) -> None:
        for page in range(offset_bytes // PAGE_BYTES, (offset_bytes + length_bytes - 1) // PAGE_BYTES + 1):
            if page in self.doubtful:
                self.doubtful.remove(page)
                _put(self.durable, page * PAGE_BYTES, seen(page * PAGE_BYTES, PAGE_BYTES))

    def fail(self) -> None:
        """The fsync failed: the process still sees what waited, and no later fsync will write it."""
        for offset_bytes, data in self.waiting:
            if data:
                self.doubtful |= set(
                    range(offset_bytes // PAGE_BYTES, (offset_bytes + len(data) - 1) // PAGE_BYTES + 1)
                )
        self.waiting.clear()

    def forget(self) -> None:
        """The fsync failed, and the kernel has dropped what waited: the process sees the disk."""
        self.waiting.clear()
        self.doubtful.clear()
        self.size_bytes = len(self.durable)

    def lose(self, loss: Loss, dice: random.Random, losses: Counter[str]) -> bytes:
        """The power fails: what is on the disk from now on. `losses` counts how the writes fared that waited."""
        kept: list[Write] = []
        for write, parts in zip(self.waiting, self._fates(loss, dice), strict=True):
            kept += parts
            losses[DROPPED] += not parts
            losses[TORN] += bool(parts) and sum(len(data or b"") for _, data in parts) < len(write[1] or b"")
        for offset_bytes, data in kept:
            _put(self.durable, offset_bytes, data)
        self.forget()
        return bytes(self.durable)

    def _fates(self, loss: Loss, dice: random.Random) -> Iterator[list[Write]]:
        """What is left of each write that waits."""
        first = self._first_torn(dice) if loss is Loss.TAIL and self.waiting else 0
        for place, write in enumerate(self.waiting):
            luck = dice.random() if loss is Loss.SOME else 0.0
            if loss is Loss.NONE or (loss is Loss.TAIL and place < first) or (loss is Loss.SOME and luck < 0.3):
                yield [write]
            elif (loss is Loss.TAIL and place == first) or (loss is Loss.SOME and luck < 0.7):
                yield _torn(write, dice)
            else:
                yield []

    def _first_torn(self, dice: random.Random) -> int:
        """One that has several sectors, where any has."""
        return dice.choice(self.tearable() or range(len(self.waiting)))

    def tearable(self) -> list[int]:
        """Which of the writes that wait have several sectors."""
        return [place for place, (_, data) in enumerate(self.waiting) if len(data or b"") > SECTOR_BYTES]


def _torn(write: Write, dice: random.Random) -> list[Write]:
    """Some sectors of one write."""
    offset_bytes, data = write
    if data is None:
        return [write] if dice.random() < 0.5 else []
    kept: list[Write] = []
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR_BYTES - (offset_bytes + start) % SECTOR_BYTES)
        if dice.random() < 0.5:
            kept.append((offset_bytes + start, data[start:end]))
        start = end
    return kept


def _put(there: bytearray, offset_bytes: int, data: bytes | None) -> None:
    if data is None:
        del there[offset_bytes:]
        there.extend(bytes(offset_bytes - len(there)))
        return
    if offset_bytes > len(there):
        there.extend(bytes(offset_bytes - len(there)))
    there[offset_bytes : offset_bytes + len(data)] = data
