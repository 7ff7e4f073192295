"""The disk below the cabin's folder: how much is free, and what its errors mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from protocol.errors import Unavailable

FULL: Final = "There is no room left on the cabin's disk."
FULL_REMEDY: Final = "Let no one scan now. Connect the cabin so that it can send what waits, or free space on its disk."


def unavailable(error: OSError) -> Unavailable:
    """The disk refuses, in words for whoever looks after the cabin."""
    remedy = "Check the disk (`dmesg`, `df`), then start the cabin again; what was accepted is still there."
    if isinstance(error, PermissionError):
        remedy = "Something in the cabin's folder belongs to another user: give all of it to the node's (`chown -R`), then start the cabin again."
    return Unavailable(f"The cabin's disk cannot be used: {error.strerror}.", remedy)


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
