"""Wait for a state that can be looked at, never for time to pass."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "", seconds: float = 90.0, look_seconds: float = 0.02) -> T:
    """The first truthy value of `condition`, looked at every `look_seconds`. Fails with `what` and the last value after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what or condition}; the last value was {value!r}")
        select.select([], [], [], look_seconds)
