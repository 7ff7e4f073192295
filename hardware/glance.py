"""The last known state of a device that answers slowly: nobody waits for a printer's network card to draw a screen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

S = TypeVar("S")

FRESH_SECONDS: Final = 3.0
FIRST_SECONDS: Final = 0.8
PATIENCE_SECONDS: Final = 0.03


class Glance(Generic[S]):
    """`look` asks the device and may take its time, but not for ever; it runs in a thread of its own, one at a time. What it found counts for
    `fresh_seconds`. The first `state()` waits up to FIRST_SECONDS for an answer, later ones PATIENCE_SECONDS. `unreachable`: the state of a
    device that does not answer."""

    def __init__(
        self,
        look: Callable[[], S],
        unreachable: S,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._unreachable = unreachable
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._known: S | None = None
        self._known_at = 0.0
        self._looking: threading.Event | None = None
        self._told = 0  # how often `note` was called: a look that began before is older than what was told

    def state(self) -> S:
        """What is known, asked anew when that is old. `unreachable` as long as there was no answer at all. Never raises."""
        with self._lock:
            if self._known is not None and self._clock() - self._known_at < self._fresh_seconds:
                return self._known
            if self._looking is None:
                self._looking = threading.Event()
                threading.Thread(target=self._ask, args=(self._looking, self._told), name="glance", daemon=True).start()
            looking, first = self._looking, self._known is None
        looking.wait(FIRST_SECONDS if first else PATIENCE_SECONDS)
        with self._lock:
            return self._unreachable if self._known is None else self._known

    def note(self, state: S) -> None:
        """What somebody has just learned by using the device."""
        with self._lock:
            self._told += 1
            self._know(state)

    def _ask(self, done: threading.Event, told: int) -> None:
        try:
            state = self._look()
        except Exception:  # whatever a driver trips over, the device does not answer
            state = self._unreachable
        with self._lock:
            self._looking = None
            if told == self._told:
                self._know(state)
        done.set()

    def _know(self, state: S) -> None:
        self._known = state
        self._known_at = self._clock()
