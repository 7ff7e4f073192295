"""A folder for nodes that are watched: in memory, whose fsyncs cost nothing. What is fsynced is asked there, not how long it takes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108
_FREE_BYTES_MIN: Final = 10**9  # a world of two cabins takes 25 MB; there may be fifty, and several worlds at once


@contextmanager
def room() -> Iterator[Path]:
    """A new folder, gone with the block; where there is no such disk, or little of it, it lies where temporary files lie."""
    with tempfile.TemporaryDirectory(prefix="kabine-room-", dir=_MEMORY if _roomy() else None) as folder:
        yield Path(folder)


def _roomy() -> bool:
    usable = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)
    return usable and shutil.disk_usage(_MEMORY).free >= _FREE_BYTES_MIN
