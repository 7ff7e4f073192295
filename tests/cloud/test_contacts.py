"""Signs of life: most of them tell only that the cabin lives, and only that is written then."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from cloud.contacts import LIFE_SECONDS, NEWS_SECONDS
from cloud.fleet import facts, status
from cloud.storage import schema
from cloud.storage.database import Database, sqlite_url
from protocol import codec
from protocol.entries import Mark
from protocol.frames import Beat, Hello, Vitals
from tests.cloud import earlier
from tests.cloud.conftest import Cabin, Town

WELL = Vitals(disk_free_bytes=10_000_000_000, devices={"scanner": "ready"})
TRIP_SECONDS = 0.08


@pytest.fixture
def cabin(town: Town) -> Cabin:
    """Connected; it has said how it is, and that is written."""
    cabin = town.cabin()
    town.commit(cabin)
    town.ledger.started(town.now)
    greet(town, cabin)
    beat(town, cabin)
    return cabin


def greet(town: Town, cabin: Cabin) -> None:
    hello = Hello((1,), cabin.site, b"boot", 1, cabin.mark, 0, 0, "kabine 0.1.0", town.now)
    town.ledger.observe(cabin.site, hello, -1.0, town.now)


def beat(
    town: Town,
    cabin: Cabin,
    vitals: Vitals = WELL,
    *,
    trip_seconds: float = TRIP_SECONDS,
    ahead_seconds: float = 0.0,
    last: Mark | None = None,
) -> None:
    """Ten seconds later; written."""
    town.later(seconds=10)
    time = town.now + timedelta(seconds=ahead_seconds - trip_seconds / 2)
    town.ledger.observe(cabin.site, Beat(1, time, 0, 0.0, last or cabin.mark, vitals), trip_seconds, town.now)
    write(town)


def write(town: Town, later_seconds: float = NEWS_SECONDS) -> None:
    """What was told long enough ago."""
    town.later(seconds=later_seconds)
    town.ledger.alive(town.now)
    town.ledger.settle()


def heard_at(town: Town) -> datetime:
    (row,) = town.rows(schema.contact)
    found: datetime = row.heard_at
    return found


def site(town: Town) -> status.SiteStatus:
    """As `kabine fleet status` has it."""
    with town.database.reading() as connection:
        (found,) = status.fleet(facts.read(connection, town.now), town.now).sites
    return found


def test_a_beat_that_tells_nothing_new_moves_only_its_time(town: Town, cabin: Cabin) -> None:
    (before,) = town.rows(schema.link)
    told = heard_at(town)
    less_room = Vitals(disk_free_bytes=WELL.disk_free_bytes - 70_000_000, devices={"scanner": "ready"})
    beat(town, cabin, less_room, trip_seconds=0.09, ahead_seconds=0.05)
    assert heard_at(town) == told  # it waits for others
    write(town, LIFE_SECONDS - NEWS_SECONDS)
    assert town.rows(schema.link) == [before]
    assert heard_at(town) == told + timedelta(seconds=10 + NEWS_SECONDS)
    found = site(town)
    assert (found.state, found.age_seconds) == (status.State.READY, LIFE_SECONDS)
    assert found.proof.up_to == heard_at(town)


@pytest.mark.parametrize(
    "vitals",
    [
        Vitals(disk_free_bytes=9_900_000_000, devices={"scanner": "ready"}),
        Vitals(disk_free_bytes=10_000_000_000, devices={"scanner": "jam"}),
        Vitals(waiting_documents=1, disk_free_bytes=10_000_000_000, devices={"scanner": "ready"}),
        Vitals(visitor=True, disk_free_bytes=9_999_999_999, devices={"scanner": "ready"}),
        Vitals(
            disk_free_bytes=10_000_000_000, devices={"scanner": "ready"}, troubles=("Der Speicher ist beschädigt.",)
        ),
    ],
)
def test_how_it_is_is_written_when_it_changes(town: Town, cabin: Cabin, vitals: Vitals) -> None:
    beat(town, cabin, vitals)
    (row,) = town.rows(schema.link)
    assert codec.decode(Vitals, row.vitals, 1000) == vitals


def test_what_waits_grows_older_with_each_beat(town: Town, cabin: Cabin) -> None:
    for oldest_seconds in (10.0, 20.0, 30.0):
        beat(town, cabin, Vitals(1, 1000, oldest_seconds, WELL.disk_free_bytes))
        assert site(town).oldest_seconds == pytest.approx(oldest_seconds + NEWS_SECONDS)


def test_small_steps_add_up(town: Town, cabin: Cabin) -> None:
    """They are held against what was written, not against the last beat: no clock drifts away unseen."""
    for step in range(1, 60):
        beat(town, cabin, ahead_seconds=step * 0.04)
        (row,) = town.rows(schema.link)
        assert row.clock_offset_seconds == pytest.approx(step * 0.04, abs=0.1001)
    assert "Die Uhr der Kabine geht" in site(town).reason


def test_a_line_that_grows_long_is_written(town: Town, cabin: Cabin) -> None:
    beat(town, cabin, trip_seconds=0.2)
    (row,) = town.rows(schema.link)
    assert row.round_trip_seconds == 0.2
    assert row.clock_offset_seconds == pytest.approx(0.0, abs=0.001)


def test_the_end_of_its_log_is_written_with_its_time(town: Town, cabin: Cabin) -> None:
    before = cabin.mark
    cabin.open_epoch()
    beat(town, cabin, last=cabin.mark)
    found = site(town)
    assert (found.proof.missing, found.proof.up_to) == (1, heard_at(town))
    town.commit(cabin)
    beat(town, cabin)
    assert site(town).proof.complete
    assert cabin.mark != before


def test_a_killed_hub_claims_no_later_contact_and_misses_nobody(town: Town, cabin: Cabin, tmp_path: Path) -> None:
    town.later(seconds=10)
    town.ledger.observe(cabin.site, Beat(2, town.now, 0, 0.0, cabin.mark, WELL), TRIP_SECONDS, town.now)
    killed = town.power_cut(tmp_path / "cut")  # what was heard just now is not written yet
    with killed.database.reading() as connection:
        known = facts.read(connection, town.now)
    (found,) = known.sites
    assert found.contact is not None
    assert found.contact.last_contact_at == heard_at(town) == town.now - timedelta(seconds=10 + NEWS_SECONDS)
    assert status.site(found, town.now, alive=True).state is status.State.READY
    killed.close()


def test_whoever_comes_back_is_connected_again_though_it_tells_the_same(town: Town, cabin: Cabin) -> None:
    town.ledger.disconnected(cabin.site, town.now)
    write(town)
    assert site(town).state is status.State.DISCONNECTED
    greet(town, cabin)
    beat(town, cabin)
    found = site(town)
    assert (found.state, found.since) == (status.State.READY, town.now - timedelta(seconds=10 + NEWS_SECONDS))


def test_a_hub_that_starts_again_learns_all_of_it_anew(town: Town, cabin: Cabin) -> None:
    town.close()
    town.open()
    town.ledger.started(town.now)
    greet(town, cabin)
    beat(town, cabin, Vitals())
    (row,) = town.rows(schema.link)
    assert row.connected
    assert codec.decode(Vitals, row.vitals, 1000) == Vitals()


def test_a_clock_that_was_set_back_is_believed(town: Town, cabin: Cabin) -> None:
    told = heard_at(town)
    town.later(days=-1)
    beat(town, cabin)
    write(town, LIFE_SECONDS - NEWS_SECONDS)
    assert heard_at(town) == town.now - timedelta(seconds=LIFE_SECONDS) < told


def test_what_an_older_release_wrote_is_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    engine = create_engine(sqlite_url(path))
    with engine.begin() as connection:
        earlier.build(connection, "0004")
    engine.dispose()
    with sqlite3.connect(path) as old:
        old.executemany(
            "INSERT INTO link (site, machine, up_epoch, up_number, up_hash, up_missing, down_number, down_hash, down_acknowledged,"
            " directory_version, connected, last_contact_at, reported_number, reported_hash, reported_at)"
            " VALUES (?, 1, 1, 0, ?, 0, 0, ?, 0, 0, 0, ?, 0, ?, ?)",
            [
                ("templin", bytes(32), bytes(32), 1_000_000, bytes(32), 1_000_000),
                ("gartz", bytes(32), bytes(32), None, None, None),
            ],
        )
        old.execute(
            "INSERT INTO cabin (site, name, code, area, address, state) VALUES ('templin', 'Templin', '7K2', '12', '', 'confirmed'),"
            " ('gartz', 'Gartz', '7K3', '12', '', 'confirmed')"
        )
    old.close()
    opened = Database(sqlite_url(path))
    with opened.reading() as connection:
        gartz, templin = facts.read(connection, datetime.fromisoformat("2026-03-02T12:00:00Z")).sites
    opened.close()
    assert templin.contact is not None
    assert templin.contact.last_contact_at == datetime.fromisoformat("1970-01-01T00:00:01Z")
    assert templin.contact.reported is not None
    assert templin.contact.reported.at == templin.contact.last_contact_at
    assert gartz.contact is not None
    assert gartz.contact.last_contact_at is gartz.contact.reported is None
