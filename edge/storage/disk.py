"""The disk below the cabin's folder: how much is free, a ballast to give up when nothing is, and what its errors mean."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from protocol import limits
from protocol.errors import Unavailable

FULL: Final = "There is no room left on the cabin's disk."
FULL_REMEDY: Final = "Let no one scan now. Connect the cabin so that it can send what waits, or free space on its disk."


def unavailable(error: OSError) -> Unavailable:
    """The disk refuses, in words for whoever looks after the cabin."""
    return Unavailable(
        f"The cabin's disk cannot be used: {error.strerror}.",
        "Check the disk (`dmesg`, `df`), then start the cabin again; what was accepted is still there.",
    )


def free_bytes(folder: Path) -> int:
    """What we may still write below `folder`. Raises Unavailable."""
    try:
        there = os.statvfs(folder)
    except OSError as error:
        raise unavailable(error) from error
    return there.f_bavail * there.f_frsize


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Ballast:
    """A file of limits.BALLAST_BYTES that is given up when the disk is full: SQLite must write in order to delete."""

    def __init__(self, folder: Path, *, free_bytes_min: int) -> None:
        """It is taken on only while `free_bytes_min` stay free beside it."""
        self._folder = folder
        self._path = folder / "ballast"
        self._free_bytes_min = free_bytes_min
        self.here = self._path.exists()

    def take(self) -> None:
        """Take it on, if it is not here and there is room. Does not fail: without ballast the cabin works as well, while there is room."""
        try:
            if self.here or free_bytes(self._folder) < limits.BALLAST_BYTES + self._free_bytes_min:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, limits.BALLAST_BYTES)
            finally:
                os.close(descriptor)
            self.here = True
        except (OSError, Unavailable):
            with suppress(OSError):  # a disk that nobody may write refuses this too
                self._path.unlink(missing_ok=True)

    def drop(self) -> bool:
        """Give it up. False when there was none."""
        was_here, self.here = self.here, False
        try:
            self._path.unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise unavailable(error) from error
        return was_here
