"""Alarms: a person is called once, not with every attempt of a cabin that comes back for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from cloud.storage import schema
from cloud.turn import OPEN_MAX
from protocol.ids import SiteId

if TYPE_CHECKING:
    from tests.cloud.conftest import Town

SITE = SiteId("templin")


def raised(town: Town) -> list[tuple[str | None, str, str]]:
    return [(row.site, row.kind, row.text) for row in town.rows(schema.alarm)]


def test_the_same_alarm_is_raised_once_while_it_is_open(town: Town) -> None:
    for _ in range(3):
        town.ledger.alarm(SITE, "log-fork", "two machines")
        town.ledger.alarm(SITE, "log-fork", "two machines")
        news = town.ledger.settle()
        town.later(minutes=1)
    assert raised(town) == [(SITE, "log-fork", "two machines")]
    assert not news.alarms, "nobody is called again"


def test_another_site_another_kind_another_text_is_another_alarm(town: Town) -> None:
    alarms = [
        (SITE, "log-fork", "a"),
        (SITE, "log-fork", "b"),
        (SITE, "log-gap", "a"),
        (SiteId("gartz"), "log-fork", "a"),
        (None, "log-fork", "a"),
    ]
    for alarm in alarms * 2:
        town.ledger.alarm(*alarm)
        town.ledger.settle()
    assert raised(town) == alarms


def test_what_comes_again_after_it_was_cleared_is_raised_again(town: Town) -> None:
    town.ledger.alarm(None, "segment-damaged", "words")
    town.ledger.settle()
    with town.database.turn() as connection:
        connection.execute(update(schema.alarm).values(cleared_at=town.now))
    town.ledger.alarm(None, "segment-damaged", "words")
    assert len(town.ledger.settle().alarms) == 1
    assert len(raised(town)) == 2


def test_of_very_many_alarms_of_one_kind_the_first_are_kept_and_it_is_said_that_there_are_more(town: Town) -> None:
    """A cabin that wrote entries nobody can read filled the table, a row for each, and every row made the next one slower."""
    for number in range(3 * OPEN_MAX):
        town.ledger.alarm(SITE, "malformed", f"Entry {number} was set aside.")
        if number % 7 == 0:
            town.ledger.settle()
    town.ledger.alarm(SITE, "log-gap", "of another kind")
    town.ledger.alarm(SiteId("gartz"), "malformed", "Entry 1 was set aside.")
    town.ledger.settle()
    of_one_kind = [text for site, kind, text in raised(town) if (site, kind) == (SITE, "malformed")]
    assert len(of_one_kind) == OPEN_MAX
    assert of_one_kind[:-1] == [f"Entry {number} was set aside." for number in range(OPEN_MAX - 1)]
    assert "More of this kind" in of_one_kind[-1]
    assert len(raised(town)) == OPEN_MAX + 2


def test_when_they_are_cleared_the_next_ones_are_kept_again(town: Town) -> None:
    for number in range(2 * OPEN_MAX):
        town.ledger.alarm(SITE, "malformed", f"Entry {number} was set aside.")
    town.ledger.settle()
    with town.database.turn() as connection:
        connection.execute(update(schema.alarm).values(cleared_at=town.now))
    town.ledger.alarm(SITE, "malformed", "Entry 9000 was set aside.")
    assert [alarm.text for alarm in town.ledger.settle().alarms] == ["Entry 9000 was set aside."]
