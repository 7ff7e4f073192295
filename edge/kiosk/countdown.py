"""The time that a visitor has left to answer: told at its beginning, at 30 and at 10 seconds, not every second, so that nobody is hurried and what
stands on the screen is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from edge.kiosk.timer import Timer

TOLD_SECONDS: Final = (30.0, 10.0)
SLACK_SECONDS: Final = 0.5  # a timer of the event loop is never early by more


class Countdown:
    """A timer, and `told` is called whenever another number of seconds is to be told."""

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told
        self._end, self._telling = Timer(), Timer()
        self._whole_seconds = 0.0
        self._ends_at = 0.0  # on the event loop's clock

    def arm(self, seconds: float | None, then: Callable[[], None]) -> None:
        """Call `then` after so many seconds; None: never. What it was armed for before is forgotten."""
        self.disarm()
        self._end.arm(seconds, then)
        if seconds is not None:
            self._whole_seconds, self._ends_at = seconds, asyncio.get_running_loop().time() + seconds
            self._tell_next(seconds)

    def disarm(self) -> None:
        """Call nothing."""
        self._end.disarm()
        self._telling.disarm()

    @property
    def seconds(self) -> int:
        """What is told now."""
        return round(told(self._whole_seconds, self._ends_at - asyncio.get_running_loop().time()))

    def _tell_next(self, left_seconds: float) -> None:
        following = next((step for step in TOLD_SECONDS if step < left_seconds - SLACK_SECONDS), None)
        if following is not None:
            self._telling.arm(left_seconds - following, lambda: self._tell(following))

    def _tell(self, step: float) -> None:
        self._told()
        self._tell_next(step)


def told(whole_seconds: float, left_seconds: float) -> float:
    """Of so many seconds in all so many are left: which number is told."""
    return min(
        (step for step in TOLD_SECONDS if left_seconds <= step + SLACK_SECONDS and step < whole_seconds),
        default=whole_seconds,
    )
