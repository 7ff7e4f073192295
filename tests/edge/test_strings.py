"""The catalogues as the screen reads them: plural forms, directions, days, and loud holes."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from markupsafe import Markup

from edge.directory_texts import Text
from edge.kiosk.language import LANGUAGES, STRINGS, Catalogues, read
from protocol.directory import GERMAN
from protocol.errors import Mistake
from protocol.ids import LanguageTag


@pytest.fixture(scope="module")
def catalogues() -> Catalogues:
    return read()


def test_the_bar_names_every_language_as_its_speakers_do(catalogues: Catalogues) -> None:
    assert [language.own_name for language in catalogues.languages] == [
        "Deutsch",
        "Leichte Sprache",
        "English",
        "Polski",
        "Українська",
        "العربية",
    ]
    assert "uk" in catalogues
    assert "fr" not in catalogues


def test_leichte_sprache_is_german_with_words_of_its_own(catalogues: Catalogues) -> None:
    plain, german = catalogues["leicht"], catalogues["de"]
    assert plain.language.tag == german.language.tag == "de"
    assert plain.say("do.hand_in") == "Papiere abgeben"
    assert german.say("do.hand_in") == "Unterlagen abgeben"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("de", ["1 Blatt", "2 Blätter", "5 Blätter", "12 Blätter", "22 Blätter"]),
        ("pl", ["1 kartkę", "2 kartki", "5 kartek", "12 kartek", "22 kartki"]),
        ("uk", ["1 аркуш", "2 аркуші", "5 аркушів", "12 аркушів", "22 аркуші"]),
        ("ar", ["ورقة واحدة", "ورقتان", "5 أوراق", "12 ورقة", "22 ورقة"]),
    ],
)
def test_sheets_are_counted_as_each_language_does(catalogues: Catalogues, code: str, expected: list[str]) -> None:
    for count, part in zip((1, 2, 5, 12, 22), expected, strict=True):
        assert part in catalogues[code].say("another.lead", count=count)


def test_in_ukrainian_21_is_counted_as_1(catalogues: Catalogues) -> None:
    assert "21 аркуш." in catalogues["uk"].say("another.lead", count=21)
    assert "11 аркушів" in catalogues["uk"].say("another.lead", count=11)


def test_a_german_name_keeps_its_direction_in_an_arabic_sentence(catalogues: Catalogues) -> None:
    said = catalogues["ar"].say("label.to", agency="Wohngeld (Prenzlau)")
    assert "\u2068Wohngeld (Prenzlau)\u2069" in said
    assert "\u2068" not in catalogues["uk"].say("label.to", agency="Wohngeld")
    assert [language.code for language in LANGUAGES if language.direction == "rtl"] == ["ar"]


@pytest.mark.parametrize("code", ["en", "pl", "uk", "ar"])
def test_a_text_that_nobody_has_translated_is_marked_as_german(catalogues: Catalogues, code: str) -> None:
    words = catalogues[code]
    german, own = Text("Bürger & Amt", GERMAN), Text("<b>", words.language.directory_tag)
    assert words.shown(german) == '<bdi lang="de" dir="ltr">Bürger &amp; Amt</bdi>'
    assert words.shown(own) == "&lt;b&gt;"
    assert words.shown(german) in words.say("label.to", agency=words.shown(german))
    assert isinstance(words.say("label.to", agency=words.shown(german)), Markup)
    assert "<bdi" in words.say("check.lead", count=2, agency=words.shown(german))
    assert not isinstance(words.say("label.to", agency="Amt"), Markup)


def test_german_needs_no_mark_in_german(catalogues: Catalogues) -> None:
    assert catalogues["de"].shown(Text("Amt", GERMAN)) == "Amt"
    assert catalogues["leicht"].language.directory_tag == "de-simple"
    assert catalogues["leicht"].shown(Text("Sozial-Amt", LanguageTag("de-simple"))) == "Sozial-Amt"


def test_days_and_times_are_those_of_the_wall_clock_here(catalogues: Catalogues) -> None:
    evening_utc = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
    assert catalogues["de"].day(evening_utc) == "Freitag, 27. November"
    assert catalogues["de"].time(evening_utc) == "0:30"
    assert catalogues["pl"].day(date(2026, 11, 27)) == "piątek, 27 listopada"
    assert catalogues["uk"].day(date(2026, 11, 27)) == "пʼятниця, 27 листопада"
    assert catalogues["en"].day(date(2026, 11, 27)) == "Friday 27 November"
    assert catalogues["ar"].day(date(2026, 11, 27)) == "الجمعة، 27 نوفمبر"


def test_a_hole_is_no_silence(catalogues: Catalogues) -> None:
    german = catalogues["de"]
    with pytest.raises(Mistake, match=r"There is no message “start\.hello” in de"):
        german.say("start.hello")
    with pytest.raises(Mistake, match=r"“check\.lead” needs 'agency'"):
        german.say("check.lead", count=1)
    with pytest.raises(Mistake, match="was given no count"):
        german.say("check.lead", agency="Wohngeld")


def test_a_missing_or_damaged_catalogue_stops_the_start(tmp_path: Path) -> None:
    shutil.copytree(STRINGS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "pl.po").write_bytes(b'msgid "start.title"\nmsgstr "Dzie\xf1 dobry"')
    with pytest.raises(Mistake, match=r"The words of Polski cannot be read from pl\.po"):
        read(tmp_path)
    (tmp_path / "pl.po").unlink()
    with pytest.raises(Mistake, match="The words of Polski"):
        read(tmp_path)
