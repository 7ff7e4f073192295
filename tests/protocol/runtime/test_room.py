"""When a piece of a blob may leave, against a line of known rate and delay, under virtual time."""

from __future__ import annotations

import pytest

from protocol.runtime.room import Room

RATE, BASE = 125_000.0, 0.06
HELD = RATE * BASE
CARRIED = 1_000_000
WINDOW = 1_000_000


def test_nothing_waits_before_anything_is_known():
    assert Room().wait_seconds(1_000_000, CARRIED, WINDOW, 0.0, BASE, 0.0) == 0
    assert Room().wait_seconds(1_000_000, 50_000, WINDOW, RATE, BASE, 0.0) == 0


def test_a_piece_waits_until_the_line_holds_no_more_than_it_needs():
    room = Room()
    assert room.wait_seconds(int(HELD), CARRIED, WINDOW, RATE, BASE, 0.0) == 0
    assert room.wait_seconds(int(HELD) + 2500, CARRIED, WINDOW, RATE, BASE, 0.0) == pytest.approx(0.02, rel=0.01)


def test_waits_are_neither_too_short_nor_too_long():
    room = Room()
    assert room.wait_seconds(int(HELD) + 1, CARRIED, WINDOW, RATE, BASE, 0.0) == 0.002
    assert room.wait_seconds(1_000_000, CARRIED, WINDOW, RATE, BASE, 0.0) == 0.05


def test_on_a_fast_line_and_within_a_house_nothing_waits():
    assert Room().wait_seconds(10_000_000, CARRIED, WINDOW, 12_500_000, BASE, 0.0) == 0
    assert Room().wait_seconds(10_000_000, CARRIED, WINDOW, RATE, 0.001, 0.0) == 0


def test_however_slow_a_line_looks_two_packets_may_be_under_way():
    assert Room().wait_seconds(2900, CARRIED, WINDOW, 10.0, BASE, 0.0) == 0


def test_what_the_kernel_would_not_let_travel_waits_here():
    room = Room()
    assert room.wait_seconds(int(HELD), CARRIED, WINDOW, RATE, BASE, 0.0) == 0
    assert room.wait_seconds(int(HELD), CARRIED, int(HELD) - 2500, RATE, BASE, 0.1) == pytest.approx(0.02, rel=0.01)
    assert room.wait_seconds(2900, CARRIED, 0, RATE, BASE, 0.2) == 0


def test_the_best_rate_is_believed_for_two_seconds():
    room = Room()
    room.wait_seconds(0, CARRIED, WINDOW, RATE, BASE, 0.0)
    room.wait_seconds(0, CARRIED, WINDOW, RATE / 4, BASE, 1.0)
    assert room.wait_seconds(int(HELD), CARRIED, WINDOW, RATE / 10, BASE, 1.9) == 0
    assert room.wait_seconds(int(HELD), CARRIED, WINDOW, RATE / 10, BASE, 2.5) > 0


def test_a_rate_that_was_seen_too_low_is_found():
    """As much as is let under way arrives in a round trip, as long as the line can carry it."""
    room, now, rate = Room(), 0.0, RATE / 8
    while rate < RATE:
        held = next(
            size for size in range(100_000, 0, -100) if not room.wait_seconds(size, CARRIED, WINDOW, rate, BASE, now)
        )
        assert held >= rate * BASE - 100
        rate, now = (held + 4096) / BASE, now + BASE  # and the piece that was given then
    assert now < 1
