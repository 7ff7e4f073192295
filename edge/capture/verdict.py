"""Says in words what is wrong with a page while the visitor is still there. Looks at pixels, not at letters, and takes a few hundredths of a
second.

A fault is a code (`protocol.inner.Verdict.faults`); the screen has words of its own for each, in every language. ADVICE is one sentence for
a visitor, for whoever has no screen of ours.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from edge.capture.flatten import Grey
from edge.capture.grid import CELL, cells
from edge.capture.scale import grey
from edge.capture.survey import Survey
from edge.capture.turn import Turn

COARSE_DPI_MIN: Final = 120.0  # print of 9 points has 8 pixels then, and is guessed rather than read
SLOPE_MIN: Final = 51.0  # of an edge, in its own contrast per inch; sharp print has more than 60
SLOPE_OF_PIXELS_MIN: Final = 0.34  # of the resolution
DIAGONAL: Final = 1.4142
SHARP_CELLS_MIN: Final = 12
SHARP_CELLS_MAX: Final = 160
SHARP_PERCENTILE: Final = 70
CONTRAST_OF_PRINT_MIN: Final = 50
PAPER_DARK: Final = 105  # of 255: the brightest part of the sheet
CONTRAST_MIN: Final = 60
GLARE_LEVEL: Final = 250
GLARE_PAPER_MAX: Final = 236  # a scanner's paper is brighter, and shows no glare
GLARE_SHARE_MIN: Final = 0.003
GLARE_SOFT: Final = 0.4  # of the way from paper to white is left one millimetre away from the spot
CORNER_INCHES: Final = 0.55
CORNER_DARK_MIN: Final = 0.35
CUT_RUNS_MIN: Final = 8


class Fault(enum.StrEnum):
    """What keeps a page from being legible or whole, the gravest seen."""

    EMPTY = "empty"
    TOO_DARK = "too-dark"
    TOO_COARSE = "too-coarse"
    BLURRED = "blurred"
    GLARE = "glare"
    CORNER_MISSING = "corner-missing"
    EDGE_CUT = "edge-cut"
    UNSURE_WAY_UP = "unsure-way-up"


GOOD: Final = "good"
ADVICE: Final = {
    Fault.EMPTY: "Diese Seite sieht leer aus: Bitte drehen Sie das Blatt um, wenn etwas auf der anderen Seite steht.",
    Fault.TOO_DARK: "Das Bild ist zu dunkel: Bitte machen Sie mehr Licht und nehmen Sie das Blatt noch einmal auf.",
    Fault.TOO_COARSE: "Kleine Schrift ist nicht lesbar: Bitte legen Sie das Blatt näher an die Kamera und nehmen Sie es noch einmal auf.",
    Fault.BLURRED: "Das Bild ist unscharf: Bitte legen Sie das Blatt flach hin, halten Sie es still und nehmen Sie es noch einmal auf.",
    Fault.GLARE: "Auf dem Blatt spiegelt sich Licht: Bitte schieben Sie das Blatt ein Stück und nehmen Sie es noch einmal auf.",
    Fault.CORNER_MISSING: "Eine Ecke fehlt: Bitte legen Sie das ganze Blatt ins Bild und klappen Sie alle Ecken auf.",
    Fault.EDGE_CUT: "Am Rand ist Schrift abgeschnitten: Bitte legen Sie das Blatt so, dass alles zu sehen ist.",
    Fault.UNSURE_WAY_UP: "Vielleicht steht das Blatt auf dem Kopf: Bitte sehen Sie nach und drehen Sie es, wenn nötig.",
}


@dataclass(frozen=True)
class Signs:
    """What speaks for or against a page. `seen`: the sheet as it came; `slope`: see `sharpness`; `dpi`: at which it was taken; `cut_out`: the
    sheet was found in a larger picture, `corners_missing` of its corners are out of view or folded."""

    seen: Survey
    slope: float | None
    dpi: float
    blank: bool
    turn: Turn
    cut_out: bool = False
    corners_missing: int = 0


def judge(signs: Signs) -> tuple[Fault, ...]:
    """All faults of a page, the gravest seen."""
    coarse_print = signs.dpi < COARSE_DPI_MIN and not signs.blank
    faults = {
        Fault.EMPTY: signs.blank,
        Fault.TOO_DARK: dark(signs.seen),
        Fault.TOO_COARSE: coarse_print,
        Fault.BLURRED: not (signs.blank or coarse_print) and blurred(signs.slope, signs.dpi),
        Fault.GLARE: glare(signs.seen),
        Fault.CORNER_MISSING: signs.corners_missing > 0 or (not signs.cut_out and corner_missing(signs.seen)),
        Fault.EDGE_CUT: not (signs.blank or signs.cut_out) and edge_cut(signs.seen),
        Fault.UNSURE_WAY_UP: not (signs.turn.sure or signs.blank),
    }
    return tuple(fault for fault in Fault if faults[fault])


def word(faults: tuple[str, ...]) -> str:
    """The gravest fault, or `good`."""
    return str(faults[0]) if faults else GOOD


def advice(faults: tuple[str, ...]) -> str:
    """What to do about the gravest fault; empty when there is none."""
    return ADVICE[Fault(faults[0])] if faults else ""


def sharpness(seen: Survey) -> float | None:
    """How steep the edges of print are, in contrast per inch: the steepest step in each cell of 1/10 inch against all its contrast, in the
    direction in which they are less steep (a page that moved is sharp along its way). None where there is too little print to tell.

    Seen at 150 dpi and over two pixels: there edges of print still stand out, and the noise of a sensor does not."""
    ink = cv2.subtract(cv2.blur(seen.grey, (19, 19)), seen.grey) > 30
    written = cells(ink.astype(np.float32), CELL).mean(axis=(2, 3))
    places = np.argwhere((written > 0.04) & (written < 0.7))
    if len(places) < SHARP_CELLS_MIN:
        return None
    places = places[:: max(1, len(places) // SHARP_CELLS_MAX)]
    plain = grey(seen.fine)
    cell = CELL * seen.fine_dpi / seen.dpi
    slopes = []
    for row, column in places.tolist():
        cut = plain[round(row * cell) : round((row + 1) * cell), round(column * cell) : round((column + 1) * cell)]
        if min(cut.shape) < 6:
            continue
        contrast = int(cut.max()) - int(cut.min())
        if contrast >= CONTRAST_OF_PRINT_MIN:
            slopes.append([float(cv2.absdiff(*pair).max()) / contrast / pixels for pair, pixels in _four_ways(cut)])
    if len(slopes) < SHARP_CELLS_MIN:
        return None
    return float(np.percentile(np.array(slopes), SHARP_PERCENTILE, axis=0).min()) * seen.fine_dpi


def _four_ways(cut: Grey) -> Iterator[tuple[tuple[Grey, Grey], float]]:
    """The cut and the same moved: down, across and along both diagonals; and by how many pixels."""
    yield (cut[2:], cut[:-2]), 2.0
    yield (cut[:, 2:], cut[:, :-2]), 2.0
    yield (cut[1:, 1:], cut[:-1, :-1]), DIAGONAL
    yield (cut[1:, :-1], cut[:-1, 1:]), DIAGONAL


def blurred(slope: float | None, dpi: float) -> bool:
    """Whether edges are less steep than print needs; a coarse picture can show none that are steeper than its pixels."""
    return slope is not None and slope < min(SLOPE_MIN, SLOPE_OF_PIXELS_MIN * dpi)


def glare(seen: Survey) -> bool:
    """Whether a spot is burnt out, and softly so, on paper that is otherwise below white. A white field on tinted paper has sharp edges."""
    raw = seen.grey
    paper = float(np.percentile(raw, 60))
    if paper > GLARE_PAPER_MAX:
        return False
    level = max(GLARE_LEVEL, paper + 14)
    solid = cv2.morphologyEx((raw >= level).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    for number, (_, _, _, _, area) in enumerate(stats.tolist()):
        if number == 0 or area < GLARE_SHARE_MIN * raw.size:
            continue
        spot = (labels == number).astype(np.uint8)
        near, far = (cv2.dilate(spot, np.ones((side, side), np.uint8)) for side in (5, 9))
        rim = raw[(far > near)]
        if rim.size and float(np.percentile(rim, 60)) > paper + GLARE_SOFT * (255 - paper):
            return True
    return False


def corner_missing(seen: Survey) -> bool:
    """Whether a dark triangle lies in a corner while the edges beside it are paper: folded, or out of view."""
    raw, leg = seen.grey, round(CORNER_INCHES * seen.dpi)
    if min(raw.shape) < 4.5 * leg:
        return False
    dark = raw < 0.6 * np.percentile(raw, 75)
    triangle = np.add.outer(np.arange(leg), np.arange(leg)) < leg
    for turned in (dark, dark[:, ::-1], dark[::-1], dark[::-1, ::-1]):
        beside = max(
            float(turned[: leg // 2, 2 * leg : -2 * leg].mean()), float(turned[2 * leg : -2 * leg, : leg // 2].mean())
        )
        if float(turned[:leg, :leg][triangle].mean()) > CORNER_DARK_MIN and beside < 0.2:
            return True
    return False


def edge_cut(seen: Survey) -> bool:
    """Whether many strokes run into the edge of the picture, as cut lines of print do; a shadow along the edge is one long stroke."""
    ink = cv2.subtract(cv2.blur(seen.grey, (19, 19)), seen.grey) > 55
    deep = max(2, round(0.02 * seen.dpi))
    for strip in (ink[:, :deep], ink[:, -deep:], ink[:deep].T, ink[-deep:].T):
        touching = strip.all(axis=1)
        runs = np.flatnonzero(np.diff(np.concatenate([[False], touching, [False]]).astype(np.int8)))
        short = (runs[1::2] - runs[::2]) <= 0.08 * seen.dpi
        if int(short.sum()) >= CUT_RUNS_MIN and touching.mean() < 0.4:
            return True
    return False


def dark(seen: Survey) -> bool:
    """Whether even the paper is dark, or hardly lighter than the ink. Red paper in good light is bright in red."""
    brightest = seen.pixels if seen.pixels.ndim == 2 else seen.pixels.max(axis=2)
    low, high = (float(value) for value in np.percentile(brightest, (2, 90)))
    return high < PAPER_DARK or (high < 1.5 * PAPER_DARK and high - low < CONTRAST_MIN)
