"""The port of everything that notices whether somebody is in the cabin: a radar, a chair, a mat, a door. A switch with a key for staff is the
same to us: “somebody” is that it is turned (edge/keyswitch.py)."""

from __future__ import annotations

import enum
from typing import Protocol


class PresenceState(enum.StrEnum):
    """How a sensor is, whatever it sees."""

    READY = "ready"
    UNREACHABLE = "unreachable"
    ABSENT = "absent"


class Presence(Protocol):
    """Every implementation passes tests/contracts/test_presence.py. Nothing here blocks or raises: it is asked ten times a second. What it
    says flickers; edge/attendance.py makes visits of it."""

    def state(self) -> PresenceState:
        """How the sensor is now."""

    def somebody(self) -> bool | None:
        """What it sees now; None while it cannot tell. Something short that happened between two questions is not missed."""

    def close(self) -> None:
        """Let go of the device; twice is no error. A closed sensor is UNREACHABLE and cannot tell."""
