"""Many simulations, one after the other or side by side: each from a seed of its own, so that the order in which they end changes nothing."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple

from tools.room import room
from tools.side_by_side import players
from tools.simulator import bounds, engines
from tools.simulator.report import Report
from tools.simulator.simulation import WORLD_DAYS, Simulation, dice

_PLANTED_DAYS: Final = 1.0  # one that has a planted fault: many short ones find it sooner, before something excuses it
_GARBAGE: Final = (
    100_000  # objects between two looks for cycles: a world makes few, and looking costs a tenth of its time
)
_WORLDS_PER_PROCESS: Final = 50  # then it begins anew: nothing that grows may grow for hours


class World(NamedTuple):
    """What one simulation is made from."""

    seed: int
    days: float
    cabins: int
    plant: str


def simulate(
    seed: int, days: float, cabins: int, plant: str = "", processes: int = 1, world_days: float = WORLD_DAYS
) -> Report:
    """A run of `days`, in worlds of `world_days` with seeds `seed`, `seed` + 1 …; it ends with the first broken promise."""
    report = Report(seed, planted=plant)
    world_days = _PLANTED_DAYS if plant else world_days
    count = max(1, math.ceil(days / world_days))
    worlds = (World(seed + n, min(world_days, days - n * world_days), cabins, plant) for n in range(count))
    with _players(min(processes, count)) as play_all:
        for played in play_all(worlds):
            report.add(played)
            if report.broken:
                break
    return report


def play(world: World) -> Report:
    """One simulation."""
    gc.set_threshold(_GARBAGE)
    gc.freeze()  # what is there already is no garbage of this world's
    try:
        return _played(world)
    finally:
        gc.unfreeze()
        # This world, which is full of circles, and what it hung on of what was set apart; or the next one would set it apart as well, and it would
        # never go.
        gc.collect()


def _played(world: World) -> Report:
    """Nobody holds the world any more when this returns."""
    each_once = world.days < WORLD_DAYS and not world.plant  # one of many worlds has others beside it
    with (
        room() as folder,
        engines.kept(),
        bounds.drawn(dice(f"{world.seed} bounds"), 0.0 if world.plant else bounds.SHARE) as small,
    ):
        report = Simulation(folder, world.seed, world.cabins, world.days, world.plant, each_once=each_once).run()
    report.faults["small-bound"] += len(small)
    return report


@contextmanager
def _players(processes: int) -> Iterator[Callable[[Iterable[World]], Iterator[Report]]]:
    if processes == 1:
        yield partial(map, play)
        return
    # Each simulation puts itself between its whole process and the operating system: side by side means several processes.
    with players(processes, _WORLDS_PER_PROCESS) as play_all:
        yield partial(play_all, play)
