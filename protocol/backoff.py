"""When to try again: exponential back-off with full jitter, for ever (5 tries left a locker of others dead until a restart)."""

from __future__ import annotations

from protocol import limits


def delay_seconds(attempt: int, chance: float) -> float:
    """Wait before attempt 0, 1, 2 …; `chance` is random in [0, 1). Full jitter: a thousand cabins do not come back in step."""
    bound = min(
        limits.RECONNECT_SECONDS_MAX, limits.RECONNECT_SECONDS_MIN * limits.RECONNECT_GROWTH ** min(attempt, 60)
    )
    return bound * chance
