"""Draws plausible German letters, forms and receipts from a seed, as a scanner would see them, and says what stands on them.

The sheet is set with MuPDF's built-in faces, so that it looks the same on a bare machine, then turned, yellowed, shaded and made noisy.
Everything follows from the arguments: the same seed gives the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Literal

import numpy as np
from PIL import Image

from hardware.simulated import identity, wording
from hardware.simulated.pen import BLUE_INK, Pen

Kind = Literal["letter", "form", "receipt", "id-front", "id-back"]

A4_POINTS: Final = (595.0, 842.0)
RECEIPT_POINTS: Final = (226.0, 560.0)  # 80 mm till roll
GREY: Final = (0.45, 0.45, 0.45)
SKEW_DEGREES_MAX: Final = 4.0
CARD_SKEW_DEGREES_MAX: Final = 12.0
LID: Final = (246, 246, 244)


@dataclass(frozen=True)
class Sheet:
    """A drawn page. `image`: uint8 RGB at `dpi`. `skew_degrees`: how far its lines are turned counter-clockwise.
    `words`: what stands on it, top to bottom."""

    image: Image.Image
    dpi: int
    kind: Kind
    skew_degrees: float
    words: tuple[str, ...]


def draw_sheet(
    seed: int, dpi: int = 300, kind: Kind = "letter", mark: str = "", skew_degrees: float | None = None
) -> Sheet:
    """One sheet with the truth about it; an identity card lies on the glass under a white lid. `mark` is printed once as a line of its own;
    `skew_degrees` is drawn from the seed if None."""
    random = Random(f"{kind}-{seed}")  # noqa: S311 - a drawing, not a secret
    if kind in ("id-front", "id-back"):
        card, words = identity.draw_card(seed, kind == "id-back", dpi, mark)
        drawn_skew = round(random.uniform(-CARD_SKEW_DEGREES_MAX, CARD_SKEW_DEGREES_MAX), 2)
        skew = drawn_skew if skew_degrees is None else skew_degrees
        return Sheet(_age(_lay(card, skew, random, dpi), seed), dpi, kind, skew, words)
    pen = Pen(RECEIPT_POINTS if kind == "receipt" else A4_POINTS)
    {"letter": _letter, "form": _form, "receipt": _receipt}[kind](pen, random, mark)
    drawn_skew = round(random.uniform(-SKEW_DEGREES_MAX, SKEW_DEGREES_MAX), 2)
    skew = drawn_skew if skew_degrees is None else skew_degrees
    image = pen.image(dpi).rotate(skew, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
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


def _letter(pen: Pen, random: Random, mark: str) -> None:
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


def _form(pen: Pen, random: Random, mark: str) -> None:
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


def _receipt(pen: Pen, random: Random, mark: str) -> None:
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


def _lay(card: Image.Image, degrees: float, random: Random, dpi: int) -> Image.Image:
    """A card somewhere on the glass; the lid above it is white, and it throws a thin shadow."""
    width, height = (round(points / 72 * dpi) for points in A4_POINTS)
    glass = Image.new("RGB", (width, height), LID)
    turned = card.convert("RGBA").rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    room = (width - turned.width, height - turned.height)
    at = (round(room[0] * random.uniform(0.15, 0.85)), round(room[1] * random.uniform(0.1, 0.6)))
    shadow = Image.new("RGBA", turned.size, (150, 150, 150, 255))
    shadow.putalpha(turned.getchannel("A"))
    glass.paste(shadow, (at[0] + dpi // 75, at[1] + dpi // 75), shadow)
    glass.paste(turned, at, turned)
    return glass


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
