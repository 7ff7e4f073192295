"""Randomness is an argument: `protocol/` draws none itself, so that a simulation replays from a seed."""

from __future__ import annotations

from collections.abc import Callable

from protocol.errors import Mistake

Random = Callable[[int], bytes]  # as many unpredictable bytes as asked for; in the real world `protocol.runtime.world`


def draw(random: Random, size_bytes: int) -> bytes:
    """`size_bytes` from `random`. Raises Mistake when it gives another number: a short key must never come into being."""
    drawn = random(size_bytes)
    if len(drawn) != size_bytes:
        raise Mistake(f"The source of randomness gave {len(drawn)} bytes instead of {size_bytes}.")
    return drawn
