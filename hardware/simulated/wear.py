"""What happens to paper before somebody can read it: folds, stains, holes, and being photographed on a table instead of scanned.

Images are uint8 RGB; everything follows from the seed.
"""

from __future__ import annotations

from random import Random
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

TABLE_LEVEL: Final = 46  # a matte dark mat
COFFEE: Final = (0.74, 0.62, 0.46)  # what is left of red, green and blue


def wear(page: Image.Image, seed: int) -> Image.Image:
    """The same sheet after some weeks in a kitchen: two folds, a coffee ring, holes of a file, a dog-ear. Of the same size."""
    random = Random(f"wear-{seed}")  # noqa: S311 - a drawing, not a secret
    pixels = np.asarray(page.convert("RGB"), np.float32)
    height, width = pixels.shape[:2]
    for _ in range(2):
        pixels = np.asarray(pixels * _fold(height, width, random)[:, :, None], np.float32)
    pixels = _ring(pixels, random)
    worn = np.clip(pixels, 0, 255).astype(np.uint8)
    for y in (0.365, 0.635):  # 80 mm apart on A4
        cv2.circle(worn, (round(width * 0.057), round(height * y)), round(width * 0.014), (60, 58, 55), -1, cv2.LINE_AA)
    ear = round(width * random.uniform(0.03, 0.06))
    cv2.fillPoly(worn, [np.array([(width, 0), (width - ear, 0), (width, ear)])], (205, 203, 198), cv2.LINE_AA)
    return Image.fromarray(worn, "RGB")


def photograph(
    page: Image.Image, seed: int, size: tuple[int, int] = (2000, 2667), degrees: float | None = None
) -> Image.Image:
    """The sheet on a dark table, seen by a camera that stands not quite above it: in perspective, turned by some degrees, with a shadow.
    `size`: width and height of the picture in pixels; `degrees`: drawn from the seed if None."""
    random = Random(f"photograph-{seed}")  # noqa: S311
    width, height = size
    scene = table(seed, size).astype(np.float32)
    sheet = np.asarray(page.convert("RGB"))
    corners = _corners(sheet.shape[1], sheet.shape[0], size, random, degrees)
    source = np.array([(0, 0), (sheet.shape[1], 0), (sheet.shape[1], sheet.shape[0]), (0, sheet.shape[0])], np.float32)
    view = cv2.getPerspectiveTransform(source, corners)
    covered = cv2.warpPerspective(np.full(sheet.shape[:2], 255, np.uint8), view, size, flags=cv2.INTER_AREA)
    seen = cv2.warpPerspective(sheet, view, size, flags=cv2.INTER_LINEAR).astype(np.float32)
    share = (covered.astype(np.float32) / 255)[:, :, None]
    scene = np.asarray(scene * (1 - share) + seen * share, np.float32)
    scene *= _shadow(width, height, random)[:, :, None]
    scene += np.random.default_rng(seed).standard_normal((height, width, 1), np.float32) * 2
    return Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8), "RGB")


def table(seed: int, size: tuple[int, int]) -> Pixels:
    """The bare table, uint8 [height, width, 3]."""
    width, height = size
    grain = np.random.default_rng(seed).standard_normal((height // 4 + 1, width // 4 + 1), np.float32) * 4
    level = TABLE_LEVEL + cv2.resize(grain, (width, height))
    return np.clip(np.dstack((level * 0.94, level, level * 1.03)), 0, 255).astype(np.uint8)


def _corners(
    sheet_width: int, sheet_height: int, size: tuple[int, int], random: Random, degrees: float | None
) -> npt.NDArray[np.float32]:
    """Where the sheet's corners are seen: clockwise from the top left, all within the picture."""
    width, height = size
    turned = np.radians(random.uniform(-5, 5) if degrees is None else degrees)
    scale = min(width / sheet_width, height / sheet_height) * 0.82
    half = np.array([sheet_width, sheet_height]) * scale / 2
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    across = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    flat = (signs * half) @ across.T
    # The camera stands a little off the middle: what is farther away is smaller.
    tilt = np.array([random.uniform(-0.05, 0.05) / width, random.uniform(-0.05, 0.05) / height])
    seen = flat / (1 + flat @ tilt)[:, None]
    middle = np.array([width * random.uniform(0.48, 0.52), height * random.uniform(0.48, 0.52)])
    return np.asarray(seen + middle, np.float32)


def _shadow(width: int, height: int, random: Random) -> npt.NDArray[np.float32]:
    """Light from one side, and the soft shadow of whoever stands there."""
    angle, depth = random.uniform(0, 2 * np.pi), random.uniform(0.1, 0.25)
    rows = np.linspace(-1, 1, 64, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    columns = np.linspace(-1, 1, 64, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    light = 1 - np.float32(depth) * (0.5 + 0.35 * (rows + columns)) ** 2
    edge = random.uniform(0.4, 1.1)
    light *= 1 - 0.14 / (1 + np.exp(-(columns + rows - edge) * 9))
    return np.asarray(cv2.resize(light.astype(np.float32), (width, height)), np.float32)


def _fold(height: int, width: int, random: Random) -> npt.NDArray[np.float32]:
    """A crease across the sheet: a light ridge beside a dark valley."""
    at = random.choice((1 / 3, 1 / 2, 2 / 3)) + random.uniform(-0.02, 0.02)
    upright = random.random() < 0.3
    length = width if upright else height
    distance = (np.arange(length, dtype=np.float32) / length - at) * 300
    profile = 1 - 0.10 * np.exp(-(distance**2)) + 0.05 * np.exp(-((distance - 2) ** 2))
    return np.broadcast_to(profile[None, :] if upright else profile[:, None], (height, width)).astype(np.float32)


def _ring(pixels: npt.NDArray[np.float32], random: Random) -> npt.NDArray[np.float32]:
    """Where a cup stood."""
    height, width = pixels.shape[:2]
    radius = width * random.uniform(0.14, 0.2)
    x, y = width * random.uniform(0.2, 0.85), height * random.uniform(0.3, 0.9)
    rows, columns = np.ogrid[:height, :width]
    distance = np.sqrt((rows - y) ** 2 + (columns - x) ** 2).astype(np.float32)
    strength = np.exp(-(((distance - radius) / (width * 0.006)) ** 2)) + 0.12 * (distance < radius)
    strength = np.minimum(strength, 1).astype(np.float32) * np.float32(random.uniform(0.5, 0.9))
    for channel, left in enumerate(COFFEE):
        pixels[:, :, channel] *= 1 - strength * np.float32(1 - left)
    return pixels
