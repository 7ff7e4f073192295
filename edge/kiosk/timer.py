"""One timer of the event loop: armed anew it forgets what it was armed for before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timer:
    """Armed by `arm`; never twice at a time."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, seconds: float | None, then: Callable[[], None]) -> None:
        """Call `then` after so many seconds; None: never."""
        self.disarm()
        if seconds is not None:
            self._handle = asyncio.get_running_loop().call_later(seconds, then)

    def disarm(self) -> None:
        """Call nothing."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
