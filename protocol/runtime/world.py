"""The real clock and the real randomness, as arguments for code that has neither.

Only the `app` of a node and its commands take `REAL`; everything else is given a World or one of its parts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from protocol.randomness import Random


@dataclass(frozen=True)
class World:
    """What a node knows without being told.

    `clock`: seconds that only grow, from an arbitrary beginning; for intervals. `utc`: aware UTC; for people and signatures, never for
    order. `random`: so many unpredictable bytes. `chance`: at least 0 and less than 1."""

    clock: Callable[[], float]
    utc: Callable[[], datetime]
    random: Random
    chance: Callable[[], float]


def _utc() -> datetime:
    return datetime.now(UTC)


def _chance() -> float:
    return (int.from_bytes(os.urandom(7), "big") >> 3) / (1 << 53)


REAL: Final = World(time.monotonic, _utc, os.urandom, _chance)
