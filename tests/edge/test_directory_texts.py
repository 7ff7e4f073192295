"""Visitors read the directory in their language, and German where nobody has translated it; and whoever shows it knows which of both it is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from edge import directory_texts as said
from edge.directory_texts import Text
from protocol.directory import GERMAN, Agency, AgencyTexts, Service, ServiceTexts
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
