"""A contact at the door in a sensor's place: who opens the door and closes it again is in, who opens it then is out.

A contact does not see people: two who go in one after the other look like one who has left. So a touch on the screen is believed before it
(edge/attendance.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from hardware.complaint import Complaining, Complaint
from hardware.presence import Presence, PresenceState

STEADY_SECONDS: Final = 0.5  # nobody goes through a door in less; one that is slammed bounces, and so does its contact


class DoorPresence:
    """`contact` sees “somebody” while the door is closed. Asked ten times a second it sees every move of the door; one that is taken back within
    `steady_seconds` was none. `clock` gives monotonic seconds."""

    def __init__(
        self,
        contact: Presence,
        *,
        steady_seconds: float = STEADY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._contact = contact
        self._steady_seconds = steady_seconds
        self._clock = clock
        self._guard = threading.Lock()
        self._was_closed: bool | None = None
        self._moved_at: float | None = None
        self._inside = False
        self._leaving = False  # the door was opened from inside, as far as we know

    def state(self) -> PresenceState:
        """Of the contact."""
        return self._contact.state()

    def somebody(self) -> bool | None:
        """The door was closed behind somebody who came in."""
        with self._guard:
            closed = self._contact.somebody()
            if closed is None:
                self._was_closed = self._moved_at = None
                return None
            if self._was_closed is None or self._steady(closed):
                if self._was_closed is not None:
                    self._move(closed)
                self._was_closed = closed
            return self._inside

    def complaint(self) -> Complaint | None:
        """Of the contact."""
        return self._contact.complaint() if isinstance(self._contact, Complaining) else None

    def close(self) -> None:
        """Let go of the contact."""
        self._contact.close()

    def _steady(self, closed: bool) -> bool:
        """The door has moved, and has stayed so."""
        if closed is self._was_closed:
            self._moved_at = None
            return False
        now = self._clock()
        if self._moved_at is None:
            self._moved_at = now
        steady = now - self._moved_at >= self._steady_seconds
        if steady:
            self._moved_at = None
        return steady

    def _move(self, closed: bool) -> None:
        if not closed:
            self._leaving, self._inside = self._inside, False
        else:
            self._inside = not self._leaving
