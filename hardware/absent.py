"""A device that is not fitted: refuses, and says what to configure."""

from __future__ import annotations

from collections.abc import Iterator

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
