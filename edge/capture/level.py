"""Lays a page straight, upright, cut to its sheet and at the right resolution: all of it as one map, and so in one resample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.dust import without_lone
from edge.capture.flatten import Grey, Pixels
from edge.capture.page import DPI, Page
from edge.capture.scale import grey
from edge.capture.survey import Survey

UPSCALE_DPI_MIN: Final = 90  # a coarser page has no edges that one bit could follow
NEAR: Final = 0.95  # of 300 dpi: not worth a resample

Map = npt.NDArray[np.float64]  # [3, 3], from pixels of the page to pixels of the result; a pixel's centre is at half


@dataclass(frozen=True)
class Level:
    """`grey`: uint8 [height, width] at `dpi`. `colour`: uint8 [height, width, 3] at `colour_dpi`, of the same sheet; None where colours say
    nothing. `page_dpi`: at which the sheet was taken."""

    grey: Grey
    dpi: float
    colour: Pixels | None
    colour_dpi: float
    page_dpi: float


@dataclass(frozen=True)
class Move:
    """From a page to what will be kept of it. `size`: width and height of the result, in pixels of the page; `plain`: nothing is moved."""

    map: Map
    size: tuple[float, float]

    @property
    def plain(self) -> bool:
        """Whether every pixel stays where it is."""
        return bool(np.allclose(self.map, np.eye(3)))


def unmoved(page: Page) -> Move:
    """The page as it is."""
    return Move(np.eye(3), (float(page.width), float(page.height)))


def quarter_turned(move: Move, degrees: int) -> Move:
    """Then turned counter-clockwise by 0, 90, 180 or 270."""
    width, height = move.size
    turns = {
        0: (np.eye(3), (width, height)),
        90: (np.array([[0, 1, 0], [-1, 0, width], [0, 0, 1.0]]), (height, width)),
        180: (np.array([[-1, 0, width], [0, -1, height], [0, 0, 1.0]]), (width, height)),
        270: (np.array([[0, -1, height], [1, 0, 0], [0, 0, 1.0]]), (height, width)),
    }
    turn, size = turns[degrees]
    return Move(turn @ move.map, size)


def rotated(move: Move, degrees: float, grow: bool) -> Move:
    """Then turned clockwise by `degrees`: as far as the lines had been turned the other way. `grow`: so that no corner is cut off."""
    if not degrees:
        return move
    width, height = move.size
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    size = (width * abs(cos) + height * abs(sin), width * abs(sin) + height * abs(cos)) if grow else move.size
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    middle = turn @ np.array([width / 2, height / 2, 1])
    turn[0, 2], turn[1, 2] = size[0] / 2 - middle[0], size[1] / 2 - middle[1]
    return Move(turn @ move.map, size)


def squared(corners: npt.NDArray[np.float64], size: tuple[float, float]) -> Move:
    """The sheet between four `corners` (left upper, right upper, right lower, left lower; in pixels) as a rectangle of `size`."""
    width, height = size
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return Move(cv2.getPerspectiveTransform(corners.astype(np.float32), target).astype(np.float64), size)


def level(page: Page, seen: Survey, move: Move, *, coloured: bool, dpi: float | None = None) -> Level:
    """What is kept of `page`. `dpi`: of the sheet, in pixels of the page, where it is not that of the page. Colours are kept coarsely:
    edges are drawn by ink, and that is found in grey."""
    dpi = page.dpi if dpi is None else dpi
    fine = dpi
    plain = grey(page.pixels)
    if dpi > DPI / NEAR or (UPSCALE_DPI_MIN <= dpi < DPI * NEAR and not _two_valued(plain, move)):
        fine = float(DPI)
    if fine != dpi or not move.plain:
        plain = without_lone(plain, dpi, seen.grey, seen.dpi)
    colour, colour_dpi = None, 0.0
    if coloured and page.pixels.ndim == 3:
        colour_dpi = dpi * seen.fine_dpi / page.dpi
        colour = _moved(seen.fine, move, seen.fine_dpi / page.dpi, 1.0)
    return Level(_moved(plain, move, 1.0, fine / dpi), fine, colour, colour_dpi, dpi)


def part(whole: Level, rows: slice, columns: slice) -> Level:
    """What lies in these rows and columns of its grey pixels."""
    colour = whole.colour
    if colour is not None:
        scale = whole.colour_dpi / whole.dpi
        top, bottom, left, right = (
            round(edge * scale) for edge in (rows.start, rows.stop, columns.start, columns.stop)
        )
        colour = np.ascontiguousarray(colour[top : max(top + 1, bottom), left : max(left + 1, right)])
    return Level(np.ascontiguousarray(whole.grey[rows, columns]), whole.dpi, colour, whole.colour_dpi, whole.page_dpi)


def moved(pixels: Pixels, move: Move, scale: float) -> Pixels:
    """`move` carried out on a copy of the page that is smaller by `scale`; the result is smaller by as much."""
    return _moved(pixels, move, scale, 1.0)


def _moved(pixels: Pixels, move: Move, scale: float, enlarge: float) -> Pixels:
    """`pixels`: the page, smaller by `scale`. The result is larger than it by `enlarge`."""
    size = (max(1, round(move.size[0] * scale * enlarge)), max(1, round(move.size[1] * scale * enlarge)))
    if move.plain:
        if enlarge == 1.0:
            return pixels
        how = cv2.INTER_CUBIC if enlarge > 1 else cv2.INTER_AREA
        return cv2.resize(pixels, size, interpolation=how)  # type: ignore[return-value]
    from_page, to_result = np.diag([1 / scale, 1 / scale, 1]), np.diag([scale * enlarge, scale * enlarge, 1])
    whole = _centred(to_result @ move.map @ from_page)
    quarter = _as_quarter(whole, pixels, size)
    if quarter is not None:
        return quarter
    tone = _paper_tone(pixels)
    # A cubic one takes twice as long, and OCR reads no word more; it is worth it only where pixels become larger.
    smooth = cv2.INTER_CUBIC if enlarge > 1.2 and pixels.ndim == 2 else cv2.INTER_LINEAR
    if np.allclose(whole[2], [0, 0, whole[2, 2]]):
        flat = whole[:2] / whole[2, 2]
        return cv2.warpAffine(pixels, flat, size, flags=smooth, borderValue=tone)  # type: ignore[return-value]
    return cv2.warpPerspective(pixels, whole, size, flags=smooth, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _centred(map: Map) -> Map:
    """The same map for OpenCV, to which the centre of a pixel is a whole number."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    centred: Map = np.linalg.inv(half) @ map @ half
    return centred


def _as_quarter(map: Map, pixels: Pixels, size: tuple[int, int]) -> Pixels | None:
    """Without any resample, where it is nothing but a quarter or half turn."""
    turn = np.rint(map[:2, :2])
    if not np.allclose(map[:2, :2], turn, atol=1e-9) or not np.allclose(map[2], [0, 0, 1]):
        return None
    ways = {(0, 1): 1, (-1, 0): 2, (0, -1): 3}
    way = ways.get((int(turn[0, 0]), int(turn[0, 1])))
    if way is None:
        return None
    result = np.ascontiguousarray(np.rot90(pixels, way))
    return result if result.shape[1::-1] == size else None


def _paper_tone(pixels: Pixels) -> tuple[float, ...]:
    """What a turn brings in at the corners has the tone of the paper, so that no edge arises there."""
    small = cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_NEAREST).reshape(64 * 64, -1)
    brightness = small.mean(axis=1)
    bright = small[brightness >= np.percentile(brightness, 60)]
    return tuple(float(value) for value in np.median(bright, axis=0))


def _two_valued(plain: Grey, move: Move) -> bool:
    """Whether it is a fax or the like already: then its pixels are kept as they are, unless they must be moved anyway."""
    if not move.plain:
        return False
    counts = np.bincount(plain[::3, ::3].ravel(), minlength=256)
    whole = int(counts.sum())
    return int(counts[:48].sum() + counts[208:].sum()) > 0.985 * whole and int(counts[80:176].sum()) < 0.004 * whole
