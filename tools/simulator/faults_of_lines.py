"""What can go wrong between a cabin and the hub."""

from __future__ import annotations

from functools import partial
from typing import Final

from tools.simulator.strike import DAY, HOUR, MINUTE, Strike

_SAID_SECONDS: Final = (
    0.015  # longer than a turn, shorter than any line: the cabin has spoken, and the hub has not heard it
)


def reset(strike: Strike) -> None:
    """The connection is reset; the line is well."""
    strike.cabin.line.reset()


def half_open(strike: Strike) -> None:
    """Only the cabin learns that the connection is gone; what it had said comes when the next one stands. So it goes for a while."""

    def forget(after_seconds: float) -> None:
        cabin = strike.talking()
        strike.simulation.hand_in(cabin)  # so that something is under way
        strike.later(after_seconds, after_seconds, cabin.line.half_reset)

    forget(_SAID_SECONDS)
    for after_seconds in (_SAID_SECONDS, 0.3 * strike.dice.random()):
        strike.later(10, 2 * MINUTE, partial(forget, after_seconds))


def flap(strike: Strike) -> None:
    """The line goes and comes."""
    for _ in range(strike.dice.randint(3, 8)):
        strike.later(0, 5, strike.cabin.line.reset)


def cut(strike: Strike) -> None:
    """Noticed at once by both."""
    strike.cabin.line.cut()
    strike.later(1, 5 * MINUTE, strike.cabin.line.mend)


def hush(strike: Strike) -> None:
    """Nothing goes through any more, and nobody is told; on a connection of before perhaps never again."""
    strike.cabin.line.hush("up", "down")
    if strike.dice.random() < 0.5:
        strike.cabin.line.move()
    strike.later(1, 90, strike.cabin.line.mend)


def hush_up(strike: Strike) -> None:
    """The hub hears nothing; the cabin hears."""
    strike.cabin.line.hush("up")
    strike.later(1, 60, strike.cabin.line.mend)


def hush_down(strike: Strike) -> None:
    """The cabin hears nothing; the hub hears."""
    strike.cabin.line.hush("down")
    strike.later(1, 60, strike.cabin.line.mend)


def slow(strike: Strike) -> None:
    """16 to 128 kbit/s."""
    strike.cabin.line.bytes_per_second = strike.dice.uniform(2_000, 16_000)
    strike.later(30, 10 * MINUTE, strike.cabin.line.well)


def delayed(strike: Strike) -> None:
    """A satellite, or a full queue on the way."""
    strike.cabin.line.delay_seconds = strike.dice.uniform(0.3, 2.0)
    strike.later(30, 10 * MINUTE, strike.cabin.line.well)


def altered(strike: Strike) -> None:
    """Now and then a byte of a document flips in the cabin's memory, before it is encrypted."""
    strike.cabin.line.alter = 0.03
    strike.later(30, 10 * MINUTE, strike.cabin.line.well)


def hours_away(strike: Strike) -> None:
    """No line for hours."""
    strike.cabin.line.cut()
    strike.later(HOUR, 8 * HOUR, strike.cabin.line.mend)


def days_away(strike: Strike) -> None:
    """No line for more than a day."""
    strike.cabin.line.cut()
    strike.later(DAY, 2 * DAY, strike.cabin.line.mend)
