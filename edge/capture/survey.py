"""A page as it came, at about 100 dpi and a little finer, before anything is done to it: what is done later hides what was wrong with it.

Everything that must be known about a page first is measured here: whether colours matter, its corners, its skew, which way up it lies,
and most of what a verdict says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.capture.flatten import Grey, Pixels, flatten
from edge.capture.page import Page
from edge.capture.scale import chroma, grey, to_dpi

LOOK_DPI: Final = 100.0
FINE_DPI: Final = 150.0  # what letters need; and finer colours nobody sees
COLOUR_LOOK_DPI: Final = 75.0
SATURATED: Final = 56  # of 255 between the strongest and the weakest channel, paper taken out
COLOUR_SHARE_MAX: Final = 0.0001  # of the sheet: a short signature in blue has more


@dataclass(frozen=True)
class Survey:
    """`pixels` at `dpi` in the colours of the page, `grey` without them; `fine` the same at `fine_dpi`; `page_dpi`: of the page itself."""

    pixels: Pixels
    dpi: float
    grey: Grey
    fine: Pixels
    fine_dpi: float
    page_dpi: float


def survey(page: Page) -> Survey:
    """What is seen of `page` at first."""
    fine, fine_dpi = to_dpi(page.pixels, page.dpi, FINE_DPI)
    small, dpi = to_dpi(fine, fine_dpi, LOOK_DPI)
    return Survey(small, dpi, grey(small), fine, fine_dpi, page.dpi)


def cut_out(seen: Survey, cut: Callable[[Pixels, float], Pixels], scale: float) -> Survey:
    """The same of a part of the page. `cut`: gives the part of a copy of the page that is smaller by so much; `scale`: by how much the
    resolution of the part differs from that of the page."""
    fine = cut(seen.fine, seen.fine_dpi / seen.page_dpi)
    small = cut(seen.pixels, seen.dpi / seen.page_dpi)
    return Survey(small, seen.dpi * scale, grey(small), fine, seen.fine_dpi * scale, seen.page_dpi * scale)


def coloured(seen: Survey) -> bool:
    """Whether colours say something. If not the page goes on in grey: a third of the memory, and a third of the work."""
    return colour_share(seen) > COLOUR_SHARE_MAX


def colour_share(seen: Survey) -> float:
    """From 0 to 1: how much of the sheet is saturated colour. The tint of the paper is none, nor are the fringes of a sensor."""
    if seen.pixels.ndim == 2:
        return 0.0
    small, dpi = to_dpi(seen.pixels, seen.dpi, COLOUR_LOOK_DPI)
    return float((chroma(flatten(small, dpi)) > SATURATED).mean())
