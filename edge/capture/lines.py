"""Which way up lines of writing lie, where letters hang together and say nothing by themselves: above the bodies of small letters there is
more ink (b, d, f, h, k, l, t, capitals) than below (g, j, p, q, y), in print, in handwriting and in Arabic.

Where each line hangs from a stroke, as in Devanagari, it is the other way round; nothing is said about those.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.flatten import Grey
from edge.capture.jbig2 import Bits

STRIP_INCHES: Final = 0.7  # of a line are looked at together: short enough for a page that lies askew by two degrees
LINE_INCHES: Final = (0.05, 0.5)  # high, from the highest stroke to the lowest
WIDE_INCHES_MAX: Final = 3.0  # more in one piece is a rule or a frame, not a word
FLAT_MAX: Final = 25  # times as wide as high: a rule, too
SOFT_INCHES: Final = 0.04  # a dot belongs to its i
BODY_SHARE: Final = 0.5  # of the ink of the fullest rows
HUNG_SHARE: Final = 0.86  # of the width of words is ink in one row: they hang from a stroke; of handwriting up to 0.76
SPREAD_LEAST: Final = 0.02
LINES_MIN: Final = 12  # pieces of lines: fewer say nothing


def standing(plain: Grey, dpi: float) -> float:
    """How surely level lines stand upright (above 0) or upside down (below), in standard errors; 0 where they do not say."""
    ink = _words(plain, dpi)
    strip = max(24, round(STRIP_INCHES * dpi))
    more, fullest = [], []
    for left in range(0, ink.shape[1] - strip // 2, strip):
        part = ink[:, left : left + strip]
        rows = part.sum(axis=1, dtype=np.float32)
        for first, last in _lines(rows, strip, dpi):
            line = rows[first:last]
            full = float(np.sort(line)[-max(1, len(line) // 5) :].mean())
            if full < 0.1 * strip:
                continue
            body = np.flatnonzero(line > BODY_SHARE * full)
            more.append(float(line[: body[0]].sum() - line[body[-1] + 1 :].sum()) / float(line.sum()))
            fullest.append(float(line.max()) / np.count_nonzero(part[first:last].any(axis=0)))
    if len(more) < LINES_MIN or np.median(fullest) > HUNG_SHARE:
        return 0.0
    return float(np.mean(more) / (np.std(more) + SPREAD_LEAST) * np.sqrt(len(more)))


def _words(plain: Grey, dpi: float) -> Bits:
    """What may be letters or words in ink, without rules, frames and pictures."""
    ink = (cv2.subtract(cv2.blur(plain, (25, 25)), plain) > 28).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink)
    _, _, across, down, area = stats.T
    fits = (down >= 3) & (down <= LINE_INCHES[1] * dpi) & (area >= 6)
    fits &= (across <= WIDE_INCHES_MAX * dpi) & (across <= FLAT_MAX * down)
    fits[0] = False
    words: Bits = fits[labels]
    return words


def _lines(rows: npt.NDArray[np.float32], strip: int, dpi: float) -> list[tuple[int, int]]:
    """First row and behind the last of each line of writing in a strip, from the ink of its rows."""
    soft = cv2.GaussianBlur(rows.reshape(-1, 1), (1, 2 * int(SOFT_INCHES * dpi) + 1), 0).ravel()
    ends = np.flatnonzero(np.diff(np.concatenate([[0], (soft > 0.02 * strip).astype(np.int8), [0]]))).tolist()
    least, most = (inches * dpi for inches in LINE_INCHES)
    return [(first, last) for first, last in zip(ends[::2], ends[1::2], strict=True) if least <= last - first <= most]
