import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.backoff import delay_seconds


@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_the_bound(attempt, chance):
    assert 0 <= delay_seconds(attempt, chance) < limits.RECONNECT_SECONDS_MAX


def test_the_bound_grows_up_to_fifteen_seconds():
    bounds = [delay_seconds(attempt, 1.0) for attempt in range(60)]
    assert bounds[:3] == pytest.approx([0.1, 0.11, 0.121])
    assert bounds[-2:] == [15, 15]


def test_after_a_cut_nobody_waits_for_long_compared_to_it():
    """Half of the bounds is how long the cut lasted so far; the next wait is at most a tenth of a second and a fifth of that."""
    away_seconds = 0.0
    for attempt in range(60):
        assert delay_seconds(attempt, 1.0) <= 0.1 + 0.2 * away_seconds + 1e-9
        away_seconds += delay_seconds(attempt, 0.5)


def test_two_cabins_do_not_come_back_in_step():
    assert delay_seconds(3, 0.25) != delay_seconds(3, 0.75)
