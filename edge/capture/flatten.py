"""Divides a page by its paper: shading and yellowing go, ink and pictures stay.

The paper is what is bright in each cell of about 5 mm, made smooth, and never darker than a good part of the page's own
tone, so that a dark picture is not taken for dark paper.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.scale import shrunk

CELL_INCHES: Final = 0.2
LOOK_DPI: Final = 60.0
BRIGHT_SHARE: Final = 0.8  # of a cell's pixels are darker than its paper
DARKEST_PAPER: Final = 0.55  # of the page's own paper tone; darker than this is not shadow but print
PALEST_TINT: Final = 0.72  # weakest channel of paper against its strongest; stronger tints are colour and stay
PAPER: Final = 250.0  # of 255: what paper becomes

Grey = npt.NDArray[np.uint8]  # [height, width]
Pixels = npt.NDArray[np.uint8]  # [height, width] or [height, width, 3]


def flatten(pixels: Pixels, dpi: float) -> Pixels:
    """`pixels` with its paper at 250 of 255 everywhere, channel by channel."""
    return divided(pixels, paper(pixels, dpi))


def divided(pixels: Pixels, field: Pixels) -> Pixels:
    """`pixels` by the `paper` that was found on them, or on the same page at another resolution."""
    laid = cv2.resize(field, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.divide(pixels, laid, scale=PAPER)  # type: ignore[return-value]


def paper(pixels: Pixels, dpi: float) -> Pixels:
    """The tone of the paper, one value for each cell: uint8 [rows, columns], or [rows, columns, 3]."""
    scale = min(1.0, LOOK_DPI / dpi)
    height, width = pixels.shape[:2]
    cell = max(2, round(CELL_INCHES * dpi * scale))
    across, down = max(1, int(width * scale) // cell), max(1, int(height * scale) // cell)
    size = (across * cell, down * cell)
    small = shrunk(pixels, size) if size[0] <= width and size[1] <= height else cv2.resize(pixels, size)
    if pixels.ndim == 2:
        return _tones(small, cell)
    fields = np.stack([_tones(small[:, :, channel], cell) for channel in range(3)], axis=2)
    palest = fields.max(axis=2, keepdims=True)
    least: Pixels = (palest * np.float32(PALEST_TINT)).astype(np.uint8)
    return np.maximum(fields, least)


def _tones(small: npt.NDArray[np.generic], cell: int) -> Grey:
    down, across = small.shape[0] // cell, small.shape[1] // cell
    cells = small.reshape(down, cell, across, cell).swapaxes(1, 2).reshape(down, across, cell * cell)
    place = round(BRIGHT_SHARE * (cell * cell - 1))
    tone = np.partition(cells, place, axis=2)[:, :, place].astype(np.float32)
    page_tone = float(np.percentile(tone, 75))
    field = np.clip(tone, max(30.0, page_tone * DARKEST_PAPER), 255).astype(np.uint8)
    smooth = cv2.medianBlur(cv2.dilate(field, np.ones((3, 3), np.uint8)), 3)
    return cv2.blur(smooth, (3, 3))  # type: ignore[return-value]
