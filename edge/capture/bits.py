"""One bit per pixel: what is ink on a page, and its bytes."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from edge.capture import jbig2
from edge.capture.encoded import Codec, Colour, Layer
from edge.capture.flatten import Grey
from edge.capture.jbig2 import Bits

PAPER: Final = 244  # brighter surroundings than this do not make ink of what is paler
INK_SHARE: Final = 215  # of 256: of its surroundings, ink is darker than this
STROKE_DPI: Final = 100.0
DARK: Final = 100  # of 255: ink whatever is around it


def ink(flat: Grey, dpi: float) -> tuple[Bits, float]:
    """True where there is ink: much darker than around, or dark anyway; lone pixels are dust. And the share of dust, 0 to 1: where it is
    large the page is a halftone, and dots of it are strokes. Where print is black, only what is darker
    than half-way to it: small letters keep their holes."""
    image = Image.fromarray(flat)
    around = np.asarray(image.filter(ImageFilter.BoxBlur(max(3, round(dpi / 14)))))
    # 84 % of the surroundings, at most 205: fresh print, pencil and thermal paper pass, noise of the sensor does not.
    limit = np.minimum(around, PAPER)
    limit = (limit.astype(np.uint16) * INK_SHARE >> 8).astype(np.uint8)
    np.minimum(limit, _half_way(image, dpi), out=limit)
    np.maximum(limit, DARK, out=limit)
    dark = flat < limit
    clean = without_dust(dark)
    return clean, 1 - int(np.count_nonzero(clean)) / (int(np.count_nonzero(dark)) or 1)


def _half_way(image: Image.Image, dpi: float) -> Grey:
    """Between paper and the darkest strokes of 1/4 mm near by."""
    scale = min(1.0, STROKE_DPI / dpi)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    small = Image.fromarray(_darkest(np.asarray(small), 3)).filter(ImageFilter.BoxBlur(2))
    return np.asarray(
        small.point([125 + value // 2 for value in range(256)]).resize(image.size, Image.Resampling.BILINEAR)
    )


def _darkest(plane: Grey, radius: int) -> Grey:
    """Of the square of 2 × radius + 1 pixels around each, one axis after the other."""
    for _ in range(2):
        least = plane.copy()
        for step in range(1, radius + 1):
            np.minimum(least[step:], plane[:-step], out=least[step:])
            np.minimum(least[:-step], plane[step:], out=least[:-step])
        plane = np.ascontiguousarray(least.T)
    return plane


def without_dust(ink: Bits) -> Bits:
    """Without spots of one or two pixels."""
    rows = ink.astype(np.uint8)
    rows[:, 1:] += ink[:, :-1]
    rows[:, :-1] += ink[:, 1:]
    near = rows.copy()
    near[1:] += rows[:-1]
    near[:-1] += rows[1:]
    return ink & (near > 2)


def stencil(ink: Bits, place: tuple[int, int, int, int], colour: Colour, g4_strict: bool) -> Layer:
    """JBIG2 where it is allowed and can be made fast, otherwise CCITT G4."""
    height, width = ink.shape
    if g4_strict or not jbig2.fast():
        return Layer(Codec.G4, width, height, place, colour, group4(ink))
    return Layer(Codec.JBIG2, width, height, place, colour, jbig2.encode(ink))


def group4(ink: Bits) -> bytes:
    """A bare strip of CCITT G4, 1 is ink."""
    height, width = ink.shape
    file = io.BytesIO()
    picture = Image.frombytes("1", (width, height), np.packbits(ink, axis=1).tobytes())
    picture.save(file, "TIFF", compression="group4", strip_size=1 << 30)
    with Image.open(file) as tiff:
        (offset,), (length,) = tiff.tag_v2[273], tiff.tag_v2[279]  # type: ignore[attr-defined]
    return file.getvalue()[offset : offset + length]
