"""How many visits there were and how people found them, by site and day: counted as the entries arrive, because each is sealed and read once.

Sums only. Who came is known nowhere; and how it was for so few that somebody could be guessed is not told.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase

from cloud.storage import bulk
from cloud.storage.schema import visit_day
from protocol.entries import VisitEnded
from protocol.ids import SiteId

DAYS: Final = 30  # that are told together
ANSWERS_MIN: Final = 5  # below that many answers nobody is told what they were
DOCUMENTS_MAX: Final = 1000  # of one visit; a cabin that says more is not believed, and no sum overflows
HANDED_IN: Final = "handed-in"
_FACES: Final = {1: "bad", 2: "fair", 3: "good"}
_COUNTED: Final = ("visits", "handed_in", "documents", "good", "fair", "bad")
_BERLIN: Final = ZoneInfo("Europe/Berlin")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Visits:
    """Of one site in the last DAYS days. `answers` of visitors who said how it was; `good`, `fair` and `bad` are None below ANSWERS_MIN."""

    visits: int = 0
    handed_in: int = 0
    documents: int = 0
    answers: int = 0
    good: int | None = None
    fair: int | None = None
    bad: int | None = None


class _Day(NamedTuple):
    """A day on the wall: its name, and from when until when it lasts."""

    name: str
    begins: datetime
    ends: datetime


class VisitCounts:
    """What one turn adds to the sums."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[SiteId, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
        self._day = _Day("", _EPOCH, _EPOCH)  # of the visit before: those that come together are mostly of one day

    def add(self, site: SiteId, visits: Iterable[VisitEnded]) -> None:
        """These visits."""
        day = self._day
        sums: dict[str, int] | None = None  # of this day
        for event in visits:
            if not day.begins <= event.ended_at < day.ends:
                day = self._day = _day(event.ended_at)
                sums = None
            if sums is None:
                sums = self._sums[site, day.name]
            sums["visits"] += 1
            if event.outcome == HANDED_IN:
                sums["handed_in"] += 1
            if event.documents:
                sums["documents"] += min(event.documents, DOCUMENTS_MAX)
            if event.face in _FACES:
                sums[_FACES[event.face]] += 1

    def write(self, connection: Connection) -> None:
        """Once, at the end of the turn."""
        if self._sums:
            rows = [{"site": site, "day": day, **sums} for (site, day), sums in self._sums.items()]
            bulk.write(connection, _adding(connection.dialect.name), rows)
            self._sums.clear()


def read(connection: Connection, now: datetime) -> Mapping[str, Visits]:
    """By site, the last DAYS days before `now` (aware)."""
    column = visit_day.c
    sums = [func.sum(column[name]) for name in _COUNTED]
    query = select(column.site, *sums).where(column.day > day_of(now - timedelta(days=DAYS))).group_by(column.site)
    return {site: _told(*map(int, found)) for site, *found in connection.execute(query)}


def day_of(at: datetime) -> str:
    """The day on the wall, as in 2026-03-28."""
    return _day(at).name


def _day(at: datetime) -> _Day:
    """The one in which `at` (aware) lies."""
    try:
        wall = at.astimezone(_BERLIN)
        begins = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        ends = begins + timedelta(days=1)
        return _Day(wall.date().isoformat(), begins.astimezone(UTC), ends.astimezone(UTC))
    except OverflowError:  # a clock at the end of days
        return _Day(at.date().isoformat(), at, at)


def _told(visits: int, handed_in: int, documents: int, good: int, fair: int, bad: int) -> Visits:
    answers = good + fair + bad
    if answers < ANSWERS_MIN:
        return Visits(visits, handed_in, documents, answers)
    return Visits(visits, handed_in, documents, answers, good, fair, bad)


@functools.cache
def _adding(dialect: str) -> UpdateBase:
    statement = sqlite.insert(visit_day) if dialect == "sqlite" else postgresql.insert(visit_day)
    more = {name: visit_day.c[name] + statement.excluded[name] for name in _COUNTED}
    return statement.on_conflict_do_update(index_elements=["site", "day"], set_=more)
