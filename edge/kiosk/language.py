"""What the screen says, in the visitor's language: one gettext file per language below `strings/`, read when the cabin starts.

Messages are named (`start.question`), so that no language is the original of another at run time; the lints in tests/tidy hold that every
language says everything. Leichte Sprache is a catalogue of its own: as a locale it would silently become German.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale, dates
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from edge.directory_texts import Text
from protocol.directory import GERMAN
from protocol.errors import Mistake
from protocol.ids import LanguageTag

STRINGS: Final = Path(__file__).parent / "strings"
_BERLIN: Final = ZoneInfo("Europe/Berlin")
# A name in another script keeps its own direction, and the sentence around it keeps its own (Unicode UAX #9: FSI … PDI).
_ISOLATED: Final = "\u2068{}\u2069"
_ISOLATED_MARKUP: Final = Markup("\u2068{}\u2069")


class Language(NamedTuple):
    """`code`: ours, and the name of its file; `own_name`: as its speakers call it; `tag`: for <html lang>; `voice`: of espeak-ng."""

    code: str
    own_name: str
    tag: str
    direction: str
    voice: str

    @property
    def directory_tag(self) -> LanguageTag:
        """Under which the directory has texts in it."""
        return LanguageTag("de-simple" if self.code == "leicht" else self.code)

    @property
    def locale(self) -> Locale:
        """For days and times of day."""
        return Locale.parse(self.tag, sep="-")


LANGUAGES: Final = (
    Language("de", "Deutsch", "de", "ltr", "de"),
    Language("leicht", "Leichte Sprache", "de", "ltr", "de"),
    Language("en", "English", "en-GB", "ltr", "en-gb"),
    Language("pl", "Polski", "pl", "ltr", "pl"),
    Language("uk", "Українська", "uk", "ltr", "uk"),
    Language("ar", "العربية", "ar", "rtl", "ar"),
)
DEFAULT: Final = LANGUAGES[0]


class Words:
    """One language's catalogue."""

    def __init__(self, language: Language, catalogue: Catalog) -> None:
        self.language = language
        self._counted = {
            str(message.id[0] if isinstance(message.id, tuple) else message.id): message.pluralizable
            for message in catalogue
            if message.id
        }
        packed = io.BytesIO()
        write_mo(packed, catalogue)
        packed.seek(0)
        self._gettext = gettext.GNUTranslations(packed)

    @property
    def ids(self) -> frozenset[str]:
        """Every message that this language has."""
        return frozenset(self._counted)

    def say(self, message: str, /, **named: object) -> str:
        """The text of a message with its named places filled. One that counts takes `count`. Raises Mistake for a message or a place that
        is not there: on a visitor's screen a hole is worse than an error page. Where a place is filled with Markup, the whole is."""
        if message not in self._counted:
            raise Mistake(f"There is no message “{message}” in {self.language.code}.")
        if self._counted[message]:
            count = named.get("count")
            if not isinstance(count, int):
                raise Mistake(f"The message “{message}” counts and was given no count.")
            text = self._gettext.ngettext(message, message, count)
        else:
            text = self._gettext.gettext(message)
        if any(isinstance(value, Markup) for value in named.values()):
            text = escape(text)
        try:
            return text.format_map({name: self._placed(value) for name, value in named.items()})
        except KeyError as missing:
            raise Mistake(f"The message “{message}” needs {missing}.") from missing

    def day(self, at: date | datetime) -> str:
        """“Freitag, 27. November”: the day in Berlin of an aware time, or a date."""
        return self._formatted(at, "format.day")

    def dated(self, at: datetime) -> str:
        """“27. November 2026”: for what may be long ago."""
        return self._formatted(at, "format.date")

    def time(self, at: datetime) -> str:
        """“8:30”: the wall clock in Berlin of an aware time, 24 hours in every language: so do the signs at the office."""
        wall = at.astimezone(_BERLIN)
        return f"{wall.hour}:{wall.minute:02}"

    def shown(self, text: Text) -> Markup:
        """A text of the directory for a page. One that nobody has translated says that it is German: it is spoken, broken and turned as such."""
        if text.language == self.language.directory_tag:
            return escape(text.words)
        return Markup('<bdi lang="{}" dir="ltr">{}</bdi>').format(GERMAN, text.words)

    def _formatted(self, at: date | datetime, pattern: str) -> str:
        day = at.astimezone(_BERLIN).date() if isinstance(at, datetime) else at
        return dates.format_date(day, self.say(pattern), locale=self.language.locale)

    def _placed(self, value: object) -> object:
        if self.language.direction != "rtl" or not isinstance(value, str):
            return value
        return _ISOLATED_MARKUP.format(value) if isinstance(value, Markup) else _ISOLATED.format(value)


class Catalogues:
    """All languages that the cabin speaks, in the order of their buttons."""

    def __init__(self, words: Iterable[Words]) -> None:
        self._words = {one.language.code: one for one in words}

    @property
    def languages(self) -> tuple[Language, ...]:
        """For the language bar."""
        return tuple(one.language for one in self._words.values())

    def __getitem__(self, code: str) -> Words:
        return self._words[code]

    def __contains__(self, code: object) -> bool:
        return code in self._words


def read(folder: Path = STRINGS) -> Catalogues:
    """Every catalogue in `folder`. Raises Mistake when one is missing or damaged: they are part of the program."""
    return Catalogues(Words(language, catalogue(language, folder)) for language in LANGUAGES)


def catalogue(language: Language, folder: Path = STRINGS) -> Catalog:
    """One language's file as Babel reads it. Raises Mistake."""
    path = folder / f"{language.code}.po"
    try:
        with path.open("rb") as file:
            return read_po(file, locale=language.locale, abort_invalid=True)
    except (OSError, ValueError) as trouble:
        raise Mistake(f"The words of {language.own_name} cannot be read from {path.name}: {trouble}.") from trouble
