"""When to say that one lives, and what the peer's beats tell about the line. SPEC.md section 3.5."""

from __future__ import annotations

import math
from typing import Final

from protocol import limits
from protocol.effects import SayBeat
from protocol.entries import Mark
from protocol.frames import Beat

# Who answers beats says one by itself when none came for so long.
_UNANSWERED_SECONDS: Final = 1.5 * limits.BEAT_SECONDS


class Beats:
    """Of one link. The next is due at `due_at`, infinite before the peer has said Hello. Times are monotonic seconds."""

    __slots__ = ("_count", "_heard", "_said", "_seconds", "answers", "due_at")

    def __init__(self) -> None:
        self.due_at = math.inf
        self.answers = False  # who was greeted says its beats as answers: so one turn serves both
        self._count = 0
        self._seconds = limits.BEAT_SECONDS
        self._said = (0, 0.0)  # number and time of the last one
        self._heard = (0, 0.0)

    def every(self, seconds: float) -> None:
        """Say them so often from now on. Who answers the peer's keeps to those."""
        if seconds < self._seconds and not self.answers:
            self.due_at = min(self.due_at, self._said[1] + seconds)
        self._seconds = seconds

    def begin(self, now: float) -> None:
        """The peer has said Hello."""
        self.due_at = now + (_UNANSWERED_SECONDS if self.answers else 0.0)

    def soon(self, now: float) -> None:
        """Something became durable: whoever looks at the peer's screen is to see it."""
        self.due_at = min(self.due_at, now + limits.FRESH_SECONDS)

    def heard(self, beat: Beat, now: float) -> float:
        """One came. Seconds of the round trip that it tells of, negative when it tells none."""
        self._heard = (beat.number, now)
        number, said_at = self._said
        return max(0.0, now - said_at - beat.held_seconds) if number and beat.echo == number else -1.0

    def say(self, last: Mark, now: float) -> SayBeat:
        """The next one, now; my own log ends at `last`."""
        self._count += 1
        self.due_at = now + (_UNANSWERED_SECONDS if self.answers else self._seconds)
        self._said = (self._count, now)
        number, heard_at = self._heard
        return SayBeat(self._count, number, now - heard_at if number else 0.0, last)
