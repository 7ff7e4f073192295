"""What can go wrong, by name. A fault is a function that does it, and sees to it that it ends; the table is what `kabine simulate` draws from.

A new kind is one function and one row. Each is counted when it really happened.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from edge.buffer import HIGH_WATER
from edge.storage.opening import FILE
from protocol import limits
from tools.simulator.cabin_node import CabinNode
from tools.simulator.district import at
from tools.simulator.node import TURN_SECONDS, Node

if TYPE_CHECKING:
    from tools.simulator.simulation import Simulation

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
YEAR: Final = timedelta(days=365)
BEGINNING_OF_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME: Final = datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)
_STEPS_MAX: Final = 400  # effects until a crash: from before the first to long after the last of a document


@dataclass(frozen=True)
class Strike:
    """Where a fault strikes: one cabin and the hub, with the luck of this moment."""

    simulation: Simulation
    cabin: CabinNode
    dice: random.Random

    @property
    def hub(self) -> Node:
        """The hub."""
        return self.simulation.hub

    def steps(self) -> int:
        """Effects until a crash: mostly few, for then most is under way."""
        return int(_STEPS_MAX ** self.dice.random())

    def spoil(self, why: str) -> None:
        """What is missing in this cabin from now on has a reason; that it is missing must be told."""
        witness = self.simulation.witness
        witness.notebook.custody[self.cabin.name].spoiled = why
        witness.notebook.excused.add(self.cabin.site)

    def later(self, low_seconds: float, high_seconds: float, act: Callable[[], object]) -> None:
        """By the calendar."""
        agenda = self.simulation.agenda
        agenda.on(agenda.now + self.dice.uniform(low_seconds, high_seconds), act)


Fault = Callable[[Strike], None]


# --- lines --------------------------------------------------------------------------------------------------------
def reset(strike: Strike) -> None:
    """The connection is reset; the line is well."""
    strike.cabin.line.reset()


def half_open(strike: Strike) -> None:
    """Only the cabin learns that the connection is gone; what it had said comes when the next one stands."""
    strike.cabin.line.half_reset()


def flap(strike: Strike) -> None:
    """The line goes and comes."""
    for _ in range(strike.dice.randint(3, 8)):
        strike.later(0, 5, strike.cabin.line.reset)


def cut(strike: Strike) -> None:
    """Noticed at once by both."""
    strike.cabin.line.cut()
    strike.later(1, 5 * MINUTE, strike.cabin.line.mend)


def hush(strike: Strike) -> None:
    """Nothing goes through any more, and nobody is told."""
    strike.cabin.line.hush("up", "down")
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


# --- nodes --------------------------------------------------------------------------------------------------------
def cabin_killed(strike: Strike) -> None:
    """kill -9 between any two effects."""
    strike.cabin.kill_soon(strike.steps(), power=False)


def cabin_power(strike: Strike) -> None:
    """As killed, and what was not fsynced is gone."""
    strike.cabin.kill_soon(strike.steps(), power=True)


def cabin_dark(strike: Strike) -> None:
    """Nobody switches it on again for a while."""
    strike.cabin.stay_down(strike.dice.uniform(MINUTE, 6 * HOUR))
    strike.cabin.kill(power=strike.dice.random() < 0.5)


def hub_killed(strike: Strike) -> None:
    """kill -9 between any two effects."""
    strike.hub.kill_soon(strike.steps(), power=False)


def hub_power(strike: Strike) -> None:
    """As killed, and what was not fsynced is gone."""
    strike.hub.kill_soon(strike.steps(), power=True)


def hub_away(strike: Strike) -> None:
    """No hub for up to two hours."""
    strike.hub.stay_down(strike.dice.uniform(MINUTE, 2 * HOUR))
    strike.hub.kill(power=strike.dice.random() < 0.5)


def cabin_full(strike: Strike) -> None:
    """Its disk fills up, to the last byte or nearly so, while somebody hands in."""
    strike.simulation.witness.notebook.custody[strike.cabin.name].short = True
    _fill(strike, strike.cabin, 5 * MINUTE)
    for _ in range(3):
        strike.later(0, 5, lambda: strike.simulation.hand_in(strike.cabin))


def hub_full(strike: Strike) -> None:
    """Its disk fills up."""
    _fill(strike, strike.hub, 2 * MINUTE)


def _fill(strike: Strike, node: Node, seconds_max: float) -> None:
    node.disk.free_bytes = int(strike.dice.choice([0, 100_000, 400_000]) * strike.dice.random())
    node.disk.greedy = strike.dice.random() < 0.5
    strike.later(1, seconds_max, node.disk.heal)


def hub_low(strike: Strike) -> None:
    """Its disk is nearly full: it asks for no documents until there is room again."""
    strike.hub.disk.free_bytes = limits.DISK_FREE_BYTES_MIN // 2
    strike.later(MINUTE, 30 * MINUTE, strike.hub.disk.heal)


def cabin_sync(strike: Strike) -> None:
    """An fsync fails, and nobody knows what the disk holds: the kernel believes that it is written, or has dropped it."""
    _fail_sync(strike, strike.cabin)


def hub_sync(strike: Strike) -> None:
    """As in the cabin."""
    _fail_sync(strike, strike.hub)


def _fail_sync(strike: Strike, node: Node) -> None:
    node.disk.syncs_until_failure = strike.dice.randint(1, 12)
    if strike.dice.random() < 0.5:  # and soon the power fails too
        strike.later(5, 3 * MINUTE, lambda: node.kill(power=True))


def cabin_read_only(strike: Strike) -> None:
    """The kernel has found an error, and lets nobody write until a person comes."""
    _read_only(strike, strike.cabin)


def hub_read_only(strike: Strike) -> None:
    """As in the cabin."""
    _read_only(strike, strike.hub)


def _read_only(strike: Strike, node: Node) -> None:
    node.disk.read_only = True
    strike.later(10, 90, node.disk.heal)


def cabin_restarted(strike: Strike) -> None:
    """In order: an update, a reboot."""
    strike.cabin.stop()


def hub_restarted(strike: Strike) -> None:
    """In order."""
    strike.hub.stop()


def slow_disk(strike: Strike) -> None:
    """An fsync takes up to two seconds: much comes in one turn that is far apart otherwise."""
    node = strike.dice.choice([strike.cabin, strike.hub])
    node.turn_seconds = 2.0
    for second in range(0, 10, 2):
        strike.later(second, second, lambda: strike.simulation.hand_in(strike.cabin))
        strike.later(second + 0.1, second + 0.6, strike.cabin.line.reset)

    def soon_again() -> None:
        node.turn_seconds = TURN_SECONDS

    strike.later(10, 5 * MINUTE, soon_again)


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


# --- disks and people ----------------------------------------------------------------------------------------------
def cabin_rot(strike: Strike) -> None:
    """A bit flips in a cabin's database, its WAL or its high-water mark."""
    disk = strike.cabin.disk
    names = [name for name in (FILE, f"{FILE}-wal", HIGH_WATER) if name in disk.names and disk.names[name].size_bytes]
    if names:
        name = strike.dice.choice(names)
        strike.spoil("a bit flipped")
        disk.flip(name, strike.dice.randrange(disk.names[name].size_bytes), strike.dice.randrange(8))
        if strike.dice.random() < 0.5:
            strike.later(0, MINUTE, lambda: strike.cabin.kill(power=False))


def cabin_older_file(strike: Strike) -> None:
    """Somebody brings back an older copy of the cabin's database, and nothing else."""
    disk, dice = strike.cabin.disk, strike.dice
    older = {name: raw for name, raw in disk.image().items() if name.startswith(FILE)}

    def bring_back() -> None:
        if strike.cabin.retired:
            return
        strike.spoil("an older file was brought back")
        strike.cabin.kill(power=False)
        image = {name: raw for name, raw in disk.image().items() if name not in (FILE, f"{FILE}-wal")}
        disk.restore({**image, **older})

    seconds = dice.uniform(MINUTE, dice.choice([HOUR, 12 * HOUR]))
    strike.later(seconds, seconds, bring_back)
    if dice.random() < 0.5:  # and the hub hears nothing of what came between
        strike.cabin.line.cut()
        for share in (0.2, 0.5, 0.8):
            strike.later(share * seconds, share * seconds, lambda: strike.simulation.hand_in(strike.cabin))
        strike.later(seconds + 1, seconds + MINUTE, strike.cabin.line.mend)


def hub_rot(strike: Strike) -> None:
    """A bit flips in a document that lies in an inbox."""
    simulation = strike.simulation
    if not simulation.hub.runs:
        return
    digests = simulation.witness.hub.stored_digests()
    if digests:
        digest = strike.dice.choice(digests)
        name, position, length = simulation.witness.hub.lies_at(digest)
        simulation.witness.notebook.rotten.add(digest)
        strike.hub.disk.flip(name, position + strike.dice.randrange(length), strike.dice.randrange(8))
        simulation.report.recoveries["document-altered-in-an-inbox"] += 1


def cloned(strike: Strike) -> None:
    """Somebody copies a cabin's disk, and both run."""
    strike.simulation.people.clone(strike.cabin)


def restored(strike: Strike) -> None:
    """Somebody brings an older image of a whole cabin back."""
    strike.simulation.people.restore(strike.cabin)


def hub_restored(strike: Strike) -> None:
    """The hub comes back from a backup that is some hours old."""
    strike.simulation.people.restore_hub()


def revoked(strike: Strike) -> None:
    """A cabin is revoked while it speaks; a new machine comes later."""
    for second in range(5):
        strike.later(second * 0.2, second * 0.3, lambda: strike.simulation.hand_in_at(strike.cabin))
    strike.later(0.5, 1.5, lambda: strike.simulation.people.revoke(strike.cabin))


FAULTS: Final[dict[str, Fault]] = {
    "reset": reset,
    "half-open": half_open,
    "flap": flap,
    "cut": cut,
    "silent-cut": hush,
    "silent-up": hush_up,
    "silent-down": hush_down,
    "slow": slow,
    "delay": delayed,
    "altered-byte": altered,
    "outage-of-hours": hours_away,
    "outage-of-days": days_away,
    "cabin-killed": cabin_killed,
    "cabin-power-cut": cabin_power,
    "cabin-dark": cabin_dark,
    "cabin-restarted": cabin_restarted,
    "cabin-disk-full": cabin_full,
    "cabin-fsync-error": cabin_sync,
    "cabin-read-only": cabin_read_only,
    "hub-killed": hub_killed,
    "hub-power-cut": hub_power,
    "hub-away": hub_away,
    "hub-restarted": hub_restarted,
    "hub-disk-full": hub_full,
    "hub-fsync-error": hub_sync,
    "hub-read-only": hub_read_only,
    "hub-disk-nearly-full": hub_low,
    "slow-disk": slow_disk,
    "cabin-bit-flip": cabin_rot,
    "cabin-older-file": cabin_older_file,
    "cabin-cloned": cloned,
    "cabin-restored": restored,
    "hub-bit-flip": hub_rot,
    "hub-restored": hub_restored,
    "revoked": revoked,
    "clock-skew": clock_skewed,
    "clock-jump": clock_jumped,
}
# How often, beside the others; once when it is not named here.
WEIGHTS: Final = {
    "outage-of-days": 0.3,
    "outage-of-hours": 0.6,
    "clock-jump": 0.6,
    "hub-disk-nearly-full": 0.5,
    "cabin-dark": 0.6,
    "cabin-older-file": 0.3,
    "cabin-cloned": 0.3,
    "cabin-restored": 0.3,
    "hub-restored": 0.5,
    "revoked": 0.3,
    "hub-away": 0.6,
    "cabin-killed": 2,
    "cabin-power-cut": 2,
    "hub-killed": 2,
    "hub-power-cut": 2,
}
