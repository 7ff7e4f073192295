"""Three lamps at three pins: green is lit while the cabin is free, red while it is occupied, yellow blinks for help and for trouble.

Tried with: gpiozero's simulated pins. Each light differs in place and rhythm too, not by its colour alone: help blinks slowly beside the red
lamp, trouble quickly by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Literal

import gpiozero

from hardware.devices import pins
from hardware.lamp import LampState, Light

RETRY_SECONDS: Final = 5.0
HELP_SECONDS: Final = 1.0  # lit, and as long dark
TROUBLE_SECONDS: Final = 0.25
_LIT: Final = {Light.FREE: "free", Light.OCCUPIED: "occupied", Light.HELP: "occupied"}
_BLINKS: Final = {Light.HELP: HELP_SECONDS, Light.TROUBLE: TROUBLE_SECONDS}


class GpioLamp:
    """The lamps at these pins (BCM numbers). `active`: what a pin is while its lamp is lit."""

    def __init__(
        self,
        free_pin: int,
        occupied_pin: int,
        attention_pin: int,
        *,
        active: Literal["high", "low"] = "high",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pins = {"free": free_pin, "occupied": occupied_pin, "attention": attention_pin}
        self._active_high = active == "high"
        self._clock = clock
        self._guard = threading.Lock()
        self._lamps: gpiozero.LEDBoard | None = None
        self._tried_at = clock() - RETRY_SECONDS
        self._light = Light.OFF
        self._closed = False

    def state(self) -> LampState:
        """READY while the pins are ours."""
        with self._guard:
            return LampState.READY if self._held() is not None else LampState.UNREACHABLE

    def show(self, light: Light) -> None:
        """From now on."""
        with self._guard:
            changed, self._light = light is not self._light, light
            if self._held() is not None and changed:
                self._shine()

    def close(self) -> None:
        """Dark."""
        with self._guard:
            self._closed = True
            self._lose()

    def _held(self) -> gpiozero.LEDBoard | None:
        if self._lamps is None and not self._closed and self._clock() - self._tried_at >= RETRY_SECONDS:
            self._tried_at = self._clock()
            self._lamps = pins.claimed(lambda: gpiozero.LEDBoard(active_high=self._active_high, **self._pins))
            if self._lamps is not None:
                self._shine()
        return self._lamps

    def _shine(self) -> None:
        assert self._lamps is not None
        try:
            lit = _LIT.get(self._light)
            for name in ("free", "occupied"):
                getattr(self._lamps, name).value = name == lit
            seconds = _BLINKS.get(self._light)
            if seconds is None:
                self._lamps.attention.off()
            else:
                self._lamps.attention.blink(seconds, seconds)
        except Exception:  # as in pins.py
            self._lose()

    def _lose(self) -> None:
        pins.let_go(self._lamps)
        self._lamps = None
