"""Whether a sheet goes on beyond the sides that were found: a bar, a picture or a frame that is as dark as the table ends a sheet too early,
and what is cut off there nobody would miss.

The sheet is laid flat with what is around it. Beyond each side an edge is looked for that is as long as the side, and no longer, as that of a
table would be; or the two sides beside it go on. Where it cannot be seen whether they do, more is kept rather than less.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.jbig2 import Bits
from edge.capture.scale import Pixels

AROUND: Final = 0.35  # of the longer side: a bar is not higher
NEAR: Final = 0.018  # of it: what ends nearer is the shadow of the sheet, and margins are wider
BLOCKS: Final = 12  # along a side
STEP_MIN: Final = 3.5  # of 255: what differs less is not seen
OVER_NOISE: Final = 4.0  # times as much as there is beside the sheet
SUPPORT_MIN: Final = 0.7  # of the blocks
AS_ON_TABLE_MAX: Final = 0.5  # of the blocks beside the sheet show the edge as well: then it belongs to the table,
ASKEW: Final = 4  # pixels higher or lower
SHARP_MIN: Final = 0.55  # of a step lies within two pixels: less is a shadow
CALM_MAX: Final = 0.35  # of a step follows right beyond it: more is clutter,
FURTHER: Final = 4  # pixels further out
GAP: Final = 3  # pixels from a side
BESIDE: Final = 6  # pixels that are looked at from there on
ROWS_MIN: Final = 4  # fewer say nothing
DIFFERS_MIN: Final = 0.85  # of the rows up to where a side ends
UNLIKE_MIN: Final = 20.0  # of 255, between what lies beyond two sides

Corners = npt.NDArray[np.float64]
Planes = npt.NDArray[np.float32]


def extended(small: Pixels, corners: Corners) -> Corners:
    """`corners` of the sheet on `small`, farther out where it goes on; the same where it does not."""
    lengths = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    across, down = (max(40, round(float(lengths[at] + lengths[at + 2]) / 2)) for at in (0, 1))
    rim = round(AROUND * max(across, down))
    flat = np.array([[rim, rim], [rim + across, rim], [rim + across, rim + down], [rim, rim + down]], np.float32)
    view = cv2.getPerspectiveTransform(corners.astype(np.float32), flat)
    size = (across + 2 * rim, down + 2 * rim)
    laid = cv2.warpPerspective(small, view, size, flags=cv2.INTER_LINEAR).reshape(size[1], size[0], -1)
    seen = np.zeros(small.shape[:2], np.uint8)
    seen[2:-2, 2:-2] = 1
    seen = cv2.warpPerspective(seen, view, size, flags=cv2.INTER_NEAREST)  # type: ignore[assignment]
    near = round(NEAR * max(across, down))
    outwards = []
    for turns in range(4):  # each side in its turn is the upper one
        turned, known = np.rot90(laid, turns).astype(np.float32), np.rot90(seen, turns).astype(bool)
        outwards.append(_goes_on(turned, known, rim, near))
    if not any(outwards):
        return corners
    top, right, bottom, left = outwards
    wider = np.array(
        [
            [rim - left, rim - top],
            [rim + across + right, rim - top],
            [rim + across + right, rim + down + bottom],
            [rim - left, rim + down + bottom],
        ],
        np.float32,
    )
    back = cv2.perspectiveTransform(wider.reshape(-1, 1, 2), np.linalg.inv(view))
    return back.reshape(-1, 2).astype(np.float64)


def _goes_on(laid: Planes, known: Bits, rim: int, near: int) -> float:
    """By how many pixels the sheet goes on beyond its upper side; 0 where it ends there."""
    far = _edge(laid[: rim + 2], known[: rim + 2], rim, near) or _as_far_as_its_sides(laid, known, rim, near)
    if far is None:
        far = math.inf if _unlike(laid, known, rim, near) else 0.0
    if far < math.inf:
        return far
    seen = np.flatnonzero(known[:rim, rim:-rim].any(axis=1))
    return float(rim - seen[0]) if len(seen) and near < rim - seen[0] else 0.0


def _edge(rows: Planes, known: Bits, rim: int, near: int) -> float | None:
    """How far away the outermost edge is that runs along the whole side, and no further."""
    width = rows.shape[1]
    block = max(4, (width - 2 * rim) // (BLOCKS + 1))
    first, half = rim + (width - 2 * rim - BLOCKS * block) // 2, block // 2
    on_it = [slice(first + block * number, first + block * (number + 1)) for number in range(BLOCKS)]
    beside = [slice(at, at + half) for at in range(rim - near - half, -1, -half)]
    beside += [slice(at, at + half) for at in range(width - rim + near, width - half + 1, half)]
    steps, wide_steps, there = _steps(rows, known, on_it)
    table_steps, _, table_there = _steps(rows, known, beside)
    usual = table_steps[table_there] if np.count_nonzero(table_there) >= len(rows) else steps[there]
    least = max(STEP_MIN, OVER_NOISE * float(np.median(usual)) if usual.size else 0.0)
    near_by = cv2.dilate(steps, np.ones((3, 1), np.uint8))
    strong: Bits = np.logical_and(near_by > least, there)
    support = strong.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    for row in range(max(2, FURTHER), rim - near):
        if there[row].mean() < 0.6 or support[row] < max(SUPPORT_MIN, *support[row - 1 : row + 2]):
            continue
        shown = table_steps[max(0, row - ASKEW) : row + ASKEW + 1].max(axis=0)[table_there[row]] > least
        if len(shown) >= 2 and shown.mean() >= AS_ON_TABLE_MAX:
            continue
        blocks = strong[row]
        step, wide = near_by[row][blocks], np.maximum(wide_steps[row][blocks], 1e-3)
        further = np.where(there, steps, 0)[max(0, row - 7) : row - 2].max(axis=0, initial=0)[blocks]
        calm = there[row - FURTHER][blocks] & (further <= np.maximum(least, CALM_MAX * step))
        if np.median(step / wide) >= SHARP_MIN and calm.mean() >= SUPPORT_MIN:
            return float(rim - row)
    return None


def _as_far_as_its_sides(laid: Planes, known: Bits, rim: int, near: int) -> float | None:
    """By how many pixels the sides beside it go on, infinite where the picture ends before; None where neither of them is in view."""
    ends = [_side_ends(laid, known, rim), _side_ends(laid[:, ::-1], known[:, ::-1], rim)]
    far = min((end for end in ends if end is not None), default=None)
    if far is None:
        return None
    return far if far > near else 0.0


def _side_ends(laid: Planes, known: Bits, rim: int) -> float | None:
    """For how many rows upwards the left side goes on: what lies to its right there differs from what lies to its left, and the step between
    them is sharp. Infinite where the picture ends before, None where nothing of it is in view."""
    places = (rim + GAP + 2 * BESIDE, rim + GAP, rim - GAP - BESIDE, rim - GAP - 3 * BESIDE)
    there = np.logical_and.reduce([known[:rim, at : at + BESIDE].all(axis=1) for at in places])[::-1]
    seen = len(there) if there.all() else int(there.argmin())
    if seen < ROWS_MIN:
        return None
    band = laid[rim - seen : rim]
    further_in, inner, outer, table = (
        cv2.blur(band[:, at : at + BESIDE].mean(axis=1), (1, 5)).reshape(seen, -1)[::-1] for at in places
    )
    usual = float(np.median(np.abs(outer - table).max(axis=1)))
    step, whole = np.abs(inner - outer).max(axis=1), np.abs(further_in - table).max(axis=1)
    differs = (step > max(STEP_MIN, OVER_NOISE * usual)) & (step > SHARP_MIN * whole)
    so_far = np.cumsum(differs) / np.arange(1, seen + 1)
    ends = np.flatnonzero(differs & (so_far > DIFFERS_MIN))
    if not len(ends):
        return 0.0
    return math.inf if ends[-1] + GAP >= seen else float(ends[-1] + 1)


def _unlike(laid: Planes, known: Bits, rim: int, near: int) -> bool:
    """Whether beyond the upper side it looks other than beyond the lower one, or only one of them is in view."""
    above, below = (
        np.median(part[seen], axis=0) if np.count_nonzero(seen) >= ROWS_MIN * rim else None
        for part, seen in ((laid[: rim - near], known[: rim - near]), (laid[near - rim :], known[near - rim :]))
    )
    if above is None:
        return False
    return below is None or float(np.abs(above - below).max()) > UNLIKE_MIN


def _steps(rows: Planes, known: Bits, blocks: list[slice]) -> tuple[Planes, Planes, Bits]:
    """How much each block changes from row to row: over two pixels, over eight; and where it is seen."""
    if not blocks:
        none = np.zeros((rows.shape[0], 0), np.float32)
        return none, none, none.astype(bool)
    # Medians, [rows, blocks, channels]: cables and lines of print have edges only here and there.
    means = np.stack([np.median(rows[:, block], axis=1) for block in blocks], axis=1)
    there = np.stack([known[:, block].all(axis=1) for block in blocks], axis=1)
    over_two, over_eight = (_change(means, half) for half in (1, 4))
    whole = np.ones_like(there)
    for half in (-2, 2):
        whole &= np.roll(there, half, axis=0)
    return over_two, np.maximum(over_eight, over_two), whole & there


def _change(means: Planes, half: int) -> Planes:
    changed = np.zeros_like(means)
    changed[half:-half] = np.abs(means[2 * half :] - means[: -2 * half])
    strongest: Planes = changed.max(axis=2)
    return strongest
