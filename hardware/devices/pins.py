"""The pins of a small computer's header, through gpiozero: on a machine that has none, a device there is unreachable.

Which library reaches the pins gpiozero finds out by itself (lgpio, RPi.GPIO, pigpio); `GPIOZERO_PIN_FACTORY` names one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import gpiozero
from gpiozero.exc import PinFactoryFallback

T = TypeVar("T")


def claimed(make: Callable[[], T]) -> T | None:
    """What `make` makes of pins; None when this machine has no pins or somebody else holds them."""
    try:
        with warnings.catch_warnings():
            # gpiozero warns for each library that is not installed before it finds one, or none.
            warnings.simplefilter("ignore", PinFactoryFallback)
            return make()
    except Exception:  # each of the libraries below gpiozero has errors of its own
        return None


def let_go(device: gpiozero.Device | None) -> None:
    """Give the pins back; of a machine that has lost them nothing is expected."""
    if device is not None:
        try:
            device.close()
        except Exception:  # noqa: S110
            pass
