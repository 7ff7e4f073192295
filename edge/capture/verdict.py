"""Says in words what is wrong with a page while the visitor is still there. Looks at pixels, not at letters, and takes a fraction of a second.

A fault is a code (`protocol.inner.Verdict.faults`); the screen has words of its own for each, in every language. ADVICE is what people
without a screen read.
"""

from __future__ import annotations

import enum
from typing import Final

import cv2
import numpy as np

from edge.capture.grid import CELL, Coarse, cells
from edge.capture.level import Level
from edge.capture.survey import Survey
from edge.capture.turn import Turn

COARSE_DPI_MIN: Final = 120.0  # print of 9 points has 8 pixels then, and is guessed rather than read
SLOPE_MIN: Final = 56.0  # of an edge, in its own contrast per inch; sharp print has more than 80
SHARP_CELLS_MIN: Final = 12
PAPER_DARK: Final = 105  # of 255: the brightest part of the sheet
CONTRAST_MIN: Final = 60
GLARE_LEVEL: Final = 250
GLARE_PAPER_MAX: Final = 222  # a scanner's paper is brighter, and shows no glare
GLARE_SHARE_MIN: Final = 0.004
CORNER_INCHES: Final = 0.55
CORNER_DARK_MIN: Final = 0.35
CUT_RUNS_MIN: Final = 8


class Fault(enum.StrEnum):
    """What keeps a page from being legible or whole, the gravest first."""

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
    Fault.EMPTY: "The page looks empty. Turn it over if there is something on the other side; otherwise leave it out or keep it.",
    Fault.TOO_DARK: "The picture is too dark. Open the cover fully or switch on the light, then take the page again.",
    Fault.TOO_COARSE: "The picture is too coarse to read small print. Scan it at 300 dpi, or hold the camera closer.",
    Fault.BLURRED: "The picture is blurred. Lay the page flat, keep still, and take it again.",
    Fault.GLARE: "A light is reflected on the page. Tilt or move the page a little, then take it again.",
    Fault.CORNER_MISSING: "A corner is missing. Unfold it or move the whole sheet into view, then take it again.",
    Fault.EDGE_CUT: "Writing is cut off at the edge. Move the sheet so that all of it is seen, then take it again.",
    Fault.UNSURE_WAY_UP: "It is not clear which way up the page is read. Turn it on the screen if it is upside down.",
}


def judge(first: Survey, sheet: Level, coarse: Coarse, blank: bool, turn: Turn) -> tuple[Fault, ...]:
    """All faults of a page, the gravest first. `sheet`: level and the right way up; `coarse`: the same divided by its paper."""
    found: set[Fault] = set()
    if blank:
        found.add(Fault.EMPTY)
    if dark(first):
        found.add(Fault.TOO_DARK)
    coarse_print = sheet.page_dpi < COARSE_DPI_MIN and not blank
    if coarse_print:
        found.add(Fault.TOO_COARSE)
    if not (blank or coarse_print) and (slope := sharpness(sheet, coarse)) is not None and slope < SLOPE_MIN:
        found.add(Fault.BLURRED)
    if glare(first):
        found.add(Fault.GLARE)
    if corner_missing(first):
        found.add(Fault.CORNER_MISSING)
    if not blank and edge_cut(first):
        found.add(Fault.EDGE_CUT)
    if not turn.sure and not blank:
        found.add(Fault.UNSURE_WAY_UP)
    return tuple(fault for fault in Fault if fault in found)


def word(faults: tuple[str, ...]) -> str:
    """The gravest fault, or `good`."""
    return str(faults[0]) if faults else GOOD


def advice(faults: tuple[str, ...]) -> str:
    """What to do about the gravest fault; empty when there is none."""
    return ADVICE[Fault(faults[0])] if faults else ""


def sharpness(sheet: Level, coarse: Coarse) -> float | None:
    """How steep the edges of print are, in contrast per inch: the steepest step in each cell against all its contrast, the median of the
    clearest cells. None where there is too little print to tell."""
    cell = max(4, round(sheet.dpi / 10))
    plain = sheet.grey
    written = cells((coarse.ink > 0.3).astype(np.float32), CELL).mean(axis=(2, 3))
    places = np.argwhere(written > 0.05)
    if len(places) < SHARP_CELLS_MIN:
        return None
    places = places[:: max(1, len(places) // 400)]
    slopes = []
    for row, column in places.tolist():
        cut = plain[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell].astype(np.int16)
        if min(cut.shape) < 4:
            continue
        contrast = int(cut.max()) - int(cut.min())
        if contrast < 50:
            continue
        step = max(int(np.abs(np.diff(cut, axis=0)).max()), int(np.abs(np.diff(cut, axis=1)).max()))
        slopes.append(step / contrast * sheet.dpi)
    return float(np.median(slopes)) if len(slopes) >= SHARP_CELLS_MIN else None


def glare(first: Survey) -> bool:
    """Whether a spot is burnt out on paper that is otherwise well below white."""
    raw = first.grey
    paper = float(np.percentile(raw, 60))
    if paper > GLARE_PAPER_MAX:
        return False
    burnt = cells(raw >= max(GLARE_LEVEL, paper + 20), CELL).mean(axis=(2, 3)) > 0.9
    return bool(burnt.size and burnt.mean() > GLARE_SHARE_MIN)


def corner_missing(first: Survey) -> bool:
    """Whether a dark triangle lies in a corner while the edges beside it are paper: folded, or out of view."""
    raw, leg = first.grey, round(CORNER_INCHES * first.dpi)
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


def edge_cut(first: Survey) -> bool:
    """Whether many strokes run into the edge of the picture, as cut lines of print do; a shadow along the edge is one long stroke."""
    ink = cv2.subtract(cv2.blur(first.grey, (19, 19)), first.grey) > 55
    deep = max(2, round(0.02 * first.dpi))
    for strip in (ink[:, :deep], ink[:, -deep:], ink[:deep].T, ink[-deep:].T):
        touching = strip.all(axis=1)
        runs = np.flatnonzero(np.diff(np.concatenate([[False], touching, [False]]).astype(np.int8)))
        short = (runs[1::2] - runs[::2]) <= 0.08 * first.dpi
        if int(short.sum()) >= CUT_RUNS_MIN and touching.mean() < 0.4:
            return True
    return False


def dark(first: Survey) -> bool:
    """Whether even the paper is dark, or hardly lighter than the ink."""
    low, high = (float(value) for value in np.percentile(first.grey, (2, 90)))
    return high < PAPER_DARK or (high < 1.5 * PAPER_DARK and high - low < CONTRAST_MIN)
