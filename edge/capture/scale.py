"""Smaller and larger pictures, fast. Pixels are uint8 [height, width] in grey or [height, width, 3] RGB everywhere in this package.

OpenCV averages whole blocks of pixels five times as fast as fractions of them: so blocks first, and the rest from what is left.
"""

from __future__ import annotations

from typing import Final, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
_Number = TypeVar("_Number", np.uint8, np.float32)

cv2.setNumThreads(1)  # the second core belongs to the visitor's screen
BLOCKS_FROM: Final = 2


def shrunk(pixels: npt.NDArray[_Number], size: tuple[int, int]) -> npt.NDArray[_Number]:
    """`pixels` as (width, height), at most what they are now: each the mean of those it stands for."""
    width, height = max(1, size[0]), max(1, size[1])
    while (blocks := min(pixels.shape[1] // width, pixels.shape[0] // height)) >= BLOCKS_FROM:
        step = 3 if blocks == 3 else 2
        whole = pixels[: pixels.shape[0] // step * step, : pixels.shape[1] // step * step]
        pixels = cv2.resize(whole, (whole.shape[1] // step, whole.shape[0] // step), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if pixels.shape[1::-1] == (width, height):
        return pixels
    # Less than half as fine: between two neighbours lies all that is lost, and it is found ten times as fast as shares of areas.
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def to_dpi(pixels: npt.NDArray[_Number], dpi: float, dpi_max: float) -> tuple[npt.NDArray[_Number], float]:
    """`pixels` at no more than `dpi_max`, and the resolution that they have then."""
    scale = min(1.0, dpi_max / dpi)
    if scale > 0.99:
        return pixels, dpi
    return shrunk(pixels, (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))), dpi * scale


def enlarged(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """`pixels` as (width, height), smooth."""
    return cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def grey(pixels: Pixels) -> Pixels:
    """How bright, whatever the colour."""
    return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def chroma(colour: Pixels) -> Pixels:
    """uint8 [height, width]: the strongest channel less the weakest, of RGB."""
    red, green, blue = cv2.split(colour)
    return cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))  # type: ignore[return-value]
