from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import directory as look
from protocol.directory import Agency, CabinRow, Directory, FormerKey, HubRow, InboxKey, Route, Service
from protocol.errors import Code, Refused
from protocol.hours import Hours
from protocol.ids import AgencyId, AreaId, ServiceId, SiteId

WOHNGELD, PFLEGE = ServiceId("99107023017000"), ServiceId("99107030001000")


def agency(id: str, **fields: object) -> Agency:
    return replace(Agency(AgencyId(id), id.title(), id[:8], Hours(())), **fields)


DIRECTORY = Directory(
    1,
    bytes(32),
    datetime(2026, 1, 1, tzinfo=UTC),
    HubRow("Hub", "tcp://hub.example:7400", bytes(32), bytes(32), "age1pq1"),
    (agency("land"), agency("kreis"), agency("stadt", inboxes=(InboxKey(1, "old"), InboxKey(2, "new")))),
    (Service(WOHNGELD, "Wohngeld", "Zuschuss zur Miete"), Service(PFLEGE, "Pflegeberatung", "Hilfe bei der Pflege")),
    (
        Route(WOHNGELD, AreaId("12"), AgencyId("land")),
        Route(WOHNGELD, AreaId("120730572572"), AgencyId("stadt")),
        Route(WOHNGELD, AreaId("12073"), AgencyId("kreis")),
        Route(PFLEGE, AreaId("12073"), AgencyId("kreis")),
    ),
    (CabinRow(SiteId("templin"), "Templin", "TPN", AreaId("120730572572"), "Markt 1", bytes(32), bytes(32)),),
    "DE-BB",
)


@pytest.mark.parametrize(
    ("area", "expected"),
    [("120730572572", "stadt"), ("120735304189", "kreis"), ("12073", "kreis"), ("120600181181", "land")],
)
def test_the_route_with_the_longest_fitting_area_wins(area: str, expected: str) -> None:
    assert look.competent(DIRECTORY, WOHNGELD, AreaId(area)).id == expected


@given(st.permutations(DIRECTORY.routes))
def test_the_order_of_routes_does_not_matter(routes: list[Route]) -> None:
    shuffled = replace(DIRECTORY, routes=tuple(routes))
    assert look.competent(shuffled, WOHNGELD, AreaId("120730572572")).id == "stadt"


@pytest.mark.parametrize(
    ("service", "area"), [(WOHNGELD, "13"), (WOHNGELD, "1"), (ServiceId("99000000000000"), "12073")]
)
def test_without_a_route_nobody_is_guessed(service: ServiceId, area: str) -> None:
    with pytest.raises(Refused, match="Ask the dispatcher") as caught:
        look.competent(DIRECTORY, service, AreaId(area))
    assert caught.value.code is Code.UNKNOWN_AGENCY


def test_agency_cabin_and_service_are_found_by_name() -> None:
    assert look.agency(DIRECTORY, AgencyId("kreis")).name == "Kreis"
    assert look.cabin(DIRECTORY, SiteId("templin")).code == "TPN"
    assert look.service(DIRECTORY, PFLEGE).plain == "Hilfe bei der Pflege"


def test_what_the_directory_does_not_know_is_refused() -> None:
    with pytest.raises(Refused, match="“post”") as agency_missing:
        look.agency(DIRECTORY, AgencyId("post"))
    with pytest.raises(Refused, match="“schwedt”") as cabin_missing:
        look.cabin(DIRECTORY, SiteId("schwedt"))
    with pytest.raises(Refused, match="“1”") as service_missing:
        look.service(DIRECTORY, ServiceId("1"))
    codes = [caught.value.code for caught in (agency_missing, cabin_missing, service_missing)]
    assert codes == [Code.UNKNOWN_AGENCY, Code.NOT_ENROLLED, Code.UNKNOWN_AGENCY]


def test_documents_go_to_the_newest_inbox_key() -> None:
    assert look.inbox(look.agency(DIRECTORY, AgencyId("stadt"))) == InboxKey(2, "new")


def test_an_agency_without_a_key_takes_no_documents() -> None:
    with pytest.raises(Refused, match="keygen") as caught:
        look.inbox(look.agency(DIRECTORY, AgencyId("kreis")))
    assert caught.value.code is Code.BAD_KEY


def test_the_dispatcher_is_the_agency_that_says_so() -> None:
    with_one = replace(DIRECTORY, agencies=(*DIRECTORY.agencies, agency("vermittlung", dispatcher=True)))
    assert look.dispatcher(with_one).id == "vermittlung"
    with pytest.raises(Refused, match="no dispatcher"):
        look.dispatcher(DIRECTORY)


def test_a_machine_that_was_replaced_can_still_be_believed_for_what_it_signed() -> None:
    former = replace(DIRECTORY.cabins[0], code="OLD", signing_key=bytes([1]) * 32)
    directory = replace(DIRECTORY, former_cabins=(former,))
    assert look.machines(directory, SiteId("templin")) == (DIRECTORY.cabins[0], former)
    assert look.cabin(directory, SiteId("templin")) == DIRECTORY.cabins[0]
    revoked = replace(directory, cabins=())
    assert look.machines(revoked, SiteId("templin")) == (former,)
    with pytest.raises(Refused) as caught:
        look.machines(directory, SiteId("gartz"))
    assert caught.value.code is Code.NOT_ENROLLED


def test_an_agency_is_believed_with_the_key_of_now_first_and_with_those_of_before() -> None:
    now, before = bytes([2]) * 32, bytes([1]) * 32
    signing = replace(agency("bauamt"), signing_key=now)
    directory = replace(DIRECTORY, agencies=(signing,), former_keys=(FormerKey(AgencyId("bauamt"), before),))
    assert look.signing_keys(directory, AgencyId("bauamt")) == (now, before)
    assert look.signing_keys(replace(directory, agencies=()), AgencyId("bauamt")) == (before,)
    with pytest.raises(Refused, match="names no signing key of “forstamt”") as caught:
        look.signing_keys(directory, AgencyId("forstamt"))
    assert caught.value.code is Code.UNKNOWN_AGENCY
