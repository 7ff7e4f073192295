"""A lamp without hardware: raises the flag that is named like its light, so that others can see it; `unplugged` makes it dark."""

from __future__ import annotations

from typing import Final

from hardware.lamp import LampState, Light
from hardware.simulated.stage import UNPLUGGED, Stage

DEVICE: Final = "lamp"
_LIT: Final = tuple(light for light in Light if light is not Light.OFF)


class SimulatedLamp:
    """Dark until something is shown."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._closed = False
        self.show(Light.OFF)

    @property
    def light(self) -> Light:
        """What somebody before the door sees."""
        flags = self._stage.flags(DEVICE)
        if UNPLUGGED in flags:
            return Light.OFF
        return next((light for light in _LIT if light in flags), Light.OFF)

    def state(self) -> LampState:
        """READY while it is plugged in."""
        unplugged = self._closed or UNPLUGGED in self._stage.flags(DEVICE)
        return LampState.UNREACHABLE if unplugged else LampState.READY

    def show(self, light: Light) -> None:
        """From now on, also when it is plugged in only later."""
        if self._closed:
            return
        flags = self._stage.flags(DEVICE)
        for other in _LIT:
            if other is not light and other in flags:
                self._stage.unflag(DEVICE, other)
        if light is not Light.OFF and light not in flags:
            self._stage.flag(DEVICE, light)

    def close(self) -> None:
        """Dark."""
        self.show(Light.OFF)
        self._closed = True
