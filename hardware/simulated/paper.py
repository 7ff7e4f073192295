"""Draws plausible German letters, forms and receipts from a seed, as a scanner would see them, and says what stands on them.

The sheet is set with MuPDF's built-in faces, so that it looks the same on a bare machine, then turned, yellowed, shaded and made noisy.
Everything follows from the arguments: the same seed gives the same pixels.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

import numpy as np
import pymupdf
from PIL import Image

from hardware.simulated import wording

Kind = Literal["letter", "form", "receipt"]

A4_POINTS: Final = (595.0, 842.0)
RECEIPT_POINTS: Final = (226.0, 560.0)  # 80 mm till roll
BLACK: Final = (0.08, 0.08, 0.09)
BLUE_INK: Final = (0.10, 0.16, 0.55)
GREY: Final = (0.45, 0.45, 0.45)
SKEW_DEGREES_MAX: Final = 4.0


@dataclass(frozen=True)
class Sheet:
    """A drawn page. `image`: uint8 RGB at `dpi`. `skew_degrees`: how far its lines are turned counter-clockwise.
    `words`: what stands on it, top to bottom."""

    image: Image.Image
    dpi: int
    kind: Kind
    skew_degrees: float
    words: tuple[str, ...]


class _Pen:
    """Writes on one vector page and remembers the words."""

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
        writer: Any = pymupdf.TextWriter(self.page.rect, color=colour)
        writer.append((x, y), text, font=pymupdf.Font(face), fontsize=size)
        writer.write_text(self.page)
        self.words += text.split()

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float = 0.6) -> None:
        self.page.draw_line((x0, y0), (x1, y1), color=BLACK, width=width)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: tuple[float, ...] | None = None) -> None:
        self.page.draw_rect((x0, y0, x1, y1), color=BLACK, width=0.7, fill=fill)

    def scrawl(self, x: float, y: float, random: Random) -> None:
        """A signature in blue ink: no word."""
        points = [(x + step * 9, y + random.uniform(-11, 9)) for step in range(10)]
        for start, end in itertools.pairwise(points):
            middle = ((start[0] + end[0]) / 2 + random.uniform(-6, 6), (start[1] + end[1]) / 2)
            self.page.draw_curve(start, middle, end, color=BLUE_INK, width=1.1)

    def paragraph(
        self, x: float, y: float, text: str, width: float, *, face: str = "helv", size: float = 10.5
    ) -> float:
        """Returns the y of the next line."""
        font, row = pymupdf.Font(face), ""
        for word in text.split():
            if font.text_length(f"{row} {word}", size) > width:
                self.write(x, y, row, size, face)
                row, y = "", y + size * 1.38
            row = f"{row} {word}".strip()
        self.write(x, y, row, size, face)
        return y + size * 1.38


def draw_sheet(
    seed: int, dpi: int = 300, kind: Kind = "letter", mark: str = "", skew_degrees: float | None = None
) -> Sheet:
    """One sheet with the truth about it. `mark` is printed once as a line of its own; `skew_degrees` is drawn from the seed if None."""
    random = Random(f"{kind}-{seed}")  # noqa: S311 - a drawing, not a secret
    pen = _Pen(RECEIPT_POINTS if kind == "receipt" else A4_POINTS)
    {"letter": _letter, "form": _form, "receipt": _receipt}[kind](pen, random, mark)
    drawn_skew = round(random.uniform(-SKEW_DEGREES_MAX, SKEW_DEGREES_MAX), 2)
    skew = drawn_skew if skew_degrees is None else skew_degrees
    colour: Any = pen.page.get_pixmap(dpi=dpi, colorspace=pymupdf.csRGB, alpha=False)
    image = Image.frombytes("RGB", (colour.width, colour.height), colour.samples)
    image = image.rotate(skew, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    return Sheet(_age(image, seed), dpi, kind, skew, tuple(pen.words))


def draw_page(seed: int, dpi: int = 300, kind: Kind = "letter", mark: str = "") -> Image.Image:
    """Only the pixels of `draw_sheet`: uint8 RGB."""
    return draw_sheet(seed, dpi, kind, mark).image


def draw_scan(seed: int, pages: int, folder: Path, dpi: int = 300, mark: str = "") -> list[Path]:
    """A batch as a scanner delivers it: JPEG and PNG files with their resolution, letters, forms and the odd receipt. Existing files
    of the same names are overwritten. Raises OSError."""
    paths: list[Path] = []
    for number in range(1, pages + 1):
        kind: Kind = "receipt" if number % 7 == 5 else "form" if number % 3 == 2 else "letter"
        image = draw_page(seed * 1000 + number, dpi, kind, mark)
        path = folder / f"scan-{seed:04d}-{number:03d}{'.png' if number % 4 == 3 else '.jpg'}"
        if path.suffix == ".png":
            image.save(path, dpi=(dpi, dpi), compress_level=1)
        else:
            image.save(path, dpi=(dpi, dpi), quality=88)
        paths.append(path)
    return paths


def _letter(pen: _Pen, random: Random, mark: str) -> None:
    body, office, subject = random.choice(wording.OFFICES)
    face = random.choice(("helv", "tiro"))
    bold = "hebo" if face == "helv" else "tibo"
    pen.write(70, 62, body, 17, bold)
    pen.write(70, 80, office, 11, face, colour=GREY)
    pen.line(70, 90, 525, 90, 1.2)
    street, place = wording.address(random)
    pen.write(70, 130, f"{body}, {street}, {place}", 6.5, face)
    for row, text in enumerate(("Herrn/Frau", wording.person(random), *wording.address(random))):
        pen.write(70, 148 + row * 14, text, 10.5, face)
    pen.write(
        370,
        148,
        f"Aktenzeichen: {random.randint(10, 99)}.{random.randint(1000, 9999)}/{random.randint(20, 26)}",
        9,
        face,
    )
    pen.write(370, 162, f"Auskunft erteilt: {wording.person(random)}", 9, face)
    pen.write(370, 176, f"Telefon: 03984 70-{random.randint(1000, 9999)}", 9, face)
    pen.write(370, 190, f"Datum: {wording.day(random)}", 9, face)
    pen.write(70, 252, f"{subject} – Ihr Antrag vom {wording.day(random)}", 11.5, bold)
    pen.write(70, 284, "Sehr geehrte Damen und Herren,", 10.5, face)
    y = 306.0
    for _ in range(random.randint(3, 5)):
        text = " ".join(wording.sentence(random) for _ in range(random.randint(1, 3)))
        y = pen.paragraph(70, y, text, 455, face=face) + 7
    if mark:
        pen.write(70, y, mark, 11, bold)
        y += 18
    pen.write(70, y + 12, "Mit freundlichen Grüßen", 10.5, face)
    pen.write(70, y + 26, "Im Auftrag", 10.5, face)
    pen.scrawl(78, y + 56, random)
    pen.write(70, y + 86, wording.person(random), 10.5, face)
    pen.line(70, 788, 525, 788, 0.5)
    pen.write(70, 800, "Sprechzeiten: Di 8–12 und 13–18 Uhr, Do 8–12 und 13–16 Uhr · www.landkreis.example", 7, face)


def _form(pen: _Pen, random: Random, mark: str) -> None:
    body, office, subject = random.choice(wording.OFFICES)
    pen.box(50, 45, 545, 82, (0.88, 0.88, 0.88))
    pen.write(58, 60, f"Antrag – {subject}", 12, "hebo")
    pen.write(58, 74, f"{body} · {office}", 8.5)
    pen.write(50, 98, "Bitte in Druckbuchstaben ausfüllen und Zutreffendes ankreuzen.", 8)
    if mark:
        pen.write(330, 98, mark, 10, "hebo")
    y = 112.0
    for number, (field, answer) in enumerate(wording.answers(random), 1):
        pen.box(50, y, 545, y + 38)
        pen.write(54, y + 10, f"{number}. {field}", 7.5)
        if random.random() < 0.85:
            pen.write(70, y + 30, answer, 14, "tiit", colour=BLUE_INK)
        y += 38
    y += 18
    for text in (
        "Ich beziehe Leistungen nach dem SGB II.",
        "Ich wohne zur Miete.",
        "Ein Pflegegrad wurde festgestellt.",
    ):
        pen.box(54, y - 9, 64, y + 1)
        if random.random() < 0.5:
            pen.line(54, y - 9, 64, y + 1, 1.3)
            pen.line(64, y - 9, 54, y + 1, 1.3)
        pen.write(72, y, text, 9.5)
        y += 18
    y = pen.paragraph(50, y + 12, " ".join(wording.sentence(random) for _ in range(2)), 495, size=8.5)
    pen.line(50, y + 60, 230, y + 60)
    pen.line(300, y + 60, 545, y + 60)
    pen.scrawl(320, y + 52, random)
    pen.write(50, y + 70, "Ort, Datum", 7)
    pen.write(300, y + 70, "Unterschrift der antragstellenden Person", 7)


def _receipt(pen: _Pen, random: Random, mark: str) -> None:
    street, place = wording.address(random)
    for row, text in enumerate(("Dorfladen Uckermark eG", street, place)):
        pen.write(40, 40 + row * 13, text, 10, "cobo" if row == 0 else "cour")
    if mark:
        pen.write(12, 84, mark, 8, "cobo")
    y, total = 104.0, 0
    for _ in range(random.randint(6, 14)):
        cents = random.randint(59, 1299)
        total += cents
        pen.write(12, y, random.choice(wording.GOODS), 8.5, "cour")
        pen.write(160, y, f"{cents // 100},{cents % 100:02d} A", 8.5, "cour")
        y += 13
    pen.line(12, y, 214, y)
    pen.write(12, y + 16, "SUMME EUR", 12, "cobo")
    pen.write(150, y + 16, f"{total // 100},{total % 100:02d}", 12, "cobo")
    pen.write(12, y + 36, f"Datum {wording.day(random)} Beleg {random.randint(1000, 9999)}", 8, "cour")
    pen.write(12, y + 50, "Vielen Dank für Ihren Einkauf!", 8, "cour")


def _age(image: Image.Image, seed: int) -> Image.Image:
    """Yellowing, a shadow across the sheet, uneven toner and sensor noise."""
    generator = np.random.default_rng(seed)
    height, width = image.height, image.width
    tint = np.array([1.0, 1.0 - generator.uniform(0.0, 0.04), 1.0 - generator.uniform(0.01, 0.14)], np.float32)
    paper = generator.uniform(228, 250)
    depth, angle = generator.uniform(0.02, 0.16), generator.uniform(0, 2 * np.pi)
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    light = 1 - np.float32(depth) * (0.5 + 0.35 * (rows + columns)) ** 2
    noise = generator.standard_normal((height, width), np.float32) * np.float32(generator.uniform(1.5, 4.0))
    light *= np.float32(paper / 255)
    pixels = np.asarray(image)
    out = np.empty_like(pixels)
    for channel in range(3):
        plane = pixels[:, :, channel].astype(np.float32)
        plane += 22 * (1 - plane / 255)  # toner is never quite black
        plane *= light * tint[channel]
        plane += noise
        np.clip(plane, 0, 255, out=plane)
        out[:, :, channel] = plane
    return Image.fromarray(out, "RGB")
