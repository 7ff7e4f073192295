"""Opening hours as people write them: a small TOML file.

on_holidays = false

[[weeks]]
monday = ["08:00-12:00", "13:00-16:00"]
wednesday = ["appointment 08:00-12:00"]
thursday = ["08:00-18:00", "break 12:00-13:00"]

[[exceptions]]
first_day = 2026-12-24
last_day = 2026-12-31
reason = "Zwischen den Jahren geschlossen"
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from msgspec import Struct

from edge.opening import span
from protocol import hours
from protocol.errors import Code, Refused
from protocol.hours import Day, Exceptional, Hours, Week
from protocol.runtime.config import read_config

_Spans = tuple[str, ...]


class WeekTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A week; a day that is left out is closed."""

    monday: _Spans = ()
    tuesday: _Spans = ()
    wednesday: _Spans = ()
    thursday: _Spans = ()
    friday: _Spans = ()
    saturday: _Spans = ()
    sunday: _Spans = ()
    first_day: date | None = None
    last_day: date | None = None


class ExceptionTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Days that are different; without `day` they are closed."""

    first_day: date
    last_day: date
    reason: str
    day: _Spans = ()


class HoursTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    weeks: tuple[WeekTable, ...]
    exceptions: tuple[ExceptionTable, ...] = ()
    on_holidays: bool = False


def read_hours(path: Path) -> Hours:
    """Opening hours from a file. Raises Refused that names the mistakes, Unavailable when it cannot be read."""
    table = read_config(path, HoursTable)
    weeks = tuple(Week(tuple(map(_day, _days(week))), week.first_day, week.last_day) for week in table.weeks)
    exceptions = tuple(
        Exceptional(each.first_day, each.last_day, each.reason, _day(each.day)) for each in table.exceptions
    )
    found = Hours(weeks, exceptions, table.on_holidays)
    wrong = hours.mistakes(found)
    if wrong:
        raise Refused(Code.BAD_FILE, f"{path}: {'; '.join(wrong)}.", "Correct the hours and try again.")
    return found


def _days(week: WeekTable) -> tuple[_Spans, ...]:
    return (week.monday, week.tuesday, week.wednesday, week.thursday, week.friday, week.saturday, week.sunday)


def _day(spans: _Spans) -> Day:
    return tuple(map(span, spans))
