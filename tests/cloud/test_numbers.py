"""Documents go by a number that grows: what holds them apart, what finds them, and how those of an earlier release come to theirs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.exc import IntegrityError

from cloud import inbox, owing, restored
from cloud.fleet import facts
from cloud.storage import retention, schema
from cloud.storage.database import sqlite_url
from protocol.ids import AgencyId
from tests.cloud import earlier
from tests.cloud.conftest import AGENCIES, NOON, Town

AGENCY = AgencyId(AGENCIES[0])
SAME = ("cabin", "published", "link", "contact", "up_run", "epoch", "down_entry", "down_epoch", "hub")
DOCUMENT = (
    "envelope, receipt, site, machine, number, agency, epoch, counter, size_bytes, manifest_body, manifest_signature, summary, state, place, "
    "announced_at, stored_at, closed_at, freed_at, trouble"
)


def go_back(folder: Path) -> None:
    """Bring this hub's database to the shape of release 0005, its rows in the order of chance."""
    now, before = folder / "now.sqlite", folder / "hub.sqlite"
    before.rename(now)
    engine = create_engine(sqlite_url(before))
    with engine.begin() as connection:
        earlier.build(connection, "0005")
    engine.dispose()
    with closing(sqlite3.connect(before)) as old, old:
        old.execute("ATTACH ? AS now", (str(now),))
        for table in SAME:
            old.execute(f"INSERT INTO main.{table} SELECT * FROM now.{table}")
        named = "FROM now.document d JOIN now.blob b USING (id)"
        old.execute(
            f"INSERT INTO main.document ({DOCUMENT}, digest) SELECT {DOCUMENT}, digest {named} ORDER BY envelope"
        )
        old.execute(
            f"INSERT INTO main.receipt SELECT envelope, r.number, happening, at, body, signature {named} "
            "JOIN now.receipt r ON r.document = d.id"
        )
        pieces = f"{named} JOIN now.piece p ON p.blob = d.id"
        old.execute(f"INSERT INTO main.blob SELECT digest, sum(length_bytes) {pieces} GROUP BY digest")
        old.execute(
            f"INSERT INTO main.piece SELECT digest, offset_bytes, length_bytes, segment, position_bytes {pieces}"
        )


def columns(town: Town) -> dict[str, Any]:
    """Of the one document that is there."""
    (row,) = town.rows(schema.document)
    return dict(row._mapping)


def test_documents_of_an_earlier_release_are_where_they_were(town: Town) -> None:
    cabin = town.cabin()
    delivered = [town.deliver(cabin, size=4000 + 100 * count) for count in range(3)]
    begun = cabin.document()
    cabin.event(begun.event)
    town.commit(cabin)
    town.ledger.settle()
    town.send(begun, upto=2000)
    town.ledger.settle(everything=True)
    listed = inbox.listing(town.ledger, AGENCY, 0, 10, everything=True)
    town.close()
    go_back(town.folder)
    town.open()
    assert inbox.listing(town.ledger, AGENCY, 0, 10, everything=True) == listed
    for document in delivered:
        assert inbox.may_read(town.ledger, AGENCY, document.digest)
        assert town.ledger.read_blob(document.digest, 0, 1 << 20) == (document.blob, len(document.blob))
    (wanted,) = town.ledger.wanted(cabin.site)
    assert (wanted.digest, wanted.have_bytes) == (begun.digest, 2000)
    town.send(begun)
    assert town.ledger.settle().delivered == {AGENCY}
    town.deliver(cabin)
    assert [row.id for row in town.rows(schema.document)] == [1, 2, 3, 4, 5]
    assert [row.place for row in town.rows(schema.document)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("same", ["envelope", "id"])
def test_the_database_holds_documents_apart(town: Town, same: str) -> None:
    town.deliver(town.cabin())
    row = columns(town)
    other = {**row, "id": 2, "envelope": bytes(16), "place": 2, same: row[same]}
    with pytest.raises(IntegrityError), town.database.turn() as connection:
        connection.execute(insert(schema.document), [other])


def test_the_database_holds_bytes_apart(town: Town) -> None:
    document = town.deliver(town.cabin())
    with pytest.raises(IntegrityError), town.database.turn() as connection:
        connection.execute(insert(schema.blob), [{"id": 2, "digest": document.digest}])


AT = {"at": "templin", "by": 1, "up_to": 9}
OUTSTANDING: dict[str, tuple[str, Callable[[Connection], Any]]] = {
    "who owes anything": ("document_to_come", lambda connection: connection.execute(owing._OPEN_SITES).all()),
    "what a cabin owes": ("document_to_come", lambda connection: connection.execute(owing._OPEN, AT).all()),
    "is a cabin healed": ("document_to_come", lambda connection: connection.execute(restored._STILL, AT).all()),
    "what may be freed": ("document_to_free", lambda connection: retention.expired(connection, NOON, 1.0)),
    "how far all have come": ("document_to_come", facts._documents),
}


@pytest.mark.parametrize("question", OUTSTANDING)
def test_what_is_outstanding_is_found_without_the_rest(town: Town, question: str) -> None:
    index, ask = OUTSTANDING[question]
    asked: list[str] = []
    with town.database.reading() as connection:
        driver: Any = connection.connection
        driver.set_trace_callback(asked.append)
        ask(connection)
        driver.set_trace_callback(None)
        plan = [row[3] for said in asked for row in driver.execute(f"EXPLAIN QUERY PLAN {said}")]
    assert any(index in step for step in plan), plan
    assert "SCAN document" not in plan, "all rows are read, wide as they are"
