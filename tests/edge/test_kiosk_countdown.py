"""How much time is left is told at its beginning, at 30 and at 10 seconds, and each time it is true."""

from __future__ import annotations

import pytest

from edge.kiosk.countdown import Countdown, told
from tests.edge.jumping import Jumping


@pytest.mark.parametrize(
    ("whole", "left", "says"),
    [
        (60.0, 60.0, 60.0),
        (60.0, 31.0, 60.0),
        (60.0, 30.4, 30.0),
        (60.0, 10.6, 30.0),
        (60.0, 9.9, 10.0),
        (20.0, 19.0, 20.0),
        (20.0, 5.0, 10.0),
        (6.0, 1.0, 6.0),
    ],
)
def test_the_number_that_is_told_is_not_yet_over(whole: float, left: float, says: float) -> None:
    assert told(whole, left) == says


def test_it_is_told_three_times_and_then_it_ends() -> None:
    loop = Jumping()
    happened: list[object] = []

    async def begin() -> Countdown:
        countdown = Countdown(lambda: happened.append(countdown.seconds))
        countdown.arm(60.0, lambda: happened.append("over"))
        happened.append(countdown.seconds)
        return countdown

    try:
        countdown = loop.run_until_complete(begin())
        for _ in range(61):
            loop.jump(1.0)
        assert happened == [60, 30, 10, "over"]
        happened.clear()
        loop.call_soon(countdown.arm, 60.0, lambda: happened.append("over"))
        loop.jump(40.0)
        loop.call_soon(countdown.disarm)
        loop.jump(40.0)
        assert happened == []
    finally:
        loop.close()
