"""Presence out of a flickering sensor: tables of (second, reading) and what must come of them."""

from __future__ import annotations

import pytest

from edge.attendance import Attendance, Change
from edge.doorkeeper import light
from hardware.lamp import Light

ENTERED, EMPTIED, BLIND = Change.ENTERED, Change.EMPTIED, Change.BLIND


@pytest.mark.parametrize(
    ("readings", "changes"),
    [
        pytest.param([(0, False), (1, True), (1.5, True)], {0: EMPTIED, 1.5: ENTERED}, id="somebody comes"),
        pytest.param([(0, False), (1, True), (1.2, False), (5, False)], {0: EMPTIED}, id="a shadow is nobody"),
        pytest.param(
            [(0, False), (1, True), (1.2, False), (1.3, True), (1.6, True), (1.8, True)],
            {0: EMPTIED, 1.8: ENTERED},
            id="what flickers on begins anew",
        ),
        pytest.param(
            [(0, True), (0.5, True), (10, False), (12, True), (13, False), (16, False), (17, True), (30, True)],
            {0.5: ENTERED},
            id="who sits still has not left",
        ),
        pytest.param(
            [(0, True), (1, True), (10, False), (14.9, False), (15, False), (16, False)],
            {1: ENTERED, 15: EMPTIED},
            id="who was not seen for long has left",
        ),
        pytest.param(
            [(0, True), (1, True), (2, None), (6.9, None), (7, None), (8, None), (9, False)],
            {1: ENTERED, 7: BLIND, 9: EMPTIED},
            id="a sensor that was unplugged",
        ),
        pytest.param(
            [(0, True), (1, True), (2, None), (3, True), (60, True)], {1: ENTERED}, id="a plug that was loose"
        ),
        pytest.param([(0, None), (100, None)], {}, id="no sensor"),
    ],
)
def test_a_day_at_the_door(readings: list[tuple[float, bool | None]], changes: dict[float, Change]) -> None:
    attendance = Attendance(enter_seconds=0.4, leave_seconds=5.0)
    told = {at: change for at, reading in readings if (change := attendance.saw(reading, at)) is not None}
    assert told == changes


def test_what_the_lamp_says() -> None:
    assert light(occupied=False, help_wanted=False, troubles=False) is Light.FREE
    assert light(occupied=True, help_wanted=False, troubles=True) is Light.OCCUPIED
    assert light(occupied=True, help_wanted=True, troubles=True) is Light.HELP
    assert light(occupied=False, help_wanted=False, troubles=True) is Light.TROUBLE
