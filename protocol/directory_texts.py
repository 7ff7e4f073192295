"""What the directory says to visitors, in their language: German when nobody has translated it. SPEC.md section 10."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from protocol.directory import Agency, Directory, Service
from protocol.ids import AgencyId, LanguageTag, ServiceId

GERMAN: Final = LanguageTag("de")


class Text(NamedTuple):
    """Some words and the language they are in: whoever shows or reads them aloud must know."""

    words: str
    language: LanguageTag


class Lack(NamedTuple):
    """What of an agency or a service is not there in `language`: `texts` are names of fields, as in `short` or `bring`."""

    language: LanguageTag
    of: AgencyId | ServiceId
    texts: tuple[str, ...]


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


def lacking(directory: Directory, languages: Iterable[LanguageTag]) -> Iterator[Lack]:
    """What a visitor with one of these languages reads in German, language by language."""
    for language in languages:
        for agency in directory.agencies:
            named = {"name": (agency_name(agency, language),), "short": (agency_short(agency, language),)}
            yield from _lack(language, agency.id, named)
        for service in directory.services:
            said = {"plain": (concern(service, language),), "bring": papers(service, language)}
            yield from _lack(language, service.id, said)


def _lack(language: LanguageTag, of: AgencyId | ServiceId, fields: Mapping[str, tuple[Text, ...]]) -> Iterator[Lack]:
    german = tuple(name for name, texts in fields.items() if any(text.language != language for text in texts))
    if german:
        yield Lack(language, of, german)


def _one(german: str, language: LanguageTag, found: Iterable[str]) -> Text:
    words = next(iter(found), "")
    return Text(words, language) if words else Text(german, GERMAN)
