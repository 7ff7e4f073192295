from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import codec, hours
from protocol.errors import Mistake, Refused
from protocol.hours import DAY_MINUTES, Exceptional, Hours, Kind, Span, Status, Week, holidays_of, is_open

BERLIN = ZoneInfo("Europe/Berlin")
OPEN, APPOINTMENT, CLOSED = Status.OPEN, Status.BY_APPOINTMENT, Status.CLOSED


def span(begin: str, end: str, kind: Kind = Kind.OPEN) -> Span:
    (begin_hour, begin_minute), (end_hour, end_minute) = (map(int, clock.split(":")) for clock in (begin, end))
    return Span(begin_hour * 60 + begin_minute, end_hour * 60 + end_minute, kind)


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def no_holidays(_: date) -> None:
    return None


WHOLE = (span("8:00", "16:00"), span("12:00", "13:00", Kind.BREAK))
BY_APPOINTMENT = (span("9:00", "15:00", Kind.APPOINTMENT),)
# Monday, Tuesday and Friday for everybody, Wednesday and Thursday by appointment.
UCKERMARK = Hours((Week((WHOLE, WHOLE, BY_APPOINTMENT, BY_APPOINTMENT, (span("8:00", "12:00"),), (), ())),))
BRANDENBURG = holidays_of("DE-BB")

# Written by hand from the Feiertagsgesetz of Brandenburg and the dates of Easter (20 April 2025, 5 April 2026, 28 March 2027).
FIXED = {
    "01-01": "Neujahr",
    "05-01": "Erster Mai",
    "10-03": "Tag der Deutschen Einheit",
    "10-31": "Reformationstag",
    "12-25": "Erster Weihnachtstag",
    "12-26": "Zweiter Weihnachtstag",
}
MOVING = ("Karfreitag", "Ostersonntag", "Ostermontag", "Christi Himmelfahrt", "Pfingstsonntag", "Pfingstmontag")
EXPECTED = {
    2025: ("04-18", "04-20", "04-21", "05-29", "06-08", "06-09"),
    2026: ("04-03", "04-05", "04-06", "05-14", "05-24", "05-25"),
    2027: ("03-26", "03-28", "03-29", "05-06", "05-16", "05-17"),
}


@pytest.mark.parametrize("year", EXPECTED)
def test_holidays_of_brandenburg_are_those_of_the_table(year: int) -> None:
    expected = {date.fromisoformat(f"{year}-{day}"): name for day, name in FIXED.items()}
    expected |= {date.fromisoformat(f"{year}-{day}"): name for day, name in zip(EXPECTED[year], MOVING, strict=True)}
    days = [date(year, 1, 1) + timedelta(days=offset) for offset in range(365)]
    assert {day: name for day in days if (name := BRANDENBURG(day))} == expected


def test_other_states_have_other_holidays() -> None:
    assert holidays_of("DE-BE")(date(2026, 3, 8)) == "Frauentag"
    assert BRANDENBURG(date(2026, 3, 8)) is None


@pytest.mark.parametrize("region", ["DE-XX", "PL-BB", "DE", ""])
def test_an_unknown_region_is_refused(region: str) -> None:
    with pytest.raises(Refused, match="DE-BB"):
        holidays_of(region)


@pytest.mark.parametrize(
    ("at", "status", "until", "opening"),
    [
        ("2026-11-23 07:59", CLOSED, "2026-11-23 08:00", "2026-11-23 08:00"),  # Monday
        ("2026-11-23 08:00", OPEN, "2026-11-23 12:00", "2026-11-23 13:00"),
        ("2026-11-23 12:00", CLOSED, "2026-11-23 13:00", "2026-11-23 13:00"),
        ("2026-11-23 15:59", OPEN, "2026-11-23 16:00", "2026-11-24 08:00"),
        ("2026-11-24 16:00", CLOSED, "2026-11-25 09:00", "2026-11-27 08:00"),  # Tuesday evening: next for all is Friday
        ("2026-11-25 10:00", APPOINTMENT, "2026-11-25 15:00", "2026-11-27 08:00"),
        ("2026-11-26 10:00", APPOINTMENT, "2026-11-26 15:00", "2026-11-27 08:00"),
        ("2026-11-27 11:59", OPEN, "2026-11-27 12:00", "2026-11-30 08:00"),
        ("2026-11-28 10:00", CLOSED, "2026-11-30 08:00", "2026-11-30 08:00"),
        ("2026-11-29 23:59", CLOSED, "2026-11-30 08:00", "2026-11-30 08:00"),
    ],
)
def test_a_week_in_the_uckermark(at: str, status: Status, until: str, opening: str) -> None:
    state = is_open(UCKERMARK, local(at), BRANDENBURG)
    assert (state.status, state.until, state.next_opening) == (status, local(until), local(opening))
    assert state.reason == ""


def test_a_holiday_is_closed_and_says_why() -> None:
    state = is_open(UCKERMARK, local("2026-12-25 10:00"), BRANDENBURG)  # a Friday; Monday is the 28th
    assert state == hours.State(CLOSED, local("2026-12-28 08:00"), local("2026-12-28 08:00"), "Erster Weihnachtstag")


def test_who_works_on_holidays_is_there_and_the_holiday_is_named() -> None:
    always = Hours(UCKERMARK.weeks, on_holidays=True)
    state = is_open(always, local("2026-12-25 10:00"), BRANDENBURG)
    assert (state.status, state.reason) == (OPEN, "Erster Weihnachtstag")


def test_an_exception_beats_week_and_holiday_and_the_last_one_listed_beats_the_others() -> None:
    varied = Hours(
        UCKERMARK.weeks,
        (
            Exceptional(date(2026, 12, 21), date(2027, 1, 3), "Betriebsferien"),
            Exceptional(date(2026, 12, 26), date(2026, 12, 26), "Notdienst", (span("10:00", "11:00"),)),
        ),
    )
    closed = is_open(varied, local("2026-12-21 10:00"), BRANDENBURG)
    assert closed == hours.State(CLOSED, local("2026-12-26 10:00"), local("2026-12-26 10:00"), "Betriebsferien")
    duty = is_open(varied, local("2026-12-26 10:30"), BRANDENBURG)
    assert duty == hours.State(OPEN, local("2026-12-26 11:00"), local("2027-01-04 08:00"), "Notdienst")


def test_of_two_weeks_in_force_the_last_one_listed_holds() -> None:
    july = Week(((span("7:00", "11:00"),),) * 7, date(2026, 7, 1), date(2026, 7, 31))
    summer = Hours((*UCKERMARK.weeks, july))
    assert is_open(summer, local("2026-07-01 07:30"), no_holidays).status is OPEN
    assert is_open(summer, local("2026-07-31 07:30"), no_holidays).until == local("2026-07-31 11:00")
    assert is_open(summer, local("2026-06-30 07:30"), no_holidays).status is CLOSED
    assert is_open(summer, local("2026-08-03 07:30"), no_holidays).status is CLOSED


def test_before_and_after_every_week_it_is_closed() -> None:
    past = Hours((Week(UCKERMARK.weeks[0].days, date(2025, 1, 1), date(2025, 12, 31)),))
    assert is_open(past, local("2026-03-02 10:00"), BRANDENBURG) == hours.State(CLOSED, None, None, "")


def test_round_the_clock_never_changes() -> None:
    always = Hours((Week(((Span(0, DAY_MINUTES),),) * 7),), on_holidays=True)
    assert is_open(always, local("2026-03-28 23:30"), no_holidays) == hours.State(OPEN, None, None, "")


def test_the_night_in_march_has_no_minute_between_two_and_three() -> None:
    """29 March 2026: at 02:00 it is 03:00."""
    night = Hours((Week(((span("0:30", "2:30"), span("2:45", "4:00", Kind.APPOINTMENT)),) * 7),))
    evening = is_open(night, local("2026-03-29 00:00"), no_holidays)
    assert evening.until == datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    inside = is_open(night, datetime(2026, 3, 29, 0, 59, tzinfo=UTC), no_holidays)
    assert (inside.status, inside.until) == (OPEN, datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    after = is_open(night, datetime(2026, 3, 29, 1, 0, tzinfo=UTC), no_holidays)
    assert (after.status, after.until) == (APPOINTMENT, datetime(2026, 3, 29, 2, 0, tzinfo=UTC))


def test_a_span_that_the_jump_swallows_is_no_opening() -> None:
    swallowed = Hours((Week(((),) * 6 + ((span("2:15", "2:45"),),)),))
    state = is_open(swallowed, local("2026-03-29 00:00"), no_holidays)
    assert state.next_opening == local("2026-04-05 02:15")


def test_the_night_in_october_has_the_hour_from_two_to_three_twice() -> None:
    """25 October 2026: at 03:00 it is 02:00. What begins or ends in that hour does so the first time."""
    night = Hours((Week(((span("0:30", "2:30"), span("2:30", "4:00", Kind.APPOINTMENT)),) * 7),))
    first = is_open(night, local("2026-10-25 02:15"), no_holidays)
    assert (first.status, first.until) == (OPEN, datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    second = is_open(night, local("2026-10-25 02:15", fold=1), no_holidays)
    assert (second.status, second.until) == (APPOINTMENT, datetime(2026, 10, 25, 3, 0, tzinfo=UTC))


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_a_day_of_23_or_25_hours_opens_at_eight_by_the_wall_clock(day: str) -> None:
    sunday = Hours((Week((WHOLE,) * 7),))
    assert is_open(sunday, local(f"{day} 00:30"), no_holidays).next_opening == local(f"{day} 08:00")
    assert is_open(sunday, local(f"{day} 08:00"), no_holidays).status is OPEN
    assert is_open(sunday, local(f"{day} 07:59"), no_holidays).status is CLOSED


minutes = st.integers(0, DAY_MINUTES // 30).map(lambda half: half * 30)
any_span = st.builds(Span, minutes, minutes, st.sampled_from(Kind)).filter(
    lambda one: one.begin_minute < one.end_minute
)
any_week = st.builds(Week, st.tuples(*[st.lists(any_span, max_size=3).map(tuple)] * 7))


@settings(max_examples=50, deadline=None)
@given(
    any_week,
    st.integers(0, 365 * DAY_MINUTES).map(lambda minute: datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=minute)),
)
def test_status_holds_until_the_moment_that_was_promised(week: Week, at: datetime) -> None:
    plan = Hours((week,))
    state = is_open(plan, at, BRANDENBURG)
    later = at + timedelta(days=8)
    if state.until is not None:
        assert state.until > at
        assert is_open(plan, state.until - timedelta(microseconds=1), BRANDENBURG).status is state.status
        assert is_open(plan, state.until, BRANDENBURG).status is not state.status
        later = state.until
    for step in range(1, 6):
        assert is_open(plan, at + (later - at) * step / 6, BRANDENBURG).status is state.status
    if state.next_opening is not None:
        assert is_open(plan, state.next_opening, BRANDENBURG).status is OPEN
        assert is_open(plan, state.next_opening - timedelta(microseconds=1), BRANDENBURG).status is not OPEN


def test_a_time_without_a_zone_is_our_mistake() -> None:
    with pytest.raises(Mistake, match="zone"):
        is_open(UCKERMARK, datetime(2026, 1, 1), BRANDENBURG)  # noqa: DTZ001


def test_hours_travel_in_one_form() -> None:
    plan = Hours(UCKERMARK.weeks, (Exceptional(date(2026, 12, 24), date(2026, 12, 31), "Betriebsferien"),))
    assert codec.decode_canonical(Hours, codec.encode(plan), 4096) == plan


def test_hours_without_mistakes_have_none() -> None:
    assert hours.mistakes(UCKERMARK) == []


def test_all_mistakes_are_found_at_once() -> None:
    bad_days = (
        (span("10:00", "9:00"),),
        (span("8:00", "12:00"), span("11:00", "14:00")),
        (span("8:00", "12:00"), span("11:30", "12:30", Kind.BREAK)),
        (Span(-5, 60), Span(1400, 1500)),
        (),
        (),
    )
    plan = Hours(
        (Week(bad_days, date(2026, 2, 1), date(2026, 1, 1)),),
        (
            Exceptional(date(2026, 3, 2), date(2026, 3, 1), "", (span("12:00", "12:00"),)),
            Exceptional(date(2026, 4, 1), date(2026, 4, 1), "Schulung"),
        ),
    )
    assert hours.mistakes(plan) == [
        "week 1 has 6 days, not 7",
        "week 1 ends on 2026-01-01, before it begins",
        "week 1, day 1: 10:00-09:00 is no span of a day",
        "week 1, day 2: 08:00-12:00 and 11:00-14:00 overlap",
        "week 1, day 3: the break 11:30-12:30 interrupts nothing",
        "week 1, day 4: -1:55-01:00 is no span of a day",
        "week 1, day 4: 23:20-25:00 is no span of a day",
        "exception from 2026-03-02 ends before it begins",
        "exception from 2026-03-02: 12:00-12:00 is no span of a day",
    ]


def test_hours_without_a_week_are_a_mistake() -> None:
    assert hours.mistakes(Hours(())) == ["there is no week"]
