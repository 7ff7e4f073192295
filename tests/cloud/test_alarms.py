"""Alarms: a person is called once, not with every attempt of a cabin that comes back for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from cloud.storage import schema
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
