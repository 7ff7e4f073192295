"""Where a page is neither paper nor ink: photographs, logos in soft tones, coloured fields, marker. These become small pictures.

In a box ink may still lie on a tint, as writing under a marker does: where it stands out clearly it stays a stencil, and the
picture below it is kept without it, and so may be coarse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.encoded import Codec, Layer
from edge.capture.flatten import Grey, Pixels, divided, flatten
from edge.capture.grid import CELL, INK_SHARE_MIN, Coarse, grown, means, spread
from edge.capture.jbig2 import Bits
from edge.capture.level import Level
from edge.capture.scale import chroma, enlarged, shrunk, to_dpi

TONE: Final = (70, 205)  # neither ink nor paper
TONE_SHARE_MIN: Final = 0.5
TINT_CHROMA_MIN: Final = 56
TINT_SHARE_MIN: Final = 0.5
CELLS_MIN: Final = 4  # 25 mm²: smaller is a smudge
BOXES_MAX: Final = 12
PICTURE_DPI: Final = 100  # what is written in it and stands out is a stencil of its own, at full resolution
TINT_DPI: Final = 60
QUALITY: Final = 45
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


def find(coarse: Coarse, level: Level, field: Grey) -> Boxes:
    """`field`: the paper of the page in grey."""
    marked = _toned(level, field, coarse) | _tinted(coarse)
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


def layers(level: Level, ink: Bits, coarse: Coarse, boxes: Boxes) -> list[Layer]:
    """One picture for each box, places in pixels of `level`. `ink`: what is laid over them, at the same resolution."""
    height, width = level.grey.shape
    scale = level.dpi / coarse.dpi * CELL
    found: list[Layer] = []
    for left, top, right, bottom in boxes.places:
        place = (
            min(width - 1, round(left * scale)),
            min(height - 1, round(top * scale)),
            width if right == boxes.picture.shape[1] else min(width, round(right * scale)),
            height if bottom == boxes.picture.shape[0] else min(height, round(bottom * scale)),
        )
        drawn = boxes.picture[top:bottom, left:right].any()
        found.append(_box(level, ink, boxes, place, PICTURE_DPI if drawn else TINT_DPI, scale))
    return found


def without_pictures(ink: Bits, boxes: Boxes, coarse: Coarse) -> Bits:
    """`ink` where it is not part of a picture."""
    if not boxes.picture.any():
        return ink
    over = spread(boxes.picture, coarse.grey.shape).view(np.uint8)
    kept: Bits = ink & (cv2.resize(over, ink.shape[::-1], interpolation=cv2.INTER_NEAREST) == 0)
    return kept


# --- cells --------------------------------------------------------------------------------------------------------


def _toned(level: Level, field: Grey, coarse: Coarse) -> Bits:
    """Cells most of which is neither paper nor ink. Seen in every second pixel, unsmoothed: coarse pixels of small print are all grey."""
    plain = level.grey
    thin = np.ascontiguousarray(plain[::2, ::2]) if plain.shape[0] >= 2 * coarse.grey.shape[0] else plain
    tone = cv2.inRange(divided(thin, field), TONE[0] + 1, TONE[1] - 1)
    share = shrunk(tone.astype(np.uint8), coarse.grey.shape[::-1])
    toned: Bits = means(share.astype(np.float32)) > 255 * TONE_SHARE_MIN
    return toned


def _tinted(coarse: Coarse) -> Bits:
    """Cells whose ground has a colour."""
    ground = coarse.ink < INK_SHARE_MIN
    tinted = means(((chroma(coarse.colour) > TINT_CHROMA_MIN) & ground).astype(np.float32))
    of_ground = means(ground.astype(np.float32))
    found: Bits = (tinted > TINT_SHARE_MIN * of_ground) & (of_ground > 0.155)
    return found


def _written(coarse: Coarse) -> tuple[Bits, Bits]:
    """Cells in which ink stands out from its ground as writing does; and cells without ink whose ground is even."""
    grey = coarse.grey.astype(np.float32)
    black = (coarse.ink > 0.5).astype(np.float32)
    ground = (cv2.dilate(coarse.ink, np.ones((3, 3), np.uint8)) < INK_SHARE_MIN).astype(np.float32)
    in_cell, on_ground = CELL * CELL, grey * ground
    blacks, grounds = means(black) * in_cell, means(ground) * in_cell
    mean_black = means(grey * black) * in_cell / np.maximum(blacks, 1)
    mean_ground = means(on_ground) * in_cell / np.maximum(grounds, 1)
    noise = np.maximum(means(on_ground * grey) * in_cell / np.maximum(grounds, 1) - mean_ground**2, 0)
    contrast = mean_ground - mean_black
    wrote: Bits = (contrast > CONTRAST_MIN) & (contrast**2 > CLEAR * noise) & (grounds > 5.5) & (blacks > 0.5)
    plain: Bits = (blacks < 0.5) & (noise < EVEN) & (grounds >= CELL * CELL // 2)
    return wrote, plain


def _cut(place: tuple[int, int, int, int]) -> tuple[slice, slice]:
    left, top, right, bottom = place
    return slice(top, bottom), slice(left, right)


def components(mask: Bits) -> list[tuple[int, int, int, int]]:
    """Boxes around what hangs together, in all eight directions."""
    if not mask.size:
        return []
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    return [(left, top, left + across, top + down) for left, top, across, down, _ in stats[1:].tolist()]


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


def _box(level: Level, ink: Bits, boxes: Boxes, place: tuple[int, int, int, int], dpi: float, cell: float) -> Layer:
    """The page inside `place`, white where it is paper, filled where ink will be laid over it. `cell`: pixels of `level` in one."""
    cut = flatten(*_cut_out(level, place, dpi))
    size = cut.shape[1::-1]
    left, top, right, bottom = place
    laid = shrunk(ink[top:bottom, left:right].view(np.uint8) * np.uint8(255), size)
    if laid.shape != cut.shape[:2]:  # a box finer than the ink
        laid = enlarged(laid, size)
    covered = grown(laid >= 255 * INK_SHARE_MIN, 2 if dpi > 100 else 1)
    pixels = filled(cut if cut.ndim == 3 else cut[:, :, None], ~covered) if covered.any() else cut
    white = pixels.copy()
    white[~_laid_over(boxes.marked, place, size, cell)] = 255
    return jpeg(white if white.ndim == 2 or white.shape[2] == 3 else white[:, :, 0], place, QUALITY)


def _cut_out(level: Level, place: tuple[int, int, int, int], dpi: float) -> tuple[Pixels, float]:
    """What `level` shows in `place`, in colour where there is some, at no more than `dpi`."""
    pixels, scale = level.grey, 1.0
    if level.colour is not None:
        pixels, scale = level.colour, level.colour.shape[1] / level.grey.shape[1]
    left, top, right, bottom = (round(edge * scale) for edge in place)
    left, top = min(left, pixels.shape[1] - 1), min(top, pixels.shape[0] - 1)
    return to_dpi(pixels[top : max(top + 1, bottom), left : max(left + 1, right)], level.dpi * scale, dpi)


def _laid_over(mask: Bits, place: tuple[int, int, int, int], size: tuple[int, int], cell: float) -> Bits:
    """Cells as the pixels of a picture of `size` that shows `place`."""
    columns = (place[0] + (np.arange(size[0]) + 0.5) * (place[2] - place[0]) / size[0]) / cell
    rows = (place[1] + (np.arange(size[1]) + 0.5) * (place[3] - place[1]) / size[1]) / cell
    down = np.minimum(rows.astype(int), mask.shape[0] - 1)
    across = np.minimum(columns.astype(int), mask.shape[1] - 1)
    laid: Bits = mask[down[:, None], across[None, :]]
    return laid


def filled(pixels: npt.NDArray[np.uint8], known: Bits) -> npt.NDArray[np.uint8]:
    """`pixels` with what is not `known` replaced by what is near it."""
    out = pixels.astype(np.float32)
    weight, paint = known.astype(np.float32), np.where(known[:, :, None], out, np.float32(0))
    result, missing = out, ~known
    for radius in (2, 6, 18, 60):
        if not missing.any():
            break
        near = _mean(weight, radius)
        ready = missing & (near > 0.02)
        mean = _mean(paint, radius).reshape(paint.shape)
        result[ready] = mean[ready] / near[ready][:, None]
        missing &= ~ready
    result[missing] = 250
    return result.clip(0, 255).astype(np.uint8)


def _mean(plane: npt.NDArray[np.float32], radius: int) -> npt.NDArray[np.float32]:
    """Of the square of 2 × radius + 1 pixels around each; beyond the edge there is nothing."""
    side = 2 * radius + 1
    return cv2.boxFilter(plane, -1, (side, side), borderType=cv2.BORDER_CONSTANT)  # type: ignore[return-value]


def jpeg(pixels: Pixels, place: tuple[int, int, int, int], quality: int) -> Layer:
    """A picture as JPEG, in grey where the pixels are."""
    grey = pixels.ndim == 2
    order = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _, stream = cv2.imencode(".jpg", pixels if grey else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), order)
    codec = Codec.GREY_JPEG if grey else Codec.COLOUR_JPEG
    return Layer(codec, pixels.shape[1], pixels.shape[0], place, None, stream.tobytes())
