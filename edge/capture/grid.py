"""A page seen coarsely: in pixels at 100 dpi, and in cells of ten of them, 2.5 mm. What decides how to keep a page looks at these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.capture.flatten import Grey, flatten
from edge.capture.jbig2 import Bits
from edge.capture.source import Page

_Number = TypeVar("_Number", bound=np.generic)

COARSE_DPI: Final = 100.0
CELL: Final = 10
INK_SHARE_MIN: Final = 0.04  # of a coarse pixel: from here on it is no longer mere background


@dataclass(frozen=True)
class Coarse:
    """A page at about 100 dpi, divided by its paper. `colour`: uint8 [height, width, 3]; `grey`: uint8 [height, width]; `ink`: float32
    [height, width], share of each pixel that became ink; `dpi` as it came out."""

    colour: npt.NDArray[np.uint8]
    grey: Grey
    ink: npt.NDArray[np.float32]
    dpi: float


def look(page: Page, flat: Image.Image, ink: Bits) -> Coarse:
    """`flat`: the page in grey, divided by its paper; `ink` at any resolution."""
    scale = min(1.0, COARSE_DPI / page.dpi)
    size = (max(1, round(page.image.width * scale)), max(1, round(page.image.height * scale)))
    share = Image.fromarray(ink.view(np.uint8) * np.uint8(255)).resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    grey = np.asarray(flat.resize(size, Image.Resampling.BOX, reducing_gap=2.0))
    if page.image.mode == "RGB":
        small = page.image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
        colour = np.asarray(flatten(small, page.dpi * scale))
    else:
        colour = np.repeat(grey[:, :, None], 3, axis=2)
    return Coarse(colour, grey, np.asarray(share, np.float32) / np.float32(255), page.dpi * scale)


def chroma(colour: npt.NDArray[_Number]) -> npt.NDArray[np.float32]:
    """float32 [height, width]: the strongest channel less the weakest. Channel by channel, twenty times as fast as along the last axis."""
    red, green, blue = (colour[:, :, channel].astype(np.float32) for channel in range(3))
    strongest, weakest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return strongest - weakest


def cells(plane: npt.NDArray[_Number], cell: int) -> npt.NDArray[_Number]:
    """[rows, columns, cell, cell]; what is left over at the right and bottom is not looked at."""
    down, across = plane.shape[0] // cell, plane.shape[1] // cell
    return plane[: down * cell, : across * cell].reshape(down, cell, across, cell).swapaxes(1, 2)


def spread(cells: npt.NDArray[_Number], shape: tuple[int, ...]) -> npt.NDArray[_Number]:
    """A value for each cell, laid over [height, width] pixels; the last row and column of cells reach to the edge."""
    rows = np.minimum(np.arange(shape[0]) * cells.shape[0] // max(1, shape[0] - shape[0] % CELL), cells.shape[0] - 1)
    columns = np.minimum(np.arange(shape[1]) * cells.shape[1] // max(1, shape[1] - shape[1] % CELL), cells.shape[1] - 1)
    laid: npt.NDArray[_Number] = cells[rows[:, None], columns[None, :]]
    return laid


def grown(mask: Bits, steps: int = 1) -> Bits:
    """True also next to where it is True, `steps` far in all eight directions."""
    for _ in range(steps):
        wide = mask.copy()
        wide[:, 1:] |= mask[:, :-1]
        wide[:, :-1] |= mask[:, 1:]
        mask = wide.copy()
        mask[1:] |= wide[:-1]
        mask[:-1] |= wide[1:]
    return mask
