"""Paper in large print: all text is 14 pt or larger; MuPDF brings the fonts for every language of the screen and sets Arabic from right to left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Final

import pymupdf
import segno

from edge.directory_texts import Text
from protocol.directory import GERMAN
from protocol.errors import Mistake

Line = str | Text  # a str is in the language of the sheet
A4: Final = "iso_a4_210x297mm"
TEXT_POINTS_MIN: Final = 14.0  # large print, as associations of the blind ask for
_POINTS_PER_MM: Final = 72 / 25.4
_SIZE: Final = re.compile(r"_(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)(mm|in)$")  # PWG 5101.1, section 5: self-describing names
_CSS: Final = "p {{ font-family: sans-serif; font-size: {points:.1f}pt; margin: 0; line-height: 1.25; {more} }}"


def in_large_print(media: str, direction: str, fill: Callable[[Sheet], None]) -> bytes:
    """One page as PDF, filled from the top; `media`: the paper by its PWG name. The same words give the same bytes."""
    width, height = paper_points(media)
    with pymupdf.open() as document:
        page = document.new_page(width=width, height=height)
        sheet = Sheet(page, direction)
        fill(sheet)
        # A roll is cut where the text ends.
        if sheet.narrow:
            page.set_mediabox(pymupdf.Rect(0, max(0.0, height - sheet.end - 2 * sheet.left), width, height))
        document.subset_fonts()
        made: bytes = document.tobytes(garbage=4, deflate=True, no_new_id=True)
    return made


def paper_points(media: str) -> tuple[float, float]:
    """Width and height of paper by its PWG name, in points. Raises Mistake for a name that says no size."""
    found = _SIZE.search(media)
    if found is None:
        raise Mistake(f"“{media}” is no paper: a name as in {A4} says its size.")
    unit = _POINTS_PER_MM if found[3] == "mm" else 72.0
    return float(found[1]) * unit, float(found[2]) * unit


class Sheet:
    """A page that is filled from the top. Narrow paper has smaller print, but never below TEXT_POINTS_MIN."""

    def __init__(self, page: pymupdf.Page, direction: str) -> None:
        self._page = page
        self._direction = "rtl" if direction == "rtl" else "ltr"
        self.narrow = page.rect.width < 300
        margin = 10.0 if self.narrow else 57.0
        self.width = page.rect.width - 2 * margin
        self.left = margin
        self.end = margin

    def size(self, points: float) -> float:
        """Of letters, for the width of this paper."""
        return max(TEXT_POINTS_MIN, points * 0.75) if self.narrow else points

    def skip(self, lines: float) -> None:
        """Leave room."""
        self.end += lines * self.size(20)

    def write(self, lines: Iterable[Line], points: float, *, bold: bool = False) -> None:
        """Paragraphs, broken where they must be."""
        css = _CSS.format(points=points, more="font-weight: bold;" if bold else "")
        body = "".join(map(self._paragraph, lines))
        room = pymupdf.Rect(self.left, self.end, self.left + self.width, self._page.rect.height)
        spare, _ = self._page.insert_htmlbox(room, body, css=css, scale_low=1)
        if spare < 0:
            raise Mistake("A slip has more text than paper.")
        self.end = room.y1 - spare

    def _paragraph(self, line: Line) -> str:
        if isinstance(line, Text) and line.language == GERMAN and self._direction == "rtl":
            return f'<p dir="ltr" style="text-align: right">{escape(line.words)}</p>'
        return f'<p dir="{self._direction}">{escape(line.words if isinstance(line, Text) else line)}</p>'

    def code(self, text: str) -> None:
        """A QR code that nothing must be installed for: it says the number and nothing else."""
        modules = list(segno.make(text, error="q", micro=False).matrix_iter(border=4))
        side = 130.0 if self.narrow else 150.0
        step = side / len(modules)
        across_share = 0.5 if self.narrow else float(self._direction == "rtl")
        left = self.left + (self.width - side) * across_share
        shape = self._page.new_shape()
        for down, row in enumerate(modules):
            for across, dark in enumerate(row):
                if dark:
                    x, y = left + across * step, self.end + down * step
                    shape.draw_rect(pymupdf.Rect(x, y, x + step, y + step))
        shape.finish(fill=(0, 0, 0), color=None, width=0)
        shape.commit()
        self.end += side
