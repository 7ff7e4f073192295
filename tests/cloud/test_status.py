"""One word per cabin, from facts and the time alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cloud.fleet.facts import Alarm, Contact, DocumentFacts, FleetFacts, HubFacts, SiteFacts, on_disk
from cloud.fleet.proof import Held, Reported
from cloud.fleet.status import Severity, State, fleet, site
from protocol import limits
from protocol.frames import Vitals
from protocol.ids import SiteId

NOW = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
HASH = bytes(range(32))
VITALS = Vitals(disk_free_bytes=50_000_000_000, devices={"scanner": "ready"})


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def contact(seconds: float = 3, connected: bool = True, vitals: Vitals | None = VITALS, **changes: object) -> Contact:
    usual = Contact(
        connected=connected,
        since=ago(3600) if connected else ago(seconds),
        last_contact_at=ago(seconds),
        software="0.1.0",
        directory_version=1,
        round_trip_seconds=0.04,
        clock_offset_seconds=0.1,
        vitals=vitals,
        reported=Reported(7, HASH, ago(seconds)),
        held=Held(7, HASH),
    )
    fields = {name: getattr(usual, name) for name in Contact.__dataclass_fields__}
    return Contact(**{**fields, **changes})


def templin(
    of: Contact | None, enrolled: str = "confirmed", documents: DocumentFacts | None = None, **more: object
) -> SiteFacts:
    return SiteFacts(SiteId("templin"), "Templin", enrolled, ago(90000), of, documents or DocumentFacts(), **more)


def vitals(**changes: object) -> Vitals:
    return msgspec.structs.replace(VITALS, **changes)


def test_ready() -> None:
    status = site(templin(contact()), NOW)
    assert (status.state, status.severity, status.reason) == (State.READY, Severity.OK, "")
    assert status.since == ago(3600)
    assert status.age_seconds == 3


def test_a_cut_line_shows_within_ninety_seconds_and_keeps_the_last_numbers_with_their_age() -> None:
    status = site(templin(contact(90, vitals=vitals(waiting_documents=2, oldest_seconds=10.0))), NOW)
    assert status.state is State.DISCONNECTED
    assert status.severity is Severity.WARNING
    assert status.age_seconds == 90
    assert status.oldest_seconds == 100
    assert "vor 1 Min." in status.reason
    assert status.since == ago(90)


def test_the_hub_s_word_that_a_link_ended_shows_at_once() -> None:
    assert site(templin(contact(2, connected=False)), NOW).state is State.DISCONNECTED


def test_silence_of_ten_minutes_is_critical() -> None:
    assert site(templin(contact(599, connected=False)), NOW).severity is Severity.WARNING
    assert site(templin(contact(601, connected=False)), NOW).severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("enrolled", "of", "state", "severity"),
    [
        ("invited", None, State.UNKNOWN, Severity.OK),
        ("claimed", None, State.UNKNOWN, Severity.WARNING),
        ("confirmed", None, State.UNKNOWN, Severity.WARNING),
        ("revoked", contact(), State.CLOSED, Severity.OK),
    ],
)
def test_what_was_never_heard_is_never_shown_as_well(
    enrolled: str, of: Contact | None, state: State, severity: Severity
) -> None:
    status = site(templin(of, enrolled), NOW)
    assert (status.state, status.severity) == (state, severity)
    assert status.reason


@pytest.mark.parametrize(
    ("of", "severity", "word"),
    [
        (contact(vitals=vitals(disk_free_bytes=limits.DISK_FREE_BYTES_MIN - 1)), Severity.CRITICAL, "Speicher voll"),
        (contact(vitals=vitals(disk_free_bytes=limits.DISK_FREE_BYTES_MIN * 2)), Severity.WARNING, "Speicher frei"),
        (contact(clock_offset_seconds=3.0), Severity.WARNING, "geht 3 s vor, oder die des Hubs nach"),
        (contact(clock_offset_seconds=-61.0), Severity.CRITICAL, "geht 1 Min. nach, oder die des Hubs vor"),
        (contact(vitals=vitals(devices={"scanner": "missing"})), Severity.WARNING, "Scanner: missing"),
        (contact(vitals=vitals(devices={"printer": "empty"})), Severity.WARNING, "Drucker: kein Papier"),
        (contact(vitals=vitals(troubles=("Lüfter steht",))), Severity.WARNING, "Lüfter steht"),
        (contact(vitals=vitals(waiting_documents=1, oldest_seconds=1900.0)), Severity.WARNING, "seit 31 Min., obwohl"),
        (contact(vitals=vitals(waiting_documents=1, oldest_seconds=15000.0)), Severity.CRITICAL, "seit 4 Std."),
        (contact(vitals=vitals(waiting_documents=16_001)), Severity.WARNING, "kein Platz"),
        (contact(held=Held(7, bytes(32))), Severity.CRITICAL, "Kette stimmt nicht"),
        (contact(held=Held(7, HASH, lost=2)), Severity.WARNING, "verloren"),
    ],
)
def test_limited_says_why(of: Contact, severity: Severity, word: str) -> None:
    status = site(templin(of), NOW)
    assert status.state is State.LIMITED
    assert status.severity is severity
    assert word in status.reason


def test_documents_that_do_not_come_and_alarms_are_reasons() -> None:
    facts = templin(
        contact(),
        documents=DocumentFacts(announced=5, stored=4, stuck=1),
        quarantined=1,
        alarms=(Alarm("log-gap", "Es fehlen Vorgänge.", ago(60)),),
    )
    status = site(facts, NOW)
    assert status.severity is Severity.CRITICAL
    texts = [finding.text for finding in status.findings]
    assert texts == [
        "1 Vorgang zurückgehalten, weil eine Prüfung misslang.",
        "1 Dokument angekündigt und nicht zu bekommen.",
        "Es fehlen Vorgänge.",
    ]
    assert not status.proof.complete


def test_documents_still_in_the_cabin_are_not_complete_whether_announced_or_not() -> None:
    waiting = contact(vitals=vitals(waiting_documents=3, oldest_seconds=1.0))
    announced = site(templin(waiting, documents=DocumentFacts(announced=3, under_way=3)), NOW).proof
    unannounced = site(templin(waiting), NOW).proof
    assert announced.documents_under_way == unannounced.documents_under_way == 3
    assert not announced.complete


def test_a_hub_that_does_not_run_is_one_critical_finding_and_no_cabin_is_shown_as_well() -> None:
    facts = FleetFacts(HubFacts(alive_at=ago(16)), (templin(contact(16)),))
    status = fleet(facts, NOW)
    assert not status.hub_alive
    assert status.severity is Severity.CRITICAL
    assert status.sites[0].state is State.UNKNOWN
    assert status.sites[0].severity is Severity.WARNING
    assert status.sentence.startswith("Der Hub läuft nicht (letztes Lebenszeichen 13:59).")
    long_ago = fleet(FleetFacts(HubFacts(alive_at=ago(4000)), (templin(contact(4000)),)), NOW).sites[0]
    assert long_ago.reason == "Der Hub läuft nicht; letzter Kontakt vor 1 Std."


def test_a_sentence_that_ends_with_an_abbreviation_has_one_full_stop() -> None:
    assert site(templin(contact(700, connected=False)), NOW).reason == "Keine Verbindung; letzter Kontakt vor 11 Min."
    shut = vitals(shut="closed", opens_at=NOW + timedelta(hours=2))
    closed = site(templin(contact(700, connected=False, vitals=shut)), NOW).reason
    assert closed.startswith("Keine Verbindung; letzter Kontakt vor 11 Min. Geschlossen bis ")


def test_a_moment_that_is_still_to_come_is_not_told() -> None:
    """The hub's clock was set back: how long it has been so nobody knows."""
    assert site(templin(contact(since=ago(-3600))), NOW).since is None
    alarmed = site(templin(contact(), alarms=(Alarm("log-gap", "Es fehlen Vorgänge.", ago(-60)),)), NOW)
    assert (alarmed.since, alarmed.findings[0].since) == (None, None)
    waiting = (Alarm("disk", "Der Speicher ist fast voll.", ago(-60)),)
    assert fleet(FleetFacts(HubFacts(alive_at=NOW), (), waiting), NOW).findings[0].since is None


def test_a_hub_that_last_spoke_before_its_clock_was_set_back_does_not_run() -> None:
    status = fleet(FleetFacts(HubFacts(alive_at=ago(-3600)), (templin(contact(-3600)),)), NOW)
    assert not status.hub_alive
    assert status.sentence.startswith("Der Hub läuft nicht (die Uhr wurde zurückgestellt, seit er lief).")
    assert fleet(FleetFacts(HubFacts(alive_at=ago(-2)), (templin(contact()),)), NOW).hub_alive


def test_the_first_line_answers_whether_everything_is_all_right() -> None:
    hub = HubFacts(alive_at=ago(1))
    well, cut = templin(contact()), templin(contact(700, connected=False))
    assert fleet(FleetFacts(hub, (well,)), NOW).sentence == "Die Kabine ist bereit."
    assert fleet(FleetFacts(hub, (well, well)), NOW).sentence == "Alle 2 Kabinen sind bereit."
    assert fleet(FleetFacts(hub, (well, well, cut)), NOW).sentence == "2 von 3 Kabinen sind bereit. 1 braucht Sie."
    assert fleet(FleetFacts(hub, ()), NOW).sentence == "Noch keine Kabine in Betrieb."
    revoked, invited = replace(well, enrolled="revoked"), replace(well, enrolled="invited")
    assert fleet(FleetFacts(hub, (revoked,)), NOW).sentence == "Keine Kabine ist mehr in Betrieb."
    assert fleet(FleetFacts(hub, (revoked, invited)), NOW).sentence == "Keine Kabine ist mehr in Betrieb."
    assert fleet(FleetFacts(hub, (invited,)), NOW).sentence == "Noch keine Kabine in Betrieb."
    assert fleet(FleetFacts(HubFacts(), ()), NOW).sentence.startswith("Der Hub ist noch nie gelaufen.")


@pytest.mark.parametrize(
    ("free_bytes", "severity", "said"),
    [
        (
            150_000_000,
            2,
            "Der Speicher des Hubs ist voll (150,0 MB frei): er holt keine Dokumente mehr aus den Kabinen.",
        ),
        (300_000_000, 1, "Der Hub hat nur noch 300,0 MB Speicher frei."),
        (400_000_000, 0, ""),
    ],
)
def test_the_hub_s_disk_is_told_where_cabins_wait_because_of_it(free_bytes: int, severity: int, said: str) -> None:
    facts = on_disk(FleetFacts(HubFacts(alive_at=ago(1)), (templin(contact()),)), free_bytes, 200_000_000)
    status = fleet(facts, NOW)
    assert (status.severity, " ".join(each.text for each in status.findings)) == (severity, said)
    assert status.sentence == f"{said} Die Kabine ist bereit.".strip()


def test_states_of_the_fleet_carry_the_exit_code() -> None:
    hub = HubFacts(alive_at=ago(1))
    assert fleet(FleetFacts(hub, (templin(contact()),)), NOW).severity == 0
    assert fleet(FleetFacts(hub, (templin(contact(60)),)), NOW).severity == 1
    assert fleet(FleetFacts(hub, (templin(contact(700)),)), NOW).severity == 2


CLOSED = {"shut": "closed", "shut_since": ago(7200), "opens_at": ago(-3600)}
CLEANED = {"shut": "cleaning", "shut_since": ago(300), "opens_at": ago(-3300)}


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        (CLOSED, State.CLOSED, "Außerhalb der Öffnungszeiten bis 15:00."),
        (CLOSED | {"shut_since": None, "opens_at": None}, State.CLOSED, "Außerhalb der Öffnungszeiten."),
        (CLEANED, State.MAINTENANCE, "Wird gereinigt, längstens bis 14:55."),
        (CLEANED | {"devices": {"scanner": "cover-open"}}, State.MAINTENANCE, "Wird gereinigt, längstens bis 14:55."),
    ],
)
def test_a_cabin_that_receives_nobody_says_why_and_is_no_alarm(
    changes: dict[str, object], state: State, reason: str
) -> None:
    status = site(templin(contact(vitals=vitals(**changes))), NOW)
    assert (status.state, status.reason, status.severity) == (state, reason, Severity.OK)
    assert status.since == changes["shut_since"]


def test_what_is_wrong_with_a_closed_cabin_is_told_all_the_same() -> None:
    waits = vitals(**CLOSED, devices={"printer": "empty"}, waiting_documents=1, oldest_seconds=1900.0)
    status = site(templin(contact(vitals=waits)), NOW)
    assert (status.state, status.severity) == (State.CLOSED, Severity.WARNING)
    assert [finding.text for finding in status.findings] == [
        "Außerhalb der Öffnungszeiten bis 15:00.",
        "Das älteste Dokument wartet seit 31 Min., obwohl die Leitung steht.",
        "Drucker: kein Papier",
    ]


@pytest.mark.parametrize(
    ("opened_seconds_ago", "severity"),
    [(-3600, Severity.OK), (300, Severity.WARNING), (601, Severity.CRITICAL), (9000, Severity.CRITICAL)],
)
def test_nobody_misses_a_line_outside_opening_hours(opened_seconds_ago: float, severity: Severity) -> None:
    closed = vitals(**CLOSED | {"opens_at": ago(opened_seconds_ago)})
    status = site(templin(contact(8000, connected=False, vitals=closed)), NOW)
    assert (status.state, status.severity) == (State.DISCONNECTED, severity)
    assert ("Geschlossen bis 15:00." in status.reason) is (severity is Severity.OK)


def test_the_first_line_counts_those_that_receive_nobody() -> None:
    hub = HubFacts(alive_at=ago(1))
    well, closed, cleaned = (templin(contact(vitals=vitals(**changes))) for changes in ({}, CLOSED, CLEANED))

    def sentence(*sites: SiteFacts) -> str:
        return fleet(FleetFacts(hub, sites), NOW).sentence

    assert sentence(closed) == "Die Kabine ist geschlossen."
    assert sentence(cleaned) == "Die Kabine ist in Wartung."
    assert sentence(closed, closed) == "Alle 2 Kabinen sind geschlossen."
    assert sentence(well, closed) == "1 von 2 Kabinen ist bereit. 1 ist geschlossen."
    assert sentence(well, well, closed, closed, cleaned) == (
        "2 von 5 Kabinen sind bereit. 2 sind geschlossen. 1 ist in Wartung."
    )
