"""A translator gets a file with every German text, fills in what is empty, and gives it back; what was made from other words is not taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from protocol.directory import Agency, AgencyTexts, Service, ServiceTexts
from protocol.errors import Refused
from protocol.hours import Hours
from protocol.ids import AgencyId, LanguageTag, ServiceId
from protocol.runtime.config import parse_config
from tools.directory_texts import (
    AgencyTable,
    Lack,
    ServiceTable,
    TextsFile,
    agency_with,
    lacking,
    languages_of,
    read_texts,
    service_with,
    written,
)

DE, PL, UK = LanguageTag("de"), LanguageTag("pl"), LanguageTag("uk")
OFFICE = Agency(AgencyId("bauamt"), "Bauamt „Mitte“", "Bauamt", Hours(()), texts=(AgencyTexts(PL, short="Urząd"),))
SERVICE = Service(ServiceId("99012011017000"), "Bauantrag", "Ich möchte bauen", (), ("Lageplan", "Ausweis"))


def filled(text: str, **words: str) -> TextsFile:
    """The file with the n-th empty text filled in."""
    for word in words.values():
        text = text.replace('pl = ""', f'pl = "{word}"', 1)
    return parse_config(text, TextsFile)


def test_a_file_that_is_filled_in_comes_back() -> None:
    blank = written([OFFICE], [SERVICE], [PL])
    assert blank.count('pl = ""') == 4
    assert 'pl = "Urząd"' in blank
    file = filled(blank, name="Urząd budowlany", plain="Chcę budować", first="Plan", second="Dowód")
    office = agency_with(OFFICE, file.agency[OFFICE.id])
    service = service_with(SERVICE, file.service[SERVICE.id])
    assert office.texts == (AgencyTexts(PL, "Urząd budowlany", "Urząd"),)
    assert service.texts == (ServiceTexts(PL, "Chcę budować", ("Plan", "Dowód")),)
    assert parse_config(written([office], [service], [PL]), TextsFile) == file


def test_an_empty_text_takes_the_old_one_back_and_an_absent_language_stays() -> None:
    told = replace(SERVICE, texts=(ServiceTexts(PL, "Chcę budować", ("Plan", "Dowód")), ServiceTexts(UK, "Будую")))
    emptied = service_with(told, ServiceTable({DE: SERVICE.plain, PL: ""}, ({DE: "Lageplan", PL: ""}, {DE: "Ausweis"})))
    assert emptied.texts == (ServiceTexts(UK, "Будую"),)
    assert service_with(told, ServiceTable()) == told
    assert agency_with(OFFICE, AgencyTable()) == OFFICE


def test_languages_stand_in_one_order_whatever_the_file_says() -> None:
    table = AgencyTable(short={DE: "Bauamt", UK: " Будова ", PL: "Budowa"})
    assert agency_with(OFFICE, table).texts == (AgencyTexts(PL, short="Budowa"), AgencyTexts(UK, short="Будова"))
    assert list(languages_of([agency_with(OFFICE, table)], [SERVICE])) == [PL, UK]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (ServiceTable({DE: "Ich baue", PL: "Buduję"}), "says “Ich möchte bauen” as its plain; the file translates “Ich baue”"),
        (ServiceTable({PL: "Buduję"}), "the file translates “”"),
        (ServiceTable(bring=({DE: "Lageplan", PL: "Plan"},)), "has 1 papers to bring for 99012011017000; there are 2"),
        (
            ServiceTable(bring=({DE: "Lageplan", PL: "Plan"}, {DE: "Ausweis"})),
            "has no text in pl for “Ausweis”, and texts for other papers",
        ),
        (ServiceTable({DE: "Ich möchte bauen", LanguageTag("Polski"): "Buduję"}), "“Polski” is no language"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_a_reason(table: ServiceTable, told: str) -> None:
    with pytest.raises(Refused, match=told):
        service_with(SERVICE, table)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pl.toml"
    path.write_text('[agency.bauamt.long]\nde = "Bauamt"\n')
    with pytest.raises(Refused, match="long: unknown"):
        read_texts(path)


def test_what_is_lacking_is_told_language_by_language() -> None:
    bare = replace(SERVICE, id=ServiceId("99012011017001"), bring=())
    polish = replace(SERVICE, texts=(ServiceTexts(PL, bring=("Plan", "Dowód")), ServiceTexts(UK, "Будую")))
    assert list(lacking([OFFICE], [polish], [DE])) == []
    assert list(lacking([OFFICE], [polish, bare], [PL, UK])) == [
        Lack(PL, OFFICE.id, ("name",)),
        Lack(PL, polish.id, ("plain",)),
        Lack(PL, bare.id, ("plain",)),
        Lack(UK, OFFICE.id, ("name", "short")),
        Lack(UK, polish.id, ("bring",)),
        Lack(UK, bare.id, ("plain",)),
    ]
