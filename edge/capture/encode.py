"""Chooses how to keep a page: one bit per pixel (CCITT G4) where it is text and lines, JPEG where tones or colours carry meaning.

The choice is checked, not believed: what of the page's ink is missing in the bits decides whether they may stand for it; otherwise grey
JPEG, otherwise colour. No encoding uses symbols (BSI TR-03138): G4 and JPEG cannot swap one digit for another.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.capture import bits
from edge.capture.encoded import BLACK, Codec, Encoded, Encoding, Layer
from edge.capture.flatten import Grey, flatten
from edge.capture.source import DPI, Page

_Number = TypeVar("_Number", bound=np.generic)

UPSCALE_DPI_MIN: Final = 90  # a coarser page has no edges that one bit could follow
TONE_SHARE_MAX: Final = 0.015
PICTURE_SHARE: Final = 0.25  # more tone than this: it is a picture, and is not divided by its paper
LOST_SHARE_MAX: Final = 0.01
BLANK_INK_SHARE: Final = 0.00015
TEXT_JPEG_DPI: Final = 200
PICTURE_JPEG_DPI: Final = 150
TEXT_QUALITY: Final = 55
PICTURE_QUALITY: Final = 60


@dataclass(frozen=True)
class Look:
    """What decides. Shares of the sheet from 0 to 1: `tone` of cells that are neither paper nor ink, `lost` of the
    inked cells whose ink is missing in the bits, `ink` of black pixels."""

    tone: float
    lost: float
    ink: float


def encode(page: Page, *, strict_g4: bool = False) -> Encoded:
    """The smallest of the encodings that keeps `page` legible. A page in colour stays in colour: ask colour.settle first."""
    encoded, _ = encode_and_tell(page, strict_g4=strict_g4)
    return encoded


def encode_and_tell(page: Page, *, strict_g4: bool = False) -> tuple[Encoded, Look]:
    """As `encode`, with what decided."""
    grey = page.image if page.image.mode == "L" else page.image.convert("L")
    flat = flatten(grey, page.dpi)
    del grey
    bits_dpi = DPI if UPSCALE_DPI_MIN <= page.dpi < 0.95 * DPI and not _two_valued(flat) else page.dpi
    drawn = flat if bits_dpi == page.dpi else _scaled(flat, bits_dpi / page.dpi)
    ink = bits.ink(np.asarray(drawn), bits_dpi)
    look = Look(
        tone=_tone_share(np.asarray(flat), page.dpi),
        lost=_lost_share(drawn, ink, bits_dpi),
        ink=_ink_share(ink),
    )
    colourful = page.image.mode == "RGB"
    blank = look.ink < BLANK_INK_SHARE and look.tone < TONE_SHARE_MAX and look.lost == 0.0 and not colourful
    if page.dpi >= UPSCALE_DPI_MIN and not colourful and look.tone <= TONE_SHARE_MAX and look.lost <= LOST_SHARE_MAX:
        plane = _plane(ink, bits_dpi, blank, strict_g4)
        # Halftones and noise are what one bit is worst at: there grey is smaller and better.
        if plane.bytes <= 60_000 + ink.size // 100:
            return plane, look
        jpeg = _jpeg(Page(flat, page.dpi), look, blank)
        return (plane if plane.bytes <= jpeg.bytes else jpeg), look
    if look.tone > PICTURE_SHARE:
        kept = page.image if colourful else page.image.convert("L")
    else:
        kept = flatten(page.image, page.dpi) if colourful else flat
    return _jpeg(Page(kept, page.dpi), look, blank), look


def _plane(ink: npt.NDArray[np.bool_], dpi: float, blank: bool, strict_g4: bool) -> Encoded:
    height, width = ink.shape
    layer = bits.stencil(ink, (0, 0, width, height), BLACK, strict_g4)
    return Encoded(Encoding(layer.codec), width, height, round(dpi, 2), blank, (layer,))


# --- tones --------------------------------------------------------------------------------------------------------


def _jpeg(page: Page, look: Look, blank: bool) -> Encoded:
    picture = look.tone > PICTURE_SHARE
    scale = min(1.0, (PICTURE_JPEG_DPI if picture else TEXT_JPEG_DPI) / page.dpi)
    image = page.image if scale > 0.95 else _scaled(page.image, scale)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=PICTURE_QUALITY if picture else TEXT_QUALITY, optimize=True)
    codec = Codec.GREY_JPEG if image.mode == "L" else Codec.COLOUR_JPEG
    layer = Layer(codec, image.width, image.height, (0, 0, image.width, image.height), None, file.getvalue())
    dpi = page.dpi * image.width / page.image.width
    return Encoded(Encoding(codec), image.width, image.height, round(dpi, 2), blank, (layer,))


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


# --- what decides -------------------------------------------------------------------------------------------------


def _two_valued(flat: Image.Image) -> bool:
    counts = flat.histogram()
    return sum(counts[:48]) + sum(counts[208:]) > 0.985 * sum(counts) and sum(counts[80:176]) < 0.004 * sum(counts)


def _tone_share(flat: Grey, dpi: float) -> float:
    """Cells of 2.5 mm most of which is neither paper nor ink."""
    cell = max(4, round(dpi / 10))
    cells = _cells((flat > 70) & (flat < 205), cell)
    return float((cells.mean(axis=(2, 3)) > 0.5).mean()) if cells.size else 0.0


def _lost_share(flat: Image.Image, ink: npt.NDArray[np.bool_], dpi: float) -> float:
    """Of the cells of 4 mm with writing in them: those in which nothing, or next to nothing, became ink."""
    scale = min(1.0, 100 / dpi)
    size = (max(1, round(flat.width * scale)), max(1, round(flat.height * scale)))
    small = np.asarray(flat.resize(size, Image.Resampling.BOX))
    bits = np.asarray(Image.fromarray(ink.view(np.uint8) * np.uint8(255)).resize(size, Image.Resampling.BOX))
    cell = 16
    margin = cell  # a scanner's border is not writing
    tones = _cells(small[margin:-margin, margin:-margin], cell)
    kept = _cells(bits[margin:-margin, margin:-margin], cell)
    if not tones.size:
        return 0.0
    darkness = 255 - tones.astype(np.int16)
    background = np.median(darkness, axis=(2, 3))
    written = np.maximum(darkness - background[:, :, None, None] - 14, 0)
    contrast = np.percentile(darkness, 97, axis=(2, 3)) - background
    wrote = (contrast > 26) & (written.sum(axis=(2, 3)) > 260)
    missing = np.where(kept < 24, written, 0).sum(axis=(2, 3)) > 0.5 * written.sum(axis=(2, 3))
    count = int(wrote.sum())
    return float((wrote & missing).sum() / max(count, 40))


def _ink_share(ink: npt.NDArray[np.bool_]) -> float:
    """Black pixels, without the outer 2 %: shadows of the lid lie there."""
    margin_y, margin_x = ink.shape[0] // 50, ink.shape[1] // 50
    inner = ink[margin_y : ink.shape[0] - margin_y, margin_x : ink.shape[1] - margin_x]
    return float(inner.mean()) if inner.size else 0.0


def _cells(plane: npt.NDArray[_Number], cell: int) -> npt.NDArray[_Number]:
    """[rows, columns, cell, cell]; what is left over at the right and bottom is not looked at."""
    down, across = plane.shape[0] // cell, plane.shape[1] // cell
    return plane[: down * cell, : across * cell].reshape(down, cell, across, cell).swapaxes(1, 2)
