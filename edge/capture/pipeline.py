"""Everything that is done to a page between the scanner and the spool, in one place."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.capture import card, encode, level, outline, straighten, survey, turn, verdict
from edge.capture.encoded import Encoded
from edge.capture.grid import Coarse
from edge.capture.level import Level
from edge.capture.mode import Mode
from edge.capture.page import Page

RECEIPT_MARGIN_INCHES: Final = 0.3
ASKEW_DEGREES: Final = 8.0  # letters that lie so far askew do not tell which way up they are: they are asked again when they stand straight


@dataclass(frozen=True)
class Taken:
    """A page that is ready. `skew_degrees` by which it had been turned counter-clockwise; `turned_degrees` by which it was turned, also
    counter-clockwise, to stand upright; `faults` the gravest first."""

    page: Encoded
    skew_degrees: float
    turned_degrees: int
    faults: tuple[verdict.Fault, ...]
    seconds: float


def take(pages: Iterable[Page], mode: Mode = Mode.DOCUMENT, *, g4_strict: bool = False) -> Iterator[Taken]:
    """The pages of a document, each worked on when it is asked for; of identity cards every two sides are one page."""
    if mode == Mode.CARD:
        yield from _cards(pages)
        return
    source = iter(pages)
    while True:
        began = time.monotonic()
        # No name holds a page while the next one is decoded.
        taken = _taken(source, mode, g4_strict, began)
        if taken is None:
            return
        yield taken


def _taken(source: Iterator[Page], mode: Mode, g4_strict: bool, began: float) -> Taken | None:
    page = next(source, None)
    if page is None:
        return None
    lying = _laid_straight(page, mode)
    del page
    encoded, look = encode.encode(lying.sheet, g4_strict=g4_strict, photo=mode == Mode.PHOTO)
    if mode == Mode.RECEIPT and (cut := _around_ink(lying.sheet, look.coarse)) is not None:
        encoded, look = encode.encode(cut, g4_strict=g4_strict)
    faults: tuple[verdict.Fault, ...] = ()
    if mode != Mode.COPY:
        faults = verdict.judge(dataclasses.replace(lying.signs, blank=encoded.blank))
    if mode == Mode.PHOTO:
        faults = tuple(fault for fault in faults if fault in (verdict.Fault.EMPTY, verdict.Fault.TOO_DARK))
    way = lying.signs.turn
    return Taken(encoded, lying.skew_degrees, way.degrees if way.sure else 0, faults, time.monotonic() - began)


@dataclass(frozen=True)
class _Lying:
    """A page laid straight; `skew_degrees` by which it had been turned; `signs` of how good it is."""

    sheet: Level
    skew_degrees: float
    signs: verdict.Signs


def _laid_straight(page: Page, mode: Mode) -> _Lying:
    """Cut to its sheet, upright, level. What is copied stays where it lies, but for its skew."""
    seen = survey.survey(page)
    coloured, slope = survey.coloured(seen), verdict.sharpness(seen)
    move, dpi, now, way = level.unmoved(page), page.dpi, seen, turn.Turn(0, sure=True)
    found = None
    if mode in (Mode.DOCUMENT, Mode.RECEIPT):
        found = outline.find(seen)
        if found is not None:
            move, dpi = outline.squared(found, page)
            flat = move
            now = survey.cut_out(seen, lambda pixels, scale: level.moved(pixels, flat, scale), dpi / page.dpi)
        way = turn.measure(now)
    if way.sure:
        move = level.quarter_turned(move, way.degrees)
    upright = (
        now.grey if not (way.sure and way.degrees) else np.ascontiguousarray(np.rot90(now.grey, way.degrees // 90))
    )
    skew = straighten.measure(upright, now.dpi)
    if abs(skew.degrees) > ASKEW_DEGREES and mode in (Mode.DOCUMENT, Mode.RECEIPT):
        turned_degrees = way.degrees if way.sure else 0
        again = _asked_again(now, turned_degrees, skew.degrees)
        if again.sure:
            move = level.quarter_turned(move, again.degrees)
            way = turn.Turn((turned_degrees + again.degrees) % 360, sure=True)
    if skew.worth:
        lose = straighten.would_lose(skew, move.size[0] / dpi, move.size[1] / dpi)
        move = level.rotated(move, skew.worth, lose)
    sheet = level.level(page, seen, move, coloured=coloured, dpi=dpi)
    missing = found.cut_off if found is not None else 0
    return _Lying(sheet, skew.worth, verdict.Signs(now, slope, dpi, False, way, found is not None, missing, page.dpi))


def _asked_again(now: survey.Survey, turned_degrees: int, skew_degrees: float) -> turn.Turn:
    """Which way up the lines lie when they are level. They are: so it is upright or upside down, and what else is said is not sure."""
    scale = now.page_dpi / now.fine_dpi
    lying = level.Move(np.eye(3), (now.fine.shape[1] * scale, now.fine.shape[0] * scale))
    straight = level.rotated(level.quarter_turned(lying, turned_degrees), skew_degrees, True)
    way = turn.measure(survey.cut_out(now, lambda pixels, smaller: level.moved(pixels, straight, smaller), 1.0))
    return way if way.degrees in (0, 180) else turn.Turn(0, False)


def _cards(pages: Iterable[Page]) -> Iterator[Taken]:
    began, sides = time.monotonic(), list[Page]()
    faults: set[verdict.Fault] = set()
    for page in pages:
        seen = survey.survey(page)
        if verdict.dark(seen):
            faults.add(verdict.Fault.TOO_DARK)
        side = card.cut(page, seen)
        if side.dpi < verdict.COARSE_DPI_MIN:
            faults.add(verdict.Fault.TOO_COARSE)
        sides.append(side)
        if len(sides) == 2:
            yield _sheet(sides, faults, began)
            began, sides, faults = time.monotonic(), [], set()
    if sides:
        yield _sheet(sides, faults, began)


def _sheet(sides: list[Page], faults: set[verdict.Fault], began: float) -> Taken:
    ordered = tuple(fault for fault in verdict.Fault if fault in faults)
    return Taken(card.sheet(sides), 0.0, 0, ordered, time.monotonic() - began)


def _around_ink(sheet: Level, coarse: Coarse) -> Level | None:
    """The part of the page that has ink on it, with a margin; None where that is nearly all of it, or nothing."""
    inked = coarse.ink > 0.3
    edge = max(1, round(0.1 * coarse.dpi))
    inked[:edge] = inked[-edge:] = False
    inked[:, :edge] = inked[:, -edge:] = False
    spans = []
    for axis in (1, 0):
        mass = np.cumsum(inked.sum(axis=axis))
        if not mass[-1]:
            return None
        first, last = np.searchsorted(mass, (0.004 * mass[-1], 0.996 * mass[-1])).tolist()
        spans.append((float(first), float(last) + 1))
    scale, margin = sheet.dpi / coarse.dpi, RECEIPT_MARGIN_INCHES * sheet.dpi
    (top, bottom), (left, right) = spans
    height, width = sheet.grey.shape
    rows = slice(max(0, round(top * scale - margin)), min(height, round(bottom * scale + margin)))
    columns = slice(max(0, round(left * scale - margin)), min(width, round(right * scale + margin)))
    if (rows.stop - rows.start) * (columns.stop - columns.start) > 0.8 * width * height:
        return None
    return level.part(sheet, rows, columns)
