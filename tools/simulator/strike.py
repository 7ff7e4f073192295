"""Where a fault strikes, and what it may do there."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tools.simulator.cabin_node import CabinNode
from tools.simulator.node import Node

if TYPE_CHECKING:
    from tools.simulator.simulation import Simulation

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
_STEPS_MAX: Final = 400  # effects until a crash: from before the first to long after the last of a document


@dataclass(frozen=True)
class Strike:
    """Where a fault strikes: one cabin and the hub, with the luck of this moment."""

    simulation: Simulation
    cabin: CabinNode
    dice: random.Random

    @property
    def hub(self) -> Node:
        """The hub."""
        return self.simulation.hub

    def talking(self) -> CabinNode:
        """This cabin; where it has no link just now, another that has one."""
        cabins = (self.simulation.cabin(self.cabin.site), *self.simulation.cabins)
        return next((cabin for cabin in cabins if cabin.connection is not None), self.cabin)

    def steps(self) -> int:
        """Effects until a crash: mostly few, for then most is under way."""
        return int(_STEPS_MAX ** self.dice.random())

    def spoil(self, why: str) -> None:
        """What is missing in this cabin from now on has a reason; that it is missing must be told."""
        witness = self.simulation.witness
        witness.notebook.custody[self.cabin.name].spoiled = why
        witness.notebook.excused.add(self.cabin.site)

    def later(self, low_seconds: float, high_seconds: float, act: Callable[[], object]) -> None:
        """By the calendar."""
        agenda = self.simulation.agenda
        agenda.on(agenda.now + self.dice.uniform(low_seconds, high_seconds), act)
