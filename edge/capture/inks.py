"""Separates the ink of a page by colour: print, a blue or red pen, a stamp. Each becomes a stencil of its own."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from edge.capture.encoded import BLACK, Colour
from edge.capture.grid import Coarse
from edge.capture.jbig2 import Bits

CHROMA_MIN: Final = (
    64.0  # of 255, of the ink itself, paper taken out: less is black, whatever a sensor makes of its edges
)
COLOURS_MAX: Final = 3  # besides black
AREA_MM2_MIN: Final = 6.0  # of ink: a short signature has more; less is an accident of printing
PAPER: Final = 250.0


def planes(ink: Bits, coarse: Coarse) -> list[tuple[Colour, Bits]]:
    """The inks on the page, black first, and where each is; every pixel of `ink` is in exactly one."""
    shares = _shares(coarse)
    mm2 = (25.4 / coarse.dpi) ** 2
    found = [sector for sector in range(1, len(shares)) if float(shares[sector].sum()) * mm2 >= AREA_MM2_MIN]
    found = sorted(found, key=lambda sector: -float(shares[sector].sum()))[:COLOURS_MAX]
    if not found:
        return [(BLACK, ink)]
    # Votes of the neighbourhood: one stroke does not change its colour from pixel to pixel.
    votes = [_blurred(shares[0] + sum(shares[other] for other in range(1, len(shares)) if other not in found))]
    votes += [_blurred(shares[sector]) for sector in found]
    winner = Image.fromarray(np.argmax(np.stack(votes), axis=0).astype(np.uint8))
    wide = np.asarray(winner.resize((ink.shape[1], ink.shape[0]), Image.Resampling.NEAREST))
    given = [(BLACK, ink & (wide == 0))]
    for place, sector in enumerate(found, 1):
        plane = ink & (wide == place)
        given.append((_colour(coarse, shares[sector]), plane))
    return [(colour, plane) for colour, plane in given if plane.any()]


def _shares(coarse: Coarse) -> list[npt.NDArray[np.float32]]:
    """How much of each coarse pixel is black ink, then red, yellow, green, cyan, blue, magenta."""
    covered = np.maximum(coarse.ink, 0.2)[:, :, None]
    pure = _pure(coarse, covered)
    red, green, blue = (pure[:, :, channel] for channel in range(3))
    strongest = np.maximum(np.maximum(red, green), blue)
    chroma = strongest - np.minimum(np.minimum(red, green), blue)
    with np.errstate(divide="ignore", invalid="ignore"):
        hue = np.where(
            strongest == red,
            (green - blue) / chroma,
            np.where(strongest == green, 2 + (blue - red) / chroma, 4 + (red - green) / chroma),
        )
    sector = np.where(chroma < CHROMA_MIN, 0, 1 + np.nan_to_num(np.round(hue)).astype(np.int8) % 6)
    return [np.where(sector == index, coarse.ink, np.float32(0)) for index in range(7)]


def _pure(coarse: Coarse, covered: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The colour of the ink alone: a coarse pixel is a mixture of it and of paper."""
    mixed = coarse.colour.astype(np.float32)
    pure: npt.NDArray[np.float32] = np.clip(PAPER - (PAPER - mixed) / covered, 0, 255).astype(np.float32)
    return pure


def _colour(coarse: Coarse, share: npt.NDArray[np.float32]) -> Colour:
    strong = share >= min(0.6, 0.9 * float(share.max()))
    pure = _pure(coarse, np.maximum(coarse.ink, 0.2)[:, :, None])[strong]
    return tuple(int(part) for part in np.median(pure, axis=0))  # type: ignore[return-value]


def _blurred(share: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.fromarray((share * 255).clip(0, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(2)))
