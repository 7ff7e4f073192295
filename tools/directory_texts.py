"""What the directory says to visitors, in a TOML file that a translator fills in: each German text, and below it the same in other languages.

[agency.sozialamt-uckermark.short]
de = "Sozialamt"
en = "Social welfare office"

[[service.99107023017000.bring]]
de = "Mietvertrag"
en = "Rental agreement"
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from msgspec import Struct, structs

from edge import directory_texts as said
from edge.directory_texts import Text
from protocol.directory import GERMAN, Agency, AgencyTexts, Service, ServiceTexts
from protocol.errors import Code, Refused
from protocol.ids import AgencyId, LanguageTag, ServiceId, language_tag
from protocol.runtime.config import read_config

_HEAD: Final = """\
# What visitors read, in every language. An empty text is shown in German. The German texts are here to be compared: change them with
# `kabine directory service`. Bring this file back with `kabine directory texts FILE`.
"""
_REMEDY: Final = "Write the file anew with `kabine directory texts`, and fill it in again."
_Told = dict[LanguageTag, str]  # by language, German among them
_Texts = TypeVar("_Texts", AgencyTexts, ServiceTexts)


class AgencyTable(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agency is called."""

    name: _Told = {}
    short: _Told = {}


class ServiceTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A concern in plain words, and each paper that is asked for."""

    plain: _Told = {}
    bring: tuple[_Told, ...] = ()


class TextsFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. What is not in it stays as it is."""

    agency: dict[AgencyId, AgencyTable] = {}
    service: dict[ServiceId, ServiceTable] = {}


def read_texts(path: Path) -> TextsFile:
    """Raises Unavailable and Refused, naming what is wrong with the file."""
    return read_config(path, TextsFile)


def written(agencies: Iterable[Agency], services: Iterable[Service], languages: Sequence[LanguageTag]) -> str:
    """The file with the texts in these languages; what nobody has translated is there and empty."""
    parts = [_HEAD]
    for agency in agencies:
        for field, look in (("name", said.agency_name), ("short", said.agency_short)):
            parts.append(
                _table(f"[agency.{agency.id}.{field}]", {tag: look(agency, tag) for tag in (GERMAN, *languages)})
            )
    for service in services:
        plain = {tag: said.concern(service, tag) for tag in (GERMAN, *languages)}
        parts.append(_table(f"[service.{service.id}.plain]", plain))
        for papers in zip(*(said.papers(service, tag) for tag in (GERMAN, *languages)), strict=True):
            by_language = dict(zip((GERMAN, *languages), papers, strict=True))
            parts.append(_table(f"[[service.{service.id}.bring]]", by_language))
    return "\n".join(parts)


def agency_with(agency: Agency, table: AgencyTable) -> Agency:
    """This agency with the texts of the file. Raises Refused where the German ones are others."""
    named = _same(agency.id, "name", agency.name, table.name)
    short = _same(agency.id, "short", agency.short, table.short)
    return structs.replace(
        agency,
        texts=_merged(
            agency.texts,
            AgencyTexts,
            lambda texts, tag: structs.replace(
                texts, name=named.get(tag, texts.name), short=short.get(tag, texts.short)
            ),
            (*named, *short),
        ),
    )


def service_with(service: Service, table: ServiceTable) -> Service:
    """This service with the texts of the file. Raises Refused where the German ones are others, or some papers are translated and others not."""
    plain = _same(service.id, "plain", service.plain, table.plain)
    if table.bring and len(table.bring) != len(service.bring):
        raise Refused(
            Code.MALFORMED,
            f"The file has {len(table.bring)} papers to bring for {service.id}; there are {len(service.bring)}.",
            _REMEDY,
        )
    rows = [_same(service.id, "bring", paper, row) for paper, row in zip(service.bring, table.bring, strict=False)]
    bring = {tag: _all_or_none(service, tag, rows) for row in rows for tag in row}
    return structs.replace(
        service,
        texts=_merged(
            service.texts,
            ServiceTexts,
            lambda texts, tag: structs.replace(
                texts, plain=plain.get(tag, texts.plain), bring=bring.get(tag, texts.bring)
            ),
            (*plain, *bring),
        ),
    )


def _same(of: str, field: str, german: str, told: Mapping[LanguageTag, str]) -> _Told:
    """The texts in other languages, if the German one is still what they were made from."""
    if told and told.get(GERMAN) != german:
        raise Refused(
            Code.MALFORMED,
            f"{of} says “{german}” as its {field}; the file translates “{told.get(GERMAN, '')}”.",
            _REMEDY,
        )
    return {language_tag(tag): words.strip() for tag, words in told.items() if tag != GERMAN}


def _all_or_none(service: Service, tag: LanguageTag, rows: Sequence[_Told]) -> tuple[str, ...]:
    papers = tuple(row.get(tag, "") for row in rows)
    if any(papers) and not all(papers):
        missing = next(paper for paper, words in zip(service.bring, papers, strict=True) if not words)
        raise Refused(
            Code.MALFORMED,
            f"{service.id} has no text in {tag} for “{missing}”, and texts for other papers.",
            "Translate all papers of a service, or none.",
        )
    return papers if all(papers) else ()


def _merged(
    before: Iterable[_Texts],
    kind: Callable[[LanguageTag], _Texts],
    changed: Callable[[_Texts, LanguageTag], _Texts],
    tags: Iterable[LanguageTag],
) -> tuple[_Texts, ...]:
    """With these languages changed, in alphabetical order; one that says nothing is left out."""
    by_language = {texts.language: texts for texts in before}
    for tag in tags:
        by_language[tag] = changed(by_language.get(tag) or kind(tag), tag)
    return tuple(by_language[tag] for tag in sorted(by_language) if by_language[tag] != kind(tag))


def _table(head: str, texts: Mapping[LanguageTag, Text]) -> str:
    lines = (
        f"{tag} = {json.dumps(text.words if text.language == tag else '', ensure_ascii=False)}\n"
        for tag, text in texts.items()
    )
    return f"{head}\n{''.join(lines)}"


def languages_of(agencies: Iterable[Agency], services: Iterable[Service]) -> Iterator[LanguageTag]:
    """Every language that something is told in, beside German, in alphabetical order."""
    every = {texts.language for agency in agencies for texts in agency.texts}
    yield from sorted(every | {texts.language for service in services for texts in service.texts})


class Lack(NamedTuple):
    """What of an agency or a service is not there in `language`: `texts` are names of fields, as in `short` or `bring`."""

    language: LanguageTag
    of: AgencyId | ServiceId
    texts: tuple[str, ...]


def lacking(
    agencies: Sequence[Agency], services: Sequence[Service], languages: Iterable[LanguageTag]
) -> Iterator[Lack]:
    """What a visitor with one of these languages reads in German, language by language."""
    for language in languages:
        for agency in agencies:
            named = {"name": (said.agency_name(agency, language),), "short": (said.agency_short(agency, language),)}
            yield from _lack(language, agency.id, named)
        for service in services:
            told = {"plain": (said.concern(service, language),), "bring": said.papers(service, language)}
            yield from _lack(language, service.id, told)


def _lack(language: LanguageTag, of: AgencyId | ServiceId, fields: Mapping[str, tuple[Text, ...]]) -> Iterator[Lack]:
    german = tuple(name for name, texts in fields.items() if any(text.language != language for text in texts))
    if german:
        yield Lack(language, of, german)
