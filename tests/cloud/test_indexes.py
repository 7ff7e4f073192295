"""A bit has flipped in an index of the hub's database: SQLite passes over the row, and says nothing. The hub looks, and makes its indexes anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import select

from cloud import inbox
from cloud.storage.schema import alarm
from protocol.errors import Unavailable
from protocol.ids import AgencyId, Digest, SiteId
from tests.cloud.conftest import AGENCIES, Cabin, Document, Town

SITE = SiteId("templin")
SOZIALAMT = AgencyId(AGENCIES[0])


@pytest.fixture
def cabin(town: Town) -> Cabin:
    return town.cabin(SITE)


def flips(town: Town, index: str, key: bytes) -> None:
    """The last bit of `key` in the page of this index, while the hub is stopped."""
    town.close()
    path = town.folder / "hub.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        [[root]] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (index,)).fetchall()
        [[page_bytes]] = connection.execute("PRAGMA page_size").fetchall()
    raw = bytearray(path.read_bytes())
    at = raw.index(key, (root - 1) * page_bytes, root * page_bytes) + len(key) - 1
    raw[at] ^= 1
    path.write_bytes(raw)
    town.open()


def quiet(town: Town) -> None:
    town.ledger.proofread(1000.0)
    town.ledger.settle()


def called(town: Town) -> list[str]:
    with town.database.reading() as connection:
        return list(connection.execute(select(alarm.c.text).where(alarm.c.kind == "database-damaged")).scalars())


def listed(town: Town) -> list[Digest]:
    return [Digest(one.digest) for one in inbox.listing(town.ledger, SOZIALAMT, 0, 100, everything=True).documents]


def sound(town: Town) -> bool:
    with town.database.reading() as connection:
        return bool(connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok")


def test_where_nothing_has_flipped_nobody_is_called(town: Town, cabin: Cabin) -> None:
    town.deliver(cabin)
    waiting = cabin.document()
    cabin.event(waiting.event)
    town.commit(cabin)
    town.ledger.settle()
    quiet(town)
    assert called(town) == []


@pytest.mark.parametrize(
    ("index", "key"),
    [
        ("sqlite_autoindex_document_1", lambda _one: SOZIALAMT.encode()),
        ("sqlite_autoindex_document_2", lambda one: one.manifest.envelope),
    ],
)
def test_a_document_that_an_index_hides_is_found_and_listed_again(
    town: Town, cabin: Cabin, index: str, key: Callable[[Document], bytes]
) -> None:
    one = town.deliver(cabin)
    flips(town, index, key(one))
    assert not sound(town)
    quiet(town)
    [words] = called(town)
    assert one.manifest.receipt in words
    assert sound(town)
    assert listed(town) == [one.digest]
    quiet(town)
    assert len(called(town)) == 1


def test_an_inbox_does_not_find_what_its_index_hides(town: Town, cabin: Cabin) -> None:
    """What the check is for: nothing else notices."""
    town.deliver(cabin)
    flips(town, "sqlite_autoindex_document_1", SOZIALAMT.encode())
    assert listed(town) == []


def test_a_document_that_is_to_come_is_asked_for_although_its_index_hides_it(town: Town, cabin: Cabin) -> None:
    waiting = cabin.document()
    cabin.event(waiting.event)
    town.commit(cabin)
    town.ledger.settle()
    flips(town, "document_to_come", SITE.encode())
    assert town.ledger.wanted(SITE) == []
    town.ledger.proofread(1000.0)
    assert [wanted.digest for wanted in town.ledger.settle().wanted] == [waiting.digest]
    assert len(called(town)) == 1
    town.send(waiting)
    assert town.ledger.settle().delivered == {SOZIALAMT}


def test_rows_that_contradict_one_another_are_damage_and_the_hub_ends(town: Town, cabin: Cabin) -> None:
    """Place 2 has become 3, and there is one."""
    for _ in range(3):
        town.deliver(cabin)
    town.close()
    path = town.folder / "hub.sqlite"
    raw = path.read_bytes()
    assert raw.count(b"stored\x02") == 1
    path.write_bytes(raw.replace(b"stored\x02", b"stored\x03"))
    town.open()
    with pytest.raises(
        Unavailable, match=r"damaged: UNIQUE constraint failed: document.agency, document.place"
    ) as told:
        quiet(town)
    assert "bring it back from a copy" in told.value.remedy
