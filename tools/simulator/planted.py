"""Faults of our own, planted to see whether the simulation notices. Each slips a subclass under a real part that has the fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tools.simulator.simulation import Simulation

Plant = Callable[["Simulation"], None]
PLANTED: Final[dict[str, Plant]] = {}
