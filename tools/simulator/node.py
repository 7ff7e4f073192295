"""A process that can end at any moment and is started again: what cabins and the hub have in common."""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from protocol.errors import Mistake, Unavailable
from tools.simulator import district
from tools.simulator.agenda import Agenda, Waker
from tools.simulator.disk import Disk
from tools.simulator.kernel import Kernel
from tools.simulator.tripwire import Crash, Tripwire, always

TURN_SECONDS: Final = 0.01  # what a turn takes at most, its fsync included
_KILL_SECONDS: Final = 15.0
RESTART_SECONDS: Final = 5.0  # whoever starts the process anew waits so long …
_STUMBLE_STEPS_MAX: Final = 100  # effects
_TROUBLE_SECONDS: Final = 15.0  # … and longer when it ended by itself


class Node:
    """`dice` is its own, so that what one node does never changes the luck of another."""

    kind = "node"

    def __init__(
        self, name: str, kernel: Kernel, agenda: Agenda, disk: Disk, dice: random.Random, recoveries: Counter[str]
    ) -> None:
        self.name = name
        self.kernel = kernel
        self.agenda = agenda
        self.disk = disk
        self.dice = dice
        self.recoveries = recoveries
        self.tripwire = Tripwire()
        self.skew_seconds = 0.0
        self.turn_seconds = TURN_SECONDS
        self.runs = False
        self.wanted = True  # somebody starts it again when it has ended
        self.retired = False  # nobody ever does
        self.looked: Callable[[], None] = lambda: None  # the witness, after each turn …
        self.gone: Callable[[], None] = lambda: None  # … and when the process has ended
        self.waker = Waker(agenda, self._woken)
        self._ready_at = 0.0
        self._lives = 0
        self._stumbles: tuple[int, bool] | None = None
        disk.toll = self.tripwire.step

    def utc(self) -> datetime:
        """What its clock on the wall says."""
        return district.at(self.agenda.now + self.skew_seconds)

    def clock(self) -> float:
        """Monotonic seconds."""
        return self.agenda.clock

    # --- living and dying ----------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin a life, unless one is being lived."""
        if self.runs or self.retired or not self.wanted:
            return
        self.agenda.stir()
        self._lives += 1
        self.runs = True
        stumbles, self._stumbles = self._stumbles, None
        if stumbles is not None:
            self.kill_soon(stumbles[0], power=stumbles[1])
        if self.does(self.open):
            self.recoveries[f"{self.kind}-opened-again"] += self._lives > 1
            self.opened()
            self.waker.by(self.agenda.clock)

    def kill(self, *, power: bool) -> None:
        """The process ends now."""
        if self.runs:
            self.tripwire.spring(power=power)
            self._ended(RESTART_SECONDS)

    def kill_soon(self, steps: int, *, power: bool, owing: bool = False) -> None:
        """The process ends after so many more effects, with `owing` of those before which its disk owes a write; and if it has nothing to do, after
        some seconds."""
        life = self._lives

        def at_last() -> None:
            if life == self._lives and self.tripwire.is_set:
                self.kill(power=power)

        if self.runs:
            self.tripwire.set(steps, power=power, counts=self.disk.owes if owing else always)
            self.agenda.after(_KILL_SECONDS, at_last)

    def may_stumble(self, dice: random.Random) -> None:
        """Often its next life ends too, while it still opens what its folder holds, or soon after."""
        if dice.random() < 0.5:
            self._stumbles = int(_STUMBLE_STEPS_MAX ** dice.random()), dice.random() < 0.5

    def stop(self) -> None:
        """Somebody ends it in order (SIGTERM)."""
        if self.runs and self.does(self.farewell):
            self._ended(RESTART_SECONDS)

    def calm(self) -> None:
        """No fault concerns it any more."""
        self.tripwire.set(0, power=False)
        self._stumbles = None
        self.disk.heal()
        self.turn_seconds = TURN_SECONDS
        self.wanted = True
        self.start()

    def retire(self) -> None:
        """It is switched off for good."""
        self.kill(power=False)
        self.retired = True

    def stay_down(self, seconds: float) -> None:
        """Whoever starts it anew waits so long from now on."""
        self.wanted = False

        def again() -> None:
            self.wanted = True
            self.start()

        self.agenda.on(self.agenda.now + seconds, again)

    def does(self, act: Callable[[], None]) -> bool:
        """Let it do something. False when the process has ended over it."""
        trouble = False
        try:
            act()
        except Crash:
            pass
        except Unavailable:
            trouble = True
        except Exception:
            if not self.tripwire.sprung:  # an error of SQLite's on a disk that takes nothing from the dead
                raise
        if self.tripwire.sprung:
            self._ended(RESTART_SECONDS)
        elif trouble:
            self.recoveries[f"{self.kind}-ended-by-itself-and-was-started-anew"] += 1
            if self.dice.random() < 0.5:
                self.tripwire.spring(power=False)  # … and was not even able to close its files
            self._ended(_TROUBLE_SECONDS)
        else:
            return True
        return False

    def _ended(self, restart_seconds: float) -> None:
        self.agenda.stir()
        self.runs = False
        with suppress(Exception, Crash):
            self.close()
        self.gone()
        if self.kernel.left_open(self.disk):
            gc.collect()  # what hung on the frames in which the process died
            self.kernel.hang_up(self.disk)
            left = self.kernel.left_open(self.disk)
            if left:
                raise Mistake(f"{self.name} has ended and holds {left} open.")
        self.disk.bury(power=self.tripwire.sprung and self.tripwire.power)
        self.tripwire.reset()
        self.agenda.after(restart_seconds * (0.2 + self.dice.random()), self.start)

    def _woken(self) -> None:
        if not self.runs:
            return
        if self.agenda.clock < self._ready_at:
            self.waker.by(self._ready_at)
            return
        self._ready_at = self.agenda.clock + self.turn_seconds * self.dice.random()
        if self.does(self.turn):
            self.looked()
            self.waker.by(self.due_at())

    # --- each kind its own ---------------------------------------------------------------------------------------
    def open(self) -> None:
        """Open what the folder holds."""
        raise NotImplementedError

    def opened(self) -> None:
        """It is open."""
        raise NotImplementedError

    def turn(self) -> None:
        """Hear, settle, speak."""
        raise NotImplementedError

    def due_at(self) -> float:
        """When the next turn is due though nothing comes."""
        raise NotImplementedError

    def farewell(self) -> None:
        """What it still does when it is ended in order."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of everything, as the kernel does for a process that has ended."""
        raise NotImplementedError
