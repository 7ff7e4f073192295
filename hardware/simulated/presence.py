"""A sensor without hardware: it is active while a flag is up on the stage, as `somebody` of a presence sensor; `unplugged` makes it blind."""

from __future__ import annotations

from typing import Final

from hardware.presence import PresenceState
from hardware.simulated.stage import SOMEBODY, UNPLUGGED, Stage

DEVICE: Final = "presence"


class SimulatedPresence:
    """Nobody is there until `stage.enter()`. `device` and `flag`: for another kind of sensor, as a switch with a key."""

    def __init__(self, stage: Stage, device: str = DEVICE, flag: str = SOMEBODY) -> None:
        self._stage = stage
        self._device = device
        self._flag = flag
        self._closed = False

    def state(self) -> PresenceState:
        """READY while it is plugged in."""
        unplugged = self._closed or UNPLUGGED in self._stage.flags(self._device)
        return PresenceState.UNREACHABLE if unplugged else PresenceState.READY

    def somebody(self) -> bool | None:
        """What the flag says."""
        flags = self._stage.flags(self._device)
        return None if self._closed or UNPLUGGED in flags else self._flag in flags

    def close(self) -> None:
        """It tells nothing from now on."""
        self._closed = True
