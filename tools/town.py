"""The Uckermark as an example: five cabins, five agencies, what they are there for, and when. For the demo, the simulator and tests.

Regional keys are those of the official register (Amt Gartz (Oder) 5304, Amt Gramzow 5306). Service keys have the shape of LeiKa keys, telephone
numbers outside 115 are of the range kept for fiction; nobody should rely on hours and addresses. What visitors read in other languages than German
stands in `town_texts.toml`, as an operator writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from protocol.directory import Agency, Route, Service
from protocol.hours import Day, Hours, Kind, Span, Week
from protocol.ids import AgencyId, AreaId, ServiceId, SiteId
from tools.directory_texts import AgencyTable, ServiceTable, agency_with, read_texts, service_with

TEXTS: Final = Path(__file__).with_name("town_texts.toml")
UCKERMARK = AreaId("12073")
WOHNGELD = ServiceId("99107023017000")
BASIC_SECURITY = ServiceId("99107013017000")
CARE_AID = ServiceId("99107017017000")
CARE_ADVICE = ServiceId("99107054058000")
SICK_PAY = ServiceId("99102005017000")
SOCIAL_OFFICE = AgencyId("sozialamt-uckermark")
HOUSING_OFFICE = AgencyId("wohngeldstelle-uckermark")
CARE_POINT = AgencyId("pflegestuetzpunkt-uckermark")
HEALTH_INSURER = AgencyId("aok-nordost")
DISPATCH = AgencyId("vermittlung")


@dataclass(frozen=True)
class Site:
    """A place for a cabin, before a machine has claimed it. `code` is a proposal: three letters that its receipt numbers begin with."""

    id: SiteId
    name: str
    code: str
    area: AreaId
    address: str


@dataclass(frozen=True)
class Town:
    """What a directory says apart from keys: agencies have no inboxes yet, sites no machines."""

    sites: tuple[Site, ...]
    agencies: tuple[Agency, ...]
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    holidays_region: str


@cache
def uckermark() -> Town:
    """The example, always the same, in every language of the screen."""
    german, texts = _in_german(), read_texts(TEXTS)
    return replace(
        german,
        agencies=tuple(agency_with(each, texts.agency.get(each.id, AgencyTable())) for each in german.agencies),
        services=tuple(service_with(each, texts.service.get(each.id, ServiceTable())) for each in german.services),
    )


def _in_german() -> Town:
    return Town(
        sites=(
            Site(SiteId("templin"), "Templin", "TEM", AreaId("120730572572"), "Am Markt 19, 17268 Templin"),
            Site(
                SiteId("gartz"),
                "Gartz (Oder)",
                "GAR",
                AreaId("120735304189"),
                "Kleine Klosterstraße 153, 16307 Gartz (Oder)",
            ),
            Site(SiteId("gramzow"), "Gramzow", "GRA", AreaId("120735306225"), "Poststraße 25, 17291 Gramzow"),
            Site(SiteId("angermuende"), "Angermünde", "ANG", AreaId("120730008008"), "Markt 24, 16278 Angermünde"),
            Site(SiteId("lychen"), "Lychen", "YCH", AreaId("120730384384"), "Am Markt 1, 17279 Lychen"),
        ),
        agencies=(
            Agency(
                SOCIAL_OFFICE,
                "Landkreis Uckermark, Sozialamt",
                "Sozialamt",
                _OFFICE,
                "030 23125 101",
                "Karl-Marx-Straße 1, 17291 Prenzlau",
            ),
            Agency(
                HOUSING_OFFICE,
                "Landkreis Uckermark, Wohngeldstelle",
                "Wohngeld",
                _OFFICE,
                "030 23125 102",
                "Karl-Marx-Straße 1, 17291 Prenzlau",
            ),
            Agency(
                CARE_POINT,
                "Pflegestützpunkt Uckermark",
                "Pflegeberatung",
                _CARE,
                "030 23125 103",
                "Stettiner Straße 21, 17291 Prenzlau",
            ),
            Agency(
                HEALTH_INSURER,
                "AOK Nordost, Servicecenter Prenzlau",
                "AOK Nordost",
                _INSURER,
                "030 23125 104",
                "Baustraße 37, 17291 Prenzlau",
            ),
            Agency(
                DISPATCH, "Vermittlungsstelle Landkreis Uckermark", "Vermittlung", _DISPATCH, "115", dispatcher=True
            ),
        ),
        services=(
            Service(
                WOHNGELD,
                "Wohngeld",
                "Zuschuss zur Miete",
                ("Miete", "Wohnung", "Mietzuschuss", "Lastenzuschuss"),
                (
                    "Personalausweis oder Pass",
                    "Mietvertrag",
                    "Letzte Mieterhöhung",
                    "Nachweis über die Miete der letzten drei Monate",
                    "Rentenbescheid oder Lohnabrechnungen",
                ),
            ),
            Service(
                BASIC_SECURITY,
                "Grundsicherung im Alter und bei Erwerbsminderung",
                "Die Rente reicht nicht",
                ("Rente", "Geld", "Sozialhilfe"),
                ("Personalausweis oder Pass", "Rentenbescheid", "Mietvertrag", "Kontoauszüge der letzten drei Monate"),
            ),
            Service(
                CARE_AID,
                "Hilfe zur Pflege",
                "Pflege ist zu teuer",
                ("Pflege", "Heim", "Sozialhilfe"),
                ("Personalausweis oder Pass", "Bescheid der Pflegekasse", "Rechnung des Heims", "Rentenbescheid"),
            ),
            Service(
                CARE_ADVICE,
                "Pflegeberatung",
                "Jemand braucht Pflege",
                ("Pflege", "Pflegegrad", "Angehörige"),
                ("Bescheid über den Pflegegrad, wenn es ihn schon gibt", "Karte der Krankenkasse"),
            ),
            Service(
                SICK_PAY,
                "Krankengeld",
                "Länger krank, kein Lohn",
                ("krank", "Lohn", "Attest", "Krankenkasse"),
                ("Karte der Krankenkasse", "Bescheinigung vom Arzt", "Letzte Lohnabrechnung"),
            ),
        ),
        routes=(
            Route(WOHNGELD, UCKERMARK, HOUSING_OFFICE),
            Route(BASIC_SECURITY, UCKERMARK, SOCIAL_OFFICE),
            Route(CARE_AID, UCKERMARK, SOCIAL_OFFICE),
            Route(CARE_ADVICE, UCKERMARK, CARE_POINT),
            Route(SICK_PAY, AreaId("12"), HEALTH_INSURER),
        ),
        holidays_region="DE-BB",
    )


def _span(begin_hour: float, end_hour: float, kind: Kind = Kind.OPEN) -> Span:
    return Span(round(begin_hour * 60), round(end_hour * 60), kind)


_CLOSED: Day = ()
# The county's week: Monday, Tuesday and Friday for everybody, Wednesday and Thursday by appointment.
_OFFICE = Hours(
    (
        Week(
            (
                (_span(8, 15.5), _span(12, 13, Kind.BREAK)),
                (_span(8, 17), _span(12, 13, Kind.BREAK)),
                (_span(8, 15, Kind.APPOINTMENT),),
                (_span(8, 16, Kind.APPOINTMENT),),
                (_span(8, 11.5),),
                _CLOSED,
                _CLOSED,
            )
        ),
    )
)
_CARE = Hours(
    (
        Week(
            (
                (_span(9, 15, Kind.APPOINTMENT),),
                (_span(9, 12), _span(13, 18)),
                _CLOSED,
                (_span(9, 12), _span(13, 15)),
                (_span(9, 12, Kind.APPOINTMENT),),
                _CLOSED,
                _CLOSED,
            )
        ),
    )
)
_INSURER = Hours(
    (Week((*(((_span(9, 17),),) * 2), (_span(9, 13),), (_span(9, 18),), (_span(9, 13),), _CLOSED, _CLOSED)),)
)
_DISPATCH = Hours((Week((*(((_span(7, 19),),) * 5), (_span(9, 13),), _CLOSED)),))
