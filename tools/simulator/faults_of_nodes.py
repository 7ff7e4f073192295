"""What can go wrong with a process and its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from tools.simulator.district import at
from tools.simulator.node import Node
from tools.simulator.strike import HOUR, MINUTE, Strike

_POWER_FAILS_AGAIN: Final = 4
_LONG_STEPS_MAX: Final = 1_000  # effects while many pages are written to the disk
MEGABYTE: Final = 1_000_000
YEAR: Final = timedelta(days=365)
BEGINNING_OF_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME: Final = datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)


def cabin_killed(strike: Strike) -> None:
    """kill -9 between any two effects."""
    strike.cabin.kill_soon(strike.steps(), power=False)


def cabin_power(strike: Strike) -> None:
    """As killed, and what was not fsynced is gone. Where the power fails it often fails again."""
    _fail_power(strike, strike.cabin)


def many_pages(strike: Strike) -> None:
    """A visitor's pages lie on the disk in part when the cabin dies, or the disk takes no more; sometimes all goes well."""
    cabin, dice = strike.cabin, strike.dice
    mishap = dice.choice(["", "full", "kill", "power", "sync"])
    if mishap in ("kill", "power"):
        cabin.kill_soon(dice.randint(1, _LONG_STEPS_MAX), power=mishap == "power")
    elif mishap == "sync":
        cabin.disk.syncs_until_failure = dice.randint(1, 4)
    elif mishap == "full":
        strike.simulation.witness.notebook.custody[cabin.name].short = True
        cabin.disk.free_bytes = dice.randint(0, 3 * MEGABYTE)
        strike.later(1, MINUTE, cabin.disk.heal)
    strike.simulation.hand_in_at(strike.simulation.cabin(cabin.site), long=True)


def cabin_dark(strike: Strike) -> None:
    """Nobody switches it on again for a while."""
    strike.cabin.stay_down(strike.dice.uniform(MINUTE, 6 * HOUR))
    strike.cabin.kill(power=strike.dice.random() < 0.5)


def hub_killed(strike: Strike) -> None:
    """kill -9 between any two effects."""
    strike.hub.kill_soon(strike.steps(), power=False)


def hub_power(strike: Strike) -> None:
    """As in the cabin."""
    _fail_power(strike, strike.hub)


def _fail_power(strike: Strike, node: Node) -> None:
    """While something is handed in: on an idle disk nothing waits that could be lost. First between any two effects, then while a write waits."""
    _cut_power(strike, node, strike.steps(), owing=False)
    again = _POWER_FAILS_AGAIN

    def fail() -> None:
        nonlocal again
        if node.runs and again:
            again -= 1
            _cut_power(strike, node, strike.dice.randint(1, 20), owing=True)

    for seconds_max in (*(3 * MINUTE,) * 3, *(3 * HOUR,) * 3):  # it may be dark just then
        strike.later(10, seconds_max, fail)


def _cut_power(strike: Strike, node: Node, steps: int, *, owing: bool) -> None:
    node.kill_soon(steps, power=True, owing=owing)
    strike.simulation.hand_in(strike.cabin if node is strike.cabin else strike.talking())


def hub_away(strike: Strike) -> None:
    """No hub for up to two hours."""
    strike.hub.stay_down(strike.dice.uniform(MINUTE, 2 * HOUR))
    strike.hub.kill(power=strike.dice.random() < 0.5)


def cabin_restarted(strike: Strike) -> None:
    """In order: an update, a reboot."""
    strike.cabin.stop()


def hub_restarted(strike: Strike) -> None:
    """In order."""
    strike.hub.stop()


def clock_skewed(strike: Strike) -> None:
    """A clock is some minutes off."""
    node = strike.dice.choice([strike.cabin, strike.hub])
    node.skew_seconds += strike.dice.uniform(-10 * MINUTE, 10 * MINUTE)


def clock_jumped(strike: Strike) -> None:
    """A clock jumps by years, to 1970 (an empty battery) or to 2106 (32 bits), and comes back some day."""
    node = strike.dice.choice([strike.cabin, strike.hub])
    to = strike.dice.choice([BEGINNING_OF_TIME, END_OF_TIME, node.utc() - YEAR, node.utc() + YEAR])
    node.skew_seconds = (to - at(strike.simulation.agenda.now)).total_seconds()

    def set_right() -> None:
        node.skew_seconds = 0.0

    strike.later(MINUTE, 12 * HOUR, set_right)
