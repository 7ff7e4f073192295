"""What the directory says to visitors, in their language: German when nobody has translated it. SPEC.md section 10."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from protocol.directory import GERMAN, Agency, Service
from protocol.ids import LanguageTag


class Text(NamedTuple):
    """Some words and the language they are in: whoever shows or reads them aloud must know."""

    words: str
    language: LanguageTag


def agency_name(agency: Agency, language: LanguageTag) -> Text:
    """In full."""
    return _one(agency.name, language, (texts.name for texts in agency.texts if texts.language == language))


def agency_short(agency: Agency, language: LanguageTag) -> Text:
    """As it fits on a button."""
    return _one(agency.short, language, (texts.short for texts in agency.texts if texts.language == language))


def concern(service: Service, language: LanguageTag) -> Text:
    """What people come for, in plain words."""
    return _one(
        service.plain or service.name, language, (texts.plain for texts in service.texts if texts.language == language)
    )


def papers(service: Service, language: LanguageTag) -> tuple[Text, ...]:
    """What to bring, each paper by itself."""
    for texts in service.texts:
        if texts.language == language and texts.bring:
            return tuple(Text(paper, language) for paper in texts.bring)
    return tuple(Text(paper, GERMAN) for paper in service.bring)


def _one(german: str, language: LanguageTag, found: Iterable[str]) -> Text:
    words = next(iter(found), "")
    return Text(words, language) if words else Text(german, GERMAN)
