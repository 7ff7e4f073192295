"""Virtual time: everything that will happen, in one order, from one thread that never waits.

Two times. *The calendar* (`now`) is what people live by: documents are handed in, lines are cut, days pass. *The machines' clock* (`clock`) is what
nodes measure intervals with. It stands still while everybody sleeps: when for a while nothing but beats has been said, the hours until
the next deed are leapt over, for on a quiet link one hour is as the next.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Final

NEVER: Final = float("inf")
QUIET_SECONDS: Final = 16.0  # longer than three beats: whoever has lost the other side has noticed by then
CALM_SECONDS: Final = 3.0  # where everybody hears everybody there is nothing to notice

Act = Callable[[], object]


class Agenda:
    """Seconds since the beginning of the simulation."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.slept_seconds = 0.0
        self.stirred_at = 0.0  # by the machines' clock
        self.calm: Callable[[], bool] = lambda: False  # does everybody hear everybody?
        self._events: list[tuple[float, int, Act]] = []  # by the machines' clock
        self._deeds: list[tuple[float, int, Act]] = []  # by the calendar
        self._count = itertools.count()

    @property
    def now(self) -> float:
        """The calendar."""
        return self.clock + self.slept_seconds

    def after(self, seconds: float, act: Act) -> None:
        """An event of a machine or a line, so much later."""
        self.by_clock(self.clock + seconds, act)

    def by_clock(self, clock: float, act: Act) -> None:
        """An event of a machine or a line, at this time of the machines' clock; exactly, for machines compare such times."""
        heapq.heappush(self._events, (max(self.clock, clock), next(self._count), act))

    def on(self, seconds: float, deed: Act) -> None:
        """A deed of a person or of fate, at this time of the calendar."""
        heapq.heappush(self._deeds, (max(self.now, seconds), next(self._count), deed))

    def stir(self) -> None:
        """Something happens that is more than a beat."""
        self.stirred_at = self.clock

    def run(self, until: float) -> None:
        """Let everything happen up to this time of the calendar."""
        while self.now < until:
            quiet_seconds = self.clock - self.stirred_at
            if quiet_seconds > QUIET_SECONDS or (quiet_seconds > CALM_SECONDS and self.calm()):
                self._sleep(until)
            event_at = self._events[0][0] + self.slept_seconds if self._events else until
            deed_at = self._deeds[0][0] if self._deeds else until
            if min(event_at, deed_at) >= until:
                self.clock = max(self.clock, until - self.slept_seconds)
                return
            if deed_at < event_at:
                self.clock = max(self.clock, deed_at - self.slept_seconds)
                self.stir()
                heapq.heappop(self._deeds)[2]()
            else:
                self.clock = self._events[0][0]
                heapq.heappop(self._events)[2]()

    def _sleep(self, until: float) -> None:
        wake_at = min(self._deeds[0][0] if self._deeds else until, until)
        self.slept_seconds += max(0.0, wake_at - self.now)


class Waker:
    """Calls `act` once, at the earliest time that anybody asked for since it last rang."""

    def __init__(self, agenda: Agenda, act: Act) -> None:
        self._agenda = agenda
        self._act = act
        self._rings_at = NEVER

    def by(self, clock: float) -> None:
        """Not later than at this time of the machines' clock."""
        if clock < self._rings_at:
            self._rings_at = clock
            self._agenda.by_clock(clock, lambda: self._ring(clock))

    def _ring(self, clock: float) -> None:
        if clock == self._rings_at:
            self._rings_at = NEVER
            self._act()
