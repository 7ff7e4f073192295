"""When to try again: back-off with full jitter, for ever (5 tries left a locker of others dead until a restart).

Full jitter: the wait is random between nothing and a bound, so that a thousand cabins do not come back in step.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol import limits


def absent_seconds(attempt: int, chance: float) -> float:
    """Wait before attempt 0, 1, 2 … while nobody answers; `chance` is random in [0, 1). The end of a short cut is noticed soon; what lasts
    longer, a hub that is restarted or a line that is gone for days, is asked less and less often."""
    if attempt < limits.RECONNECT_SOON:
        return limits.RECONNECT_SECONDS_SOON * chance
    later = min(attempt - limits.RECONNECT_SOON, 60)
    return min(limits.RECONNECT_SECONDS_MAX, limits.RECONNECT_SECONDS_LATER * limits.RECONNECT_GROWTH**later) * chance


def busy_seconds(attempt: int, chance: float) -> float:
    """Wait after somebody answered and had no time for a handshake, for the first, second … time: whoever knocks at once again only takes more
    of the time that is missing, until nobody is let in."""
    bound = limits.RECONNECT_BUSY_SECONDS * limits.RECONNECT_BUSY_GROWTH ** min(attempt, 60)
    return min(limits.RECONNECT_SECONDS_MAX, bound) * chance


class Backoff:
    """Counts the attempts of one cabin. `chance()` is random in [0, 1)."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._absent = self._busy = 0

    def welcome(self) -> None:
        """The hub spoke with us: begin anew."""
        self._absent = self._busy = 0

    def absent_seconds(self) -> float:
        """Wait before the next attempt; so far nobody answers."""
        self._absent += 1
        return absent_seconds(self._absent - 1, self._chance())

    def busy_seconds(self) -> float:
        """Wait before the next attempt; somebody is there, and had no time."""
        self._busy += 1
        return busy_seconds(self._busy - 1, self._chance())
