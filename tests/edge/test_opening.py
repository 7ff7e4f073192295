"""Spans as people write them, and since when nobody may come."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.opening import shut_since, span
from protocol.errors import Refused
from protocol.hours import Hours, Kind, Span, Week, holidays_of

WHOLE = (span("8:00-16:00"), span("break 12:00-13:00"))
BY_APPOINTMENT = (span("appointment 9:00-15:00"),)
# Monday, Tuesday and Friday for everybody, Wednesday and Thursday by appointment.
UCKERMARK = Hours((Week((WHOLE, WHOLE, BY_APPOINTMENT, BY_APPOINTMENT, (span("8:00-12:00"),), (), ())),))
BRANDENBURG = holidays_of("DE-BB")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "since"),
    [
        ("2026-11-23 08:00", None),  # open
        ("2026-11-23 12:30", "2026-11-23 12:00"),  # lunch
        ("2026-11-23 07:59", "2026-11-20 12:00"),  # since Friday noon
        ("2026-11-26 10:00", "2026-11-24 16:00"),  # by appointment is not for anybody
    ],
)
def test_since_when_it_is_shut(at: str, since: str | None) -> None:
    assert shut_since(UCKERMARK, local(at), BRANDENBURG) == (None if since is None else local(since))


def test_since_when_it_is_shut_is_not_known_of_a_place_that_never_opened() -> None:
    week = Week(((),) * 7)
    assert shut_since(Hours((week,)), local("2026-11-23 08:00"), BRANDENBURG) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("08:00-12:30", Span(480, 750)),
        (" appointment 8:00 – 12:00", Span(480, 720, Kind.APPOINTMENT)),
        ("break 12:00-13:00", Span(720, 780, Kind.BREAK)),
    ],
)
def test_a_span_as_people_write_it(text: str, found: Span) -> None:
    assert span(text) == found


@pytest.mark.parametrize("text", ["", "8-12", "lunch 12:00-13:00", "08:00"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is no span of a day"):
        span(text)
