"""Writes on one vector page with MuPDF's built-in faces, so that it looks the same on a bare machine, and remembers the words."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any, Final

import pymupdf
from PIL import Image

BLACK: Final = (0.08, 0.08, 0.09)
BLUE_INK: Final = (0.10, 0.16, 0.55)


class Pen:
    """One page of `size_points`; `words` is what was written, top to bottom. Places are in points from the top left."""

    def __init__(self, size_points: tuple[float, float]) -> None:
        self.document: Any = pymupdf.open()
        self.page: Any = self.document.new_page(width=size_points[0], height=size_points[1])
        self.words: list[str] = []

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 10.5,
        face: str = "helv",
        *,
        colour: tuple[float, ...] = BLACK,
    ) -> None:
        """One line of text, its base line at `y`."""
        writer: Any = pymupdf.TextWriter(self.page.rect, color=colour)
        writer.append((x, y), text, font=pymupdf.Font(face), fontsize=size)
        writer.write_text(self.page)
        self.words += text.split()

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float = 0.6) -> None:
        """A straight line."""
        self.page.draw_line((x0, y0), (x1, y1), color=BLACK, width=width)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: tuple[float, ...] | None = None) -> None:
        """A frame, filled or not."""
        self.page.draw_rect((x0, y0, x1, y1), color=BLACK, width=0.7, fill=fill)

    def scrawl(self, x: float, y: float, random: Random) -> None:
        """A signature in blue ink: no word."""
        points = [(x + step * 9, y + random.uniform(-11, 9)) for step in range(10)]
        for start, end in itertools.pairwise(points):
            middle = ((start[0] + end[0]) / 2 + random.uniform(-6, 6), (start[1] + end[1]) / 2)
            self.page.draw_curve(start, middle, end, color=BLUE_INK, width=1.1)

    def image(self, dpi: int) -> Image.Image:
        """The page as pixels: mode RGB."""
        pixels: Any = self.page.get_pixmap(dpi=dpi, colorspace=pymupdf.csRGB, alpha=False)
        return Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)

    def paragraph(
        self, x: float, y: float, text: str, width: float, *, face: str = "helv", size: float = 10.5
    ) -> float:
        """Text in lines of at most `width`. Returns the y of the next line."""
        font, row = pymupdf.Font(face), ""
        for word in text.split():
            if font.text_length(f"{row} {word}", size) > width:
                self.write(x, y, row, size, face)
                row, y = "", y + size * 1.38
            row = f"{row} {word}".strip()
        self.write(x, y, row, size, face)
        return y + size * 1.38
