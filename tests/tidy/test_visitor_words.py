"""What a visitor reads is plain in every language: few words, short sentences, no word of our trade, nothing missing and nothing left over."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Message
from msgspec import structs

from edge import directory_texts
from edge.capture.verdict import Fault
from edge.kiosk.language import LANGUAGES, STRINGS, catalogue
from edge.kiosk.privacy import PRIVACY_VERSION
from edge.kiosk.settings import TEXT_STEPS
from hardware.scanner import ScannerState
from protocol.hours import Status
from tools.town import uckermark

KIOSK: Final = STRINGS.parent
CODES: Final = tuple(language.code for language in LANGUAGES)
SOURCE: Final = "de"
PLAIN: Final = "leicht"

# Words that mean something to us and nothing, or something else, to a visitor. Beginnings of words, whatever stands behind them.
FORBIDDEN: Final = {
    "de": "session upload login account button klick server sync offline timeout fehlercode id$ token scan submit dashboard link$ "
    "browser system$ prozess gerätetreiber daten$ dokument-id",
    "en": "session upload login log-in account button click server sync offline timeout error$ id$ token scan submit dashboard link$ browser",
    "pl": "sesj login logowan konto przycisk$ klik serwer synchron offline token skan wyślij$ link$ przegląd identyfikator",
    "uk": "сесі логін обліков кнопк клац клік сервер синхрон офлайн токен скан посилан браузер ідентифік",
    "ar": "جلسة تسجيل$ حساب$ انقر خادم مزامنة رمز$ مسح رابط متصفح خطأ",
}
WITHOUT_REASON: Final = {
    "de": "bitte warten",
    "en": "please wait",
    "pl": "proszę czekać",
    "uk": "будь ласка, зачекайте",
    "ar": "انتظر من فضلك",
}

TITLE_WORDS_MAX: Final = 12
SENTENCE_WORDS_MAX: Final = 15
PLAIN_WORDS_MAX: Final = 8
BUTTON_WORDS_MAX: Final = 4
SENTENCES_MAX: Final = 2  # above the buttons
PRIVACY_WORDS_MAX: Final = 45
PLACE_WORDS: Final = 2  # what is filled in: an agency's short name, a number


@cache
def messages(code: str) -> dict[str, Message]:
    language = next(language for language in LANGUAGES if language.code == code)
    return {_id(message): message for message in catalogue(language) if message.id}


def _id(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple) else message.id)


def forms(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, tuple | list) else (str(message.string),)


def texts(code: str, *kinds: str) -> Iterator[tuple[str, str]]:
    """Every text of a language as (id, text); only ids that begin or whose second part begins with one of `kinds`, when there are any."""
    for name, message in messages(code).items():
        screen, _, part = name.partition(".")
        if not kinds or screen in kinds or part.split("_")[0] in kinds:
            yield from ((name, text) for text in forms(message))


def of_the_example(code: str) -> Iterator[tuple[str, str]]:
    """What the example's directory says in a language, as (id, text): nobody has to look far for what good texts are like."""
    tag = next(language for language in LANGUAGES if language.code == code).directory_tag
    for agency in uckermark().agencies:
        yield f"{agency.id}.name", directory_texts.agency_name(agency, tag).words
        yield f"{agency.id}.short", directory_texts.agency_short(agency, tag).words
    for service in uckermark().services:
        yield f"{service.id}.plain", directory_texts.concern(service, tag).words
        yield from ((f"{service.id}.bring", paper.words) for paper in directory_texts.papers(service, tag))


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def words(text: str) -> int:
    filled = re.sub(r"\{\w+\}", " ".join(["wort"] * PLACE_WORDS), text)
    return sum(any(letter.isalnum() for letter in word) for word in filled.split())


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?؟])\s+|\n", text.replace("…", "")) if part.strip()]


def test_every_language_says_everything() -> None:
    for code in CODES:
        assert set(messages(code)) == set(messages(SOURCE)), code
        silent = [name for name, message in messages(code).items() if not all(forms(message))]
        assert not silent, f"{code}: {silent}"
        fuzzy = [name for name, message in messages(code).items() if message.fuzzy]
        assert not fuzzy, f"{code}: {fuzzy}"


def test_the_example_says_everything_in_every_language() -> None:
    tags = [language.directory_tag for language in LANGUAGES]
    for of in (*uckermark().agencies, *uckermark().services):
        assert {texts.language for texts in of.texts} == set(tags) - {directory_texts.GERMAN}, of.id
        assert all(all(structs.astuple(texts)) for texts in of.texts), of.id


def test_every_language_has_the_same_places() -> None:
    for name, original in messages(SOURCE).items():
        expected = set().union(*map(places, forms(original)))
        for code in CODES:
            message = messages(code)[name]
            assert message.pluralizable == original.pluralizable, f"{code} {name}"
            for text in forms(message):
                # Where a form of its own says “one” or “two”, the number need not stand there again.
                assert expected - {"count"} <= places(text) <= expected, f"{code} {name}: {text}"
            assert set().union(*map(places, forms(message))) == expected, f"{code} {name}"


def test_every_language_has_all_its_plurals() -> None:
    for language in LANGUAGES:
        number = catalogue(language).num_plurals
        assert number == {"pl": 3, "uk": 3, "ar": 6}.get(language.code, 2)
        short = [name for name, message in messages(language.code).items() if len(forms(message)) not in (1, number)]
        assert not short, f"{language.code}: {short}"


@pytest.mark.parametrize("code", CODES)
def test_no_word_of_our_trade(code: str) -> None:
    for_language = FORBIDDEN["de" if code == PLAIN else code].split()
    pattern = re.compile("|".join(rf"\b{word.replace('$', chr(92) + 'b')}" for word in for_language), re.IGNORECASE)
    everything = [*texts(code), *of_the_example(code)]
    faults = [f"{name}: {match[0]!r} in {text!r}" for name, text in everything if (match := pattern.search(text))]
    reasonless = WITHOUT_REASON["de" if code == PLAIN else code]
    faults += [f"{name}: waiting without a reason" for name, text in texts(code) if reasonless in text.lower()]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("code", CODES)
def test_questions_and_buttons_are_short(code: str) -> None:
    long = [f"{name}: {text}" for name, text in texts(code, "title") if words(text) > TITLE_WORDS_MAX]
    buttons = [*texts(code, "do"), *(told for told in of_the_example(code) if told[0].endswith((".short", ".plain")))]
    long += [f"{name}: {text}" for name, text in buttons if words(text) > BUTTON_WORDS_MAX]
    long += [f"{name}: {text}" for name, text in of_the_example(code) if words(text) > TITLE_WORDS_MAX]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("code", CODES)
def test_sentences_are_short(code: str) -> None:
    most = PLAIN_WORDS_MAX if code == PLAIN else SENTENCE_WORDS_MAX
    long = [
        f"{name}: {sentence} ({words(sentence)} words)"
        for name, text in (*texts(code), *of_the_example(code))
        for sentence in sentences(text)
        if words(sentence) > most and not name.startswith("format.")
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("code", CODES)
def test_no_more_than_two_sentences_stand_above_the_buttons(code: str) -> None:
    kinds = ("lead", "fault", "trouble", "say", "state", "slip")
    many = [f"{name}: {text}" for name, text in texts(code, *kinds) if len(sentences(text)) > SENTENCES_MAX]
    assert not many, "\n".join(many)


@pytest.mark.parametrize("code", CODES)
def test_what_went_wrong_is_followed_by_what_to_do(code: str) -> None:
    no_device = ("trouble.title", "trouble.absent")  # nothing is asked of anybody
    bare = [
        f"{name}: {text}" for name, text in texts(code, "trouble") if name not in no_device and len(sentences(text)) < 2
    ]
    assert not bare, "\n".join(bare)


def test_leichte_sprache_has_one_sentence_on_a_line() -> None:
    crowded = [
        f"{name}: {line}"
        for name, text in texts(PLAIN)
        if ".title" not in name and not name.startswith("format.")  # a title may greet and ask
        for line in text.split("\n")
        if len(sentences(line)) > 1
    ]
    assert not crowded, "\n".join(crowded)


@pytest.mark.parametrize("code", CODES)
def test_privacy_is_said_in_three_sentences(code: str) -> None:
    (text,) = forms(messages(code)["privacy.text"])
    assert len(sentences(text)) == 3
    assert words(text) <= PRIVACY_WORDS_MAX


# Which words a version of the text about privacy stands for: SHA-256 over all languages. A new text is a new version, with a row of its own.
PRIVACY_TEXTS: Final = {
    "1": "a0422a0312cc2fe25910c2669c51cb80afbaa9c04ed735f4713cff2fa454a0ba",
    "2": "aeffe557d76a2b72bfaed9c9c49e4a34eab30f96414474cedec19e38fb848073",
}


def test_the_version_that_is_kept_with_a_visit_names_the_text_that_stood_there() -> None:
    said = "\0".join(forms(messages(code)["privacy.text"])[0] for code in CODES)
    digest = hashlib.sha256(said.encode()).hexdigest()
    assert PRIVACY_TEXTS.get(PRIVACY_VERSION) == digest, f"a new text ({digest}) needs a new PRIVACY_VERSION"


def _made_of_states() -> set[str]:
    """Ids that are put together where they are used."""
    return {
        *(f"fault.{fault}" for fault in Fault),
        *(f"trouble.{state}" for state in ScannerState if state is not ScannerState.READY),
        *(f"hours.{status}" for status in Status),
        *(f"do.text_{step}" for step in TEXT_STEPS),
    }


def test_every_message_is_used_and_every_used_message_is_there() -> None:
    source = "\n".join(path.read_text() for path in _sources())
    named = set(re.findall(r"""["']([a-z_]+\.[a-z_-]+[a-z0-9_-]*)["']""", source))
    put_together = set(re.findall(r"""["']([a-z_]+\.(?:[a-z]+_)?)["{%]""", source))
    known = set(messages(SOURCE))
    missing = _made_of_states() - known
    assert not missing, f"no words for {sorted(missing)}"
    left_over = {
        name for name in known if name not in named and not any(name.startswith(part) for part in put_together)
    }
    assert not left_over, f"said nowhere: {sorted(left_over)}"
    asked = set(re.findall(r"""\b(?:t|say)\(\s*["']([^"']+)["']""", source))
    unknown = {name for name in asked - known if not any(name.startswith(part) for part in put_together)}
    assert not unknown, f"not in the catalogue: {sorted(unknown)}"


def _sources() -> list[Path]:
    return [*sorted((KIOSK / "pages").glob("*.html")), *sorted(KIOSK.glob("*.py"))]
