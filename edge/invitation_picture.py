"""Reads an invitation off a picture: its QR code, photographed, scanned or as the hub wrote it. SPEC.md section 7.1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge.capture import source
from edge.capture.scale import Pixels
from protocol.errors import Code, Refused

PAGES_MAX: Final = 3  # an invitation is one sheet; to find nothing on a page of pictures takes seconds
# The side below which a picture is looked at twice as large too: a code of 61 modules wants about 4 pixels each.
SMALL_PIXELS: Final = 1600
BEGINNING: Final = "kabine-"
ENDINGS: Final = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".tif",
    ".tiff",
    ".pdf",
    ".svg",
)  # the last is a drawing: to be printed, and said so


def is_picture(text: str) -> bool:
    """What was given is the name of a picture, and not the invitation itself: in that there is no full stop."""
    if text.lower().endswith(ENDINGS):
        return True
    return not text.strip().lower().startswith(BEGINNING) and os.path.isfile(text)  # False for what can be no name, too


def read_picture(path: Path) -> str:
    """What the QR code on it says; where there are several, the one that is a card of ours. Raises Refused: no picture, or no code that can be
    read."""
    found = ""
    for page in islice(source.pages(path), PAGES_MAX):
        for text in _codes(page.pixels):
            if text.lower().startswith(BEGINNING):
                return text
            found = found or text
    if not found:
        raise Refused(
            Code.BAD_FILE,
            f"There is no QR code in “{path.name}” that can be read.",
            "Take the picture anew: sharp, from straight above, the code whole with its white margin and large. Or give the line itself.",
        )
    return found


def _codes(pixels: Pixels) -> Iterator[str]:
    """Every code that one of the detectors reads at one of the sizes, the likelier first; each may come several times."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    sizes = [grey]
    if max(grey.shape) < SMALL_PIXELS:
        sizes.append(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    else:  # moiré of a photographed screen goes in the average
        sizes.append(cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    for size in sizes:
        # A terminal may show it light on dark.
        for shown in (size, np.ascontiguousarray(255 - size)):
            for detector in (cv2.QRCodeDetectorAruco(), cv2.QRCodeDetector()):
                try:
                    _, texts, _, _ = detector.detectAndDecodeMulti(shown)
                except cv2.error:  # a shape that only looks like a code
                    continue
                yield from filter(None, texts)
