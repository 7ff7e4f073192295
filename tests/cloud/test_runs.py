"""Entries of cabins are kept in runs: one can be read alone, what was altered shows, and what an earlier release wrote is carried over."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from cloud.storage import runs, schema
from cloud.storage.database import Database, sqlite_url
from protocol import codec, entries
from protocol.entries import GENESIS, Entry, EpochOpened, Mark
from protocol.ids import SiteId
from tests.cloud import earlier

SITE = SiteId("templin")
AT = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)


def log(count: int, *, epoch: int = 1, after: Mark | None = None, leap: Mark | None = None) -> list[Entry]:
    """Entries as a cabin writes them, the first of which opens the epoch; `leap`: what it says it follows."""
    mark = after or Mark()
    found: list[Entry] = []
    for number in range(count):
        if number == 0:
            mark = leap or mark
            payload = entries.clear(EpochOpened(b"key", mark, AT))
        else:
            payload = b"\1" + bytes([number % 256]) * (number % 90)
        entry = entries.following(mark, epoch, payload)
        mark = Mark(epoch, entry.number, entry.hash)
        found.append(entry)
    return found


def test_each_entry_of_a_run_is_read_with_its_hash(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))
    first, second = log(5), log(4, epoch=2, after=Mark(1, 5, log(5)[-1].hash))
    with database.turn() as connection:
        for before, run in ((GENESIS, first), (first[-1].hash, second)):
            connection.execute(schema.up_run.insert().values(runs.row(SITE, 1, before, run)))
        for entry in (*first, *second):
            assert runs.entry(connection, SITE, 1, entry.number) == entry
        assert runs.entry(connection, SITE, 1, 10) is None
        assert runs.entry(connection, SITE, 2, 1) is None
        assert runs.entry(connection, SiteId("gartz"), 1, 1) is None
    database.close()


@pytest.mark.parametrize("raw", [b"", b"\xc1", codec.encode([1, 2, 3])])
def test_a_run_that_spells_nothing_is_no_entry(tmp_path: Path, raw: bytes) -> None:
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))
    with database.turn() as connection:
        connection.execute(schema.up_run.insert().values({**runs.row(SITE, 1, GENESIS, log(5)), "payloads": raw}))
        assert runs.entry(connection, SITE, 1, 3) is None
    database.close()


def test_what_an_earlier_release_wrote_is_carried_over(tmp_path: Path) -> None:
    """Two machines; the second log goes on behind entries that were lost with its buffer, and opens a new epoch at each start."""
    path = tmp_path / "hub.sqlite"
    Database(sqlite_url(path)).close()
    early = log(1200)
    late = log(3)
    lost = Mark(1, 8, b"\7" * 32)
    late += log(600, epoch=3, leap=lost)
    late += log(2, epoch=4, after=Mark(3, late[-1].number, late[-1].hash))
    database = Database(sqlite_url(path))
    with database.turn() as connection:
        go_back(connection)
        for machine, written in ((1, early), (2, late)):
            connection.execute(
                text("INSERT INTO up_entry VALUES (:site, :machine, :number, :epoch, :hash, :payload)"),
                [{"site": SITE, "machine": machine, **one(entry)} for entry in written],
            )
    database.close()

    database = Database(sqlite_url(path))
    with database.reading() as connection:
        assert not connection.dialect.has_table(connection, "up_entry")
        for machine, written in ((1, early), (2, late)):
            for entry in written:
                assert runs.entry(connection, SITE, machine, entry.number) == entry
            assert runs.entry(connection, SITE, machine, 5 if machine == 2 else 1201) is None
        assert len(connection.execute(schema.up_run.select()).all()) == 3 + 4
    database.close()


def one(entry: Entry) -> dict[str, object]:
    return {"number": entry.number, "epoch": entry.epoch, "hash": entry.hash, "payload": entry.payload}


def go_back(connection: Connection) -> None:
    """The shape of release 0003, made by its own migrations."""
    for table in schema.metadata.sorted_tables:
        connection.execute(text(f"DROP TABLE {table.name}"))
    connection.execute(text("DELETE FROM alembic_version"))
    earlier.build(connection, "0003")
