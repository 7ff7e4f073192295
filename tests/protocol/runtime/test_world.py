from __future__ import annotations

from datetime import timedelta

from protocol.runtime.world import REAL


def test_utc_is_aware() -> None:
    assert REAL.utc().utcoffset() == timedelta(0)


def test_the_clock_never_goes_back() -> None:
    readings = [REAL.clock() for _ in range(100)]
    assert readings == sorted(readings)


def test_random_gives_as_many_bytes_as_asked_for_and_never_the_same() -> None:
    assert [len(REAL.random(size)) for size in (0, 1, 32)] == [0, 1, 32]
    assert REAL.random(32) != REAL.random(32)


def test_chance_lies_between_zero_and_one() -> None:
    drawn = [REAL.chance() for _ in range(1000)]
    assert all(0 <= value < 1 for value in drawn)
    assert 0.3 < sum(drawn) / len(drawn) < 0.7
