"""A file that is of no use but to be given up when the disk is full: SQLite must write in order to delete."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from protocol import limits
from protocol.runtime.folder import sync_folder

FULL_BYTES: Final = 4 * limits.MIB  # less than this is free: what wants to write now is about to fail


class Ballast:
    """limits.BALLAST_BYTES in `folder`, taken on only while `free_bytes_min` stay free beside them."""

    def __init__(self, folder: Path, *, free_bytes_min: int) -> None:
        self._folder = folder
        self._path = folder / "ballast"
        self._free_bytes_min = free_bytes_min

    def take(self) -> None:
        """Take it on, if it is not here and there is room. Does not fail: without ballast a node works as well, while there is room."""
        try:
            if self._path.exists() or self._free_bytes() < limits.BALLAST_BYTES + self._free_bytes_min:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, limits.BALLAST_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            with suppress(OSError):  # a disk that nobody may write refuses this too
                self._path.unlink(missing_ok=True)

    def drop(self) -> bool:
        """Give it up. False when there was none. Raises OSError."""
        was_here = self._path.exists()
        self._path.unlink(missing_ok=True)
        sync_folder(self._folder)
        return was_here

    def shed(self) -> None:
        """Give it up where next to nothing is free. Does not fail: whoever writes next says what is wrong."""
        with suppress(OSError):
            if self._free_bytes() < FULL_BYTES and self._path.exists():
                self.drop()

    def balance(self) -> None:
        """Shed it or take it on, as the disk is now. Does not fail."""
        self.shed()
        self.take()

    def _free_bytes(self) -> int:
        there = os.statvfs(self._folder)
        return there.f_bavail * there.f_frsize
