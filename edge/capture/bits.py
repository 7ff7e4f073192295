"""One bit per pixel: what is ink on a page, and its bytes."""

from __future__ import annotations

import io
from typing import Final

import cv2
import numpy as np
from PIL import Image

from edge.capture import edges, jbig2
from edge.capture.encoded import Codec, Colour, Layer
from edge.capture.flatten import PAPER, Grey
from edge.capture.jbig2 import Bits

BRIGHT: Final = 244  # brighter surroundings than this do not make ink of what is paler
INK_SHARE: Final = 215 / 256  # of its surroundings, ink is darker than this
AROUND_INCHES: Final = 1 / 14
DARK: Final = 100  # of 255: ink whatever is around it
STRONG: Final = 150  # of 255: darker strokes are print, or a pen
PALE: Final = 228  # and paler ones than this are paper, or its texture
FIRM: Final = 188  # nothing that shows through from the back is as dark
FIRM_SHARE_MIN: Final = 0.25  # of all strokes: it is written on this side, however soft it is, as a carbon copy
STRONG_SHARE_MAX: Final = (
    0.1  # of all strokes: more, and what is pale beside them is their back, their shadow, or a printed ground
)
PALE_SHARE_MIN: Final = 0.002  # of the sheet: less are specks of recycled paper
DOUBTFUL: Final = 16  # of 255: a pixel that is as near to the limit might as well be on its other side
SOFT: Final = 0.75  # of a stroke is left when it is blurred by 3/4 mm: what shows through from the back, or a fold; a pencil keeps less
_SQUARE: Final = np.ones((7, 7), np.uint8)


def ink(grey: Grey, flat: Grey, flat_dpi: float, field: Grey) -> tuple[Bits, float]:
    """True where there is ink: much darker than around, or dark anyway; lone pixels are dust, and edges are straight. And the share of dust,
    0 to 1: where it is large the page is a halftone, and dots of it are strokes. `grey` as it was captured, `field`: its paper, `flat`: the
    same page at about 100 dpi, divided by it.

    The limit is found coarsely, and laid over the page with the paper multiplied in: so no pixel of the page is divided."""
    limit = _limit(flat, flat_dpi).astype(np.float32) * cv2.resize(field, flat.shape[1::-1]) / np.float32(PAPER)
    laid = cv2.resize(np.rint(limit).astype(np.uint8), grey.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    dark: Bits = cv2.compare(grey, laid, cv2.CMP_LT).astype(np.bool_)
    clean = without_dust(dark)
    dust = 1 - int(np.count_nonzero(clean)) / (int(np.count_nonzero(dark)) or 1)
    return edges.smoothed(clean, cv2.absdiff(grey, laid) <= DOUBTFUL), dust


def _limit(flat: Grey, dpi: float) -> Grey:
    """From where on it is ink, of 255. 84 % of the surroundings, at most 205: fresh print, pencil and thermal paper pass, noise of the
    sensor does not. Where print is black, only what is darker than half-way to it: small letters keep their holes. On a page on which all
    is pale, half-way to that."""
    radius = max(3, round(dpi * AROUND_INCHES))
    around = np.minimum(cv2.blur(flat, (2 * radius + 1, 2 * radius + 1)), BRIGHT)
    darkest = _darkest(flat)
    half_way = 125 + darkest // 2
    limit = np.minimum((around * np.float32(INK_SHARE)).astype(np.uint8), half_way)
    if _all_is_pale(flat, darkest):
        limit = np.where(darkest < PALE, half_way, limit)
    return np.maximum(limit, np.uint8(DARK))


def _darkest(flat: Grey) -> Grey:
    """The darkest strokes of 1/4 mm near by."""
    return cv2.blur(cv2.erode(flat, _SQUARE), (5, 5))  # type: ignore[return-value]


def _all_is_pale(flat: Grey, darkest: Grey) -> bool:
    """Whether nothing on the page is darker than a hard pencil or a receipt that has faded. Beside print it would be unwise to take what is
    pale for ink: it shows through from the back, or is the ground of a form."""
    strokes = _inner(darkest)
    pale = strokes < PALE
    found = int(np.count_nonzero(pale))
    if found < PALE_SHARE_MIN * strokes.size or np.count_nonzero(strokes < STRONG) > STRONG_SHARE_MAX * found:
        return False
    if np.count_nonzero(strokes < FIRM) > FIRM_SHARE_MIN * found:
        return True
    blurred = _inner(_darkest(cv2.blur(flat, (3, 3))))  # type: ignore[arg-type]
    return float(np.median((PAPER - blurred[pale]) / (PAPER - strokes[pale]))) < SOFT


def _inner(plane: Grey) -> Grey:
    """Without the outer 2.5 %: shadows of the lid lie there."""
    down, across = plane.shape[0] // 40, plane.shape[1] // 40
    return plane[down : plane.shape[0] - down, across : plane.shape[1] - across]


def without_dust(ink: Bits) -> Bits:
    """Without spots of one or two pixels. Bumps and notches of one pixel stay: without them a page has a tenth fewer bytes, and OCR reads
    one word in a hundred and fifty less."""
    plain = ink.view(np.uint8)
    near = cv2.boxFilter(plain, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    _, kept = cv2.threshold(near, 2, 1, cv2.THRESH_BINARY)
    return cv2.bitwise_and(plain, kept).view(np.bool_)


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
