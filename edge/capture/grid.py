"""A page seen coarsely: in pixels at 100 dpi, and in cells of ten of them, 2.5 mm. What decides how to keep a page looks at these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.flatten import Grey, Pixels, flatten
from edge.capture.jbig2 import Bits
from edge.capture.level import Level
from edge.capture.scale import shrunk

_Number = TypeVar("_Number", bound=np.generic)

COARSE_DPI: Final = 100.0
CELL: Final = 10
INK_SHARE_MIN: Final = 0.04  # of a coarse pixel: from here on it is no longer mere background


@dataclass(frozen=True)
class Coarse:
    """A page at about 100 dpi, divided by its paper. `colour`: uint8 [height, width, 3]; `grey`: uint8 [height, width]; `ink`: float32
    [height, width], share of each pixel that became ink; `dpi` as it came out."""

    colour: Pixels
    grey: Grey
    ink: npt.NDArray[np.float32]
    dpi: float


def look(level: Level, grey: Grey, dpi: float, ink: Bits) -> Coarse:
    """`grey`: the page at `dpi`, about 100, divided by its paper; `ink` at the resolution of `level`."""
    size = grey.shape[1::-1]
    share = shrunk(ink.view(np.uint8) * np.uint8(255), size)
    if level.colour is not None:
        colour = flatten(shrunk(level.colour, size), dpi)
    else:
        colour = np.repeat(grey[:, :, None], 3, axis=2)
    return Coarse(colour, grey, share.astype(np.float32) / np.float32(255), dpi)


def cells(plane: npt.NDArray[_Number], cell: int) -> npt.NDArray[_Number]:
    """[rows, columns, cell, cell]; what is left over at the right and bottom is not looked at."""
    down, across = plane.shape[0] // cell, plane.shape[1] // cell
    return plane[: down * cell, : across * cell].reshape(down, cell, across, cell).swapaxes(1, 2)


def means(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32 [rows, columns]: the mean of each cell; what is left over at the right and bottom is not looked at."""
    down, across = plane.shape[0] // CELL, plane.shape[1] // CELL
    if not down or not across:
        return np.zeros((down, across), np.float32)
    whole = plane[: down * CELL, : across * CELL]
    return cv2.resize(whole, (across, down), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def spread(cells: npt.NDArray[_Number], shape: tuple[int, ...]) -> npt.NDArray[_Number]:
    """A value for each cell, laid over [height, width] pixels; the last row and column of cells reach to the edge."""
    rows = np.minimum(np.arange(shape[0]) * cells.shape[0] // max(1, shape[0] - shape[0] % CELL), cells.shape[0] - 1)
    columns = np.minimum(np.arange(shape[1]) * cells.shape[1] // max(1, shape[1] - shape[1] % CELL), cells.shape[1] - 1)
    laid: npt.NDArray[_Number] = cells[rows[:, None], columns[None, :]]
    return laid


def grown(mask: Bits, steps: int = 1) -> Bits:
    """True also next to where it is True, `steps` far in all eight directions."""
    if not mask.size:
        return mask
    square = np.ones((2 * steps + 1, 2 * steps + 1), np.uint8)
    return cv2.dilate(mask.view(np.uint8), square).astype(np.bool_)
