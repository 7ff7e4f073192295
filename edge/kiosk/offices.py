"""Agencies as the screen tells of them: open or not, until when, and when next; computed here, so that it needs no line."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from edge import directory_texts
from edge.directory_texts import Text
from edge.kiosk.language import Words
from protocol import hours
from protocol.directory import GERMAN, Agency, Directory
from protocol.hours import Holidays, State, Status

BERLIN: Final = ZoneInfo("Europe/Berlin")
DAYS_ON_PAPER: Final = 3


class Office(NamedTuple):
    """One agency at a moment. `name` and `short` in the visitor's language, `address` as on an envelope; `now`: whether it is open, in
    a sentence; `next`: when anybody may come, empty while it is open."""

    agency: Agency
    name: Markup
    short: Markup
    address: Markup
    open: bool
    now: str
    next: str


def office(agency: Agency, holidays: Holidays, at: datetime, words: Words) -> Office:
    """`at`: aware UTC."""
    state = hours.is_open(agency.hours, at, holidays)
    language = words.language.directory_tag
    return Office(
        agency,
        words.shown(directory_texts.agency_name(agency, language)),
        words.shown(directory_texts.agency_short(agency, language)),
        words.shown(Text(agency.address, GERMAN)),
        state.status is Status.OPEN,
        _now(state, words),
        _next(state, words),
    )


def offices(directory: Directory, at: datetime, words: Words) -> tuple[Office, ...]:
    """All of them, in the order of the directory."""
    holidays = hours.holidays_of(directory.holidays_region)
    return tuple(office(agency, holidays, at, words) for agency in directory.agencies)


def coming(agency: Agency, holidays: Holidays, at: datetime, words: Words) -> list[str]:
    """For paper, which is read later: when anybody may come on the next DAYS_ON_PAPER days on which they may, a line each."""
    moment = datetime.combine(at.astimezone(BERLIN).date(), time(), BERLIN)
    days: dict[date, list[str]] = {}
    while True:
        state = hours.is_open(agency.hours, moment, holidays)
        if state.status is Status.OPEN and state.until is not None and state.until > at:
            spans = days.setdefault(moment.astimezone(BERLIN).date(), [])
            spans.append(f"{words.time(moment)}–{words.time(state.until)}")
        if state.next_opening is None:
            break
        moment = state.next_opening
        if len(days) == DAYS_ON_PAPER and moment.astimezone(BERLIN).date() not in days:
            break
    return [words.say("paper.open", day=words.day(day), times=", ".join(spans)) for day, spans in days.items()]


def _now(state: State, words: Words) -> str:
    if state.status is Status.OPEN:
        return words.say("hours.open", time=words.time(state.until)) if state.until else ""
    return words.say("hours.by-appointment" if state.status is Status.BY_APPOINTMENT else "hours.closed")


def _next(state: State, words: Words) -> str:
    if state.status is Status.OPEN or state.next_opening is None:
        return ""
    return words.say("hours.next", day=words.day(state.next_opening), time=words.time(state.next_opening))
