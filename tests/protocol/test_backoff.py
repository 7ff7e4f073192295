from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.backoff import delay_seconds


@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_the_bound(attempt, chance):
    assert 0 <= delay_seconds(attempt, chance) < limits.RECONNECT_SECONDS_MAX


def test_the_bound_doubles_up_to_fifteen_seconds():
    assert [delay_seconds(attempt, 1.0) for attempt in range(7)] == [0.5, 1, 2, 4, 8, 15, 15]


def test_two_cabins_do_not_come_back_in_step():
    assert delay_seconds(3, 0.25) != delay_seconds(3, 0.75)
