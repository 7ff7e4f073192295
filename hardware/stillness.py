"""Whether a sheet lies on the table and whether it lies still: small grey pictures in, one word out. No device and no clock here."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from hardware.camera import Sign

Grey = npt.NDArray[np.uint8]

WIDTH_PIXELS: Final = 160
CALM_PICTURES: Final = 4  # half a second at eight pictures a second: a hand that pauses is not gone yet
MOVED_LEVELS: Final = 14.0  # more than noise of a small picture, less than the shadow of a hand
MOVED_SHARE: Final = 0.006  # of all pixels: a finger at the edge has 0.01
SHEET_CONTRAST: Final = 40.0  # levels between table and paper; a mat has less in itself
SHEET_SHARE: Final = 0.02  # an identity card on a table for A3 covers 0.037
SHEET_LEVEL: Final = 70.0


class Stillness:
    """One camera's view over time. `see` is given every picture in turn, about eight a second; `taken` is called when a full picture was made."""

    def __init__(self) -> None:
        self._before: npt.NDArray[np.float32] | None = None
        self._calm_pictures = 0
        self._taken = False

    def see(self, picture: npt.NDArray[np.uint8]) -> Sign:
        """`picture`: uint8 [height, width] grey or [height, width, 3], of any size; all of the same."""
        now = _small(picture)
        moved = self._before is None or _moved(self._before, now)
        self._before = now
        self._calm_pictures = 0 if moved else self._calm_pictures + 1
        if not _sheet(now):
            self._taken = False
            return Sign.EMPTY
        if moved:
            self._taken = False
        if self._calm_pictures < CALM_PICTURES:
            return Sign.MOVING
        return Sign.TAKEN if self._taken else Sign.STILL

    def taken(self) -> None:
        """What lies there has been taken."""
        self._taken = True


def sharpness(picture: npt.NDArray[np.uint8]) -> float:
    """How sharp a picture is; to be compared only with others of the same scene. Mean square of the Laplacian of its middle at full size."""
    height, width = picture.shape[:2]
    middle = picture[height // 6 : height - height // 6, width // 6 : width - width // 6]
    grey = cv2.cvtColor(middle, cv2.COLOR_BGR2GRAY) if middle.ndim == 3 else middle
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    return float(np.mean(np.square(edges)))


def _small(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    height = max(1, round(WIDTH_PIXELS * picture.shape[0] / picture.shape[1]))
    small = cv2.resize(picture, (WIDTH_PIXELS, height), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY) if small.ndim == 3 else small
    return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.float32)


def _moved(before: npt.NDArray[np.float32], now: npt.NDArray[np.float32]) -> bool:
    difference = now - before
    # A camera that adjusts its exposure makes everything brighter at once: that is no movement.
    difference -= np.median(difference)
    return bool(np.mean(np.abs(difference) > MOVED_LEVELS) > MOVED_SHARE)


def _sheet(now: npt.NDArray[np.float32]) -> bool:
    levels = now.astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright = now > threshold
    share = float(bright.mean())
    if share <= SHEET_SHARE:
        return False
    paper, table = float(now[bright].mean()), float(now[~bright].mean()) if share < 1 else 0.0
    return paper > SHEET_LEVEL and paper - table > SHEET_CONTRAST
