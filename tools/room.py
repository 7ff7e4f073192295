"""A folder for nodes that are watched: in memory, whose fsyncs cost nothing. What is fsynced is asked there, not how long it takes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108


@contextmanager
def room() -> Iterator[Path]:
    """A new folder, gone with the block; where there is no such disk, it lies where temporary files lie."""
    memory = _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kabine-room-", dir=memory) as folder:
        yield Path(folder)
