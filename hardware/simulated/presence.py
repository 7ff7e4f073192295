"""A sensor without hardware: somebody is there while the flag `somebody` is up on the stage; `unplugged` makes it blind."""

from __future__ import annotations

from typing import Final

from hardware.presence import PresenceState
from hardware.simulated.stage import SOMEBODY, UNPLUGGED, Stage

DEVICE: Final = "presence"


class SimulatedPresence:
    """Nobody is there until `stage.enter()`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._closed = False

    def state(self) -> PresenceState:
        """READY while it is plugged in."""
        unplugged = self._closed or UNPLUGGED in self._stage.flags(DEVICE)
        return PresenceState.UNREACHABLE if unplugged else PresenceState.READY

    def somebody(self) -> bool | None:
        """What the flag says."""
        flags = self._stage.flags(DEVICE)
        return None if self._closed or UNPLUGGED in flags else SOMEBODY in flags

    def close(self) -> None:
        """It tells nothing from now on."""
        self._closed = True
