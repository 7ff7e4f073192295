"""Takes out the skew: the angle whose projection profile is sharpest, to 0.3 degrees, and one resample.

Looks only at the lower edges of small ink (baselines, rules), so that pictures, shadows and scanner borders have no say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from edge.capture.source import Page

SKEW_DEGREES_MAX: Final = 10.0  # a receipt laid down by hand; more was meant, or is no sheet of lines
SKEW_DEGREES_MIN: Final = 0.15  # less is not seen, and a resample costs sharpness
LOOK_DPI: Final = 100
POINTS_MIN: Final = 400  # fewer say nothing about a page
POINTS_MAX: Final = 40_000
SURE: Final = 1.35  # how far the best angle must stand out from the median of all


@dataclass(frozen=True)
class Skew:
    """`degrees`: how far the lines are turned counter-clockwise, 0.0 when `sure` is False. `ink`: float32 [n, 2] of (x, y) in inches."""

    degrees: float
    sure: bool
    ink: npt.NDArray[np.float32]


def measure(page: Page) -> Skew:
    """Skew of the lines on `page`, at most 10 degrees to either side."""
    ink = _baselines(page)
    if len(ink) < POINTS_MIN:
        return Skew(0.0, False, ink)
    coarse = np.arange(-SKEW_DEGREES_MAX, SKEW_DEGREES_MAX + 0.01, 0.25)
    sharpness = np.array([_sharpness(ink, angle) for angle in coarse])
    best = int(sharpness.argmax())
    sure = bool(0 < best < len(coarse) - 1 and sharpness[best] > SURE * float(np.median(sharpness)))
    if not sure:
        return Skew(0.0, False, ink)
    fine = np.arange(coarse[best] - 0.3, coarse[best] + 0.301, 0.05)
    sharpness = np.array([_sharpness(ink, angle) for angle in fine])
    weights = (sharpness - sharpness.min()) ** 4
    return Skew(round(float((fine * weights).sum() / weights.sum()), 2), True, ink)


def straighten(page: Page) -> tuple[Page, float]:
    """The page with level lines, and by how many degrees it had been turned counter-clockwise (0.0: left as it was).

    What the turn brings in at the corners has the tone of the paper, so that no edge arises there. The sheet keeps its size
    unless ink would be lost; then it grows."""
    skew = measure(page)
    if abs(skew.degrees) < SKEW_DEGREES_MIN:
        return page, 0.0
    grow = _would_lose(page, skew)
    tone = _paper_tone(page.image)
    image = page.image.rotate(-skew.degrees, Image.Resampling.BICUBIC, expand=grow, fillcolor=tone)
    return Page(image, page.dpi), skew.degrees


def _baselines(page: Page) -> npt.NDArray[np.float32]:
    scale = min(1.0, LOOK_DPI / page.dpi)
    small = page.image.convert("L").resize(
        (max(8, round(page.image.width * scale)), max(8, round(page.image.height * scale))), Image.Resampling.BOX
    )
    grey = np.asarray(small).astype(np.int16)
    around = np.asarray(small.filter(ImageFilter.BoxBlur(9))).astype(np.int16)
    ink = grey < around - 24
    lower = np.zeros_like(ink)
    lower[:-1] = ink[:-1] & ~ink[1:]
    margin_x, margin_y = max(1, grey.shape[1] // 40), max(1, grey.shape[0] // 60)
    y, x = np.nonzero(lower[margin_y:-margin_y, margin_x:-margin_x])
    if len(x) > POINTS_MAX:
        step = len(x) / POINTS_MAX
        pick = (np.arange(POINTS_MAX) * step).astype(np.int64)
        x, y = x[pick], y[pick]
    dpi = page.dpi * scale
    return np.stack([(x + margin_x) / dpi, (y + margin_y) / dpi], axis=1).astype(np.float32)


def _sharpness(ink: npt.NDArray[np.float32], degrees: float) -> float:
    """Sum of squares of the profile across lines that rise by `degrees`, in rows of 1/100 inch."""
    turn = math.radians(degrees)
    rows = (ink[:, 1] * math.cos(turn) + ink[:, 0] * math.sin(turn)) * LOOK_DPI
    whole = np.floor(rows - rows.min()).astype(np.int64)
    profile = np.bincount(whole).astype(np.float64)
    return float((profile * profile).sum())


def _would_lose(page: Page, skew: Skew) -> bool:
    turn = math.radians(skew.degrees)
    width, height = page.image.width / page.dpi, page.image.height / page.dpi
    x, y = skew.ink[:, 0] - width / 2, skew.ink[:, 1] - height / 2
    across = np.abs(x * math.cos(turn) - y * math.sin(turn))
    down = np.abs(x * math.sin(turn) + y * math.cos(turn))
    outside = (across > width / 2 - 0.02) | (down > height / 2 - 0.02)
    return bool(np.count_nonzero(outside) > 2)


def _paper_tone(image: Image.Image) -> tuple[int, ...] | int:
    small = np.asarray(image.resize((64, 64), Image.Resampling.BOX))
    bright = small.reshape(64 * 64, -1)
    keep = bright[bright.mean(axis=1) >= np.percentile(bright.mean(axis=1), 60)]
    tone = tuple(int(value) for value in np.median(keep, axis=0))
    return tone if image.mode == "RGB" else tone[0]
