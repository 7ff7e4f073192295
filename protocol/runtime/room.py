"""When a piece of a blob may be given to the wire, so that it can still be overtaken: what the wire has swallowed cannot. SPEC.md section 5.2.

The sender knows what is under way better than the receiver can: on a slow line no more than the line itself holds, and a little, so that it never
runs dry. What was asked for and waits here lets everything small pass, and is not lost with the line.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from protocol import limits

_RATE_SECONDS: Final = 2.0  # how long a best rate is believed
SHORT_SECONDS: Final = 0.005  # round trip of a line within one house: there nothing waits
_HELD_BYTES_MIN: Final = 3000  # two packets, whatever is measured
_KNOWN_BYTES: Final = 4 * limits.WINDOW_BYTES_FIRST  # until then a kernel knows no rate; the receiver is careful
_WAIT_SECONDS_MIN: Final = 0.002
_WAIT_SECONDS_MAX: Final = 0.05


class Room:
    """Of one connection. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._rates: deque[tuple[float, float]] = deque()  # (rate, when): falling, so the first is the best

    def wait_seconds(
        self, under_way_bytes: int, carried_bytes: int, window_bytes: int, rate: float, base_seconds: float, now: float
    ) -> float:
        """How long to wait before the next piece; 0 when there is room. `carried_bytes`: by this connection so far; `window_bytes`: what the kernel
        lets travel at once; `rate` in bytes per second; `base_seconds`: shortest round trip."""
        while self._rates and self._rates[-1][0] <= rate:
            self._rates.pop()
        self._rates.append((rate, now))
        while now - self._rates[0][1] > _RATE_SECONDS:
            self._rates.popleft()
        best = self._rates[0][0]
        if carried_bytes < _KNOWN_BYTES or not best or best > limits.FAST_RATE or base_seconds < SHORT_SECONDS:
            return 0.0
        # BBR lets four packets travel, for 0.2 s every ten seconds: what is given beyond them would only stand before the next word.
        over_bytes = under_way_bytes - max(_HELD_BYTES_MIN, min(best * base_seconds, window_bytes))
        return min(max(over_bytes / best, _WAIT_SECONDS_MIN), _WAIT_SECONDS_MAX) if over_bytes > 0 else 0.0
