"""Lone dark pixels, taken away before a page is moved or enlarged: behind that each is a spot of four or nine pixels, and a spot is ink."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from edge.capture.flatten import Grey, paper

DARK_SHARE: Final = 0.84  # of its paper; what is brighter becomes no ink, however it is moved
DPI_MIN: Final = 140.0  # on a coarser page one pixel may be the dot of an i in small print
AROUND_PIXELS: Final = 7  # wide and high; nearer to other ink it may be a piece of a broken letter
PAIRS_DPI_MIN: Final = 240.0  # and from here on two of them are none either
SHARE_MAX: Final = 0.6  # of what is dark: more is a halftone, and they are what it is made of


def without_lone(plain: Grey, dpi: float, seen: Grey, seen_dpi: float) -> Grey:
    """`plain` at `dpi`, but what lies alone is as bright as what is around it. `seen`: the same page at about 100 dpi, which tells its paper."""
    if dpi < DPI_MIN:
        return plain
    limit = (paper(seen, seen_dpi) * np.float32(DARK_SHARE)).astype(np.uint8)
    laid = cv2.resize(limit, plain.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    _, dark = cv2.threshold(cv2.subtract(laid, plain), 0, 1, cv2.THRESH_BINARY)
    near = cv2.boxFilter(dark, -1, (AROUND_PIXELS, AROUND_PIXELS), normalize=False, borderType=cv2.BORDER_CONSTANT)
    _, alone = cv2.threshold(near, 2 if dpi >= PAIRS_DPI_MIN else 1, 1, cv2.THRESH_BINARY_INV)
    lone = cv2.bitwise_and(dark, alone)
    if not 0 < cv2.countNonZero(lone) <= SHARE_MAX * cv2.countNonZero(dark):
        return plain
    clean = plain.copy()
    cv2.copyTo(cv2.medianBlur(plain, 3), lone, clean)
    return clean
