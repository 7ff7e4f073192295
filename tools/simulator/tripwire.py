"""Something happens to a node at its n-th step from now: between any two effects, any two statements, any two writes.

While a wire is set, every access to the disk goes past here (Python tells about each call into SQLite and the kernel) and so does every
message said. That needs no seam in the product: what runs is what runs in a cabin.
"""

from __future__ import annotations

import errno
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE")
_SQLITE: Final = frozenset({"execute", "executemany", "commit", "blobopen"})
_KERNEL: Final = frozenset({"fsync", "fdatasync", "pwrite"})


class Crash(BaseException):
    """The process ends here; nothing of it is carried out any more."""


class Tripwire:
    """Of one node. `crash` takes away what is lost with the process."""

    def __init__(self) -> None:
        self._steps = 0
        self._crash: Callable[[], None] | None = None
        self._spare: int | None = None  # writes that still find room; None: there is room

    @property
    def is_set(self) -> bool:
        """Does anything wait to happen?"""
        return self._crash is not None or self._spare is not None

    def set(self, steps: int, crash: Callable[[], None]) -> None:
        """After so many steps call `crash` and raise Crash."""
        self._steps, self._crash = steps, crash

    def disarm(self) -> bool:
        """Take the crash back; False when there was none."""
        was_set, self._crash = self._crash is not None, None
        return was_set

    def fill(self, spare_writes: int | None) -> None:
        """After so many more writes the disk takes nothing; None: it does again."""
        self._spare = spare_writes

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The node runs within this block."""
        if not self.is_set:
            yield
            return
        sys.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(None)

    def step(self) -> None:
        """One effect has been carried out."""
        if self._crash is None:
            return
        self._steps -= 1
        if self._steps <= 0:
            sys.setprofile(None)
            crash, self._crash = self._crash, None
            crash()
            raise Crash

    def _called(self, frame: FrameType, event: str, function: Any) -> None:
        if event not in ("c_call", "c_return") or not _touches_disk(function):
            return
        if self._spare is not None and event == "c_call" and _writes(frame, function):
            self._spare -= 1
            if self._spare < 0:
                raise _refusal(function)
        self.step()


def _touches_disk(function: Any) -> bool:
    name = function.__name__
    return (name in _SQLITE and isinstance(function.__self__, sqlite3.Connection | sqlite3.Cursor)) or name in _KERNEL


def _writes(frame: FrameType, function: Any) -> bool:
    statement = frame.f_locals.get("sql") or frame.f_locals.get("statement") or ""
    return function.__name__ == "pwrite" or (
        function.__name__ in ("execute", "executemany") and str(statement).lstrip().startswith(_WRITES)
    )


def _refusal(function: Any) -> Exception:
    """As a full disk says it: the kernel and SQLite each in their own way."""
    if function.__name__ == "pwrite":
        return OSError(errno.ENOSPC, "No space left on device")
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode, full.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
    return full
