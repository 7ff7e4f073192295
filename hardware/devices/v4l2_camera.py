"""A document camera at USB (UVC, Video4Linux 2): most visualisers and webcams.

Tried with: video files, and the kernel's own test camera (vivid, Linux 6.1), unplugged and plugged in again; no real camera yet. Kernel's document:
Documentation/userspace-api/media/v4l. OpenCV decodes MJPEG in a process of its own (`eye`), which runs while somebody looks and ends a while after.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
import threading
import time
from typing import Final

from hardware.camera import CameraState, Glimpse, Sign, blind, closed
from hardware.complaint import Complaint
from hardware.scanner import Scan

WIDTH_PIXELS: Final = 3840
HEIGHT_PIXELS: Final = 2160
OPEN_SECONDS: Final = 20.0  # the process starts, the device adjusts its exposure
LOOK_SECONDS: Final = 8.0
STILL_SECONDS: Final = 30.0
READ_SECONDS: Final = 5  # for one picture; OpenCV's own limit is 10
JPEG_BYTES_MAX: Final = 60 * 1000 * 1000
END_SECONDS: Final = 1.0
READ_BYTES: Final = 1 << 20
SAID_BYTES_MAX: Final = 4000
_HEADER: Final = re.compile(rb"(empty|moving|still|taken) ([0-9]{1,9})\n")
_HEADER_BYTES_MAX: Final = 40


class V4l2Camera:
    """`device`: best a name that stays when it is plugged in elsewhere, as in /dev/v4l/by-id/usb-…-video-index0; also /dev/video0, or a video file
    for trying things out. `width` and `height` are wishes, the device takes the nearest. Plugged in again, it works again."""

    def __init__(
        self,
        device: str,
        *,
        width: int = WIDTH_PIXELS,
        height: int = HEIGHT_PIXELS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._device = device
        self._size = (width, height)
        self._look_seconds = look_seconds
        self._turn = threading.Lock()
        self._eye: subprocess.Popen[bytes] | None = None
        self._taken = 0
        self._closed = False

    def state(self) -> CameraState:
        """READY when the device is there and may be used; whether it delivers shows when somebody looks."""
        usable = not self._closed and os.access(self._device, os.R_OK)
        return CameraState.READY if usable else CameraState.UNREACHABLE

    def look(self) -> Glimpse:
        """What it sees."""
        sign, jpeg = self._ask(b"look\n", self._look_seconds)
        return Glimpse(jpeg, sign)

    def still(self) -> Scan:
        """The sharpest of 20 pictures, a JPEG."""
        _, jpeg = self._ask(b"still\n", STILL_SECONDS)
        self._taken += 1
        return Scan(f"picture-{self._taken:04d}.jpg", jpeg)

    def complaint(self) -> Complaint | None:
        """Whether it is there, and may be used."""
        if not os.path.exists(self._device):
            return Complaint(
                f"{self._device} is not there", "Check its cable; `ls /dev/v4l/by-id` shows which cameras are."
            )
        if not os.access(self._device, os.R_OK):
            return Complaint(f"{self._device} may not be used", "Add the node's user to the group `video`.")
        return None

    def close(self) -> None:
        """Switch it off."""
        self._closed = True
        self._end()

    def _ask(self, word: bytes, seconds: float) -> tuple[Sign, bytes]:
        with self._turn:
            eye, fresh = self._eye, self._eye is None or self._eye.poll() is not None
            if eye is None or fresh:
                eye = self._open()
            try:
                return _answer(eye, word, seconds + (OPEN_SECONDS if fresh else 0))
            except (OSError, ValueError) as error:
                raise self._gone(eye, str(error)) from error

    def _open(self) -> subprocess.Popen[bytes]:
        self._end()
        if self._closed:
            raise closed()
        if not os.access(self._device, os.R_OK):
            raise blind(f"{self._device} is not there or may not be used")
        self._eye = subprocess.Popen(
            [sys.executable, "-m", "hardware.devices.eye", self._device, *map(str, self._size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OPENCV_LOG_LEVEL": "SILENT", "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": str(READ_SECONDS)},
        )
        return self._eye

    def _end(self) -> None:
        eye, self._eye = self._eye, None
        if eye is None:
            return
        with contextlib.suppress(OSError):
            eye.kill()
        eye.wait()
        for pipe in (eye.stdin, eye.stdout, eye.stderr):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _gone(self, eye: subprocess.Popen[bytes], detail: str) -> Exception:
        if self._closed:
            return closed()
        said = b""
        with contextlib.suppress(subprocess.TimeoutExpired):
            eye.wait(END_SECONDS)  # it says why before it ends
        if eye.poll() is not None and eye.stderr is not None and not eye.stderr.closed:
            said = eye.stderr.read(SAID_BYTES_MAX)
        self._end()
        lines = said.decode(errors="replace").strip().splitlines()
        return blind(lines[-1] if lines else detail)


def _answer(eye: subprocess.Popen[bytes], word: bytes, seconds: float) -> tuple[Sign, bytes]:
    """Raises OSError when it ends or stays silent, ValueError when it says something else."""
    assert eye.stdin is not None
    assert eye.stdout is not None
    deadline = time.monotonic() + seconds
    eye.stdin.write(word)
    eye.stdin.flush()
    heard = bytearray()
    while (header := _HEADER.match(heard)) is None:
        if len(heard) > _HEADER_BYTES_MAX:
            raise ValueError("it says something else than pictures")
        heard += _more(eye.stdout.fileno(), deadline)
    size_bytes = int(header[2])
    if not 0 < size_bytes <= JPEG_BYTES_MAX:
        raise ValueError(f"a picture of {size_bytes} bytes")
    while len(heard) < header.end() + size_bytes:
        heard += _more(eye.stdout.fileno(), deadline)
    return Sign(header[1].decode()), bytes(heard[header.end() :])


def _more(pipe: int, deadline: float) -> bytes:
    if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
        raise TimeoutError("no picture in time")
    chunk = os.read(pipe, READ_BYTES)
    if not chunk:
        raise ConnectionResetError("it delivers no more pictures")
    return chunk
