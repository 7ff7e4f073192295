"""Identity cards: cut out of what was scanned, and both sides laid on one A4 sheet at their true size."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from PIL import Image, ImageFilter

from edge.capture import boxes
from edge.capture.encoded import Encoded, Encoding, Layer
from edge.capture.source import Page
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
MARGIN_INCHES: Final = 0.03
SHEET_DPI: Final = 300.0
_SHEET_PIXELS: Final = (round(A4_INCHES[0] * SHEET_DPI), round(A4_INCHES[1] * SHEET_DPI))


def cut(page: Page) -> Page:
    """The card on `page`, lying; the page itself where no card stands out. A picture of nothing but a card is taken as one at its true size,
    whatever resolution it claims."""
    image = page.image if page.image.mode == "RGB" else page.image.convert("RGB")
    box = _found(Page(image, page.dpi))
    found = image.crop(box) if box else image
    if found.height > found.width:
        found = found.transpose(Image.Transpose.ROTATE_90)
    proportion = found.width / found.height / (CARD_INCHES[0] / CARD_INCHES[1])
    is_card = 0.9 < proportion < 1.1
    return Page(found, found.width / CARD_INCHES[0] if is_card else page.dpi)


def sheet(sides: list[Page]) -> Encoded:
    """One A4 page with one or two sides, one above the other."""
    layers = []
    for number, side in enumerate(sides):
        across, down = (pixels / side.dpi for pixels in side.image.size)
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
        scale = min(1.0, dpi / side.dpi)
        size = (max(1, round(side.image.width * scale)), max(1, round(side.image.height * scale)))
        small = side.image if scale == 1.0 else side.image.resize(size, Image.Resampling.LANCZOS)
        layer = boxes.jpeg(small, (0, 0, *size), quality)
        if len(layer.stream) <= SIDE_BYTES_MAX:
            break
    assert layer is not None
    return layer


def _found(page: Page) -> tuple[int, int, int, int] | None:
    """Around what is not the lid of the scanner, in pixels; None where that is nearly everything, or nothing."""
    scale = min(1.0, LOOK_DPI / page.dpi)
    size = (max(8, round(page.image.width * scale)), max(8, round(page.image.height * scale)))
    small = page.image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    pixels = np.asarray(small).astype(np.int16)
    lid = np.median(pixels.reshape(-1, 3), axis=0)
    off = np.abs(pixels - lid).max(axis=2) > 22
    mask = Image.fromarray(off.view(np.uint8) * np.uint8(255))
    mask = mask.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.MinFilter(7))  # close its light places
    mask = mask.filter(ImageFilter.MinFilter(13)).filter(ImageFilter.MaxFilter(13))  # drop the shadow along the lid
    parts = boxes.components(np.asarray(mask) > 0)
    whole = size[0] * size[1]
    parts = [part for part in parts if 0.02 * whole < _area(part) < 0.6 * whole]
    if not parts:
        return None
    left, top, right, bottom = max(parts, key=_area)
    ease = MARGIN_INCHES * page.dpi
    return (
        max(0, round(left / scale - ease)),
        max(0, round(top / scale - ease)),
        min(page.image.width, round(right / scale + ease)),
        min(page.image.height, round(bottom / scale + ease)),
    )


def _area(part: tuple[int, int, int, int]) -> int:
    return (part[2] - part[0]) * (part[3] - part[1])
