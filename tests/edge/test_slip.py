"""The slip says what it must, in print that one can read, in every language of the screen."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pymupdf
import pytest

from edge.directory_texts import Text
from edge.large_print import A4, TEXT_POINTS_MIN, paper_points
from edge.papers import papers_sheet
from edge.slip import SlipTexts, slip
from protocol.directory import GERMAN as GERMAN_TAG
from protocol.errors import Mistake
from protocol.ids import ReceiptNumber
from protocol.keys import receipt_words

AT = datetime(2026, 3, 2, 14, 32, tzinfo=ZoneInfo("Europe/Berlin"))
NUMBER = "7K2-418"
WORDS = receipt_words(ReceiptNumber(NUMBER))
CONCERN = (Text("Zuschuss zur Miete", GERMAN_TAG),)
HOURS = ("Montag bis Donnerstag: 8:00 bis 16:00 Uhr", "Freitag: 8:00 bis 12:00 Uhr")
GERMAN = SlipTexts(
    "de",
    "ltr",
    "Ihre Unterlagen sind hier sicher gespeichert.",
    "Ihre Nummer",
    "Am Telefon sagen Sie",
    "Für",
    "Anliegen",
    "Abgegeben am",
    "Geöffnet",
    "Bitte heben Sie diesen Zettel auf.",
)
UKRAINIAN = SlipTexts(
    "uk", "ltr", "Ваші документи", "Ваш номер", "Телефоном", "Для", "Справа", "Подано", "Відчинено", "Дякуємо."
)
ARABIC = SlipTexts(
    "ar", "rtl", "وثائقك محفوظة هنا بأمان.", "رقمك", "على الهاتف", "إلى", "الموضوع", "سُلّم في", "أوقات العمل", "شكرا."
)
ROLL = "om_roll-80_80x297mm"


def made(texts: SlipTexts = GERMAN, media: str = A4, agency: str = "Wohngeldstelle Uckermark") -> pymupdf.Document:
    return pymupdf.open("pdf", slip(NUMBER, WORDS, [agency], AT, texts, concern=CONCERN, hours=HOURS, media=media))


def letters(page: pymupdf.Page) -> list[tuple[float, str]]:
    spans = [
        span for block in page.get_text("dict")["blocks"] for line in block.get("lines", ()) for span in line["spans"]
    ]
    return [(span["size"], span["text"]) for span in spans if span["text"].strip()]


@pytest.mark.parametrize("media", [A4, ROLL, "na_letter_8.5x11in"])
@pytest.mark.parametrize("texts", [GERMAN, UKRAINIAN, ARABIC])
def test_everything_stands_on_one_page_in_large_print(texts: SlipTexts, media: str) -> None:
    document = made(texts, media)
    assert document.page_count == 1
    page = document[0]
    assert min(size for size, _ in letters(page)) >= TEXT_POINTS_MIN
    text = " ".join(page.get_text().split())
    assert NUMBER in text
    assert all(word in text for word in WORDS)
    assert "Wohngeldstelle" in text
    assert texts.concern in text or texts is ARABIC  # whose letters are joined in the file
    assert "Zuschuss zur Miete" in text
    assert "2026" in text or "٢٠٢٦" in text
    size_of_number = next(size for size, text in letters(page) if NUMBER in text)
    assert size_of_number == max(size for size, _ in letters(page))
    # Nothing stands outside the paper.
    for block in page.get_text("blocks"):
        assert page.rect.contains(pymupdf.Rect(block[:4]))


def test_words_and_dates_are_those_of_the_language() -> None:
    german, ukrainian = (" ".join(made(texts)[0].get_text().split()) for texts in (GERMAN, UKRAINIAN))
    assert "2. März 2026, 14:32" in german
    assert GERMAN.heading in german
    assert "2 березня 2026" in ukrainian


@pytest.mark.parametrize("media", [A4, ROLL])
def test_the_code_says_the_number_and_nothing_else(media: str) -> None:
    pixmap = made(media=media)[0].get_pixmap(dpi=150, colorspace=pymupdf.csGRAY)
    picture = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width)
    found, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert found == NUMBER


def test_the_same_facts_give_the_same_bytes_and_no_more_than_the_facts() -> None:
    once, again = (slip(NUMBER, WORDS, ["Sozialamt"], AT, GERMAN) for _ in range(2))
    assert once == again
    document = pymupdf.open("pdf", once)
    assert not any(document.metadata[key] for key in ("title", "author", "subject", "keywords", "creationDate"))
    assert GERMAN.hours not in document[0].get_text()
    assert GERMAN.concern not in document[0].get_text()


def test_groups_of_a_telephone_number_stand_in_their_order_in_an_arabic_list() -> None:
    lines = [Text("Markt 1 (Rathaus)", GERMAN_TAG), Text("030 23125 102", GERMAN_TAG)]
    made = papers_sheet("rtl", heading="ما تحضره معك", papers=(), facts=[("الجهة المختصة", lines)], note="-")
    page = pymupdf.open("pdf", made)[0]
    left = {text: box_left for box_left, _, _, _, text, *_ in page.get_text("words")}
    assert left["030"] < left["23125"] < left["102"]
    assert left["Markt"] < left["1"] < left["(Rathaus)"]
    assert left["102"] > page.rect.width / 2, "they begin where an Arabic line begins"


def test_a_name_with_signs_of_markup_is_only_a_name() -> None:
    assert "Amt <b> & Söhne" in made(agency="Amt <b> & Söhne")[0].get_text()


def test_a_roll_ends_where_the_text_ends() -> None:
    page = made(media=ROLL)[0]
    assert abs(page.rect.width - paper_points(ROLL)[0]) < 0.01
    assert page.rect.height < paper_points(ROLL)[1] - 20


@pytest.mark.parametrize("media", ["a4", "iso_a4", "om_card_20x20mm"])
def test_paper_without_a_size_or_too_small_is_refused(media: str) -> None:
    with pytest.raises(Mistake):
        made(media=media)
