"""Identity cards: cut out of what was scanned, and both sides laid on one A4 sheet at their true size."""

from __future__ import annotations

from typing import Final

import cv2
import msgspec
import numpy as np

from edge.capture import boxes, level, outline, scale
from edge.capture.encoded import Encoded, Encoding, Layer
from edge.capture.page import Page
from edge.capture.survey import Survey
from protocol.errors import Code, Refused

CARD_INCHES: Final = (3.37, 2.125)  # ID-1
A4_INCHES: Final = (8.27, 11.69)
SIDE_BYTES_MAX: Final = 28_000  # so that a sheet stays below 60 kB
LADDER: Final = (
    (250, 55),
    (220, 50),
    (200, 45),
    (180, 40),
    (160, 35),
)  # dpi and quality; the machine-readable zone bears all of them
LOOK_DPI: Final = 50.0
CARD_SHARE_MIN: Final = 0.02  # of the glass of a scanner
MARGIN_INCHES: Final = 0.03
SHEET_DPI: Final = 300.0
_SHEET_PIXELS: Final = (round(A4_INCHES[0] * SHEET_DPI), round(A4_INCHES[1] * SHEET_DPI))


def cut(page: Page, seen: Survey) -> Page:
    """The card on `page`, lying; the page itself where no card stands out. A picture of nothing but a card is taken as one at its true size,
    whatever resolution it claims."""
    pixels = _found(page, seen)
    if pixels.shape[0] > pixels.shape[1]:
        pixels = np.ascontiguousarray(np.rot90(pixels))
    proportion = pixels.shape[1] / pixels.shape[0] / (CARD_INCHES[0] / CARD_INCHES[1])
    is_card = 0.9 < proportion < 1.1
    return Page(pixels, pixels.shape[1] / CARD_INCHES[0] if is_card else page.dpi)


def sheet(sides: list[Page]) -> Encoded:
    """One A4 page with one or two sides, one above the other."""
    layers = []
    for number, side in enumerate(sides):
        across, down = side.width / side.dpi, side.height / side.dpi
        shrink = min(1.0, 0.9 * A4_INCHES[0] / across, 0.42 * A4_INCHES[1] / down)
        layers.append(_laid(_side(side), across * shrink * SHEET_DPI, down * shrink * SHEET_DPI, number))
    return _sheet(layers)


def joined(first: Encoded, second: Encoded) -> Encoded:
    """One sheet with the sides of two half-full ones. Raises Refused where one of them is not that."""
    for page in (first, second):
        if len(page.layers) != 1 or (page.width, page.height) != _SHEET_PIXELS:
            raise Refused(
                Code.BAD_FILE,
                "Only two single sides of a card can be laid on one sheet.",
                "Take both sides of the card again.",
            )
    layers = []
    for number, page in enumerate((first, second)):
        (layer,) = page.layers
        left, top, right, bottom = layer.place
        layers.append(_laid(layer, right - left, bottom - top, number))
    return _sheet(layers)


def _sheet(layers: list[Layer]) -> Encoded:
    return Encoded(Encoding.COLOUR_JPEG, *_SHEET_PIXELS, SHEET_DPI, False, tuple(layers))


def _laid(side: Layer, across: float, down: float, number: int) -> Layer:
    """The side in the upper (`number` 0) or lower half of the sheet; `across` and `down` in its pixels."""
    width, height = _SHEET_PIXELS
    left, top = (width - round(across)) // 2, round(height * (0.06 + 0.46 * number))
    return msgspec.structs.replace(side, place=(left, top, left + round(across), top + round(down)))


def _side(side: Page) -> Layer:
    """Of the steps of the ladder the first that is small enough, or the last."""
    layer = None
    for dpi, quality in LADDER:
        small, _ = scale.to_dpi(side.pixels, side.dpi, dpi)
        layer = boxes.jpeg(small, (0, 0, small.shape[1], small.shape[0]), quality)
        if len(layer.stream) <= SIDE_BYTES_MAX:
            break
    assert layer is not None
    return layer


def _found(page: Page, seen: Survey) -> scale.Pixels:
    """What is not the lid of the scanner, or the table under the camera."""
    found = outline.find(seen, darker_too=True, share_min=CARD_SHARE_MIN)
    if found is not None:
        corners = found.in_pixels(page.width, page.height)
        sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
        move = level.squared(corners, (float(sides[0] + sides[2]) / 2, float(sides[1] + sides[3]) / 2))
        return level.moved(page.pixels, move, 1.0)
    box = _box(page)
    if box is None:
        return page.pixels
    left, top, right, bottom = box
    return page.pixels[top:bottom, left:right]


def _box(page: Page) -> tuple[int, int, int, int] | None:
    """Around what is not the lid of the scanner, in pixels; None where that is nearly everything, or nothing."""
    small, dpi = scale.to_dpi(page.pixels, page.dpi, LOOK_DPI)
    if min(small.shape[:2]) < 8:
        return None
    lying = small.reshape(*small.shape[:2], -1).astype(np.int16)
    lid = np.median(lying.reshape(-1, lying.shape[2]), axis=0)
    off = (np.abs(lying - lid).max(axis=2) > 22).view(np.uint8)
    mask = cv2.morphologyEx(off, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))  # close its light places
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((13, 13), np.uint8))  # drop the shadow along the lid
    whole = mask.shape[0] * mask.shape[1]
    parts = [part for part in boxes.components(mask.astype(np.bool_)) if 0.02 * whole < _area(part) < 0.6 * whole]
    if not parts:
        return None
    left, top, right, bottom = max(parts, key=_area)
    enlarge, ease = page.dpi / dpi, MARGIN_INCHES * page.dpi
    return (
        max(0, round(left * enlarge - ease)),
        max(0, round(top * enlarge - ease)),
        min(page.width, round(right * enlarge + ease)),
        min(page.height, round(bottom * enlarge + ease)),
    )


def _area(part: tuple[int, int, int, int]) -> int:
    return (part[2] - part[0]) * (part[3] - part[1])
