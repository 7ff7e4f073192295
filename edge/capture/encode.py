"""Chooses how to keep a page, and checks the choice: one bit per pixel, several inks with picture boxes, grey JPEG, colour JPEG.

The ladder is climbed only as far as needed. One plane of black may stand for a page when nothing of its writing is missing in the bits;
planes, when what is neither ink nor paper fits into boxes; otherwise the whole page is a JPEG, grey where colours say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from PIL import Image, ImageFilter

from edge.capture import bits, boxes, grid, inks
from edge.capture.encoded import BLACK, Codec, Encoded, Encoding, Layer
from edge.capture.flatten import flatten
from edge.capture.grid import Coarse
from edge.capture.jbig2 import Bits
from edge.capture.source import DPI, Page

UPSCALE_DPI_MIN: Final = 90  # a coarser page has no edges that one bit could follow
BOXES_SHARE_MAX: Final = 0.6  # more than this in boxes: it is a picture, and is not divided by its paper
LOST_SHARE_MAX: Final = 0.02
PALE_CHROMA_MIN: Final = 14  # of 255: the guilloche of an identity card
PALE_SHARE_MAX: Final = 0.35
DUST_SHARE_MAX: Final = 0.25  # of what is dark: more makes the page a halftone, and its strokes are made of dots
BLANK_INK_SHARE: Final = 0.00015
TEXT_JPEG_DPI: Final = 180
PICTURE_JPEG_DPI: Final = 150
TEXT_QUALITY: Final = 40
PICTURE_QUALITY: Final = 50
PAPER_FROM: Final = 225  # of 250: what is brighter is paper, and costs nothing when it is plain white


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


def encode(page: Page, *, g4_strict: bool = False) -> Encoded:
    """The smallest of the encodings that keeps `page` legible. A page in colour stays in colour: ask colour.settle first."""
    encoded, _ = encode_and_tell(page, g4_strict=g4_strict)
    return encoded


def encode_and_tell(page: Page, *, g4_strict: bool = False, photo: bool = False) -> tuple[Encoded, Look]:
    """As `encode`, with what decided. `photo`: keep it as a picture, whatever it looks like."""
    grey = page.image if page.image.mode == "L" else page.image.convert("L")
    flat = flatten(grey, page.dpi)
    del grey
    fine_dpi = DPI if UPSCALE_DPI_MIN <= page.dpi < 0.95 * DPI and not _two_valued(flat) else page.dpi
    drawn = flat if fine_dpi == page.dpi else _scaled(flat, fine_dpi / page.dpi)
    ink, dust = bits.ink(np.asarray(drawn), fine_dpi)
    del drawn
    coarse = grid.look(page, flat, ink)
    found = boxes.find(coarse, np.asarray(flat))
    picture = photo or found.share > BOXES_SHARE_MAX or _pale_share(coarse) > PALE_SHARE_MAX
    look = Look(found.share, picture, dust, _lost_share(coarse, found), _ink_share(ink), coarse)
    blank = look.ink < BLANK_INK_SHARE and not found.places and look.lost == 0.0
    if page.dpi < UPSCALE_DPI_MIN or picture or look.lost > LOST_SHARE_MAX or (dust > DUST_SHARE_MAX and not blank):
        return _whole(page, flat, look, blank), look
    planes = _planes(page, ink, fine_dpi, coarse, found, blank, g4_strict)
    # Halftones and noise are what one bit is worst at: there grey is smaller and better.
    if planes.bytes <= 60_000 + ink.size // 100:
        return planes, look
    jpeg = _whole(page, flat, look, blank)
    return (planes if planes.bytes <= jpeg.bytes else jpeg), look


def _planes(
    page: Page, ink: Bits, dpi: float, coarse: Coarse, found: boxes.Boxes, blank: bool, g4_strict: bool
) -> Encoded:
    """Pictures below, a stencil for each ink above them."""
    height, width = ink.shape
    inked = boxes.without_pictures(ink, found, coarse)
    laid = inks.planes(inked, coarse) if page.image.mode == "RGB" else [(BLACK, inked)]
    layers = [_in_pixels_of(width, page, layer) for layer in boxes.layers(page, inked, coarse, found)]
    layers += [bits.stencil(plane, (0, 0, width, height), colour, g4_strict) for colour, plane in laid]
    codec = layers[-1].codec
    encoding = Encoding(codec)
    if len(layers) > 1:
        encoding = Encoding.G4_PLANES if codec == Codec.G4 else Encoding.JBIG2_PLANES
    return Encoded(encoding, width, height, round(dpi, 2), blank, tuple(layers))


def _in_pixels_of(width: int, page: Page, layer: Layer) -> Layer:
    scale = width / page.image.width
    left, top, right, bottom = (round(edge * scale) for edge in layer.place)
    return msgspec.structs.replace(layer, place=(left, top, right, bottom))


def _whole(page: Page, flat: Image.Image, look: Look, blank: bool) -> Encoded:
    """The page as one JPEG."""
    halftone = look.dust > DUST_SHARE_MAX
    scale = min(1.0, (PICTURE_JPEG_DPI if look.picture or halftone else TEXT_JPEG_DPI) / page.dpi)
    if look.picture:
        image = _scaled(page.image, scale) if scale < 0.95 else page.image
    else:
        image = flat if page.image.mode == "L" else flatten(page.image, page.dpi)
        image = image.filter(ImageFilter.BoxBlur(1)) if halftone else image
        image = _whitened(_scaled(image, scale) if scale < 0.95 else image)
    layer = boxes.jpeg(image, (0, 0, image.width, image.height), PICTURE_QUALITY if look.picture else TEXT_QUALITY)
    dpi = page.dpi * image.width / page.image.width
    return Encoded(Encoding(layer.codec), image.width, image.height, round(dpi, 2), blank, (layer,))


def _whitened(image: Image.Image) -> Image.Image:
    table = [value + max(0, min(255 - value, (value - PAPER_FROM) * 2)) for value in range(256)]
    return image.point(table * len(image.getbands()))


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


# --- what decides -------------------------------------------------------------------------------------------------


def _two_valued(flat: Image.Image) -> bool:
    counts = flat.histogram()
    return sum(counts[:48]) + sum(counts[208:]) > 0.985 * sum(counts) and sum(counts[80:176]) < 0.004 * sum(counts)


def _lost_share(coarse: Coarse, found: boxes.Boxes) -> float:
    """Of the cells of 4 mm with writing in them: those in which nothing, or next to nothing, became ink. Pictures keep theirs."""
    cell = 16
    margin = cell  # a scanner's border is not writing
    kept_anyway = (
        grid.spread(found.picture, coarse.grey.shape) if found.picture.any() else np.zeros(coarse.grey.shape, bool)
    )
    soft = Image.fromarray(np.where(kept_anyway, np.uint8(255), coarse.grey))
    stroke = np.asarray(soft.filter(ImageFilter.BoxBlur(5))).astype(np.int16) - np.asarray(
        soft.filter(ImageFilter.BoxBlur(1))
    )
    strokes = grid.cells(stroke[margin:-margin, margin:-margin], cell)
    near = grid.grown(coarse.ink >= 0.094)
    kept = grid.cells(near[margin:-margin, margin:-margin], cell)
    if not strokes.size:
        return 0.0
    contrast = np.percentile(strokes, 97, axis=(2, 3))
    written = np.maximum(strokes - 10, 0)
    wrote = (contrast > 20) & (written.sum(axis=(2, 3)) > 200)
    missing = np.where(kept, 0, written).sum(axis=(2, 3)) > 0.5 * written.sum(axis=(2, 3))
    count = int(wrote.sum())
    return float((wrote & missing).sum() / max(count, 40))


def _pale_share(coarse: Coarse) -> float:
    """Of the ground: what has a tint, however faint. Paper has none, it was divided by itself."""
    ground = coarse.ink < grid.INK_SHARE_MIN
    return float((grid.chroma(coarse.colour)[ground] > PALE_CHROMA_MIN).mean()) if ground.any() else 0.0


def _ink_share(ink: Bits) -> float:
    """Black pixels, without the outer 2 %: shadows of the lid lie there."""
    margin_y, margin_x = ink.shape[0] // 50, ink.shape[1] // 50
    inner = ink[margin_y : ink.shape[0] - margin_y, margin_x : ink.shape[1] - margin_x]
    return float(inner.mean()) if inner.size else 0.0
