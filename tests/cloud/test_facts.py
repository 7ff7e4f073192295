"""Facts are read from the hub's real tables, some rows of which the hub's loop writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from cloud.fleet import facts, status
from cloud.fleet.report import report
from cloud.storage import runs, schema
from cloud.storage.database import Database, sqlite_url
from protocol import codec
from protocol.entries import GENESIS, Mark, following
from protocol.frames import Vitals
from protocol.ids import SiteId

NOW = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))
    with database.turn() as opened:
        yield opened
    database.close()


def add_cabin(connection: Connection, site: str, code: str = "7K2", **columns: Any) -> None:
    usual = {"name": site.title(), "area": "12073", "state": "confirmed", "confirmed_at": NOW - timedelta(days=3)}
    connection.execute(schema.cabin.insert().values(site=site, code=code, **{**usual, **columns}))


def add_log(connection: Connection, site: str, count: int, reported: int, machine: int = 1, **columns: Any) -> None:
    """A real chain of `count` entries; the cabin reported the mark of number `reported`."""
    mark, hashes = Mark(), [GENESIS]
    for _ in range(max(count, reported)):
        entry = following(mark, 1, b"\0" + site.encode())
        mark = Mark(1, entry.number, entry.hash)
        hashes.append(entry.hash)
        if entry.number <= count:
            connection.execute(schema.up_run.insert().values(runs.row(SiteId(site), machine, hashes[-2], [entry])))
    usual = {
        "machine": machine,
        "up_number": count,
        "up_hash": hashes[count],
        "down_hash": GENESIS,
        "connected": True,
        "since": NOW - timedelta(hours=1),
        "reported_number": reported,
        "reported_hash": hashes[reported],
    }
    connection.execute(schema.link.insert().values(site=site, **{**usual, **columns}))
    connection.execute(schema.contact.insert().values(site=site, heard_at=NOW - timedelta(seconds=2)))


def add_document(connection: Connection, site: str, number: int, state: str, **columns: Any) -> None:
    name = number.to_bytes(16, "big")
    usual = {
        "receipt": f"7K2-{number:03}",
        "machine": 1,
        "agency": "wohngeldstelle",
        "epoch": 1,
        "counter": number,
        "size_bytes": 1000,
        "manifest_body": b"",
        "manifest_signature": b"",
        "summary": b"",
        "announced_at": NOW - timedelta(minutes=number),
        "stored_at": None if state in ("announced", "quarantined") else NOW,
    }
    row = {"id": number, "envelope": name, "site": site, "number": number, "state": state, **usual, **columns}
    connection.execute(schema.document.insert().values(**row))


@pytest.mark.parametrize("reported", [0, 3, 5])
def test_both_ends_agree_wherever_the_cabin_stood(connection: Connection, reported: int) -> None:
    add_cabin(connection, "templin")
    add_log(connection, "templin", 5, reported)
    (site,) = facts.read(connection, NOW).sites
    assert status.site(site, NOW).proof.complete


def test_an_entry_changed_in_the_hub_s_table_is_noticed(connection: Connection) -> None:
    add_cabin(connection, "templin")
    add_log(connection, "templin", 5, 3)
    changed = schema.up_run.update().where(schema.up_run.c.first == 3)
    connection.execute(changed.values(payloads=codec.encode([b"\0gartz"])))
    (site,) = facts.read(connection, NOW).sites
    assert status.site(site, NOW).severity is status.Severity.CRITICAL


def test_missing_entries(connection: Connection) -> None:
    add_cabin(connection, "templin")
    add_log(connection, "templin", 5, 8)
    (site,) = facts.read(connection, NOW).sites
    assert status.site(site, NOW).proof.missing == 3


def test_the_log_of_a_replaced_machine_does_not_count(connection: Connection) -> None:
    add_cabin(connection, "templin")
    add_log(connection, "templin", 5, 4, machine=2)
    other = following(Mark(1, 3, bytes(32)), 1, b"\0")
    connection.execute(schema.up_run.insert().values(runs.row(SiteId("templin"), 1, bytes(32), [other])))
    (site,) = facts.read(connection, NOW).sites
    assert status.site(site, NOW).proof.complete


def test_documents_are_counted_by_how_far_they_have_come(connection: Connection) -> None:
    add_cabin(connection, "templin")
    add_log(connection, "templin", 5, 5, machine=2)
    add_document(connection, "templin", 1, "announced", machine=2)
    add_document(connection, "templin", 2, "announced", machine=2)
    add_document(connection, "templin", 3, "announced", machine=2, trouble="Gone.")
    add_document(connection, "templin", 4, "announced")  # of the machine that was replaced
    add_document(connection, "templin", 5, "quarantined", machine=2)
    add_document(connection, "templin", 6, "stored")
    add_document(connection, "templin", 7, "accepted")
    (site,) = facts.read(connection, NOW).sites
    assert site.documents == facts.DocumentFacts(
        announced=7, stored=2, under_way=2, stuck=2, quarantined=1, oldest_at=NOW - timedelta(minutes=2)
    )


def test_vitals_alarms_and_the_hub_s_own_word(connection: Connection) -> None:
    add_cabin(connection, "templin")
    add_cabin(connection, "gartz", "ABC", state="invited", invited_at=NOW)
    vitals = Vitals(waiting_documents=2, waiting_bytes=600_000, oldest_seconds=12.0)
    add_log(connection, "templin", 1, 1, vitals=codec.encode(vitals))
    raised = {"kind": "log-gap", "text": "Lücke", "raised_at": NOW}
    connection.execute(schema.alarm.insert().values(site="templin", **raised))
    connection.execute(schema.alarm.insert().values(site="templin", cleared_at=NOW, **raised))
    connection.execute(schema.alarm.insert().values(site=None, **raised))
    connection.execute(schema.hub.insert().values(id=1, pid=1, alive_at=NOW, started_at=NOW, software="0.1.0"))
    found = facts.read(connection, NOW)
    gartz, templin = found.sites
    assert gartz.contact is None
    assert gartz.enrolled_at == NOW
    assert templin.contact is not None
    assert templin.contact.vitals == vitals
    assert len(templin.alarms) == len(found.alarms) == 1
    assert status.hub_alive(found.hub, NOW)


def test_alarms_that_somebody_has_looked_at_are_put_away(connection: Connection) -> None:
    add_cabin(connection, "templin")
    raised = {"kind": "log-gap", "raised_at": NOW}
    for site, text in (("templin", "Lücke"), (None, "Platte")):
        connection.execute(schema.alarm.insert().values(site=site, text=text, **raised))
    assert [alarm.text for alarm in facts.clear_alarms(connection, SiteId("templin"), NOW)] == ["Lücke"]
    found = facts.read(connection, NOW)
    assert (found.sites[0].alarms, [alarm.text for alarm in found.alarms]) == ((), ["Platte"])
    assert [alarm.text for alarm in facts.clear_alarms(connection, None, NOW)] == ["Platte"]
    assert facts.clear_alarms(connection, None, NOW) == []


def test_what_a_cabin_says_of_itself_commands_no_terminal(connection: Connection) -> None:
    add_cabin(connection, "templin")
    said = Vitals(
        devices={"\x1b[2Jscanner": "re\nady"}, troubles=("Alles gut.\r\n\x1b]0;x\x07", "ö" * 600), shut="\x9b31m"
    )
    add_log(connection, "templin", 1, 1, vitals=codec.encode(said))
    (site,) = facts.read(connection, NOW).sites
    assert site.contact is not None
    vitals = site.contact.vitals
    assert vitals is not None
    assert vitals.devices == {"\ufffd[2Jscanner": "re\ufffdady"}
    assert vitals.troubles == ("Alles gut.\ufffd\ufffd\ufffd]0;x\ufffd", "ö" * 500)
    assert vitals.shut == "\ufffd31m"


def test_vitals_of_another_release_are_unknown_and_do_no_harm(connection: Connection) -> None:
    add_cabin(connection, "templin")
    add_log(connection, "templin", 1, 1, vitals=b"\xc1")
    (site,) = facts.read(connection, NOW).sites
    assert site.contact is not None
    assert site.contact.vitals is None
    assert status.site(site, NOW).oldest_seconds is None


def add_visits(connection: Connection, day: str, *sums: int) -> None:
    names = ("visits", "handed_in", "documents", "good", "fair", "bad")
    row = dict(zip(names, sums, strict=True))
    connection.execute(schema.visit_day.insert().values(site="templin", day=day, **row))


def test_how_it_was_is_told_once_nobody_can_be_guessed(connection: Connection) -> None:
    add_cabin(connection, "templin")
    add_visits(connection, "2026-03-01", 50, 50, 50, 50, 0, 0)  # too long ago
    add_visits(connection, "2026-05-02", 6, 5, 7, 2, 1, 1)
    state = status.fleet(facts.read(connection, NOW), NOW)
    told = report(state, NOW)["sites"][0]["visits"]
    assert told == {"days": 30, "visits": 6, "handed_in": 5, "documents": 7, "answers": 4, "faces": None}
    add_visits(connection, "2026-05-03", 1, 0, 0, 0, 0, 1)
    state = status.fleet(facts.read(connection, NOW), NOW)
    told = report(state, NOW)["sites"][0]["visits"]
    assert (told["answers"], told["faces"]) == (5, {"good": 2, "fair": 1, "bad": 2})
