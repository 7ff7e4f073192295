"""Finds the skew: the angle whose projection profile is sharpest, to 0.3 degrees. Level.rotated takes it out.

Looks only at the lower edges of small ink (baselines, rules), so that pictures, shadows and scanner borders have no say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.flatten import Grey

SKEW_DEGREES_MAX: Final = 10.0  # a receipt laid down by hand
FAR_DEGREES_MAX: Final = 25.0  # a slip that lies any old way; more was meant
SKEW_DEGREES_MIN: Final = 0.15  # less is not seen, and a resample costs sharpness
LOOK_DPI: Final = 100
POINTS_MIN: Final = 400  # fewer say nothing about a page
POINTS_COARSE: Final = 10_000
POINTS_MAX: Final = 40_000
SURE: Final = 1.35  # how far the best angle must stand out from the median of all
FAR_SURE: Final = 2.0  # and one that is farther away: slips have 3, pages that are no lines at most 1.3


@dataclass(frozen=True)
class Skew:
    """`degrees`: how far the lines are turned counter-clockwise, 0.0 when `sure` is False. `ink`: float32 [n, 2] of (x, y) in inches."""

    degrees: float
    sure: bool
    ink: npt.NDArray[np.float32]

    @property
    def worth(self) -> float:
        """What is to be taken out: nothing where nobody would see it."""
        return self.degrees if abs(self.degrees) >= SKEW_DEGREES_MIN else 0.0


def measure(grey: Grey, dpi: float) -> Skew:
    """Skew of the lines on a page seen at about 100 `dpi`: up to 10 degrees to either side, and where nothing is found there up to 25."""
    ink = _baselines(grey, dpi)
    if len(ink) < POINTS_MIN:
        return Skew(0.0, False, ink)
    coarse = np.arange(-SKEW_DEGREES_MAX, SKEW_DEGREES_MAX + 0.01, 0.25)
    few = _some(ink, POINTS_COARSE)
    sharpness = np.array([_sharpness(few, angle) for angle in coarse])
    best, usual = int(sharpness.argmax()), float(np.median(sharpness))
    degrees = float(coarse[best])
    if not (0 < best < len(coarse) - 1 and sharpness[best] > SURE * usual):
        far = _far(few, usual)
        if far is None:
            return Skew(0.0, False, ink)
        degrees = far
    fine = np.arange(degrees - 0.3, degrees + 0.301, 0.05)
    sharpness = np.array([_sharpness(ink, angle) for angle in fine])
    weights = (sharpness - sharpness.min()) ** 4
    return Skew(round(float((fine * weights).sum() / weights.sum()), 2), True, ink)


def _far(ink: npt.NDArray[np.float32], usual: float) -> float | None:
    """An angle beyond 10 degrees that stands out, to a quarter of a degree. `usual`: the median of how sharp the others are."""
    right = np.arange(SKEW_DEGREES_MAX, FAR_DEGREES_MAX + 0.01, 0.25)
    angles = np.concatenate([-right[::-1], right])
    sharpness = np.array([_sharpness(ink, angle) for angle in angles])
    best = int(sharpness.argmax())
    return float(angles[best]) if 0 < best < len(angles) - 1 and sharpness[best] > FAR_SURE * usual else None


def would_lose(skew: Skew, width_inches: float, height_inches: float) -> bool:
    """Whether taking the skew out of a sheet that keeps its size would push ink over its edge."""
    turn = math.radians(skew.degrees)
    x, y = skew.ink[:, 0] - width_inches / 2, skew.ink[:, 1] - height_inches / 2
    across = np.abs(x * math.cos(turn) - y * math.sin(turn))
    down = np.abs(x * math.sin(turn) + y * math.cos(turn))
    outside = (across > width_inches / 2 - 0.02) | (down > height_inches / 2 - 0.02)
    return bool(np.count_nonzero(outside) > 2)


def _baselines(grey: Grey, dpi: float) -> npt.NDArray[np.float32]:
    around = cv2.blur(grey, (19, 19))
    ink = cv2.subtract(around, grey) > 24
    lower = np.zeros_like(ink)
    lower[:-1] = ink[:-1] & ~ink[1:]
    margin_x, margin_y = max(1, grey.shape[1] // 40), max(1, grey.shape[0] // 60)
    y, x = np.nonzero(lower[margin_y:-margin_y, margin_x:-margin_x])
    points = np.stack([(x + margin_x) / dpi, (y + margin_y) / dpi], axis=1).astype(np.float32)
    return _some(points, POINTS_MAX)


def _some(points: npt.NDArray[np.float32], most: int) -> npt.NDArray[np.float32]:
    if len(points) <= most:
        return points
    return points[(np.arange(most) * (len(points) / most)).astype(np.int64)]


def _sharpness(ink: npt.NDArray[np.float32], degrees: float) -> float:
    """Sum of squares of the profile across lines that rise by `degrees`, in rows of 1/100 inch."""
    turn = math.radians(degrees)
    rows = ink[:, 1] * np.float32(math.cos(turn) * LOOK_DPI)
    rows += ink[:, 0] * np.float32(math.sin(turn) * LOOK_DPI)
    rows -= rows.min() if len(rows) else 0
    profile = np.bincount(rows.astype(np.int32)).astype(np.float64)
    return float((profile * profile).sum())
