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
import numpy.typing as npt

from edge.capture import flatten, turn
from edge.capture.flatten import Grey
from edge.capture.grid import CELL, cells
from edge.capture.jbig2 import Bits
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
ALONG_EDGE_MAX: Final = (
    0.8  # of the length of a spot lies at the edge of the picture: then it is no spot, but what lies beside the sheet
)
GLARE_SOFT: Final = 0.4  # of the way from paper to white is left one millimetre away from the spot
GLARE_OVER_PAPER: Final = 20  # of 255 brighter than what lies 8 mm away: less is light that falls from one side
CORNER_INCHES: Final = 0.55
CORNER_DARK_MIN: Final = 0.35
CORNER_STEP_MIN: Final = (
    0.35  # of the way from its dark to the paper lies within STEP_PIXELS; the shade of a lens or a lamp has none
)
STEP_PIXELS: Final = 5
LEGS_ALIKE_MIN: Final = 0.4  # of a folded corner; a sheet that lies askew has a wedge beside it, and a scan a black rim
BEYOND_FOLD_MAX: Final = (
    0.4  # of what lies as far inside as the corner outside: a ribbon or a blot goes on there, a fold does not
)
CUT_RUNS_MIN: Final = 8
CUT_SHARE_MIN: Final = 0.6  # of these strokes go on further in, as far as CUT_REACH_INCHES
CUT_REACH_INCHES: Final = (
    0.06  # so far a cut letter goes on; the rim of a scan, and the tips of the page beside it, do not
)
CUT_LINES_MIN: Final = 4  # that begin at the edge itself; a page with the narrowest margin has none
CUT_LINE_INCHES: Final = (0.03, 0.2, 0.25)  # so near to the edge, so far into the page, at most so high
EDGE_IS_PAPER: Final = 0.7  # of the brightest: a picture that reaches the edge has strokes there, too
WORD_GAP_INCHES: Final = 0.09
WORD_INK_MIN: Final = 0.4  # of the columns of a word
LARGE_PRINT_PIXELS: Final = (
    7,
    9,
)  # a quarter and half of all letters are wider or higher than that: 9 points at 120 dpi have as many
LARGE_PRINT_MIN: Final = 40  # letters: fewer say nothing
CLEAR_PRINT_MIN: Final = (
    4.0  # contrast over the size of a letter; sharp print of 10 points has 4.3, blurred so that it is hard to read 3
)


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
    sheet was found in a larger picture, `corners_missing` of its corners are out of view or folded. `slope_dpi`: the resolution that the
    whole picture was taken for when the slope was measured; None where that is `dpi`."""

    seen: Survey
    slope: float | None
    dpi: float
    blank: bool
    turn: Turn
    cut_out: bool = False
    corners_missing: int = 0
    slope_dpi: float | None = None


def judge(signs: Signs) -> tuple[Fault, ...]:
    """All faults of a page, the gravest seen."""
    coarse_print = not signs.blank and coarse(signs)
    faults = {
        Fault.EMPTY: signs.blank,
        Fault.TOO_DARK: dark(signs.seen),
        Fault.TOO_COARSE: coarse_print,
        Fault.BLURRED: not (signs.blank or coarse_print) and blurred(signs.slope, signs.dpi) and not _clear(signs),
        Fault.GLARE: glare(signs.seen, signs.cut_out),
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


def coarse(signs: Signs) -> bool:
    """Whether small print could not be read at that resolution, and is there. What is printed large can be read, and says of a resolution that
    nobody stated that it is wrong."""
    if signs.dpi >= COARSE_DPI_MIN:
        return False
    sizes = _letter_pixels(signs.seen) * (signs.dpi / signs.seen.fine_dpi)
    return len(sizes) < LARGE_PRINT_MIN or bool((np.percentile(sizes, (25, 50)) < LARGE_PRINT_PIXELS).any())


def _clear(signs: Signs) -> bool:
    """Whether the print is so large that it is legible with edges that would be too soft for small print."""
    sizes = _letter_pixels(signs.seen)
    if signs.slope is None or len(sizes) < LARGE_PRINT_MIN:
        return False
    inches = float(np.median(sizes)) / signs.seen.fine_dpi * signs.dpi / (signs.slope_dpi or signs.dpi)
    return signs.slope * inches >= CLEAR_PRINT_MIN


def _letter_pixels(seen: Survey) -> npt.NDArray[np.int32]:
    sizes: npt.NDArray[np.int32] = turn.letter_boxes(seen)[:, 2:].min(axis=1)
    return sizes


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


def glare(seen: Survey, cut_out: bool = False) -> bool:
    """Whether a spot is burnt out, and softly so, on paper that is otherwise below white. A white field on tinted paper has sharp edges.
    `cut_out`: the picture ends where the sheet does; otherwise what is white along its edge is the lid, or the table."""
    raw = seen.grey
    paper = float(np.median(flatten.paper(raw, seen.dpi)))  # most of a page of print may be ink
    if paper > GLARE_PAPER_MAX:
        return False
    level = max(GLARE_LEVEL, paper + 14)
    solid = cv2.morphologyEx((raw >= level).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    for number, (_, _, across, down, area) in enumerate(stats.tolist()):
        if number == 0 or area < GLARE_SHARE_MIN * raw.size:
            continue
        spot = (labels == number).astype(np.uint8)
        along = max(spot[:, 0].sum() / down, spot[:, -1].sum() / down, spot[0].sum() / across, spot[-1].sum() / across)
        if not cut_out and along > ALONG_EDGE_MAX:
            continue
        rim, beyond = (_around(raw, spot, pixels) for pixels in (2, 31))
        if rim > paper + GLARE_SOFT * (255 - paper) and beyond < level - GLARE_OVER_PAPER:
            return True
    return False


def _around(raw: Grey, spot: npt.NDArray[np.uint8], pixels: int) -> float:
    """How bright it is so far away from a spot; 0 where the picture ends before."""
    near, far = (cv2.dilate(spot, np.ones((side, side), np.uint8)) for side in (2 * pixels + 1, 2 * pixels + 5))
    rim = raw[far > near]
    return float(np.percentile(rim, 60)) if rim.size else 0.0


def corner_missing(seen: Survey) -> bool:
    """Whether a dark triangle lies in a corner while the edges beside it are paper: folded, or out of view."""
    raw, leg = seen.grey, round(CORNER_INCHES * seen.dpi)
    if min(raw.shape) < 4.5 * leg:
        return False
    paper = float(np.percentile(raw, 75))
    triangle = np.add.outer(np.arange(leg), np.arange(leg)) < leg
    for corner in (raw, raw[:, ::-1], raw[::-1], raw[::-1, ::-1]):
        turned = corner < 0.6 * paper
        beside = max(
            float(turned[: leg // 2, 2 * leg : -2 * leg].mean()), float(turned[2 * leg : -2 * leg, : leg // 2].mean())
        )
        covered = float(turned[:leg, :leg][triangle].mean()) > CORNER_DARK_MIN and beside < 0.2
        if covered and _folded(turned) and _ends(corner[: 2 * leg, : 2 * leg], paper):
            return True
    return False


def _ends(corner: Grey, paper: float) -> bool:
    """Whether what is dark in the left upper corner ends at an edge, seen from the corner inwards."""
    away = np.add.outer(*(np.arange(side) for side in corner.shape))
    seen = np.array([float(np.median(corner[away == steps])) for steps in range(min(corner.shape))])
    rise = seen[STEP_PIXELS:] - seen[:-STEP_PIXELS]
    return float(rise.max()) > CORNER_STEP_MIN * (paper - float(seen.min()))


def _folded(dark: Bits) -> bool:
    """Whether what is dark in the left upper corner is a triangle, about as long along one edge as along the other."""
    legs = [_run(dark[:, 1:4].mean(axis=1) > 0.5), _run(dark[1:4].mean(axis=0) > 0.5)]
    if min(legs) < LEGS_ALIKE_MIN * max(legs) or not min(legs):
        return False
    down, across = legs
    beyond = np.add.outer(np.arange(down) / down, np.arange(across) / across) > 1
    return not beyond.any() or float(dark[:down, :across][beyond].mean()) < BEYOND_FOLD_MAX


def _run(marks: Bits) -> int:
    """How many of `marks` are set from the first one on."""
    return len(marks) if marks.all() else int(marks.argmin())


def edge_cut(seen: Survey) -> bool:
    """Whether many strokes run out of the picture, or some lines end there, as cut print does; a shadow along the edge is one long stroke."""
    ink = cv2.subtract(cv2.blur(seen.grey, (19, 19)), seen.grey) > 55
    deep, high, reach = (
        max(2, round(0.02 * seen.dpi)),
        round(0.05 * seen.dpi),
        max(3, round(CUT_REACH_INCHES * seen.dpi)),
    )
    paper = seen.grey > EDGE_IS_PAPER * np.percentile(seen.grey, 90)
    for from_edge, bright in zip(_four_edges(ink), _four_edges(paper), strict=True):
        if _lines_cut(from_edge, seen.dpi) and bright[:, :deep].mean() > 0.5:
            return True
        touching = np.logical_and.reduce(from_edge[:, :deep], axis=1)
        short = [(first, last) for first, last in _runs(touching) if last - first <= 0.08 * seen.dpi]
        if len(short) < CUT_RUNS_MIN or touching.mean() >= 0.4:
            continue
        goes_on = [_goes_on(from_edge[max(0, first - high) : last + high, : 2 * reach], reach) for first, last in short]
        if sum(goes_on) > CUT_SHARE_MIN * len(goes_on):
            return True
    return False


def _four_edges(bits: Bits) -> tuple[Bits, ...]:
    """The same, so that the first column is the left, the right, the upper and the lower edge."""
    return bits, bits[:, ::-1], bits.T, bits[::-1].T


def _lines_cut(from_edge: Bits, dpi: float) -> bool:
    """Whether lines of print begin at the edge itself. The columns of a receipt are few strokes in much white, and cut between two letters fewer."""
    near, far, high = (round(inches * dpi) for inches in CUT_LINE_INCHES)
    near = max(2, near)
    inked = from_edge[:, :near].any(axis=1)
    if inked.mean() >= 0.4:
        return False
    joined: Bits = np.greater(np.convolve(inked, np.ones(2 * near + 1), "same"), 0)  # an i and its dot are one line
    rows = _runs(joined)
    lines = [from_edge[first:last, :far] for first, last in rows if last - first <= high + 2 * near]
    words = sum(_is_word(np.logical_or.reduce(line, axis=0), dpi) for line in lines)
    return words >= CUT_LINES_MIN and words > CUT_SHARE_MIN * len(lines)


def _is_word(columns: Bits, dpi: float) -> bool:
    """Whether ink in these columns is as dense as letters are."""
    gap_max = max((last - first for first, last in _runs(~columns)), default=0)
    return gap_max <= round(WORD_GAP_INCHES * dpi) and float(columns.mean()) > WORD_INK_MIN


def _runs(marks: Bits) -> list[tuple[int, int]]:
    """First and behind the last of all `marks` that are set in a row."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8))).tolist()
    return list(zip(ends[::2], ends[1::2], strict=True))


def _goes_on(rows: Bits, reach: int) -> bool:
    """Whether the ink goes on for `reach` pixels from the first column, with gaps no wider than between two letters."""
    columns = rows.any(axis=0)
    gap = np.convolve(columns, np.ones(max(2, round(0.8 * reach))), "valid") == 0
    return bool(not gap.any() or int(gap.argmax()) >= reach)


def dark(seen: Survey) -> bool:
    """Whether even the paper is dark, or hardly lighter than the ink. Red paper in good light is bright in red."""
    brightest = seen.pixels if seen.pixels.ndim == 2 else seen.pixels.max(axis=2)
    low, high = (float(value) for value in np.percentile(brightest, (2, 90)))
    return high < PAPER_DARK or (high < 1.5 * PAPER_DARK and high - low < CONTRAST_MIN)
