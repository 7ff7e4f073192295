"""The port of the lamp at the door, which says from outside what is going on inside."""

from __future__ import annotations

import enum
from typing import Protocol


class LampState(enum.StrEnum):
    """How the lamp itself is."""

    READY = "ready"
    UNREACHABLE = "unreachable"
    ABSENT = "absent"


class Light(enum.StrEnum):
    """What the lamp says. HELP and TROUBLE blink: never told by a colour alone."""

    OFF = "off"
    FREE = "free"
    OCCUPIED = "occupied"
    HELP = "help"
    TROUBLE = "trouble"


class Lamp(Protocol):
    """Every implementation passes tests/contracts/test_lamp.py. Nothing here blocks or raises: a broken lamp must not end a visit."""

    def state(self) -> LampState:
        """How it is now."""

    def show(self, light: Light) -> None:
        """Say this from now on. A lamp that is away shows it when it is back."""

    def close(self) -> None:
        """Dark, and let go; twice is no error. A closed lamp is UNREACHABLE."""
