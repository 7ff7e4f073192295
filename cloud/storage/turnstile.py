"""Several processes write one SQLite file, and SQLite lets in whoever asks at the right moment. The hub, which writes turn after turn, would keep an
operator's command out for as long as it pleases: on a slow disk a revocation was refused. So whoever wants to write goes through a turnstile
first and leaves it once let in. Then nobody is overtaken more than once."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_LOOK_SECONDS: Final = 0.005


class Turnstile:
    """Of one folder: a lock on the folder itself, which ends with the process. A courtesy: after `patience_seconds` one goes on without it, and
    SQLite decides."""

    def __init__(self, folder: Path, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Alone in it, or out of patience."""
        until = time.monotonic() + self._patience_seconds
        while not self._entered() and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _entered(self) -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._descriptor)
