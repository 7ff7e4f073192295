"""Chooses how to keep a page, and checks the choice: one bit per pixel, several inks with picture boxes, grey JPEG, colour JPEG.

The ladder is climbed only as far as needed. One plane of black may stand for a page when nothing of its writing is missing in the bits;
planes, when what is neither ink nor paper fits into boxes; otherwise the whole page is a JPEG, grey where colours say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from edge.capture import bits, boxes, grid, inks
from edge.capture.encoded import BLACK, Codec, Encoded, Encoding
from edge.capture.flatten import Grey, Pixels, divided, flatten, paper
from edge.capture.grid import Coarse
from edge.capture.jbig2 import Bits
from edge.capture.level import UPSCALE_DPI_MIN, Level
from edge.capture.scale import chroma, to_dpi

BOXES_SHARE_MAX: Final = 0.6  # more than this in boxes: it is a picture, and is not divided by its paper
LOST_SHARE_MAX: Final = 0.02
PALE_CHROMA_MIN: Final = 14  # of 255: the guilloche of an identity card
PALE_SHARE_MAX: Final = 0.35
DUST_SHARE_MAX: Final = 0.6  # of what is dark: more makes the page a halftone; less lies on paper, and is left away
BLANK_INK_SHARE: Final = 0.00015
TEXT_JPEG_DPI: Final = 180
PICTURE_JPEG_DPI: Final = 150
DOTS_PER_INCH: Final = 200  # of a coarse halftone
HALFTONE_BLURS_MAX: Final = 3  # what was dithered has dots at every distance; once is enough where they lie in rows
TEXT_QUALITIES: Final = (40, 32, 25)  # the first that is small enough; noise alone can fill a page
TEXT_BYTES: Final = 48_000
PICTURE_QUALITIES: Final = (50, 40, 32)
PICTURE_BYTES: Final = 120_000
PAPER_FROM: Final = 225  # of 250: what is brighter is paper, and costs nothing when it is plain white
_WHITER: Final = np.array(
    [value + max(0, min(255 - value, (value - PAPER_FROM) * 2)) for value in range(256)], np.uint8
)


@dataclass(frozen=True)
class Look:
    """What decided. Shares from 0 to 1: `boxed` of the sheet, `lost` of the inked cells whose ink is missing in the bits, `ink` of the
    sheet. `picture`: all of it is one. `dust`: of what is dark. `coarse`: the page as it was looked at."""

    boxed: float
    picture: bool
    dust: float
    lost: float
    ink: float
    coarse: Coarse


def encode(level: Level, *, g4_strict: bool = False, photo: bool = False) -> tuple[Encoded, Look]:
    """The smallest of the encodings that keeps the page legible, and what decided. `photo`: keep it as a picture, whatever it looks like."""
    plain, coarse_dpi = to_dpi(level.grey, level.dpi, grid.COARSE_DPI)
    field = paper(plain, coarse_dpi)
    flat = divided(plain, field)
    ink, dust = bits.ink(level.grey, flat, coarse_dpi, field)
    coarse = grid.look(level, flat, coarse_dpi, ink)
    found = boxes.find(coarse, level, field)
    picture = photo or found.share > BOXES_SHARE_MAX or _pale_share(coarse) > PALE_SHARE_MAX
    look = Look(found.share, picture, dust, _lost_share(coarse, found), _ink_share(ink), coarse)
    blank = look.ink < BLANK_INK_SHARE and not found.places and look.lost == 0.0
    too_coarse = level.page_dpi < UPSCALE_DPI_MIN
    if too_coarse or picture or look.lost > LOST_SHARE_MAX or (dust > DUST_SHARE_MAX and not blank):
        return _whole(level, field, look, blank), look
    planes = _planes(level, ink, coarse, found, blank, g4_strict)
    # Halftones and noise are what one bit is worst at: there grey is smaller and better.
    if planes.bytes <= 60_000 + ink.size // 100:
        return planes, look
    jpeg = _whole(level, field, look, blank)
    return (planes if planes.bytes <= jpeg.bytes else jpeg), look


def _planes(level: Level, ink: Bits, coarse: Coarse, found: boxes.Boxes, blank: bool, g4_strict: bool) -> Encoded:
    """Pictures below, a stencil for each ink above them."""
    height, width = ink.shape
    inked = boxes.without_pictures(ink, found, coarse)
    laid = inks.planes(inked, coarse) if level.colour is not None else [(BLACK, inked)]
    layers = boxes.layers(level, inked, coarse, found)
    layers += [bits.stencil(plane, (0, 0, width, height), colour, g4_strict) for colour, plane in laid]
    codec = layers[-1].codec
    encoding = Encoding(codec)
    if len(layers) > 1:
        encoding = Encoding.G4_PLANES if codec == Codec.G4 else Encoding.JBIG2_PLANES
    return Encoded(encoding, width, height, round(level.dpi, 2), blank, tuple(layers))


def _whole(level: Level, field: Grey, look: Look, blank: bool) -> Encoded:
    """The page as one JPEG."""
    halftone = look.dust > DUST_SHARE_MAX
    dpi_max: float = PICTURE_JPEG_DPI if look.picture or halftone else TEXT_JPEG_DPI
    pixels, dpi = (level.grey, level.dpi) if level.colour is None else (level.colour, level.colour_dpi)
    dpi_max = min(dpi_max, max(level.page_dpi, 1.0))  # what was enlarged has no more to show
    if not halftone or look.picture:
        return _jpeg(pixels, dpi, dpi_max, field if level.colour is None else None, look, blank)
    side = 2 * max(1, round(dpi / DOTS_PER_INCH)) + 1
    for _ in range(HALFTONE_BLURS_MAX):  # its dots are noise to a JPEG
        pixels = np.asarray(cv2.blur(pixels, (side, side)), np.uint8)
        page = _jpeg(pixels, dpi, dpi_max, None, look, blank)
        if page.bytes <= TEXT_BYTES:
            break
    return page


def _jpeg(pixels: Pixels, dpi: float, dpi_max: float, field: Grey | None, look: Look, blank: bool) -> Encoded:
    """The first quality that is small enough, or the last. `field`: the paper, where it is that of these pixels."""
    pixels, dpi = to_dpi(pixels, dpi, dpi_max)
    if not look.picture:
        pixels = _whitened(flatten(pixels, dpi) if field is None else divided(pixels, field))
    height, width = pixels.shape[:2]
    qualities, bytes_max = (PICTURE_QUALITIES, PICTURE_BYTES) if look.picture else (TEXT_QUALITIES, TEXT_BYTES)
    for quality in qualities:
        layer = boxes.jpeg(pixels, (0, 0, width, height), quality)
        if len(layer.stream) <= bytes_max:
            break
    return Encoded(Encoding(layer.codec), width, height, round(dpi, 2), blank, (layer,))


def _whitened(pixels: Pixels) -> Pixels:
    return cv2.LUT(pixels, _WHITER)  # type: ignore[return-value]


# --- what decides -------------------------------------------------------------------------------------------------


def _lost_share(coarse: Coarse, found: boxes.Boxes) -> float:
    """Of the cells of 4 mm with writing in them: those in which nothing, or next to nothing, became ink. Pictures keep theirs."""
    cell = 16
    margin = cell  # a scanner's border is not writing
    soft = coarse.grey
    if found.picture.any():
        soft = np.where(grid.spread(found.picture, soft.shape), np.uint8(255), soft)
    stroke = cv2.blur(soft, (11, 11)).astype(np.int16) - cv2.blur(soft, (3, 3))
    strokes = grid.cells(stroke[margin:-margin, margin:-margin], cell)
    near = grid.grown(coarse.ink >= 0.094)
    kept = grid.cells(near[margin:-margin, margin:-margin], cell)
    if not strokes.size:
        return 0.0
    flat = strokes.reshape(*strokes.shape[:2], cell * cell)
    place = round(0.97 * (cell * cell - 1))
    contrast = np.partition(flat, place, axis=2)[:, :, place]
    written = np.maximum(strokes - 10, 0)
    wrote = (contrast > 20) & (written.sum(axis=(2, 3)) > 200)
    missing = np.where(kept, 0, written).sum(axis=(2, 3)) > 0.5 * written.sum(axis=(2, 3))
    count = int(wrote.sum())
    return float((wrote & missing).sum() / max(count, 40))


def _pale_share(coarse: Coarse) -> float:
    """Of the ground: what has a tint, however faint. Paper has none, it was divided by itself."""
    ground = coarse.ink < grid.INK_SHARE_MIN
    return float((chroma(coarse.colour)[ground] > PALE_CHROMA_MIN).mean()) if ground.any() else 0.0


def _ink_share(ink: Bits) -> float:
    """Black pixels, without the outer 2 %: shadows of the lid lie there."""
    margin_y, margin_x = ink.shape[0] // 50, ink.shape[1] // 50
    inner = ink[margin_y : ink.shape[0] - margin_y, margin_x : ink.shape[1] - margin_x]
    return float(inner.mean()) if inner.size else 0.0
