"""Which way up a page lies: rows of print run level, and letters reach above their line more often than below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from edge.capture import straighten
from edge.capture.source import Page

LOOK_DPI: Final = 150
LINES_MIN: Final = 5  # fewer rows of print say nothing
LINE_ROWS: Final = (8, 60)  # at 150 dpi: from 4 to 30 points
ACROSS: Final = 1.4  # how much sharper the profile down the sheet must be than the one across it
SURE: Final = 0.03  # share of the ink by which the part above the lines outweighs the part below
UNSURE: Final = 0.01

_TURNS: Final = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


@dataclass(frozen=True)
class Turn:
    """`degrees`: by how much the page must be turned counter-clockwise to be read: 0, 90, 180 or 270. `sure`: False when somebody must be
    asked."""

    degrees: int
    sure: bool


def measure(page: Page) -> Turn:
    """Where there is hardly any print: 0, and sure, because nothing speaks against it."""
    small = _small(page)
    ink, side = (_ink(straighten.straighten(each)[0]) for each in (small, turned(small, 90)))
    proportion = _roughness(side) / max(_roughness(ink), 1e-9)
    lying = proportion > ACROSS
    if lying:
        ink = side
    weight, lines = _weight(ink)
    if lines < LINES_MIN:
        return Turn(90 if lying else 0, not lying)
    if 1 / ACROSS < proportion < ACROSS:
        return Turn(0, False)
    if weight >= UNSURE or (not lying and weight > -UNSURE):
        return Turn(90 if lying else 0, not lying or weight >= SURE)
    return Turn(270 if lying else 180, weight <= -SURE)


def turned(page: Page, degrees: int) -> Page:
    """The page, turned counter-clockwise by 0, 90, 180 or 270 degrees."""
    return Page(page.image.transpose(_TURNS[degrees]), page.dpi) if degrees else page


def _small(page: Page) -> Page:
    scale = min(1.0, LOOK_DPI / page.dpi)
    size = (max(8, round(page.image.width * scale)), max(8, round(page.image.height * scale)))
    return Page(page.image.resize(size, Image.Resampling.BOX, reducing_gap=2.0).convert("L"), page.dpi * scale)


def _ink(page: Page) -> npt.NDArray[np.bool_]:
    around = np.asarray(page.image.filter(ImageFilter.BoxBlur(12))).astype(np.int16)
    ink: npt.NDArray[np.bool_] = np.asarray(page.image) < around - 28
    margin_y, margin_x = ink.shape[0] // 30, ink.shape[1] // 30
    return ink[margin_y : ink.shape[0] - margin_y, margin_x : ink.shape[1] - margin_x]


def _roughness(ink: npt.NDArray[np.bool_]) -> float:
    """How much rows differ from the next ones; slow changes do not count."""
    return float(np.abs(np.diff(ink.mean(axis=1))).mean())


def _weight(ink: npt.NDArray[np.bool_]) -> tuple[float, int]:
    """Over all lines: (ink above the body of the letters - ink below it) / all ink; and how many lines there are.

    Looked at in columns of a quarter of the sheet, so that neither a leftover skew nor a second column blurs the lines."""
    above = below = total = 0.0
    lines = 0
    for strip in np.array_split(ink, 4, axis=1):
        profile = strip.sum(axis=1).astype(np.float64)
        inked = np.flatnonzero(np.diff(np.concatenate([[False], profile > 0.5, [False]]).astype(np.int8)))
        for top, bottom in zip(inked[::2].tolist(), inked[1::2].tolist(), strict=True):
            if not LINE_ROWS[0] <= bottom - top <= LINE_ROWS[1]:
                continue
            band = profile[top:bottom]
            if band.sum() < 60 or band.max() > 0.7 * strip.shape[1]:  # a speck; a rule
                continue
            body = np.flatnonzero(band > 0.45 * band.max())
            above += float(band[: body[0]].sum())
            below += float(band[body[-1] + 1 :].sum())
            total += float(band.sum())
            lines += 1
    return ((above - below) / total if total else 0.0), lines // 2
