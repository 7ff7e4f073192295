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
DARK: Final = 100  # of 255: ink whatever is around it


def ink(flat: Grey, dpi: float) -> Bits:
    """True where there is ink: much darker than around, or dark anyway; lone pixels are dust."""
    around = np.asarray(Image.fromarray(flat).filter(ImageFilter.BoxBlur(max(3, round(dpi / 14)))))
    # 84 % of the surroundings, at most 205: fresh print, pencil and thermal paper pass, noise of the sensor does not.
    limit = np.minimum(around, PAPER)
    limit = (limit.astype(np.uint16) * INK_SHARE >> 8).astype(np.uint8)
    np.maximum(limit, DARK, out=limit)
    return without_dust(flat < limit)


def without_dust(ink: Bits) -> Bits:
    """Without spots of one or two pixels."""
    rows = ink.astype(np.uint8)
    rows[:, 1:] += ink[:, :-1]
    rows[:, :-1] += ink[:, 1:]
    near = rows.copy()
    near[1:] += rows[:-1]
    near[:-1] += rows[1:]
    return ink & (near > 2)


def stencil(ink: Bits, place: tuple[int, int, int, int], colour: Colour, strict_g4: bool) -> Layer:
    """JBIG2 where it is allowed and can be made fast, otherwise CCITT G4."""
    height, width = ink.shape
    if strict_g4 or not jbig2.fast():
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
