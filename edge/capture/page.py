"""One side of one sheet as it was delivered, before anything is done to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.capture.scale import Pixels

DPI: Final = 300  # finer than this nobody reads; G4 and OCR are at home here
WORKING_PIXELS_MAX: Final = 36_000_000  # A2 at 300 dpi; larger sheets are kept coarser
A4_LONG_INCHES: Final = 11.69


@dataclass(frozen=True)
class Page:
    """One side of one sheet. `pixels`: uint8 [height, width] grey or [height, width, 3] RGB, at `dpi` (at most 390). `guessed`: nobody said
    at what resolution; it is as if the picture were A4."""

    pixels: Pixels
    dpi: float
    guessed: bool = False

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])
