"""When visitors may come into this cabin: a table of `edge.toml`. Without a span it is always open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.errors import Code, Refused
from protocol.hours import (
    BERLIN,
    HORIZON_DAYS,
    Exceptional,
    Holidays,
    Hours,
    Kind,
    Span,
    Status,
    Week,
    changes,
    day_mistakes,
)
from protocol.runtime.config import checked

CLOSED_DAYS_MAX: Final = 400
_SPAN: Final = re.compile(r"(?:(open|appointment|break) +)?(\d{1,2}):(\d{2}) *[-–] *(\d{1,2}):(\d{2})")


def span(text: str) -> Span:
    """As people write it: `08:00-12:00`, `appointment 08:00-12:00`, `break 12:00-13:00`. Raises Refused."""
    fitting = _SPAN.fullmatch(text.strip())
    if fitting is None:
        raise Refused(
            Code.BAD_FILE,
            f"“{text[:40]}” is no span of a day.",
            "Write it as “08:00-12:00”, “appointment 08:00-12:00” or “break 12:00-13:00”.",
        )
    kind, *clock = fitting.groups()
    begin_hour, begin_minute, end_hour, end_minute = map(int, clock)
    return Span(begin_hour * 60 + begin_minute, end_hour * 60 + end_minute, Kind(kind or "open"))


def _day_mistakes(spans: tuple[str, ...]) -> Iterator[str]:
    found, wrong = [], []
    for text in spans:
        try:
            found.append(span(text))
        except Refused as refused:
            wrong.append(f"{refused.what} {refused.remedy}".rstrip("."))
    yield from wrong or day_mistakes(tuple(found))


Spans = Annotated[
    tuple[str, ...],
    Meta(
        max_length=8,
        description='As in ["08:00-12:00", "13:00-18:00"]; empty: closed on this day.',
        extra=checked(_day_mistakes),
    ),
]


class OpeningConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When visitors may come. With no span at all the cabin is always open. A visit that is on is never cut."""

    monday: Spans = ()
    tuesday: Spans = ()
    wednesday: Spans = ()
    thursday: Spans = ()
    friday: Spans = ()
    saturday: Spans = ()
    sunday: Spans = ()
    on_holidays: Annotated[bool, Meta(description="Open on the public holidays of the directory's state too.")] = False
    closed_days: Annotated[
        tuple[date, ...], Meta(max_length=CLOSED_DAYS_MAX, description="Closed all day, as in [2026-12-24].")
    ] = ()
    cleaning_minutes_max: Annotated[
        int,
        Meta(ge=1, le=24 * 60, description="`kabine edge clean` ends by itself after so long; somebody may forget."),
    ] = 60

    @property
    def hours(self) -> Hours | None:
        """None: always open. Raises Refused for what is no span."""
        days = (self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday)
        if not any(days):
            return None
        week = Week(tuple(tuple(map(span, day)) for day in days))
        closed = tuple(Exceptional(day, day, "") for day in self.closed_days)
        return Hours((week,), closed, self.on_holidays)


def shut_since(hours: Hours, at: datetime, holidays: Holidays) -> datetime | None:
    """Since when not anybody may come (aware UTC); None while anybody may, and when it is longer ago than HORIZON_DAYS."""
    first_day = at.astimezone(BERLIN).date() - timedelta(days=HORIZON_DAYS - 1)
    began, opened = None, False
    for moment, there in changes(hours, first_day, holidays):
        if moment > at:
            break
        if there is Status.OPEN:
            began, opened = None, True
        elif began is None and opened:
            began = moment
    return began
