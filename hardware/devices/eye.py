"""The process that looks through a camera for `v4l2_camera`: pictures from the device are decoded here and nowhere near keys, and a driver that
hangs or crashes takes only this process down.

    python -m hardware.devices.eye DEVICE WIDTH HEIGHT

Asked on stdin, one word a line: `look` or `still`. Answers on stdout: `SIGN BYTES`, a line feed, and so many bytes of JPEG. Ends when stdin
does or nobody asked for IDLE_SECONDS, and with a sentence on stderr when the device fails. Sees all the time, so that it knows what moved.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from hardware.camera import Sign
from hardware.stillness import Stillness, sharpness

Picture = npt.NDArray[np.uint8]

SEE_SECONDS: Final = 0.12
STILLS: Final = 20  # the sharpest of so many: more bring nothing
PREVIEW_WIDTH_PIXELS: Final = 640
PREVIEW_QUALITY: Final = 70
STILL_QUALITY: Final = 94
WARM_UP_PICTURES: Final = 5  # until exposure and white balance have settled
IDLE_SECONDS: Final = 20.0  # nobody asks any more: the camera is switched off
PICTURE_PIXELS_MAX: Final = 50_000_000


class Eye:
    """`device`: a V4L2 device as in /dev/video0, or a video file, which is shown again and again at its own pace."""

    def __init__(self, device: str, width: int, height: int) -> None:
        self._file = not device.startswith("/dev/")
        self._device = device
        backend = cv2.CAP_ANY if self._file else cv2.CAP_V4L2
        self._capture = cv2.VideoCapture(device, backend)
        if not self._capture.isOpened():
            raise SystemExit(f"{device} cannot be opened")
        self._stillness = Stillness()
        self._seen_at = 0.0
        self._picture: Picture | None = None
        self._sign = Sign.MOVING
        if not self._file:
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
            for _ in range(WARM_UP_PICTURES):
                self._grab()
        self._pace_seconds = 1 / max(self._capture.get(cv2.CAP_PROP_FPS), 5.0) if self._file else 0.0

    def see(self) -> None:
        """The next picture; every SEE_SECONDS one is looked at, the others are let pass."""
        self._grab()
        now = time.monotonic()
        if self._picture is None or now - self._seen_at >= SEE_SECONDS or self._file:
            self._seen_at = now
            self._picture = self._retrieve()
            self._sign = self._stillness.see(self._picture)

    def look(self) -> tuple[Sign, bytes]:
        """What is seen, small."""
        while self._picture is None:
            self.see()
        height, width = self._picture.shape[:2]
        small = (PREVIEW_WIDTH_PIXELS, max(1, round(height * PREVIEW_WIDTH_PIXELS / width)))
        return self._sign, _jpeg(cv2.resize(self._picture, small, interpolation=cv2.INTER_AREA), PREVIEW_QUALITY)

    def still(self) -> tuple[Sign, bytes]:
        """The sharpest of STILLS pictures from now on."""
        sharpest = max(self._coming(STILLS), key=sharpness)
        self._stillness.taken()
        return self._sign, _jpeg(sharpest, STILL_QUALITY)

    def pace(self, asked: int) -> bool:
        """Wait for the next picture of a file, or not at all; whether somebody asks meanwhile."""
        return bool(select.select([asked], [], [], self._pace_seconds)[0])

    def _coming(self, pictures: int) -> Iterator[Picture]:
        for _ in range(pictures):
            self._grab()
            yield self._retrieve()

    def _grab(self) -> None:
        if self._capture.grab():
            return
        if self._file:  # its end: from the beginning
            self._capture.release()
            self._capture = cv2.VideoCapture(self._device)
            if self._capture.isOpened() and self._capture.grab():
                return
        raise SystemExit(f"{self._device} delivers no pictures")

    def _retrieve(self) -> Picture:
        whole, picture = self._capture.retrieve()
        if not whole or not 0 < picture.shape[0] * picture.shape[1] <= PICTURE_PIXELS_MAX:
            raise SystemExit(f"{self._device} delivers no whole pictures")
        return np.asarray(picture, np.uint8)


def main(arguments: list[str]) -> None:
    """Until stdin ends."""
    device, width, height = arguments
    if not Path(device).exists():
        raise SystemExit(f"{device} is not there")
    eye = Eye(device, int(width), int(height))
    asked = sys.stdin.fileno()
    words = b""
    asked_at = time.monotonic()
    while time.monotonic() - asked_at < IDLE_SECONDS:
        eye.see()
        if not eye.pace(asked):
            continue
        asked_at = time.monotonic()
        heard = os.read(asked, 1024)
        if not heard:
            return
        *lines, words = (words + heard).split(b"\n")
        for line in lines:
            sign, jpeg = eye.still() if line == b"still" else eye.look()
            sys.stdout.buffer.write(f"{sign} {len(jpeg)}\n".encode() + jpeg)
            sys.stdout.buffer.flush()


def _jpeg(picture: npt.NDArray[Any], quality: int) -> bytes:
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


if __name__ == "__main__":
    main(sys.argv[1:])
