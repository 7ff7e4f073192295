"""What can go wrong with a disk: it is full, slow, broken, or forgets a bit."""

from __future__ import annotations

from edge.buffer import HIGH_WATER
from edge.storage.opening import FILE
from protocol import limits
from tools.simulator.node import TURN_SECONDS, Node
from tools.simulator.readers import ASIDE, file_of
from tools.simulator.strike import MINUTE, Strike


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


def hub_segment(strike: Strike) -> None:
    """The hub's disk has lost a file of documents, or its end: a bad sector, or a copy that was made while the hub ran. It notices when it starts,
    and often something goes wrong then too."""
    hub, dice, witness = strike.hub, strike.dice, strike.simulation.witness
    segments = witness.hub.segments() if hub.runs else []
    if not segments:
        strike.later(MINUTE, 10 * MINUTE, lambda: hub_segment(strike))
        return
    witness.hub.look()
    segment, end_bytes = dice.choice(segments)
    size_bytes = None if dice.random() < 0.25 else dice.randrange(end_bytes)
    witness.segment_lost(segment, size_bytes or 0)
    hub.kill(power=False)
    hub.disk.lose(file_of(segment), size_bytes)
    if file_of(segment, ASIDE) in hub.disk.names:  # a second name of it, or a copy
        hub.disk.lose(file_of(segment, ASIDE), size_bytes)
    hub.may_stumble(dice)


def hub_rot(strike: Strike) -> None:
    """A bit flips in a document that lies in an inbox, mostly in one that its agency has not closed."""
    simulation = strike.simulation
    if not simulation.hub.runs:
        return
    watch = simulation.witness.hub
    unclosed = watch.open_digests() if strike.dice.random() < 0.8 else []
    digests = unclosed or watch.stored_digests()
    if digests:
        digest = strike.dice.choice(digests)
        name, position, length = watch.lies_at(digest)
        simulation.witness.notebook.rotten.add(digest)
        strike.hub.disk.flip(name, position + strike.dice.randrange(length), strike.dice.randrange(8))
        simulation.report.recoveries["document-altered-in-an-inbox"] += 1
