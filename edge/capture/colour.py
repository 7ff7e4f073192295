"""Whether colours carry meaning on a page. If not it goes on in grey: a third of the memory, and a third of the work of turning it."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from edge.capture.flatten import flatten
from edge.capture.grid import chroma
from edge.capture.source import Page

LOOK_DPI: Final = 75  # coarse enough that the colour fringes of a sensor do not count
SATURATED: Final = 56  # of 255 between the strongest and the weakest channel, paper taken out
COLOUR_SHARE_MAX: Final = 0.0001  # of the sheet: a short signature in blue has more


def settle(page: Page) -> Page:
    """`page`, in grey unless some of it is saturated colour."""
    if page.image.mode == "L" or colour_share(page) > COLOUR_SHARE_MAX:
        return page
    return Page(page.image.convert("L"), page.dpi)


def colour_share(page: Page) -> float:
    """From 0 to 1: how much of the sheet is saturated colour. The tint of the paper is none."""
    if page.image.mode == "L":
        return 0.0
    scale = min(1.0, LOOK_DPI / page.dpi)
    size = (max(1, round(page.image.width * scale)), max(1, round(page.image.height * scale)))
    small = Page(page.image.resize(size, Image.Resampling.BOX), page.dpi * scale)
    return float((chroma(np.asarray(flatten(small.image, small.dpi))) > SATURATED).mean())
