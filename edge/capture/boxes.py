"""Where a page is neither paper nor ink: photographs, logos in soft tones, coloured fields, marker. These become small pictures.

In a box ink may still lie on a tint, as writing under a marker does: where it stands out clearly it stays a stencil, and the
picture below it is kept without it, and so may be coarse.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.capture.encoded import Codec, Layer
from edge.capture.flatten import Grey, flatten
from edge.capture.grid import CELL, COARSE_DPI, INK_SHARE_MIN, Coarse, cells, chroma, grown, spread
from edge.capture.jbig2 import Bits
from edge.capture.source import Page

TONE: Final = (70, 205)  # neither ink nor paper
TONE_SHARE_MIN: Final = 0.5
TINT_CHROMA_MIN: Final = 56
TINT_SHARE_MIN: Final = 0.5
CELLS_MIN: Final = 4  # 25 mm²: smaller is a smudge
BOXES_MAX: Final = 12
PICTURE_DPI: Final = 150
TINT_DPI: Final = 60
QUALITY: Final = 50
CONTRAST_MIN: Final = 45.0
CLEAR: Final = 12.0  # contrast against the noise of the ground, squared
EVEN: Final = 60.0  # variance of a ground that a coarse picture can show
PICTURE_SHARE_MIN: Final = 0.5


@dataclass(frozen=True)
class Boxes:
    """`places`: left, top, right, bottom in cells. Both bool [rows, columns]: `marked`, cells that are more than paper and ink;
    `picture`, cells whose ink is part of the picture. `share`: of the sheet that is marked, 0 to 1."""

    places: tuple[tuple[int, int, int, int], ...]
    marked: Bits
    picture: Bits
    share: float


def find(coarse: Coarse, flat: Grey) -> Boxes:
    """`flat`: the page in grey, divided by its paper, at its own resolution."""
    marked = _toned(flat, coarse) | _tinted(coarse)
    around = grown(marked)
    places = _joined([place for place in components(around) if marked[_cut(place)].sum() >= CELLS_MIN])
    inside = np.zeros_like(marked)
    picture = np.zeros_like(marked)
    wrote, plain = _written(coarse)
    for place in places:
        cut = _cut(place)
        inside[cut] = around[cut]
        drawn = marked[cut] & ~wrote[cut] & ~plain[cut]
        # A photograph is one also where it happens to be plain, or as sharp as writing.
        if drawn.sum() > PICTURE_SHARE_MIN * (marked[cut] & ~plain[cut]).sum():
            drawn = inside[cut]
        picture[cut] = drawn
    return Boxes(tuple(places), inside, picture, float(marked.mean()) if marked.size else 0.0)


def layers(page: Page, ink: Bits, coarse: Coarse, boxes: Boxes) -> list[Layer]:
    """One picture for each box, places in pixels of `page`. `ink`: what is laid over them, at any resolution."""
    scale = page.dpi / coarse.dpi
    found: list[Layer] = []
    for left, top, right, bottom in boxes.places:
        place = (
            round(left * CELL * scale),
            round(top * CELL * scale),
            page.image.width if right == boxes.picture.shape[1] else round(right * CELL * scale),
            page.image.height if bottom == boxes.picture.shape[0] else round(bottom * CELL * scale),
        )
        drawn = boxes.picture[top:bottom, left:right].any()
        found.append(_box(page, ink, boxes, place, PICTURE_DPI if drawn else TINT_DPI))
    return found


def without_pictures(ink: Bits, boxes: Boxes, coarse: Coarse) -> Bits:
    """`ink` where it is not part of a picture."""
    if not boxes.picture.any():
        return ink
    over = Image.fromarray(spread(boxes.picture, coarse.grey.shape).view(np.uint8))
    kept: Bits = ink & (np.asarray(over.resize((ink.shape[1], ink.shape[0]), Image.Resampling.NEAREST)) == 0)
    return kept


# --- cells --------------------------------------------------------------------------------------------------------


def _toned(flat: Grey, coarse: Coarse) -> Bits:
    """Cells most of which is neither paper nor ink. Seen in every second pixel, unsmoothed: coarse pixels of small print are all grey."""
    thin = flat[::2, ::2] if flat.shape[0] >= 2 * coarse.grey.shape[0] else flat
    tone = ((thin > TONE[0]) & (thin < TONE[1])).view(np.uint8) * np.uint8(255)
    size = (coarse.grey.shape[1], coarse.grey.shape[0])
    share = np.asarray(Image.fromarray(tone).resize(size, Image.Resampling.BOX))
    toned: Bits = cells(share, CELL).mean(axis=(2, 3)) > 255 * TONE_SHARE_MIN
    return toned


def _tinted(coarse: Coarse) -> Bits:
    """Cells whose ground has a colour."""
    ground = cells(coarse.ink < INK_SHARE_MIN, CELL)
    tinted = cells(chroma(coarse.colour) > TINT_CHROMA_MIN, CELL) & ground
    of_ground = ground.sum(axis=(2, 3))
    found: Bits = (tinted.sum(axis=(2, 3)) > TINT_SHARE_MIN * of_ground) & (of_ground >= CELL * CELL // 6)
    return found


def _written(coarse: Coarse) -> tuple[Bits, Bits]:
    """Cells in which ink stands out from its ground as writing does; and cells without ink whose ground is even."""
    grey, ink = cells(coarse.grey.astype(np.float32), CELL), cells(coarse.ink, CELL)
    black, ground = ink > 0.5, ~cells(grown(coarse.ink >= INK_SHARE_MIN), CELL)
    blacks, grounds = black.sum(axis=(2, 3)), ground.sum(axis=(2, 3))
    mean_black = np.where(black, grey, 0).sum(axis=(2, 3)) / np.maximum(blacks, 1)
    mean_ground = np.where(ground, grey, 0).sum(axis=(2, 3)) / np.maximum(grounds, 1)
    off = (grey - mean_ground[:, :, None, None]) ** 2
    noise = np.where(ground, off, 0).sum(axis=(2, 3)) / np.maximum(grounds, 1)
    contrast = mean_ground - mean_black
    wrote: Bits = (contrast > CONTRAST_MIN) & (contrast**2 > CLEAR * noise) & (grounds >= 6) & (blacks >= 1)
    plain: Bits = (blacks == 0) & (noise < EVEN) & (grounds >= CELL * CELL // 2)
    return wrote, plain


def _cut(place: tuple[int, int, int, int]) -> tuple[slice, slice]:
    left, top, right, bottom = place
    return slice(top, bottom), slice(left, right)


def components(mask: Bits) -> list[tuple[int, int, int, int]]:
    """Boxes around what hangs together, in all eight directions."""
    left_over = mask.copy()
    found: list[tuple[int, int, int, int]] = []
    while left_over.any():
        start = int(left_over.argmax())
        waiting = [(start // mask.shape[1], start % mask.shape[1])]
        left_over[waiting[0]] = False
        rows, columns = [], []
        while waiting:
            row, column = waiting.pop()
            rows.append(row)
            columns.append(column)
            near = left_over[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            for down, across in np.argwhere(near).tolist():
                waiting.append((max(0, row - 1) + down, max(0, column - 1) + across))
            near[:] = False
        found.append((min(columns), min(rows), max(columns) + 1, max(rows) + 1))
    return found


def _joined(places: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """No two overlap, and there are not too many."""
    joined: list[tuple[int, int, int, int]] = []
    for place in sorted(places):
        now = place
        while touching := [other for other in joined if _overlap(now, other)]:
            for other in touching:
                joined.remove(other)
                now = _around(now, other)
        joined.append(now)
    if len(joined) > BOXES_MAX:
        whole = joined[0]
        for other in joined[1:]:
            whole = _around(whole, other)
        return [whole]
    return joined


def _overlap(one: tuple[int, int, int, int], two: tuple[int, int, int, int]) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _around(one: tuple[int, int, int, int], two: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])


# --- pictures -----------------------------------------------------------------------------------------------------


def _box(page: Page, ink: Bits, boxes: Boxes, place: tuple[int, int, int, int], dpi: float) -> Layer:
    """The page inside `place`, white where it is paper, filled where ink will be laid over it."""
    scale = min(1.0, dpi / page.dpi)
    size = (max(1, round((place[2] - place[0]) * scale)), max(1, round((place[3] - place[1]) * scale)))
    margin = 2
    cut = flatten(page.image.resize(size, Image.Resampling.BOX, box=place, reducing_gap=2.0), page.dpi * scale)
    fine = ink.shape[1] / page.image.width
    left, top, right, bottom = (min(edge * fine, ink.shape[1 - side % 2]) for side, edge in enumerate(place))
    laid = Image.fromarray(ink.view(np.uint8) * np.uint8(255)).resize(
        size, Image.Resampling.BOX, box=(left, top, right, bottom), reducing_gap=2.0
    )
    covered = grown(np.asarray(laid) >= 255 * INK_SHARE_MIN, margin if dpi > 100 else 1)
    pixels = np.asarray(cut)
    if covered.any():
        pixels = filled(pixels if pixels.ndim == 3 else pixels[:, :, None], ~covered)
    paper = ~_laid_over(boxes.marked, page, place, size)
    white = pixels.copy()
    white[paper] = 255
    return jpeg(Image.fromarray(white if white.ndim == 2 or white.shape[2] == 3 else white[:, :, 0]), place, QUALITY)


def _laid_over(mask: Bits, page: Page, place: tuple[int, int, int, int], size: tuple[int, int]) -> Bits:
    """Cells as the pixels of a picture of `size` that shows `place`."""
    unit = page.dpi / COARSE_DPI * CELL if page.dpi > COARSE_DPI else float(CELL)
    columns = (place[0] + (np.arange(size[0]) + 0.5) * (place[2] - place[0]) / size[0]) / unit
    rows = (place[1] + (np.arange(size[1]) + 0.5) * (place[3] - place[1]) / size[1]) / unit
    down = np.minimum(rows.astype(int), mask.shape[0] - 1)
    across = np.minimum(columns.astype(int), mask.shape[1] - 1)
    laid: Bits = mask[down[:, None], across[None, :]]
    return laid


def filled(pixels: npt.NDArray[np.uint8], known: Bits) -> npt.NDArray[np.uint8]:
    """`pixels` with what is not `known` replaced by what is near it."""
    out = pixels.astype(np.float32)
    weight, paint = known.astype(np.float32), np.where(known[:, :, None], out, 0)
    result, missing = out, ~known
    for radius in (2, 6, 18, 60):
        if not missing.any():
            break
        near = _mean(weight, radius)
        ready = missing & (near > 0.02)
        for channel in range(pixels.shape[2]):
            mean = _mean(paint[:, :, channel], radius)
            result[:, :, channel][ready] = mean[ready] / near[ready]
        missing &= ~ready
    result[missing] = 250
    return result.clip(0, 255).astype(np.uint8)


def _mean(plane: npt.NDArray[np.float32], radius: int) -> npt.NDArray[np.float32]:
    """Of the square of 2 × radius + 1 pixels around each."""
    for axis in (0, 1):
        sums = np.cumsum(np.pad(plane, [(radius + 1, radius) if axis == way else (0, 0) for way in (0, 1)]), axis=axis)
        length = plane.shape[axis]
        first, last = sums.take(range(length), axis), sums.take(range(2 * radius + 1, 2 * radius + 1 + length), axis)
        plane = (last - first) / np.float32(2 * radius + 1)
    return plane


def jpeg(image: Image.Image, place: tuple[int, int, int, int], quality: int) -> Layer:
    """A picture as JPEG, in grey where the image is."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, optimize=True)
    codec = Codec.GREY_JPEG if image.mode == "L" else Codec.COLOUR_JPEG
    return Layer(codec, image.width, image.height, place, None, file.getvalue())
