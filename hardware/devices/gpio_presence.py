"""A sensor at a pin: a radar or infrared detector, a mat, a chair, a contact. Anything that switches a pin between two levels.

Tried with: gpiozero's simulated pins. Meant for HLK-LD2410 (radar, drives the pin), HC-SR501 (infrared) and contacts to ground (`pull = "up"`,
`active = "low"`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Literal

import gpiozero

from hardware.devices import pins
from hardware.presence import PresenceState

RETRY_SECONDS: Final = 5.0  # a header that is not there is looked for no more often


class GpioPresence:
    """The sensor at `pin` (BCM number). `pull`: what holds the pin while nobody drives it; `active`: its level while the sensor is active."""

    def __init__(
        self,
        pin: int,
        *,
        pull: Literal["up", "down", "none"] = "down",
        active: Literal["high", "low"] = "high",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pin = pin
        self._pull = {"up": True, "down": False, "none": None}[pull]
        self._active = active == "high"
        self._clock = clock
        self._guard = threading.Lock()
        self._input: gpiozero.DigitalInputDevice | None = None
        self._tried_at = clock() - RETRY_SECONDS
        self._pulse = threading.Event()
        self._inverted = False
        self._closed = False

    def state(self) -> PresenceState:
        """READY while the pin is ours."""
        with self._guard:
            return PresenceState.READY if self._held() is not None else PresenceState.UNREACHABLE

    def somebody(self) -> bool | None:
        """The level now, or that it was active since it was asked last."""
        with self._guard:
            held = self._held()
            if held is None:
                return None
            try:
                seen = self._pulse.is_set() or (held.value == 1) is not self._inverted
            except Exception:  # as in pins.py
                self._lose()
                return None
            self._pulse.clear()
            return seen

    def close(self) -> None:
        """Give the pin back."""
        with self._guard:
            self._closed = True
            self._lose()

    def _held(self) -> gpiozero.DigitalInputDevice | None:
        if self._input is None and not self._closed and self._clock() - self._tried_at >= RETRY_SECONDS:
            self._tried_at = self._clock()
            self._input = pins.claimed(self._claim)
        return self._input

    def _claim(self) -> gpiozero.DigitalInputDevice:
        floating = self._pull is None
        made = gpiozero.DigitalInputDevice(
            self._pin, pull_up=self._pull, active_state=self._active if floating else None
        )
        # Where something pulls, gpiozero calls the other level active; a contact that opens means the opposite.
        self._inverted = not floating and self._pull is self._active
        if self._inverted:
            made.when_deactivated = self._pulse.set
        else:
            made.when_activated = self._pulse.set
        return made

    def _lose(self) -> None:
        pins.let_go(self._input)
        self._input = None
