"""The port of a document camera: it looks down on a table, sees when a sheet lies still, and takes one sharp picture of it.

Pictures stay encoded, as a scanner's do: whoever holds keys does not decode them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Protocol

from hardware.scanner import Scan, ScannerFailure, ScannerState


class CameraState(enum.StrEnum):
    """How a camera is."""

    READY = "ready"
    UNREACHABLE = "unreachable"
    ABSENT = "absent"


class Sign(enum.StrEnum):
    """What it sees. A screen that takes pictures by itself waits for STILL, calls `still`, and waits for STILL again: a sheet that was taken
    and not touched since is TAKEN."""

    EMPTY = "empty"
    MOVING = "moving"
    STILL = "still"
    TAKEN = "taken"


@dataclass(frozen=True)
class Glimpse:
    """What the camera sees now: `jpeg` is small, for a screen."""

    jpeg: bytes
    sign: Sign


class Camera(Protocol):
    """Every implementation passes tests/contracts/test_camera.py. Failures are a scanner's, ScannerFailure: it stands in for one."""

    def state(self) -> CameraState:
        """How it is now. Never raises; answers within a second."""

    def look(self) -> Glimpse:
        """What it sees; to be asked 5 to 10 times a second while somebody is there. The camera runs only while it is asked. Blocks for up to some
        seconds the first time. Raises ScannerFailure."""

    def still(self) -> Scan:
        """The sharpest of some pictures in full size, whatever lies there. Blocks for a second or two. Raises ScannerFailure."""

    def close(self) -> None:
        """Let go of the device; twice is no error. A closed camera is UNREACHABLE."""


_WHAT: Final = "The camera does not answer"
_REMEDY: Final = "Check its cable and that no other program uses it."


def blind(detail: str = "") -> ScannerFailure:
    """It delivers no picture; `detail` says why, if that is known."""
    return ScannerFailure(
        ScannerState.UNREACHABLE, f"{_WHAT}: {detail.rstrip('.')}." if detail else f"{_WHAT}.", _REMEDY
    )


def closed() -> ScannerFailure:
    """Said by a camera that was let go of."""
    return ScannerFailure(ScannerState.UNREACHABLE, "The camera was closed.", "Restart the cabin's node.")
