"""How much may be outstanding, so that a scan never makes a call stutter. SPEC.md section 5.2.

What ZeroMQ and the kernel have swallowed cannot be overtaken. So the receiver asks for no more than about twice what the line holds
(bandwidth × delay), measured as BBR does it (draft-cardwell-iccrg-bbr): the best rate of delivery seen lately times the shortest round
trip seen lately. The window doubles with every round trip until the rate grows no more.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from protocol import limits

_ROUNDS_KEPT: Final = 16  # samples over which the best rate counts
_BASE_SECONDS: Final = 10.0  # how long a shortest round trip is believed
_CHUNK_SECONDS: Final = 0.05  # one Want is about so much of the line's time
_RATE_UNKNOWN: Final = 16 * limits.KIB  # bytes per second; only to be patient with before anything is measured


class Pacing:
    """Measures one direction of one line and tells the window. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.ceiling_bytes = limits.WINDOW_BYTES_MAX  # set lower by whoever shares a budget among many links
        self.call_is_up = False  # then delay counts more than speed
        self._delivered_bytes = 0
        self._asked: deque[tuple[float, int]] = (
            deque()
        )  # for each chunk outstanding: when it was asked for, delivered then
        self._rates: deque[float] = deque(maxlen=_ROUNDS_KEPT)
        self._base: tuple[float, float] | None = None  # shortest round trip, and when it was seen
        self._best = 0.0

    @property
    def rate(self) -> float:
        """Bytes per second the line delivers, 0 when nothing is known yet."""
        return self._best

    def reset(self) -> None:
        """A new connection: nothing is outstanding, and the line may be another."""
        self._asked.clear()
        self._rates.clear()
        self._best = 0.0
        self._base = None

    def asked(self, now: float) -> None:
        """One Want was said."""
        self._asked.append((now, self._delivered_bytes))

    def arrived(self, length_bytes: int, now: float) -> None:
        """The oldest outstanding chunk came."""
        self._delivered_bytes += length_bytes
        if not self._asked:
            return
        at, delivered = self._asked.popleft()
        elapsed = max(now - at, 1e-6)
        self.round_trip(elapsed, now)
        self._rates.append((self._delivered_bytes - delivered) / elapsed)
        self._best = max(self._rates)

    def round_trip(self, seconds: float, now: float) -> None:
        """A round trip was seen, with whatever queued in it."""
        if self._base is None or seconds <= self._base[0] or now - self._base[1] > _BASE_SECONDS:
            self._base = (seconds, now)

    def window_bytes(self) -> int:
        """How much may be outstanding."""
        base = self._base[0] if self._base else 0.0
        gain = 1 if self.call_is_up else 2
        window = int(gain * self._best * base)
        return max(limits.WINDOW_BYTES_MIN, min(window, self.ceiling_bytes, limits.WINDOW_BYTES_MAX))

    def chunk_bytes(self) -> int:
        """Length of the next Want: a power of two, about 50 ms of the line, at most half a window."""
        aim = min(self._best * _CHUNK_SECONDS, self.window_bytes() / 2)
        size = limits.CHUNK_BYTES_MIN
        while size * 2 <= min(aim, limits.CHUNK_BYTES_MAX):
            size *= 2
        return size

    def patience_seconds(self, outstanding_bytes: int) -> float:
        """How long to wait for anything at all while so much is outstanding, before the line counts as gone."""
        base = self._base[0] if self._base else 0.0
        return (
            limits.STALL_SECONDS
            + 4 * base
            + min(outstanding_bytes, limits.CHUNK_BYTES_MAX) / (self._best or _RATE_UNKNOWN)
        )
