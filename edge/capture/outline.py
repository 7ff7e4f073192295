"""Finds the sheet in a picture that shows more than it: on a table under a camera, or on the black of a scanner without a lid.

The sheet is the largest convex thing with four sides that stands out from what surrounds it. Of several ways to part the two the one is
taken whose piece is most like a rectangle seen at an angle; its sides are then measured anew, finer, along the steps in brightness.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.jbig2 import Bits
from edge.capture.scale import Pixels, grey, shrunk
from edge.capture.survey import Survey

LOOK_PIXELS: Final = 400  # of the longer side
SHARE: Final = (0.1, 0.97)  # of the picture: less is a stamp, more needs no cutting
ALIKE_MIN: Final = 0.94  # of the piece and the four-sided figure around it: what both cover, of what either does
CONTRAST_MIN: Final = 18.0  # of 255, in the middle of the four sides
STRUCTURE_MAX: Final = 0.035  # of what lies outside: more fine strokes there are writing, and that must not be cut off
ANGLE_COSINE_MAX: Final = 0.45  # corners between 63 and 117 degrees: a camera held at a slant
INSET: Final = 0.003  # of the shorter side: the shadow of the edge stays outside
CORNER_INCHES_SHARE: Final = 0.035  # of the longer side: what is missing at a corner is looked for in so large a square
CORNER_COVERED_MIN: Final = 0.62

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
    outline = _judged(plain, finer, share_min)
    if outline is None or (outline.brighter < 0 and not darker_too):
        return None
    return outline


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
    lines = []
    for start, end in zip(sides, np.roll(sides, -1, axis=0), strict=True):
        if _along_edge(start, end, width, height):
            continue  # the picture ends here, not the sheet
        lines.append((float(np.hypot(*(end - start))), start, end))
    if len(lines) < 3:
        return None
    kept = sorted(lines, key=lambda line: -line[0])[:4]
    ordered = [line for line in lines if any(line is one for one in kept)]
    if len(ordered) == 3:
        ordered = _with_edge(ordered, sides, width, height)
        if len(ordered) < 4:
            return None
    corners = [_meet(one, two) for one, two in zip(ordered, ordered[1:] + ordered[:1], strict=True)]
    if any(corner is None for corner in corners):
        return None
    found = _in_order(np.array(corners))
    return found if _plausible(found, width, height) else None


def _along_edge(start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], width: int, height: int) -> bool:
    return any(
        abs(start[axis] - at) < 3 and abs(end[axis] - at) < 3
        for axis, at in ((0, 0), (0, width - 1), (1, 0), (1, height - 1))
    )


def _with_edge(
    lines: list[tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]], sides: Corners, width: int, height: int
) -> list[tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Three sides are seen; the fourth is the edge of the picture, beyond which the sheet goes on."""
    every = list(zip(sides, np.roll(sides, -1, axis=0), strict=True))
    edges = [(float(np.hypot(*(e - s))), s, e) for s, e in every if _along_edge(s, e, width, height)]
    if not edges:
        return lines
    longest = max(edges, key=lambda line: line[0])
    return [
        next((line for line in [*lines, longest] if line[1] is s), (0.0, s, e))
        for s, e in every
        if any(line[1] is s for line in [*lines, longest])
    ]


def _meet(
    one: tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]],
    two: tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64] | None:
    """Where two lines meet; None where they are all but parallel."""
    (_, p, q), (_, r, s) = one, two
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


def _refined(plain: Pixels, corners: Corners) -> Corners:
    """Each side laid through the steepest steps near it."""
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
        good = (slope.max(axis=1) > 4) & inside
        if np.count_nonzero(good) < 20:
            lines.append((0.0, start, end))
            continue
        edge = places[good] + (best[good][:, None] - reach + 0.5) * out
        vx, vy, x, y = (
            float(value) for value in cv2.fitLine(edge.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
        )
        lines.append((0.0, np.array([x, y]), np.array([x + vx * 100, y + vy * 100])))
    met = [_meet(one, two) for one, two in zip(lines[-1:] + lines[:-1], lines, strict=True)]
    if any(corner is None for corner in met):
        return corners
    finer = np.array(met)
    far = np.hypot(*(finer - corners).T).max() > 3 * reach
    return corners if far else finer


def _judged(plain: Pixels, corners: Corners, share_min: float) -> Outline | None:
    """None where the figure is no sheet after all."""
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
    strokes = np.abs(plain.astype(np.int16) - cv2.blur(plain, (9, 9)).astype(np.int16)) > 40
    far_out = outer.astype(bool)
    if far_out.sum() > 0.02 * figure.size and float(strokes[far_out].mean()) > STRUCTURE_MAX:
        return None
    return Outline(corners / np.array([width, height]), _cut_off(plain, corners, brighter), brighter)


def _cut_off(plain: Pixels, corners: Corners, brighter: float) -> int:
    """How many corners are out of view, or folded: there it looks as it does outside."""
    height, width = plain.shape
    missing = 0
    middle = corners.mean(axis=0)
    inside = np.zeros(plain.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 1)
    paper = float(np.percentile(plain[inside.astype(bool)], 75 if brighter > 0 else 25))
    side = CORNER_INCHES_SHARE * max(float(np.hypot(*(corners[k] - corners[k - 1]))) for k in range(4))
    for number in range(4):
        corner = corners[number]
        if (corner < -1.5).any() or corner[0] > width + 0.5 or corner[1] > height + 0.5:
            missing += 1
            continue
        legs = [corners[number - 1] - corner, corners[(number + 1) % 4] - corner]
        one, two = (leg / float(np.hypot(*leg)) * side for leg in legs)
        start = corner + 0.02 * (middle - corner)
        triangle = np.array([start, start + one, start + two])
        patch = np.zeros(plain.shape, np.uint8)
        cv2.fillConvexPoly(patch, np.rint(triangle).astype(np.int32), 1)
        values = plain[patch.astype(bool)].astype(np.float32)
        if not values.size:
            continue
        like_paper = np.abs(values - paper) < 0.55 * abs(brighter)
        missing += float(like_paper.mean()) < CORNER_COVERED_MIN
    return missing
