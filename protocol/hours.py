"""Opening hours: the week, breaks, exceptions, holidays; open, by appointment or closed at a given moment.

A cabin answers “is somebody there?” without a line, so both ends hold this. The only place where time is local: minutes of a wall
clock in Europe/Berlin. What comes in and goes out is aware UTC. SPEC.md section 10.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from protocol.codec import Number
from protocol.errors import Code, Mistake, Refused

DAY_MINUTES: Final = 24 * 60
HORIZON_DAYS: Final = 92  # a longer closure says so in its reason; bounds the search for the next opening
REGIONS: Final = frozenset(
    ("BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV", "NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH")
)
BERLIN: Final = ZoneInfo("Europe/Berlin")

Holidays = Callable[[date], str | None]  # the name of the holiday on a local day, None on any other


class Kind(enum.StrEnum):
    """What a span of a day is. A BREAK closes the part of another span that it covers."""

    OPEN = "open"
    APPOINTMENT = "appointment"
    BREAK = "break"


class Status(enum.StrEnum):
    """What a visitor may expect now."""

    OPEN = "open"
    BY_APPOINTMENT = "by-appointment"
    CLOSED = "closed"


class Span(msgspec.Struct, frozen=True, array_like=True):
    """From `begin_minute` up to, not including, `end_minute`: minutes of the wall clock after local midnight, 0 … 1440."""

    begin_minute: Number
    end_minute: Number
    kind: Kind = Kind.OPEN


Day = tuple[Span, ...]


class Week(msgspec.Struct, frozen=True, array_like=True):
    """Seven days, Monday first, in force from `first_day` to `last_day` inclusive; None is without limit."""

    days: tuple[Day, ...]
    first_day: date | None = None
    last_day: date | None = None


class Exceptional(msgspec.Struct, frozen=True, array_like=True):
    """Days from `first_day` to `last_day` inclusive on which `day` holds whatever week or holiday it is; empty: closed. `reason` is shown."""

    first_day: date
    last_day: date
    reason: str
    day: Day = ()


class Hours(msgspec.Struct, frozen=True, array_like=True):
    """When an agency is there. Of several weeks or exceptions in force on a day the last one listed holds: so summer hours stand after the
    usual week. On holidays it is closed unless `on_holidays`."""

    weeks: tuple[Week, ...]
    exceptions: tuple[Exceptional, ...] = ()
    on_holidays: bool = False


class State(msgspec.Struct, frozen=True):
    """The answer. `until`: when it changes, None when it does not within HORIZON_DAYS. `next_opening`: the next moment after now from which
    anybody may come, None as before. `reason`: of today's exception or holiday, else empty. Times are aware UTC."""

    status: Status
    until: datetime | None
    next_opening: datetime | None
    reason: str


def is_open(hours: Hours, at: datetime, holidays: Holidays) -> State:
    """What holds at `at` (aware). Raises Mistake when `at` has no time zone."""
    if at.tzinfo is None:
        raise Mistake("Opening hours were asked for a time without a zone.")
    today = at.astimezone(BERLIN).date()
    status, until, opening = Status.CLOSED, None, None
    for moment, there in changes(hours, today, holidays):
        if moment <= at:
            status = there
            continue
        until = until or moment
        if there is Status.OPEN:
            opening = moment
            break
    return State(status, until, opening, _day(hours, today, holidays)[1])


def changes(hours: Hours, first_day: date, holidays: Holidays) -> Iterator[tuple[datetime, Status]]:
    """Moments from which another status holds than before, from the midnight that begins `first_day` on."""
    before = None
    for offset in range(HORIZON_DAYS):
        day = first_day + timedelta(days=offset)
        spans, _ = _day(hours, day, holidays)
        edges = sorted(
            {0} | {span.begin_minute for span in spans} | {span.end_minute for span in spans} - {DAY_MINUTES}
        )
        # A dict: where the clock jumps several edges fall on one moment, and the last of them holds.
        for moment, status in {_moment(day, minute): _status(spans, minute) for minute in edges}.items():
            if status is not before:
                yield moment, status
            before = status


def mistakes(hours: Hours) -> list[str]:
    """What is wrong with these hours, in words; empty when nothing is."""
    found = [] if hours.weeks else ["there is no week"]
    for place, week in enumerate(hours.weeks, 1):
        if len(week.days) != 7:
            found.append(f"week {place} has {len(week.days)} days, not 7")
        if week.first_day and week.last_day and week.last_day < week.first_day:
            found.append(f"week {place} ends on {week.last_day}, before it begins")
        for weekday, day in enumerate(week.days, 1):
            found += [f"week {place}, day {weekday}: {what}" for what in day_mistakes(day)]
    for exceptional in hours.exceptions:
        if exceptional.last_day < exceptional.first_day:
            found.append(f"exception from {exceptional.first_day} ends before it begins")
        found += [f"exception from {exceptional.first_day}: {what}" for what in day_mistakes(exceptional.day)]
    return found


def day_mistakes(day: Day) -> list[str]:
    """The same of one day."""
    found = []
    for span in day:
        if not 0 <= span.begin_minute < span.end_minute <= DAY_MINUTES:
            found.append(f"{_clock(span)} is no span of a day")
    attended = sorted((span for span in day if span.kind is not Kind.BREAK), key=lambda span: span.begin_minute)
    for one, other in pairwise(attended):
        if other.begin_minute < one.end_minute:
            found.append(f"{_clock(one)} and {_clock(other)} overlap")
    for span in day:
        if span.kind is Kind.BREAK and not any(
            other.begin_minute <= span.begin_minute and span.end_minute <= other.end_minute for other in attended
        ):
            found.append(f"the break {_clock(span)} interrupts nothing")
    return found


def holidays_of(region: str) -> Holidays:
    """Public holidays of a German state, as in `DE-BB`. Raises Refused for another region."""
    country, _, state = region.partition("-")
    if country != "DE" or state not in REGIONS:
        raise Refused(Code.MALFORMED, f"“{region[:20]}” is no region with known holidays.", "Use one as in “DE-BB”.")

    @cache
    def year(number: int) -> dict[date, str]:
        import holidays  # takes 0.1 s, and whoever never asks need not wait

        return dict(holidays.country_holidays("DE", subdiv=state, years=number, language="de"))

    return lambda day: year(day.year).get(day)


def _day(hours: Hours, day: date, holidays: Holidays) -> tuple[Day, str]:
    """The spans of a local day and why they are not those of the week."""
    for exceptional in reversed(hours.exceptions):
        if exceptional.first_day <= day <= exceptional.last_day:
            return exceptional.day, exceptional.reason
    holiday = holidays(day)
    if holiday is not None and not hours.on_holidays:
        return (), holiday
    for week in reversed(hours.weeks):
        if (week.first_day or day) <= day <= (week.last_day or day):
            return week.days[day.weekday()], holiday or ""
    return (), holiday or ""


def _status(spans: Day, minute: int) -> Status:
    kinds = {span.kind for span in spans if span.begin_minute <= minute < span.end_minute}
    if not kinds or Kind.BREAK in kinds:
        return Status.CLOSED
    return Status.OPEN if Kind.OPEN in kinds else Status.BY_APPOINTMENT


def _moment(day: date, minute: int) -> datetime:
    """UTC of a wall clock's minute. Of a minute that comes twice (October) the first; for one that never comes (March) the jump."""
    while True:
        wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=BERLIN)
        moment = wall.astimezone(UTC)
        if moment.astimezone(BERLIN).replace(tzinfo=None) == wall.replace(tzinfo=None):
            return moment
        minute += 1


def _clock(span: Span) -> str:
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (span.begin_minute, span.end_minute))
