"""Pauses between attempts: short after a short cut, spread over seconds after a long one, and longer each time where a hub has no time."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.runtime.backoff import Backoff, absent_seconds, busy_seconds

SOON = limits.RECONNECT_SOON


@pytest.mark.parametrize("wait_seconds", [absent_seconds, busy_seconds])
@given(attempt=st.integers(0, 10**9), chance=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_the_bound(wait_seconds, attempt, chance):
    assert 0 <= wait_seconds(attempt, chance) < limits.RECONNECT_SECONDS_MAX


def test_the_bound_stays_short_at_first_and_grows_up_to_fifteen_seconds():
    bounds = [absent_seconds(attempt, 1.0) for attempt in range(60)]
    assert bounds[:SOON] == [0.25] * SOON
    assert bounds[SOON : SOON + 4] == pytest.approx([5, 7.5, 11.25, 15])
    assert bounds == sorted(bounds)
    assert bounds[-1] == 15


def test_after_a_short_cut_nobody_waits_for_long_compared_to_it():
    """Whenever a line comes back within the first two seconds, the next attempt is at most a quarter of a second away, a twelfth on average."""
    dice = random.Random(1)
    late = []
    for _ in range(2000):
        backoff, at, mended_at = Backoff(dice.random), 0.0, 2.0 * dice.random()
        while at < mended_at:
            at += backoff.absent_seconds()
        late.append(at - mended_at)
    assert max(late) < 0.25
    assert sum(late) / len(late) < 0.1


def test_where_somebody_has_no_time_each_wait_is_twice_as_long():
    assert [busy_seconds(attempt, 1.0) for attempt in range(5)] == [2, 4, 8, 15, 15]


def test_two_cabins_do_not_come_back_in_step():
    assert absent_seconds(3, 0.25) != absent_seconds(3, 0.75)
    assert busy_seconds(3, 0.25) != busy_seconds(3, 0.75)


def test_attempts_are_counted_for_each_reason_until_one_is_welcome():
    backoff = Backoff(lambda: 1.0)
    assert [backoff.absent_seconds() for _ in range(SOON + 1)] == [0.25] * SOON + [5]
    assert [backoff.busy_seconds(), backoff.busy_seconds()] == [2, 4]
    backoff.welcome()
    assert [backoff.absent_seconds(), backoff.busy_seconds()] == [0.25, 2]


def test_a_fleet_that_was_away_for_long_comes_back_within_fifteen_seconds_and_not_at_once():
    dice = random.Random(1)
    back = []
    for _ in range(2000):
        backoff, at = Backoff(dice.random), 0.0
        while at < 60.0:
            at += backoff.absent_seconds()
        back.append(at - 60.0)
    assert max(back) < 15
    assert sum(at < 1.0 for at in back) < 400  # a fifth of them in the first second
