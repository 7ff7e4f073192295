"""A camera in a scanner's place: one picture of what lies on the table is a batch of one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from hardware.camera import Camera, CameraState, Sign
from hardware.scanner import Scan, ScannerFailure, ScannerState

CALM_SECONDS: Final = 6.0  # a hand is gone by then; a sheet that still moves is taken as it lies
LOOK_SECONDS: Final = 0.05  # between two looks; a camera has the next picture after about that
_STATES: Final = {
    CameraState.READY: ScannerState.READY,
    CameraState.UNREACHABLE: ScannerState.UNREACHABLE,
    CameraState.ABSENT: ScannerState.ABSENT,
}


class CameraScanner:
    """Waits up to `calm_seconds` until the sheet lies still. The same sheet may be taken again. Closing this closes the camera."""

    def __init__(
        self,
        camera: Camera,
        *,
        calm_seconds: float = CALM_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._camera = camera
        self._calm_seconds = calm_seconds
        self._clock = clock
        self._wait = wait

    def state(self) -> ScannerState:
        """The camera's. Whether a sheet lies there is seen only with the camera switched on, and that is for visitors to do."""
        return _STATES[self._camera.state()]

    def scan(self) -> Iterator[Scan]:
        """One picture. Raises ScannerFailure(NO_PAPER) over a bare table."""
        deadline = self._clock() + self._calm_seconds
        while (sign := self._camera.look().sign) is Sign.MOVING and self._clock() < deadline:
            self._wait(LOOK_SECONDS)
        if sign is Sign.EMPTY:
            raise ScannerFailure(
                ScannerState.NO_PAPER, "There is no sheet under the camera.", "Lay one sheet flat on the table."
            )
        # The picture is the caller's only when it was asked for: until then the sheet counts as not taken.
        return (self._camera.still() for _ in range(1))

    def close(self) -> None:
        """Closes the camera."""
        self._camera.close()
