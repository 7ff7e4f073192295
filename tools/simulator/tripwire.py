"""The n-th step from now is a process's last: between any two writes, fsyncs and messages.

Once the wire has sprung, every further step raises Crash: a process that has ended does nothing more, whatever its destructors try.
"""

from __future__ import annotations

from collections.abc import Callable


def always() -> bool:
    """Every step counts."""
    return True


class Crash(BaseException):
    """The process ends here; nothing of it is carried out any more."""


class Tripwire:
    """Of one process. `sprung`: it has ended; `power`: because the power failed."""

    def __init__(self) -> None:
        self.sprung = False
        self.power = False
        self._steps = 0
        self._counts = always

    @property
    def is_set(self) -> bool:
        """Does it wait to spring?"""
        return self._steps > 0

    def set(self, steps: int, *, power: bool, counts: Callable[[], bool] = always) -> None:
        """After so many steps; of those that are taken while `counts()`."""
        self._steps, self.power, self._counts = steps, power, counts

    def spring(self, *, power: bool) -> None:
        """Now."""
        self.sprung, self.power, self._steps = True, power, 0

    def reset(self) -> None:
        """For another process."""
        self.sprung, self.power, self._steps = False, False, 0

    def step(self) -> None:
        """One more step is about to be taken. Raises Crash."""
        if self._steps:
            self._steps -= self._counts()
            self.sprung = not self._steps
        if self.sprung:
            raise Crash
