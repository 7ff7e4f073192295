"""Finds the sheet in a picture that shows more than it: on a table under a camera, or on the black of a scanner without a lid.

The sheet is the largest convex thing with four sides that stands out from what surrounds it. Of several ways to part the two the one is
taken whose piece is most like a rectangle seen at an angle; its sides are then measured anew, finer, along the steps in brightness. What goes
on beyond them belongs to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture import beyond, level, turn
from edge.capture.jbig2 import Bits
from edge.capture.level import Move
from edge.capture.page import A4_LONG_INCHES, Page
from edge.capture.scale import Pixels, grey, shrunk
from edge.capture.survey import Survey

LOOK_PIXELS: Final = 400  # of the longer side
SHARE: Final = (0.1, 0.97)  # of the picture: less is a stamp, more needs no cutting
ALIKE_MIN: Final = 0.94  # of the piece and the four-sided figure around it: what both cover, of what either does
CONTRAST_MIN: Final = 18.0  # of 255, in the middle of the four sides
STROKE_MIN: Final = 25  # of 255 against what is around: a fine stroke, lighter or darker
STRUCTURE_MAX: Final = 0.012  # of what lies outside: more fine strokes there are writing, and that must not be cut off
LETTERS_MIN: Final = 100  # on a sheet: fewer do not tell it from its table
LETTERS_AROUND_MAX: Final = (
    0.1  # of as many as lie on the sheet, on as much room: what has more strokes and fewer letters is a cluttered table
)
STEP_MIN: Final = 6.0  # of 255 from one pixel to the next, across a side
SUPPORT_MIN: Final = 0.6  # of a side must show such a step, in a straight line
ANGLE_COSINE_MAX: Final = 0.6  # corners between 53 and 127 degrees: a camera held at a slant
A4_PROPORTION: Final = 1.4142
A4_TOLERANCE: Final = 0.1
A4_WHOLE_TOLERANCE: Final = 0.03  # narrower margins than what may be missing then nobody prints
CORNER_OUTSIDE_MAX: Final = 0.015  # of the longer side: 4 mm of a corner hold no print
AT_EDGE_PIXELS: Final = 2
INSET: Final = 0.003  # of the shorter side: the shadow of the edge stays outside
CORNER_LOOK_PIXELS: Final = (
    100,
    308,
)  # at least, and the longer side of a sheet that is looked at for its corners; an ear of 10 pixels is 9 mm of A4
CORNER_COVERED_MIN: Final = 0.5
AS_OUTSIDE: Final = 0.4  # of the way from the table to the sheet: what lies further is a shadow, or print
LEGS_ALIKE_MIN: Final = 0.3  # of a folded corner; an edge that was torn off askew has one long one

Side = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]  # two points of a line, each x and y
Corners = npt.NDArray[np.float64]  # [4, 2]: left upper, right upper, right lower, left lower, each x and y


@dataclass(frozen=True)
class Outline:
    """`corners` in shares of width and height (0 to 1; a little outside where a corner is out of view). `cut_off`: how many corners are out
    of view, or folded. `brighter`: the sheet is brighter than what surrounds it, by so much of 255 (negative: darker)."""

    corners: Corners
    cut_off: int
    brighter: float

    def in_pixels(self, width: float, height: float) -> Corners:
        """Of a picture of that size."""
        placed: Corners = self.corners * np.array([width, height])
        return placed


def find(seen: Survey, *, darker_too: bool = False, share_min: float = SHARE[0]) -> Outline | None:
    """The sheet on `seen`; None where it fills the picture, or nothing stands out clearly. `darker_too`: also what is darker than its
    surroundings, as a card on the white lid of a scanner is."""
    height, width = seen.grey.shape
    scale = min(1.0, LOOK_PIXELS / max(height, width))
    size = (round(width * scale), round(height * scale))
    if min(size) < 40:
        return None
    small = shrunk(seen.pixels, size)
    best, best_alike = None, ALIKE_MIN
    for mask in _masks(small, darker_too):
        for piece in _pieces(mask, share_min):
            corners = _four_sided(piece)
            if corners is None:
                continue
            alike = _alike(piece, corners)
            if alike > best_alike:
                best, best_alike = corners, alike
    if best is None:
        return None
    plain = grey(small)
    finer = _refined(plain, best)
    outline = _judged(seen, small, finer, finer, share_min) if finer is not None else None
    if finer is not None and outline is not None:
        whole = beyond.extended(small, finer)
        outline = outline if whole is finer else _judged(seen, small, whole, finer, share_min)
    if outline is None or (outline.brighter < 0 and not darker_too):
        return None
    return outline


def squared(found: Outline, page: Page) -> tuple[Move, float]:
    """How the sheet is laid flat, and its resolution. What has the proportions of A4 in a picture whose resolution nobody knows is A4."""
    corners = found.in_pixels(page.width, page.height)
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    across, down = float(sides[0] + sides[2]) / 2, float(sides[1] + sides[3]) / 2
    dpi = page.dpi
    if page.guessed and abs(max(across, down) / min(across, down) / A4_PROPORTION - 1) < A4_TOLERANCE:
        longer = max(across, down, min(across, down) * A4_PROPORTION)
        shorter = longer / A4_PROPORTION
        across, down = (longer, shorter) if across > down else (shorter, longer)
        dpi = longer / A4_LONG_INCHES
    inset = INSET * min(across, down)
    whole = level.squared(corners, (across, down))
    inner = np.array([[1, 0, -inset], [0, 1, -inset], [0, 0, 1.0]])
    return Move(inner @ whole.map, (across - 2 * inset, down - 2 * inset)), dpi


# --- what stands out ----------------------------------------------------------------------------------------------


def _masks(small: Pixels, darker_too: bool) -> Iterator[Bits]:
    """Several ways to tell the sheet from what surrounds it."""
    plain = cv2.medianBlur(grey(small), 5)
    otsu, _ = cv2.threshold(plain, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    for limit in (otsu, otsu + 20, otsu - 20, otsu + 40):
        yield plain > limit
    ring = _ring(small)
    off = np.abs(small.reshape(*plain.shape, -1).astype(np.int16) - np.median(ring, axis=0).astype(np.int16)).max(
        axis=2
    )
    away = cv2.medianBlur(off.astype(np.uint8), 5)
    otsu, _ = cv2.threshold(away, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    for limit in (otsu, 0.6 * otsu, 22.0 if darker_too else 1.4 * otsu):
        yield away > limit
    if small.ndim == 3:
        hue = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[:, :, 1]
        pale = cv2.medianBlur(hue, 5)
        otsu, _ = cv2.threshold(pale, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        yield pale < otsu


def _ring(small: Pixels) -> Pixels:
    """The pixels along the edge of the picture, [n, channels]."""
    channels = 1 if small.ndim == 2 else 3
    sides = (small[:4], small[-4:], small[:, :4], small[:, -4:])
    return np.concatenate([side.reshape(-1, channels) for side in sides])


def _pieces(mask: Bits, share_min: float) -> Iterator[npt.NDArray[np.uint8]]:
    """The two largest things in `mask`, closed over the writing on them, as masks of 0 and 1."""
    square = np.ones((9, 9), np.uint8)
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    closed = cv2.morphologyEx(closed, cv2.MORPH_CLOSE, square)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = mask.shape[0] * mask.shape[1]
    large = [each for each in outlines if share_min < cv2.contourArea(each) / whole < SHARE[1]]
    for each in sorted(large, key=cv2.contourArea, reverse=True)[:2]:
        piece = np.zeros(mask.shape, np.uint8)
        cv2.drawContours(piece, [each], -1, 1, cv2.FILLED)
        yield piece


def _four_sided(piece: npt.NDArray[np.uint8]) -> Corners | None:
    """The four-sided figure around a piece; a corner that is out of view is where its sides would meet."""
    outlines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(outlines, key=cv2.contourArea))
    around = cv2.arcLength(hull, True)
    sides = cv2.approxPolyDP(hull, 0.012 * around, True).reshape(-1, 2).astype(np.float64)
    height, width = piece.shape
    if len(sides) < 4 or len(sides) > 9:
        return None
    every = [(start, end) for start, end in zip(sides, np.roll(sides, -1, axis=0), strict=True)]
    long_first = sorted(range(len(every)), key=lambda number: -float(np.hypot(*(every[number][1] - every[number][0]))))
    # Where the picture ends the sheet may go on: such an edge counts only as the one side that is not seen.
    ends_here = [number for number in long_first if _along_edge(*every[number], width, height)]
    kept = [number for number in long_first if number not in ends_here][:4]
    if len(kept) == 3:
        kept += ends_here[:1]
    if len(kept) < 4:
        return None
    lines = [every[number] for number in sorted(kept)]
    corners = [_meet(one, two) for one, two in zip(lines, lines[1:] + lines[:1], strict=True)]
    if any(corner is None for corner in corners):
        return None
    found = _in_order(np.array(corners))
    return found if _plausible(found, width, height) else None


def _along_edge(start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], width: int, height: int) -> bool:
    return any(
        abs(start[axis] - at) < 3 and abs(end[axis] - at) < 3
        for axis, at in ((0, 0), (0, width - 1), (1, 0), (1, height - 1))
    )


def _meet(one: Side, two: Side) -> npt.NDArray[np.float64] | None:
    """Where two lines meet; None where they are all but parallel."""
    (p, q), (r, s) = one, two
    along, across = q - p, s - r
    turn = along[0] * across[1] - along[1] * across[0]
    if abs(turn) < 0.3 * np.hypot(*along) * np.hypot(*across):
        return None
    share = ((r - p)[0] * across[1] - (r - p)[1] * across[0]) / turn
    met: npt.NDArray[np.float64] = p + share * along
    return met


def _in_order(corners: Corners) -> Corners:
    """Clockwise as seen, from the one nearest to the left upper corner of the picture."""
    middle = corners.mean(axis=0)
    around = corners[np.argsort(np.arctan2(corners[:, 1] - middle[1], corners[:, 0] - middle[0]))]
    first = int(np.argmin(around.sum(axis=1)))
    return np.roll(around, -first, axis=0)


def _plausible(corners: Corners, width: int, height: int) -> bool:
    if not cv2.isContourConvex(corners.astype(np.float32).reshape(-1, 1, 2)):
        return False
    reach = 0.12 * max(width, height)
    if (corners < -reach).any() or (corners[:, 0] > width + reach).any() or (corners[:, 1] > height + reach).any():
        return False
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    if lengths.min() < 0.12 * max(width, height) or lengths.min() * 6 < lengths.max():
        return False
    for one, two in itertools.pairwise([*sides, sides[0]]):
        if abs(float(one @ two)) > ANGLE_COSINE_MAX * float(np.hypot(*one) * np.hypot(*two)):
            return False
    return True


def _alike(piece: npt.NDArray[np.uint8], corners: Corners) -> float:
    """What the piece and the figure both cover inside the picture, of what either does."""
    figure = np.zeros_like(piece)
    cv2.fillConvexPoly(figure, np.rint(corners).astype(np.int32), 1)
    either = np.count_nonzero(piece | figure)
    return np.count_nonzero(piece & figure) / either if either else 0.0


# --- its sides, finer -----------------------------------------------------------------------------------------------


def _refined(plain: Pixels, corners: Corners) -> Corners | None:
    """Each side laid through the steepest steps near it; None where a side that is in view has no clear step along most of it."""
    reach = max(3, round(0.012 * max(plain.shape)))
    soft = cv2.GaussianBlur(plain, (0, 0), 1.0).astype(np.float32)
    middle = corners.mean(axis=0)
    lines = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / max(1e-6, float(np.hypot(*(end - start))))
        out = np.array([along[1], -along[0]])
        if float((start + end - 2 * middle) @ out) < 0:
            out = -out
        places = start + (end - start) * np.linspace(0.08, 0.92, 60)[:, None]
        steps = np.arange(-reach, reach + 1)
        at = places[:, None, :] + steps[None, :, None] * out
        seen = cv2.remap(
            soft, at[:, :, 0].astype(np.float32), at[:, :, 1].astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        slope = np.abs(np.diff(seen, axis=1))
        inside = ((at > 1) & (at < np.array([plain.shape[1] - 2, plain.shape[0] - 2]))).all(axis=(1, 2))
        best = slope.argmax(axis=1)
        good = (slope.max(axis=1) > STEP_MIN) & inside
        if np.count_nonzero(inside) < 20:  # the sheet goes on where the picture ends
            lines.append((start, end))
            continue
        if np.count_nonzero(good) < SUPPORT_MIN * np.count_nonzero(inside):
            return None
        edge = places[good] + (best[good][:, None] - reach + 0.5) * out
        line = cv2.fitLine(edge.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
        vx, vy, x, y = (float(value) for value in line)
        off = np.abs((edge - np.array([x, y])) @ np.array([-vy, vx]))
        if np.count_nonzero(off < 1.5) < SUPPORT_MIN * np.count_nonzero(inside):
            return None
        lines.append((np.array([x, y]), np.array([x + vx * 100, y + vy * 100])))
    met = [_meet(one, two) for one, two in zip(lines[-1:] + lines[:-1], lines, strict=True)]
    if any(corner is None for corner in met):
        return corners
    finer = np.array(met)
    far = np.hypot(*(finer - corners).T).max() > 3 * reach
    return corners if far else finer


def _judged(seen: Survey, small: Pixels, corners: Corners, bright: Corners, share_min: float) -> Outline | None:
    """None where the figure is no sheet after all. `bright`: the corners of what stands out of it."""
    plain = grey(small)
    height, width = plain.shape
    figure = np.zeros(plain.shape, np.uint8)
    cv2.fillConvexPoly(figure, np.rint(corners).astype(np.int32), 1)
    share = np.count_nonzero(figure) / figure.size
    if not share_min < share < SHARE[1]:
        return None
    rim = max(2, round(0.01 * max(width, height)))
    square = np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)
    inner, outer = cv2.erode(figure, square), 1 - cv2.dilate(figure, square)
    just_inside = (figure - cv2.erode(figure, np.ones((4 * rim + 1, 4 * rim + 1), np.uint8))).astype(
        bool
    ) & inner.astype(bool) | (cv2.erode(figure, np.ones((rim + 1, rim + 1), np.uint8)) - inner).astype(bool)
    near = cv2.dilate(figure, np.ones((6 * rim + 1, 6 * rim + 1), np.uint8)).astype(bool) & outer.astype(bool)
    if not near.any() or not just_inside.any():
        return None
    brighter = float(np.median(plain[just_inside])) - float(np.median(plain[near]))
    if abs(brighter) < CONTRAST_MIN:
        return None
    strokes = np.abs(plain.astype(np.int16) - cv2.blur(plain, (9, 9)).astype(np.int16)) > STROKE_MIN
    far_out = outer.astype(bool)
    structured = far_out.sum() > 0.02 * figure.size and float(strokes[far_out].mean()) > STRUCTURE_MAX
    if structured and not _holds_letters(seen, figure, far_out):
        return None
    return Outline(corners / np.array([width, height]), _cut_off(small, corners, bright, brighter), brighter)


def _holds_letters(seen: Survey, figure: npt.NDArray[np.uint8], far_out: Bits) -> bool:
    """Whether nearly all letters lie on the sheet, in the `figure`: then what is around it is no writing."""
    boxes = turn.letter_boxes(seen)
    scale = figure.shape[0] / seen.fine.shape[0]
    x, y = ((boxes[:, side] + boxes[:, 2 + side] / 2) * scale for side in (0, 1))
    row, column = np.minimum(y.astype(int), figure.shape[0] - 1), np.minimum(x.astype(int), figure.shape[1] - 1)
    on_it, around = np.count_nonzero(figure[row, column]), np.count_nonzero(far_out[row, column])
    share = np.count_nonzero(far_out) / np.count_nonzero(figure)
    return bool(on_it >= LETTERS_MIN and around < LETTERS_AROUND_MAX * on_it * share)


def _cut_off(small: Pixels, corners: Corners, bright: Corners, brighter: float) -> int:
    """How many corners are out of view, or folded: there it looks as it does outside and not as it does a little further in. Folds are looked
    for where the sheet is `bright`: in a bar as dark as the table nobody would see one."""
    height, width = small.shape[:2]
    sides = np.hypot(*(np.roll(bright, -1, axis=0) - bright).T)
    least, longer = CORNER_LOOK_PIXELS
    scale = longer / float(sides.max())
    rim = 16
    across, down = (max(least, round(scale * float(sides[at] + sides[at + 2]) / 2)) + 2 * rim for at in (0, 1))
    target = np.array([[rim, rim], [across - rim, rim], [across - rim, down - rim], [rim, down - rim]], np.float32)
    view = cv2.getPerspectiveTransform(bright.astype(np.float32), target)
    laid = cv2.warpPerspective(small, view, (across, down), borderMode=cv2.BORDER_REPLICATE).reshape(down, across, -1)
    missing = 0
    beyond_view = _beyond_view(corners, width, height)
    views = (laid, laid[:, ::-1], laid[::-1, ::-1], laid[::-1])
    for unseen, turned in zip(beyond_view, views, strict=True):
        missing += bool(unseen or _folded(turned.astype(np.float32), rim, brighter))
    return missing


def _beyond_view(corners: Corners, width: int, height: int) -> list[bool]:
    """Which corners are out of view. Where a whole side lies along the edge of the picture nobody knows whether the sheet goes on beyond it;
    one that has the proportions of A4 as it is does not."""
    x, y = corners.T
    outside = np.array([-x, x - (width - 1), -y, y - (height - 1)])  # of each edge: how far each corner lies outside
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    far = (outside > CORNER_OUTSIDE_MAX * sides.max()).any(axis=0)
    along = (outside > -AT_EDGE_PIXELS) & ((outside > -AT_EDGE_PIXELS).sum(axis=1) > 1)[:, None]
    proportion = (sides[0] + sides[2]) / (sides[1] + sides[3])
    if abs(max(proportion, 1 / proportion) / A4_PROPORTION - 1) < A4_WHOLE_TOLERANCE:
        along[:] = False
    return list(far | along.any(axis=0))


def _folded(turned: npt.NDArray[np.float32], rim: int, brighter: float) -> bool:
    """Whether the left upper corner of the sheet, `rim` pixels inside, shows what lies outside. In all colours: print may be as dark."""
    channels = turned.shape[2]
    further_in = turned[rim + 14 : rim + 34, rim + 14 : rim + 34].reshape(-1, channels)
    inside = np.percentile(further_in, 75 if brighter > 0 else 25, axis=0)
    beside = [turned[: rim - 6, : rim + 20], turned[: rim + 20, : rim - 6]]
    outside = np.median(np.concatenate([part.reshape(-1, channels) for part in beside]), axis=0)
    as_outside = np.abs(turned - outside).max(axis=2) < AS_OUTSIDE * np.abs(inside - outside).max()
    ear = as_outside[rim + 2 : rim + 8, rim + 2 : rim + 8]
    if ear[np.add.outer(np.arange(6), np.arange(6)) < 6].mean() <= 1 - CORNER_COVERED_MIN:
        return False
    edges = as_outside[rim + 2 : rim + 5, rim + 2 :].mean(axis=0), as_outside[rim + 2 :, rim + 2 : rim + 5].mean(axis=1)
    legs = [_run(edge) for edge in edges]
    return min(legs) >= LEGS_ALIKE_MIN * max(legs)


def _run(share: npt.NDArray[np.float32]) -> int:
    """How many are more than half from the first one on."""
    marks = share > 0.5
    return len(marks) if marks.all() else int(marks.argmin())
