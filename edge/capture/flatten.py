"""Divides a page by its paper: shading and yellowing go, ink and pictures stay.

The paper is what is bright in each cell of about 5 mm, made smooth, and never darker than a good part of the page's own
tone, so that a dark picture is not taken for dark paper.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

CELL_INCHES: Final = 0.2
BRIGHT_PERCENTILE: Final = 80
DARKEST_PAPER: Final = 0.55  # of the page's own paper tone; darker than this is not shadow but print
PALEST_TINT: Final = 0.72  # weakest channel of paper against its strongest; stronger tints are colour and stay
STRIP_ROWS: Final = 256  # rows turned into wider numbers at a time: bounds the memory

Grey = npt.NDArray[np.uint8]  # [height, width]


def flatten(image: Image.Image, dpi: float) -> Image.Image:
    """`image` (L or RGB) with its paper at 250 of 255 everywhere, channel by channel."""
    if image.mode == "L":
        return _divided(image, _paper(image, dpi))
    planes = image.split()
    papers = [_paper(plane, dpi) for plane in planes]
    palest = np.maximum.reduce([np.asarray(paper) for paper in papers])
    least = (palest * np.float32(PALEST_TINT)).astype(np.uint8)
    papers = [Image.fromarray(np.maximum(np.asarray(paper), least)) for paper in papers]
    return Image.merge("RGB", [_divided(plane, paper) for plane, paper in zip(planes, papers, strict=True)])


def _divided(plane: Image.Image, paper: Image.Image) -> Image.Image:
    pixels = np.asarray(plane)
    out = np.empty_like(pixels)
    for top in range(0, plane.height, STRIP_ROWS):
        rows = slice(top, min(plane.height, top + STRIP_ROWS))
        box = (0, rows.start * paper.height / plane.height, paper.width, rows.stop * paper.height / plane.height)
        field = paper.resize((plane.width, rows.stop - rows.start), Image.Resampling.BILINEAR, box=box)
        quotient = pixels[rows] * np.float32(250.0) / np.maximum(np.asarray(field, np.float32), 1.0)
        out[rows] = np.minimum(quotient, 255.0)
    return Image.fromarray(out)


def _paper(plane: Image.Image, dpi: float) -> Image.Image:
    """The tone of the paper, one value for each cell."""
    scale = min(1.0, 60.0 / dpi)
    small = plane.resize(
        (max(1, round(plane.width * scale)), max(1, round(plane.height * scale))),
        Image.Resampling.BOX,
        reducing_gap=1.0,
    )
    cell = max(2, round(CELL_INCHES * dpi * scale))
    across, down = max(1, small.width // cell), max(1, small.height // cell)
    small = small.resize((across * cell, down * cell), Image.Resampling.BILINEAR)
    cells = np.asarray(small).reshape(down, cell, across, cell).swapaxes(1, 2).reshape(down, across, cell * cell)
    tone = np.percentile(cells, BRIGHT_PERCENTILE, axis=2)
    page_tone = float(np.percentile(tone, 75))
    tone = np.clip(tone, max(30.0, page_tone * DARKEST_PAPER), 255)
    field = Image.fromarray(tone.astype(np.uint8))
    field = field.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.MedianFilter(3))
    return field.filter(ImageFilter.BoxBlur(1))
