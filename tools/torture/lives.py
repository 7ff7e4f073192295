"""A torture in several lives of the nodes, side by side on this machine's cores.

Each is from a seed of its own, so that neither their order nor how many run at once changes anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from tools.side_by_side import players
from tools.torture.report import Report

_ALMOST: Final = 0.95  # of the rounds that were asked for; a life may have less to try than it was given


class Life(NamedTuple):
    """The `number`th of this seed, about `rounds` rounds long."""

    seed: int
    number: int
    rounds: int
    plant: str

    @property
    def name(self) -> str:
        """Its own seed."""
        return f"{self.seed}.{self.number}"


Play = Callable[[Life], Report]


def tortured(report: Report, play: Play, rounds_per_life: int, jobs: int) -> Report:
    """`report` with what `play`, a function of a module, has found in as many lives as it takes."""
    number = 0
    while report.rounds < _ALMOST * report.asked and not report.enough:
        left = report.asked - report.rounds
        count = math.ceil(left / rounds_per_life)
        lives = [Life(report.seed, number + each, math.ceil(left / count), report.planted) for each in range(count)]
        number += count
        with _players(min(jobs, count)) as play_all:
            for found in play_all(play, lives):
                report.add(found)
                if report.enough:
                    break
    return report


@contextmanager
def _players(jobs: int) -> Iterator[Callable[[Play, list[Life]], Iterator[Report]]]:
    if jobs == 1:
        yield map
        return
    # Planted faults and engines that are kept are there for a whole process: side by side means several.
    with players(jobs) as play_all:
        yield play_all
