"""How much may be outstanding, so that a scan never makes a call stutter. SPEC.md section 5.2.

What ZeroMQ and the kernel have swallowed cannot be overtaken. So no more is asked for than about twice what the line holds, measured as BBR does it
(draft-cardwell-iccrg-bbr): the best rate of delivery seen lately times the shortest round trip.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from protocol import limits

_RATE_SECONDS: Final = 1.0  # how long a best rate is believed, and four round trips
_BASE_SECONDS: Final = 10.0  # how long a shortest round trip is believed
_CHUNK_SECONDS: Final = 0.075  # one Want is about so much of the line's time …
_TALK_CHUNK_SECONDS: Final = 0.035  # … and so much while somebody talks
_DRAINING_GAIN: Final = 0.75  # of what the line holds: no queue is left, and little time is lost
_SLACK_SECONDS: Final = 0.15  # may queue: what TCP needs to send a lost packet again, and a busy receiver for its turns
_LATE_SECONDS: Final = 0.05  # an answer that comes so much later than the line explains was held up by a lost packet
_LOSSY_SECONDS: Final = 10.0  # … and others will be, for so long
_LOSSY_SLACK_SECONDS: Final = 0.3  # may queue then: what was lost is sent again a round trip later, others meanwhile
_TALK_QUEUE_SECONDS: Final = 0.045  # may queue while somebody talks, and so much of …
_TALK_QUEUE_SHARE: Final = 1 / 3  # … the round trip: with less a long line would never be seen at its best
_TALK_RATE_SECONDS: Final = 10.0  # a best rate is believed then: with so little under way none is seen at its best
_SHORT_SECONDS: Final = 0.03  # no slow line answers sooner: what waits to be said takes its time too …
_SHORT_GAIN_MAX: Final = 160.0  # … of the first window where one does
_GROWTH: Final = 2  # of the window, times what arrives: three times as wide after each round trip
_WANTS_AIM: Final = 16  # in a window at least: far fewer than may be outstanding
_RATE_UNKNOWN: Final = 16 * limits.KIB  # bytes per second; only to be patient with before anything is measured


class _Asked(NamedTuple):
    """One Want: when it was said, what had been delivered then, and whether the line was being drained."""

    at: float
    delivered_bytes: int
    drained: bool


class Pacing:
    """Measures one direction of one connection and tells the window. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.ceiling_bytes = limits.WINDOW_BYTES_MAX  # set lower by whoever shares a budget among many links
        self._delivered_bytes = 0
        self._asked: list[_Asked] = []  # wants not answered yet, oldest first
        self._rates: list[tuple[float, float]] = []  # (rate, when): falling, so the first is the best
        self._best = 0.0
        self._base = 0.0  # shortest round trip, 0 when none was seen
        self._base_at = 0.0
        self._draining = False
        self._reached_bytes = limits.WINDOW_BYTES_FIRST  # the window grows towards its aim, never at a leap
        self._quiet_at = 0.0  # when a talk that was heard counts as over
        self._talking = False
        self._arrived_at = 0.0
        self._lossy_until = 0.0
        self._slack_seconds = _SLACK_SECONDS

    @property
    def rate(self) -> float:
        """Bytes per second the line delivers, 0 when nothing is known yet."""
        return self._best

    @property
    def base_seconds(self) -> float:
        """Shortest round trip, 0 while none was seen."""
        return self._base

    def greeted(self, seconds: float) -> None:
        """Our Hello was answered after `seconds`. On a short line the first window may be wider: what it holds is soon gone.

        By the square: a line that answers in half the time is, as lines go, both half as long and twice as quick."""
        gain = (_SHORT_SECONDS / max(seconds, 1e-6)) ** 2
        self._reached_bytes = int(limits.WINDOW_BYTES_FIRST * min(max(gain, 1.0), _SHORT_GAIN_MAX))

    def talked(self, now: float) -> None:
        """Something small came, and more of it may."""
        self._quiet_at = now + limits.TALK_SECONDS

    def asked(self, now: float) -> None:
        """One Want was said."""
        self._asked.append(_Asked(now, self._delivered_bytes, self._draining))

    def arrived(self, length_bytes: int, now: float) -> None:
        """The oldest Want was answered, with `length_bytes`."""
        self._delivered_bytes += length_bytes
        asked = self._asked.pop(0)
        self._look_for_loss(asked, length_bytes, now)
        seconds = max(now - asked.at, 1e-6)
        rate = (self._delivered_bytes - asked.delivered_bytes) / seconds
        while self._rates and self._rates[-1][0] <= rate:
            self._rates.pop()
        self._rates.append((rate, now))
        self._talking = now < self._quiet_at
        believed_seconds = _TALK_RATE_SECONDS if self._talking else _RATE_SECONDS
        while now - self._rates[0][1] > believed_seconds + 4 * self._base:
            self._rates.pop(0)
        self._best = self._rates[0][0]
        if asked.drained and self._draining:
            self._measured(seconds, now)
        else:
            self.round_trip(seconds, now)
        self._reached_bytes = min(self._reached_bytes + _GROWTH * length_bytes, self._aim_bytes())

    def _look_for_loss(self, asked: _Asked, length_bytes: int, now: float) -> None:
        if self._best:
            due_at = max(self._arrived_at, asked.at + self._base) + length_bytes / self._best
            if now > due_at + _LATE_SECONDS:
                self._lossy_until = now + _LOSSY_SECONDS
        self._slack_seconds = _LOSSY_SLACK_SECONDS if now < self._lossy_until else _SLACK_SECONDS
        self._arrived_at = now

    def round_trip(self, seconds: float, now: float) -> None:
        """A round trip was seen, with whatever queued in it."""
        stale = now - self._base_at > _BASE_SECONDS
        if not self._base or seconds <= self._base or (stale and not self._asked):
            self._measured(max(seconds, 1e-6), now)
        elif stale:
            self._draining = True

    def _measured(self, seconds: float, now: float) -> None:
        self._base, self._base_at = seconds, now
        self._draining = False

    def window_bytes(self) -> int:
        """How much may be outstanding."""
        return min(self._reached_bytes, self._aim_bytes())

    def _aim_bytes(self) -> int:
        if not self._best:
            return max(limits.WINDOW_BYTES_MIN, min(self._reached_bytes, self.ceiling_bytes))
        if self._draining:
            held_seconds = self._base * _DRAINING_GAIN
        elif self._beside_talk():
            held_seconds = self._base + max(_TALK_QUEUE_SECONDS, self._base * _TALK_QUEUE_SHARE)
        else:
            held_seconds = self._base + max(self._base, self._slack_seconds)
        window = int(self._best * held_seconds)
        return max(limits.WINDOW_BYTES_MIN, min(window, self.ceiling_bytes, limits.WINDOW_BYTES_MAX))

    def _beside_talk(self) -> bool:
        return self._talking and self._best < limits.FAST_RATE

    def chunk_bytes(self) -> int:
        """Length of the next Want: a power of two, about 75 ms of the line (35 while somebody talks), at most half a window."""
        window = self.window_bytes()
        seconds = _TALK_CHUNK_SECONDS if self._beside_talk() else _CHUNK_SECONDS
        aim = min(max(self._best * seconds, window / _WANTS_AIM), window / 2)
        size = limits.CHUNK_BYTES_MIN
        while size * 2 <= min(aim, limits.CHUNK_BYTES_MAX):
            size *= 2
        return size

    def patience_seconds(self, outstanding_bytes: int) -> float:
        """How long to wait for anything at all while so much is outstanding, before the line counts as gone."""
        return (
            limits.STALL_SECONDS
            + 4 * self._base
            + min(outstanding_bytes, limits.CHUNK_BYTES_MAX) / (self._best or _RATE_UNKNOWN)
        )
