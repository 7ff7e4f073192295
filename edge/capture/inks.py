"""Separates the ink of a page by colour: print, a blue or red pen, a stamp. Each becomes a stencil of its own."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.encoded import BLACK, Colour
from edge.capture.flatten import PAPER, Grey
from edge.capture.grid import Coarse
from edge.capture.jbig2 import Bits

CHROMA_MIN: Final = (
    64.0  # of 255, of the ink itself, paper taken out: less is black, whatever a sensor makes of its edges
)
COLOURS_MAX: Final = 3  # besides black
AREA_MM2_MIN: Final = 6.0  # of ink: a short signature has more; less is an accident of printing
COVERED_MIN: Final = 0.2  # of a coarse pixel: what less ink is mixed with paper cannot be told from it
BRIGHT_MAX: Final = 165.0  # of 255: a paler ink is laid darker, in its own hue; yellow on white is hard to read, and is read by people and by OCR
_BRIGHTNESS: Final = np.array([0.299, 0.587, 0.114])
_BLACK, _SECTORS, _NONE = 0, 7, 255


def planes(ink: Bits, coarse: Coarse) -> list[tuple[Colour, Bits]]:
    """The inks on the page, black first, and where each is; every pixel of `ink` is in exactly one."""
    sector = _sectors(coarse)
    mm2 = (25.4 / coarse.dpi) ** 2
    area = [float(coarse.ink[sector == index].sum()) * mm2 for index in range(_SECTORS)]
    found = [index for index in range(1, _SECTORS) if area[index] >= AREA_MM2_MIN]
    found = sorted(found, key=lambda index: -area[index])[:COLOURS_MAX]
    if not found:
        return [(BLACK, ink)]
    # Votes of the neighbourhood: one stroke does not change its colour from pixel to pixel.
    votes = [_blurred(np.where(np.isin(sector, found), np.float32(0), coarse.ink))]
    votes += [_blurred(np.where(sector == index, coarse.ink, np.float32(0))) for index in found]
    winner = np.argmax(np.stack(votes), axis=0).astype(np.uint8)
    wide = cv2.resize(winner, ink.shape[::-1], interpolation=cv2.INTER_NEAREST)
    given = [(BLACK, ink & (wide == 0))]
    given += [(_colour(coarse, sector == index), ink & (wide == place)) for place, index in enumerate(found, 1)]
    return [(colour, plane) for colour, plane in given if plane.any()]


def _sectors(coarse: Coarse) -> npt.NDArray[np.uint8]:
    """What each coarse pixel is mostly: 0 black ink, then red, yellow, green, cyan, blue, magenta; 255 paper."""
    sector = np.full(coarse.ink.shape, _NONE, np.uint8)
    inked = coarse.ink > 0
    pure = _pure(coarse, inked)
    red, green, blue = pure.T
    strongest = pure.max(axis=1, initial=0.0)
    chroma = strongest - pure.min(axis=1, initial=255.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        hue = np.where(
            strongest == red,
            (green - blue) / chroma,
            np.where(strongest == green, 2 + (blue - red) / chroma, 4 + (red - green) / chroma),
        )
    sector[inked] = np.where(chroma < CHROMA_MIN, _BLACK, 1 + np.nan_to_num(np.round(hue)).astype(np.int8) % 6)
    return sector


def _pure(coarse: Coarse, where: Bits) -> npt.NDArray[np.float32]:
    """float32 [n, 3]: the colour of the ink alone; a coarse pixel is a mixture of it and of paper."""
    mixed = coarse.colour[where].astype(np.float32)
    covered = np.maximum(coarse.ink[where], np.float32(COVERED_MIN))[:, None]
    pure: npt.NDArray[np.float32] = np.clip(np.float32(PAPER) - (np.float32(PAPER) - mixed) / covered, 0, 255)
    return pure


def _colour(coarse: Coarse, where: Bits) -> Colour:
    strong = where & (coarse.ink >= min(0.6, 0.9 * float(coarse.ink[where].max())))
    found = np.median(_pure(coarse, strong), axis=0)
    darker = min(1.0, BRIGHT_MAX / max(1.0, float(found @ _BRIGHTNESS)))
    return tuple(int(part) for part in found * darker)  # type: ignore[return-value]


def _blurred(share: npt.NDArray[np.float32]) -> Grey:
    return cv2.blur((share * 255).clip(0, 255).astype(np.uint8), (5, 5))  # type: ignore[return-value]
