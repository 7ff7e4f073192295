"""Visitors read the directory in their language, and German where nobody has translated it; and whoever shows it knows which of both it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from protocol import directory_texts as said
from protocol.directory import NO_DIRECTORY, Agency, AgencyTexts, Directory, HubRow, Service, ServiceTexts
from protocol.directory_texts import GERMAN, Lack, Text
from protocol.hours import Hours
from protocol.ids import AgencyId, LanguageTag, ServiceId

POLISH, PLAIN = LanguageTag("pl"), LanguageTag("de-simple")
OFFICE = Agency(
    AgencyId("wohngeldstelle"),
    "Wohngeldstelle Uckermark",
    "Wohngeld",
    Hours(()),
    texts=(AgencyTexts(POLISH, "Urząd mieszkaniowy Uckermark", "Dodatek mieszkaniowy"), AgencyTexts(PLAIN, short="Wohn-Geld")),
)  # fmt: skip
SERVICE = Service(
    ServiceId("99107023017000"),
    "Wohngeld",
    "Zuschuss zur Miete",
    bring=("Mietvertrag", "Ausweis"),
    texts=(ServiceTexts(POLISH, "Dopłata do czynszu", ("Umowa najmu", "Dowód")), ServiceTexts(PLAIN, "Geld für die Miete")),
)  # fmt: skip
DIRECTORY = Directory(
    1,
    NO_DIRECTORY,
    datetime(2026, 1, 1, tzinfo=UTC),
    HubRow("Hub", "tcp://hub.example:7400", bytes(32), bytes(32), "age1pq1"),
    (OFFICE,),
    (SERVICE, replace(SERVICE, id=ServiceId("99107013017000"), bring=(), texts=())),
    (),
    (),
    "DE-BB",
)


def test_what_is_translated_is_told_in_the_visitors_language() -> None:
    assert said.agency_name(OFFICE, POLISH) == Text("Urząd mieszkaniowy Uckermark", POLISH)
    assert said.agency_short(OFFICE, POLISH) == Text("Dodatek mieszkaniowy", POLISH)
    assert said.concern(SERVICE, POLISH) == Text("Dopłata do czynszu", POLISH)
    assert said.papers(SERVICE, POLISH) == (Text("Umowa najmu", POLISH), Text("Dowód", POLISH))


@pytest.mark.parametrize("language", [GERMAN, LanguageTag("uk")])
def test_the_rest_is_german_and_says_so(language: LanguageTag) -> None:
    assert said.agency_name(OFFICE, language) == Text("Wohngeldstelle Uckermark", GERMAN)
    assert said.agency_short(OFFICE, language) == Text("Wohngeld", GERMAN)
    assert said.concern(SERVICE, language) == Text("Zuschuss zur Miete", GERMAN)
    assert said.papers(SERVICE, language) == (Text("Mietvertrag", GERMAN), Text("Ausweis", GERMAN))


def test_one_text_may_be_there_and_another_not() -> None:
    assert said.agency_name(OFFICE, PLAIN) == Text("Wohngeldstelle Uckermark", GERMAN)
    assert said.agency_short(OFFICE, PLAIN) == Text("Wohn-Geld", PLAIN)
    assert said.papers(SERVICE, PLAIN) == said.papers(SERVICE, GERMAN)


def test_a_concern_without_plain_words_has_its_name() -> None:
    assert said.concern(replace(SERVICE, plain="", texts=()), POLISH) == Text("Wohngeld", GERMAN)


def test_what_is_lacking_is_told_language_by_language() -> None:
    assert list(said.lacking(DIRECTORY, [GERMAN])) == []
    assert list(said.lacking(DIRECTORY, [PLAIN, POLISH])) == [
        Lack(PLAIN, OFFICE.id, ("name",)),
        Lack(PLAIN, SERVICE.id, ("bring",)),
        Lack(PLAIN, DIRECTORY.services[1].id, ("plain",)),
        Lack(POLISH, DIRECTORY.services[1].id, ("plain",)),
    ]
