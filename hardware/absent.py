"""Devices that are not fitted: they refuse, and say what to configure."""

from __future__ import annotations

from collections.abc import Iterator

from hardware.camera import CameraState, Glimpse
from hardware.lamp import LampState, Light
from hardware.presence import PresenceState
from hardware.printer import Job, JobState, PrinterFailure, PrinterState
from hardware.scanner import Scan, ScannerFailure, ScannerState


class AbsentScanner:
    """No scanner."""

    def state(self) -> ScannerState:
        """Always ABSENT."""
        return ScannerState.ABSENT

    def scan(self) -> Iterator[Scan]:
        """Raises ScannerFailure(ABSENT)."""
        raise ScannerFailure(
            ScannerState.ABSENT,
            "This cabin has no scanner.",
            "Name one under [scanner] in edge.toml, or hand in files with `kabine edge submit`.",
        )

    def close(self) -> None:
        """Nothing to let go of."""


class AbsentCamera:
    """No document camera."""

    def state(self) -> CameraState:
        """Always ABSENT."""
        return CameraState.ABSENT

    def look(self) -> Glimpse:
        """Raises ScannerFailure(ABSENT)."""
        raise _no_camera()

    def still(self) -> Scan:
        """Raises ScannerFailure(ABSENT)."""
        raise _no_camera()

    def close(self) -> None:
        """Nothing to let go of."""


class AbsentPrinter:
    """No printer."""

    def state(self) -> PrinterState:
        """Always ABSENT."""
        return PrinterState.ABSENT

    def print(self, job: Job) -> None:
        """Raises PrinterFailure(ABSENT)."""
        raise _no_printer()

    def progress(self, job_id: str) -> JobState:
        """Raises PrinterFailure(ABSENT)."""
        raise _no_printer()

    def cancel(self, job_id: str) -> None:
        """Nothing can come out."""

    def close(self) -> None:
        """Nothing to let go of."""


class AbsentPresence:
    """No sensor: the touches on the screen are the presence."""

    def state(self) -> PresenceState:
        """Always ABSENT."""
        return PresenceState.ABSENT

    def somebody(self) -> bool | None:
        """Nobody can tell."""
        return None

    def close(self) -> None:
        """Nothing to let go of."""


class AbsentLamp:
    """No lamp."""

    def state(self) -> LampState:
        """Always ABSENT."""
        return LampState.ABSENT

    def show(self, light: Light) -> None:
        """Nobody sees it."""

    def close(self) -> None:
        """Nothing to let go of."""


def _no_camera() -> ScannerFailure:
    return ScannerFailure(
        ScannerState.ABSENT, "This cabin has no document camera.", "Name one under [camera] in edge.toml."
    )


def _no_printer() -> PrinterFailure:
    return PrinterFailure(
        PrinterState.ABSENT, "This cabin has no printer.", "Name one under [printer] in edge.toml, or show the number."
    )
