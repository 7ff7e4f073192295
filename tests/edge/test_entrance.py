"""When visitors may come: the cabin's own hours, holidays, and whoever cleans."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cleaning import FILE, Cleaning
from edge.entrance import Entrance, Shut
from edge.opening import OpeningConfig
from edge.turned_away import SURE_SECONDS, TurnedAway
from protocol.directory import Directory
from protocol.errors import Refused
from protocol.manifest import unverified
from protocol.runtime.config import parse_config, write_default
from protocol.runtime.folder import NodeFolder
from protocol.runtime.wires import CUT, UNKNOWN_KEY
from tests.edge.house import directory, enrolled

NINE = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # on a Monday, by the clock in Berlin
WEEK = OpeningConfig(monday=("08:00-12:00", "13:00-18:00"), friday=("08:00-12:00",))


class Clock:
    def __init__(self) -> None:
        self.at = NINE

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[NodeFolder]:
    with NodeFolder.open(enrolled(tmp_path / "cabin"), "edge") as opened:
        yield opened


def entrance(folder: NodeFolder, clock: Clock, opening: OpeningConfig = WEEK) -> Entrance:
    cleaning = Cleaning(folder, clock, opening.cleaning_minutes_max)
    return Entrance(opening.hours, cleaning, lambda: unverified(Directory, directory()), clock)


@pytest.mark.parametrize(
    ("at", "shut", "opens_at"),
    [
        (NINE, None, datetime(2026, 3, 2, 12, 0, tzinfo=UTC)),
        (datetime(2026, 3, 2, 11, 30, tzinfo=UTC), Shut.CLOSED, datetime(2026, 3, 2, 12, 0, tzinfo=UTC)),
        (datetime(2026, 3, 2, 18, 0, tzinfo=UTC), Shut.CLOSED, datetime(2026, 3, 6, 7, 0, tzinfo=UTC)),
        # Good Friday and Easter Monday are holidays in Brandenburg; the clocks have jumped meanwhile.
        (datetime(2026, 4, 3, 8, 0, tzinfo=UTC), Shut.CLOSED, datetime(2026, 4, 10, 6, 0, tzinfo=UTC)),
    ],
)
def test_outside_its_hours_a_cabin_is_closed_and_says_when_it_opens(
    folder: NodeFolder, at: datetime, shut: Shut | None, opens_at: datetime
) -> None:
    clock = Clock()
    door = entrance(folder, clock)
    clock.at = at
    assert (door.shut, door.opens_at) == (shut, opens_at)


def test_what_hangs_at_the_door_says_since_when_and_until_when(folder: NodeFolder) -> None:
    clock = Clock()
    door = entrance(folder, clock)
    assert door.sign is None
    assert entrance(folder, clock, OpeningConfig()).sign is None
    clock.at = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
    opens_at = datetime(2026, 3, 6, 7, 0, tzinfo=UTC)
    assert door.sign == (Shut.CLOSED, datetime(2026, 3, 2, 17, 0, tzinfo=UTC), opens_at)
    door.cleaning.begin()
    assert door.sign == (Shut.CLEANING, clock.at, clock.at + timedelta(minutes=WEEK.cleaning_minutes_max))


def test_a_cabin_without_hours_is_always_open(folder: NodeFolder) -> None:
    door = entrance(folder, Clock(), OpeningConfig())
    assert (door.shut, door.opens_at) == (None, None)


def test_a_cabin_that_the_hub_turns_away_is_closed_until_the_hub_speaks_with_it(folder: NodeFolder) -> None:
    clock, away = Clock(), TurnedAway()
    cleaning = Cleaning(folder, clock, WEEK.cleaning_minutes_max)
    door = Entrance(WEEK.hours, cleaning, lambda: unverified(Directory, directory()), clock, lambda: away.on)
    away.heard(UNKNOWN_KEY, 100.0)
    assert door.shut is None, "once is a mistake that may pass"
    away.heard(CUT, 100.0 + SURE_SECONDS)
    assert door.shut is None, "a line that is cut says nothing about the cabin"
    away.heard(UNKNOWN_KEY, 100.0 + SURE_SECONDS)
    assert (door.shut, door.opens_at, door.sign) == (Shut.CLOSED, None, (Shut.CLOSED, None, None))
    away.heard(CUT, 200.0)
    assert door.shut is Shut.CLOSED, "nobody has taken it back"
    away.welcomed()
    assert door.shut is None
    away.heard(UNKNOWN_KEY, 300.0)
    assert door.shut is None, "it begins anew"


def test_holidays_and_closed_days_are_as_configured(folder: NodeFolder) -> None:
    clock = Clock()
    clock.at = datetime(2026, 4, 3, 8, 0, tzinfo=UTC)
    week = {"friday": ["08:00-12:00"]}
    always = parse_config(f"friday = {week['friday']}\non_holidays = true", OpeningConfig)
    assert entrance(folder, clock, always).shut is None
    closed = parse_config(f"friday = {week['friday']}\non_holidays = true\nclosed_days = [2026-04-03]", OpeningConfig)
    assert entrance(folder, clock, closed).shut is Shut.CLOSED
    assert parse_config(write_default(closed), OpeningConfig) == closed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('monday = ["8 to 12"]', "no span of a day"),
        ('monday = ["12:00-08:00"]', "is no span of a day"),
        ('monday = ["08:00-12:00", "11:00-13:00"]', "monday: 08:00-12:00 and 11:00-13:00 overlap"),
    ],
)
def test_what_is_no_opening_is_told(text: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        parse_config(text, OpeningConfig)


def test_whoever_cleans_is_not_disturbed_and_not_forgotten(folder: NodeFolder) -> None:
    clock = Clock()
    door = entrance(folder, clock)
    door.cleaning.begin()
    assert door.shut is Shut.CLEANING
    assert entrance(folder, clock).shut is Shut.CLEANING, "a node that starts anew still knows"
    door.cleaning.end()
    assert (door.shut, entrance(folder, clock).shut) == (None, None)
    door.cleaning.begin()
    clock.at += timedelta(minutes=WEEK.cleaning_minutes_max)
    assert door.shut is None


@pytest.mark.parametrize(
    "written", [b"", b"yesterday\n", b"2026-03-02T09:00:00\n", b"2026-03-02T12:00:00+00:00\n", b"\xff"]
)
def test_a_note_that_makes_no_sense_keeps_nobody_out(folder: NodeFolder, written: bytes) -> None:
    folder.write_file(FILE, written)
    assert entrance(folder, Clock()).shut is None
