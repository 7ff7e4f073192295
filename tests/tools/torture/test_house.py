"""The sum of a torture: what was accepted, what the cabin knows, what the hub has and what the agency opened, held against each other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from protocol import limits
from tools.torture.house import AGENCY, House
from tools.town import uckermark

SITE = "templin"
MANY = limits.DOCUMENTS_REMEMBERED


class Tables(House):
    """A house of tables alone: nothing runs in it, so nobody waits for it."""

    @property
    def patience_seconds(self) -> float:
        return 0.1

    def fill(self, kept: set[int], arrived: set[int], opened: set[int], accepted: set[int]) -> None:
        for folder in (self.cabin(SITE), self.hub, self.folder / "opened"):
            folder.mkdir(parents=True)
        with closing(sqlite3.connect(self.cabin(SITE) / "buffer.sqlite")) as cabin, cabin:
            cabin.execute("CREATE TABLE document (receipt TEXT, digest BLOB)")
            cabin.executemany("INSERT INTO document VALUES (?, ?)", [(f"{number:04}", b"") for number in sorted(kept)])
        with closing(sqlite3.connect(self.hub / "hub.sqlite")) as hub, hub:
            hub.execute(
                "CREATE TABLE document "
                "(id INTEGER PRIMARY KEY, receipt TEXT, site TEXT, place INT, state TEXT, agency TEXT, counter INT, stored_at TEXT)"
            )
            rows = [
                (place, f"{number:04}", SITE, place, "accepted", AGENCY, place, "2026-07-31")
                for place, number in enumerate(sorted(arrived), 1)
            ]
            hub.executemany("INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            hub.execute("CREATE TABLE blob (id INTEGER PRIMARY KEY, digest BLOB)")
            hub.executemany("INSERT INTO blob VALUES (?, ?)", [(place, b"") for place in range(1, len(arrived) + 1)])
            hub.execute("CREATE TABLE alarm (kind TEXT, text TEXT)")
        for number in opened:
            (self.folder / "opened" / f"{number:04}.pdf").touch()
        self.accepted[SITE] = [f"{number:04}" for number in sorted(accepted)]


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path, uckermark(), 0)


def test_all_is_well_when_all_four_agree(tables: Tables) -> None:
    all_ = set(range(20))
    tables.fill(all_, all_, all_, all_)
    assert tables.broken([SITE], agency=True) == []


@pytest.mark.parametrize(
    ("kept", "arrived", "opened", "accepted", "said"),
    [
        ({1}, {1}, {1}, {1, 2}, "0002 was accepted at templin and is gone."),
        ({1, 2}, {1}, {1, 2}, {1, 2}, "0002 of templin has not arrived."),
        ({1}, {1, 2}, {1, 2}, {1, 3}, "0002 arrived and templin knows nothing of it."),
        ({1, 2}, {1, 2}, {1}, {1, 2}, "0002 of templin is not at the agency, which accepted it."),
        ({1, 2}, {1, 2}, {1, 2}, {1}, "There are 2 documents of templin, more than were handed in."),
    ],
)
def test_what_is_missing_or_too_much_is_named(tables, kept, arrived, opened, accepted, said):
    tables.fill(kept, arrived, opened, accepted)
    assert said in tables.broken([SITE], agency=True)


def test_a_cabin_may_forget_only_what_was_accepted_and_only_when_it_knows_of_many(tables: Tables) -> None:
    all_ = set(range(MANY + 50))
    tables.fill(all_ - set(range(50)), all_, all_, all_)
    assert tables.broken([SITE], agency=True) == []


def test_what_was_forgotten_must_be_at_the_agency(tables: Tables) -> None:
    all_ = set(range(MANY + 2))
    tables.fill(all_ - {0, 1}, all_ - {1}, all_ - {0, 1}, all_)
    assert tables.broken([SITE], agency=True) == [
        "0001 was accepted at templin and is gone.",
        "0000 of templin is not at the agency, which accepted it.",
    ]
