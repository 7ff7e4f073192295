from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from protocol import publication
from protocol.directory import NO_DIRECTORY, CabinRow, Directory, HubRow, competent, dispatcher
from protocol.hours import Status, holidays_of, is_open
from protocol.ids import AreaId
from protocol.recipients import HybridIdentity
from tools import town

PQ = str(HybridIdentity.generate(lambda size: b"\7" * size).recipient())
UCKERMARK = town.uckermark()
DIRECTORY = Directory(
    1,
    NO_DIRECTORY,
    datetime(2026, 11, 23, tzinfo=UTC),
    HubRow("Hub", "tcp://127.0.0.1:7400", bytes(32), bytes(32), PQ),
    UCKERMARK.agencies,
    UCKERMARK.services,
    UCKERMARK.routes,
    tuple(
        CabinRow(site.id, site.name, site.code, site.area, site.address, bytes(32), site.id.encode().ljust(32))
        for site in UCKERMARK.sites
    ),
    UCKERMARK.holidays_region,
)


def test_it_makes_a_sound_directory() -> None:
    assert list(publication.mistakes(DIRECTORY)) == []


def test_the_names_are_those_of_the_demo() -> None:
    assert {site.id for site in UCKERMARK.sites} == {"templin", "gartz", "gramzow", "angermuende", "lychen"}
    assert {agency.id for agency in UCKERMARK.agencies} == {
        "sozialamt-uckermark",
        "wohngeldstelle-uckermark",
        "pflegestuetzpunkt-uckermark",
        "aok-nordost",
        "vermittlung",
    }
    assert dispatcher(DIRECTORY).id == "vermittlung"


@pytest.mark.parametrize("service", UCKERMARK.services, ids=lambda service: service.name)
def test_every_service_has_an_agency_at_every_cabin(service: town.Service) -> None:
    assert {competent(DIRECTORY, service.id, AreaId(site.area)).dispatcher for site in UCKERMARK.sites} == {False}


@pytest.mark.parametrize(
    ("day", "status"),
    [
        (23, Status.OPEN),  # Monday
        (24, Status.OPEN),
        (25, Status.BY_APPOINTMENT),
        (26, Status.BY_APPOINTMENT),
        (27, Status.OPEN),
        (28, Status.CLOSED),
        (29, Status.CLOSED),
    ],
)
def test_the_countys_week(day: int, status: Status) -> None:
    ten = datetime(2026, 11, day, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    offices = [agency for agency in UCKERMARK.agencies if agency.id.endswith(("amt-uckermark", "stelle-uckermark"))]
    assert [is_open(office.hours, ten, holidays_of("DE-BB")).status for office in offices] == [status, status]
