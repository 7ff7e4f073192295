"""Made-up German identity cards, front and back, with a machine-readable zone that adds up (ICAO Doc 9303, part 5: TD1). Plainly a sample:
„MUSTER“ stands across both sides."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Final

from PIL import Image, ImageDraw

from hardware.simulated import wording
from hardware.simulated.pen import Pen

CARD_POINTS: Final = (242.6, 153.0)  # ID-1: 85.6 × 54 mm
CORNER_POINTS: Final = 9.0
# Letters and digits that a German card number is made of: none that could be taken for another.
NUMBER_LETTERS: Final = "CFGHJKLMNPRTVWXYZ0123456789"
_FOLDED: Final = str.maketrans({"Ä": "AE", "Ö": "OE", "Ü": "UE", "ẞ": "SS", "ß": "SS", " ": "<", "-": "<"})
_GROUND: Final = (0.86, 0.91, 0.90)
_WAVE: Final = (0.72, 0.82, 0.80)
_PALE: Final = (0.62, 0.68, 0.70)


def draw_card(seed: int, back: bool, dpi: int, mark: str = "") -> tuple[Image.Image, tuple[str, ...]]:
    """One side of the card of this seed at its true size, mode RGBA with round corners, and what stands on it. Both sides of a seed belong to the
    same person."""
    random = Random(f"identity-{seed}")  # noqa: S311 - a drawing, not a secret
    first, last = wording.person(random).split()
    street, place = wording.address(random)
    born = date(1938, 1, 1) + timedelta(days=random.randrange(24_000))
    expires = date(2027, 1, 1) + timedelta(days=random.randrange(3_000))
    number = random.choice("LMNPRTVWXY") + "".join(random.choice(NUMBER_LETTERS) for _ in range(8))
    pen = Pen(CARD_POINTS)
    _ground(pen, random)
    if back:
        _back(pen, street, place, random, mark)
        for row, text in enumerate(zone(last, first, number, born, expires)):
            pen.write(11, 118 + row * 13, text, 11.4, "cobo")
    else:
        _front(pen, first, last, number, born, expires, mark)
    return _rounded(pen.image(dpi), dpi), tuple(pen.words)


def zone(surname: str, given_names: str, number: str, born: date, expires: date) -> tuple[str, str, str]:
    """The three lines of 30 characters: who, until when, and the check digits."""
    numbered = f"{number}{check(number)}"
    birth, end = f"{born:%y%m%d}", f"{expires:%y%m%d}"
    first = f"IDD<<{numbered}".ljust(30, "<")
    dates = f"{birth}{check(birth)}<{end}{check(end)}"
    second = f"{dates}D<<".ljust(29, "<")
    # The last check digit is over line 1 from its 6th place, and over what stands in line 2, without sex and nationality.
    whole = first[5:] + second[:7] + second[8:15] + second[18:29]
    name = f"{_fold(surname)}<<{_fold(given_names)}"[:30].ljust(30, "<")
    return first, f"{second}{check(whole)}", name


def check(text: str) -> int:
    """The check digit of ICAO Doc 9303, part 3, 4.9: weights 7, 3, 1; A is 10, Z is 35, < is 0."""
    return sum((0 if sign == "<" else int(sign, 36)) * (7, 3, 1)[place % 3] for place, sign in enumerate(text)) % 10


def _fold(name: str) -> str:
    return name.upper().translate(_FOLDED)


def _ground(pen: Pen, random: Random) -> None:
    pen.page.draw_rect(pen.page.rect, color=None, fill=_GROUND)
    for row in range(24):
        y = row * 7 + random.uniform(-1, 1)
        pen.page.draw_bezier((0, y), (80, y + 14), (160, y - 14), (243, y + 3), color=_WAVE, width=0.5)
    sample = "MUSTER"
    pen.write(58, 96, sample, 34, "hebo", colour=(0.80, 0.87, 0.86))
    pen.words.remove(sample)  # across the ground, not to be read as text


def _front(pen: Pen, first: str, last: str, number: str, born: date, expires: date, mark: str) -> None:
    pen.write(10, 14, "BUNDESREPUBLIK DEUTSCHLAND", 6.5, "hebo")
    pen.write(10, 23, "PERSONALAUSWEIS / IDENTITY CARD", 5.5)
    pen.write(178, 16, number, 9.5, "cobo")
    pen.box(10, 32, 76, 118, (0.83, 0.84, 0.84))
    pen.page.draw_circle((43, 66), 16, color=None, fill=_PALE)
    pen.page.draw_oval((18, 86, 68, 134), color=None, fill=_PALE)
    pen.page.draw_rect((10, 118, 76, 136), color=None, fill=_GROUND)
    rows = (
        ("Name / Surname", last.upper()),
        ("Vornamen / Given names", first.upper()),
        ("Geburtstag / Date of birth", f"{born:%d.%m.%Y}"),
        ("Staatsangehörigkeit / Nationality", "DEUTSCH"),
        ("Gültig bis / Date of expiry", f"{expires:%d.%m.%Y}"),
    )
    for row, (label, text) in enumerate(rows):
        pen.write(86, 38 + row * 20, label, 4.6)
        pen.write(86, 47 + row * 20, text, 8.6, "hebo")
    if mark:
        pen.write(10, 145, mark, 6.5, "hebo")


def _back(pen: Pen, street: str, place: str, random: Random, mark: str) -> None:
    rows = (
        ("Anschrift / Address", f"{place.upper()}, {street.upper()}"),
        ("Größe / Height", f"{random.randint(152, 196)} cm"),
        ("Augenfarbe / Colour of eyes", random.choice(("BLAU", "BRAUN", "GRÜN", "GRAU"))),
        ("Behörde / Authority", "LANDKREIS UCKERMARK"),
    )
    for row, (label, text) in enumerate(rows):
        pen.write(11, 14 + row * 21, label, 4.6)
        pen.write(11, 23 + row * 21, text, 7.6, "hebo")
    if mark:
        pen.write(150, 98, mark, 6.5, "hebo")
    pen.page.draw_rect((0, 104, 243, 153), color=None, fill=(0.95, 0.96, 0.95))


def _rounded(card: Image.Image, dpi: int) -> Image.Image:
    mask = Image.new("L", card.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *card.size), round(CORNER_POINTS / 72 * dpi), fill=255)
    card = card.convert("RGBA")
    card.putalpha(mask)
    return card
