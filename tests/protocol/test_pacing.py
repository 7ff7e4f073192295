"""The window against a line of known rate and delay, under virtual time."""

from __future__ import annotations

import heapq
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import limits
from protocol.pacing import Pacing


class Line:
    """A receiver that always wants more, and a line: `rate` in bytes per second, `base` seconds of round trip, `turn` seconds that the receiver takes
    for what has arrived while it was busy. Until `held_until` a lost packet holds up all that came after it."""

    def __init__(self, rate: float, base: float, turn: float = 0.0) -> None:
        self.rate, self.base, self.turn = rate, base, turn
        self.pacing = Pacing()
        self.talking = False
        self.held_until = 0.0
        self.now = 0.0
        self.delivered_bytes = 0
        self.delays: deque[tuple[float, float]] = deque(maxlen=100_000)  # when, and how long that chunk was under way
        self._line: list[tuple[float, float, int]] = []
        self._free_at = 0.0
        self._outstanding_bytes = 0

    def run(self, seconds: float) -> float:
        """Bytes per second over this time."""
        until, before = self.now + seconds, self.delivered_bytes
        self._ask()
        while self.now < until:
            self.now = max(self.now, self._line[0][0], self.held_until) + self.turn
            while self._line and self._line[0][0] <= self.now:
                _, asked_at, length = heapq.heappop(self._line)
                self._outstanding_bytes -= length
                self.delivered_bytes += length
                if self.talking:
                    self.pacing.talked(self.now)
                self.pacing.arrived(length, self.now)
                self.delays.append((self.now, self.now - asked_at))
            self._ask()
        return (self.delivered_bytes - before) / seconds

    def _ask(self) -> None:
        chunk = self.pacing.chunk_bytes()
        while len(self._line) < limits.WANTS_MAX and (
            not self._line or self._outstanding_bytes + chunk <= self.pacing.window_bytes()
        ):
            self.pacing.asked(self.now)
            self._free_at = max(self._free_at, self.now + self.base / 2) + chunk / self.rate
            heapq.heappush(self._line, (self._free_at + self.base / 2, self.now, chunk))
            self._outstanding_bytes += chunk

    def worst_delay(self, since: float) -> float:
        return max(delay for at, delay in self.delays if at >= since)


LINES = [(125_000, 0.06), (250_000, 0.06), (250_000, 0.6), (1_250_000, 0.02), (12_500_000, 0.01)]


@pytest.mark.parametrize(("rate", "base"), LINES)
def test_a_line_is_used_to_nine_tenths_and_its_queue_stays_short(rate, base):
    line = Line(rate, base)
    line.run(5)
    assert line.run(120) > 0.9 * rate
    least = base + 2 * limits.WINDOW_BYTES_MIN / rate  # no window is smaller than that
    assert line.worst_delay(60) < max(least, 3 * base + 0.15)


def test_the_queue_does_not_grow_from_minute_to_minute():
    """Behind its own queue a receiver would see the line grow longer for ever."""
    line = Line(250_000, 0.06)
    line.run(600)
    assert line.worst_delay(540) <= 1.5 * max(delay for at, delay in line.delays if 5 < at < 30)


@pytest.mark.parametrize(("rate", "base"), [(125_000, 0.06), (250_000, 0.06), (1_250_000, 0.1)])
def test_while_somebody_talks_on_a_slow_line_little_queues_and_it_is_used_all_the_same(rate, base):
    line = Line(rate, base)
    line.run(20)
    alone = line.worst_delay(15)
    line.talking = True
    assert line.run(20) > 0.9 * rate
    line.run(5)
    chunk_seconds = line.pacing.chunk_bytes() / rate
    assert line.worst_delay(40) <= base + 2 * chunk_seconds + 0.06 < alone
    line.talking = False
    line.run(20)
    assert line.worst_delay(60) == pytest.approx(alone, rel=0.1)


@pytest.mark.parametrize(("rate", "base"), [(250_000, 0.3), (250_000, 0.6), (1_250_000, 0.2)])
def test_who_talks_from_the_beginning_does_not_keep_a_long_line_empty(rate, base):
    """With little more than what the line is seen to carry under way, it is never seen to carry more."""
    line = Line(rate, base)
    line.talking = True
    line.run(20 * base)
    assert line.run(20) > 0.8 * rate


def test_a_fast_line_need_not_wait_for_who_talks():
    line = Line(12_500_000, 0.01)
    line.run(5)
    alone = line.pacing.window_bytes()
    line.talking = True
    line.run(2)
    assert line.pacing.window_bytes() > 0.9 * alone


def test_a_busy_receiver_on_a_short_line_is_not_taken_for_a_slow_line():
    line = Line(200e6, 0.0002, turn=0.01)
    line.run(1)
    assert line.run(30) > 50e6


@pytest.mark.parametrize(("rate", "base"), [(125_000, 0.06), (250_000, 0.06), (250_000, 0.1)])
def test_after_a_packet_was_lost_more_may_queue_for_a_while(rate, base):
    line = Line(rate, base)
    line.run(30)
    sound = line.worst_delay(20)
    line.held_until = line.now + 0.25
    line.run(8)
    assert line.worst_delay(32) > sound + 0.05
    line.run(30)
    assert line.worst_delay(55) <= sound


def test_a_loss_is_of_no_account_beside_talk():
    line = Line(250_000, 0.06)
    line.run(5)
    line.talking = True
    line.run(2)
    alone = line.pacing.window_bytes()
    line.held_until = line.now + 0.25
    line.run(1)
    assert line.pacing.window_bytes() == pytest.approx(alone, rel=0.1)


def test_a_line_that_became_slower_is_noticed():
    line = Line(1_250_000, 0.03)
    line.run(10)
    line.rate = 125_000
    line.run(4)
    assert line.pacing.rate < 250_000
    line.run(30)
    assert line.worst_delay(18) < 0.6
    assert line.worst_delay(35) < 0.4


@settings(max_examples=40)
@given(st.floats(8_000, 1e8), st.floats(0.0001, 1.0), st.floats(0, 0.05))
def test_the_window_keeps_its_bounds_on_any_line(rate, base, turn):
    line = Line(rate, base, turn)
    for _ in range(20):
        line.run(base + turn + 0.1)
        window, chunk = line.pacing.window_bytes(), line.pacing.chunk_bytes()
        assert limits.WINDOW_BYTES_MIN <= window <= limits.WINDOW_BYTES_MAX
        assert limits.CHUNK_BYTES_MIN <= chunk <= min(limits.CHUNK_BYTES_MAX, window / 2)
        assert window / chunk <= limits.WANTS_MAX
        assert line.pacing.patience_seconds(window) >= limits.STALL_SECONDS


def test_who_shares_a_budget_sets_the_ceiling():
    line = Line(12_500_000, 0.1)
    line.run(5)
    assert line.pacing.window_bytes() > 1_000_000
    line.pacing.ceiling_bytes = 100_000
    assert line.pacing.window_bytes() == 100_000
    line.pacing.ceiling_bytes = 0
    assert line.pacing.window_bytes() == limits.WINDOW_BYTES_MIN


def test_on_a_short_line_the_first_window_is_wider():
    def first(seconds: float) -> int:
        pacing = Pacing()
        pacing.greeted(seconds)
        return pacing.window_bytes()

    assert first(0.06) == first(3.0) == limits.WINDOW_BYTES_FIRST
    assert first(0.015) == 4 * limits.WINDOW_BYTES_FIRST
    assert first(0.0) == 160 * limits.WINDOW_BYTES_FIRST


def test_a_connection_begins_with_little():
    pacing = Pacing()
    assert pacing.rate == 0
    assert pacing.window_bytes() == limits.WINDOW_BYTES_FIRST
    assert pacing.chunk_bytes() == limits.CHUNK_BYTES_MIN
    assert pacing.patience_seconds(16 * limits.KIB) == limits.STALL_SECONDS + 1


def test_beats_show_how_short_an_idle_line_is():
    pacing = Pacing()
    pacing.round_trip(0.3, 0)
    pacing.round_trip(0.1, 5)
    assert pacing.patience_seconds(0) == limits.STALL_SECONDS + 0.4
    pacing.round_trip(0.5, 14)
    assert pacing.patience_seconds(0) == limits.STALL_SECONDS + 0.4
    pacing.round_trip(0.5, 16)
    assert pacing.patience_seconds(0) == limits.STALL_SECONDS + 2


def test_beats_behind_a_queue_have_the_line_drained_before_they_are_believed():
    pacing = Pacing()
    pacing.round_trip(0.1, 0)
    pacing.asked(11)
    pacing.round_trip(0.5, 11)
    pacing.arrived(8192, 11.5)  # asked for before the draining began
    pacing.asked(11.5)
    pacing.arrived(8192, 11.7)
    assert pacing.patience_seconds(0) == pytest.approx(limits.STALL_SECONDS + 0.8)
