"""Scans on their way from the scanner to the capture worker: in memory only, never on the disk.

The worker reads files, so they lie in the kernel's memory file system for as long as it needs them. They are readable by this user alone.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from protocol.errors import Unavailable

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - Linux keeps this in memory; that is why it is used
_PREFIX: Final = "kabine-"


class Tray:
    """Owns a folder in memory, 0700, made anew for every process; one that a killed process left is emptied when `site` opens again."""

    def __init__(self, site: str, memory: Path = SHARED_MEMORY) -> None:
        """Raises Unavailable where there is no such file system."""
        self._prefix = f"{_PREFIX}{os.getuid()}-{site}-"
        self._memory = memory
        self._count = 0
        try:
            self._sweep()
            self._folder = Path(tempfile.mkdtemp(prefix=self._prefix, dir=memory))
        except OSError as error:
            raise Unavailable(
                f"Scans cannot be kept in memory: {error.strerror}.", f"Give this machine {memory} (a tmpfs)."
            ) from error

    def put(self, name: str, image: bytes) -> Path:
        """The path at which the worker finds it until `clear`. Raises Unavailable when memory is full."""
        self._count += 1
        path = self._folder / f"{self._count:04d}{Path(name).suffix}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(image)
        except OSError as error:
            self.clear()
            raise Unavailable(
                f"Memory for scans is full: {error.strerror}.", "Hand in fewer sheets at a time."
            ) from error
        return path

    def clear(self) -> None:
        """Nothing is left of what was put."""
        for path in self._folder.iterdir():
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the folder back."""
        self.clear()
        self._folder.rmdir()

    def _sweep(self) -> None:
        for left in self._memory.glob(f"{self._prefix}*"):
            facts = left.lstat()
            if left.is_dir() and not left.is_symlink() and facts.st_uid == os.getuid():
                for path in left.iterdir():
                    path.unlink()
                left.rmdir()
