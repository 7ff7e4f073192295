"""Faults of lines: each cabin lives in a network namespace of its own, and what the kernel does to its packets is ours to say. Needs root.

Documents are handed in before, during and after each fault. Once it is over, all must drain without anybody's help.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from protocol.errors import Unavailable
from tools.room import room
from tools.torture.house import House, house, until
from tools.torture.report import Report, luck
from tools.town import uckermark

CABINS: Final = 4
HELD_SECONDS: Final = (0.5, 4.0)  # a fault lasts
_DOWN_SECONDS: Final = 0.2  # of a line that flaps: less than any end takes for a silence …
_UP_SECONDS: Final = 0.4  # … and long enough to begin with something
_MOVED_SECONDS: Final = 1.0  # with an address, before the next
# planted fault → what brings it to light for certain
_SHOWN_BY: Final = {"dials-once": "reset", "never-asked-again": "silent-down"}
_TABLE: Final = "inet kabine"


@dataclass(frozen=True)
class Space:
    """The namespace of cabin `number`; this machine is its router."""

    name: str
    number: int
    port: int

    @property
    def network(self) -> str:
        """Its addresses, but for the last number."""
        return f"10.{64 + os.getpid() % 128}.{self.number}"

    @property
    def router(self) -> str:
        """Where the cabin finds the hub."""
        return f"{self.network}.1"

    @property
    def inside(self) -> str:
        """The name of the cabin's interface."""
        return f"kb{os.getpid() % 100_000}c{self.number}"

    @property
    def outside(self) -> str:
        """The name of its other end."""
        return f"kb{os.getpid() % 100_000}h{self.number}"

    def run(self, *words: str) -> None:
        """In the namespace."""
        command("ip", "netns", "exec", self.name, *words)

    def rules(self, *rules: str) -> None:
        """Packets fare like this from now on. Each rule begins with the chain, `in` or `out` as the cabin sees it."""
        script = f"add table {_TABLE}\nflush table {_TABLE}\n"
        for chain, hook in (("in", "input"), ("out", "output")):
            script += f"add chain {_TABLE} {chain} {{ type filter hook {hook} priority 0; policy accept; }}\n"
        script += "".join(f"add rule {_TABLE} {rule}\n" for rule in rules)
        self.run("nft", script)

    def heal(self) -> None:
        """A line as it should be."""
        self.rules()
        self.run("ip", "link", "set", self.inside, "up")


def command(*words: str) -> None:
    """Raises Unavailable when this machine does not let us."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(
            f"{' '.join(words)[:200]}: {done.stderr.strip()[:200]}", "Run this as root, with iproute2 and nftables."
        )


@contextmanager
def spaces(count: int, port: int) -> Iterator[list[Space]]:
    """Namespaces, each with a line to this machine."""
    for tool in ("ip", "nft"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed.", "Install iproute2 and nftables.")
    made = [Space(f"kabine-{os.getpid()}-{number}", number + 1, port) for number in range(count)]
    try:
        for space in made:
            command("ip", "netns", "add", space.name)
            command(
                "ip", "link", "add", space.outside, "type", "veth", "peer", "name", space.inside, "netns", space.name
            )
            command("ip", "addr", "add", f"{space.router}/24", "dev", space.outside)
            command("ip", "link", "set", space.outside, "up")
            space.run("ip", "addr", "add", f"{space.network}.2/24", "dev", space.inside)
            space.run("ip", "link", "set", "lo", "up")
            space.heal()
        yield made
    finally:
        for space in made:
            subprocess.run(["ip", "link", "del", space.outside], check=False, capture_output=True)
            subprocess.run(["ip", "netns", "del", space.name], check=False, capture_output=True)


# --- faults ---------------------------------------------------------------------------------------------------------
def _rules(*rules: str) -> Callable[[Space], None]:
    return lambda space: space.rules(*(rule.replace("PORT", str(space.port)) for rule in rules))


def _unplugged(space: Space) -> None:
    space.run("ip", "link", "set", space.inside, "down")


def _flapping(space: Space) -> None:
    for _ in range(4):
        space.run("ip", "link", "set", space.inside, "down")
        time.sleep(_DOWN_SECONDS)
        space.run("ip", "link", "set", space.inside, "up")
        time.sleep(_UP_SECONDS)


def _moved(space: Space) -> None:
    """Another address, as a modem gives after a night: the hub's end of the old connection stays half open."""
    for host in (3, 2):
        space.run("ip", "addr", "flush", "dev", space.inside)
        space.run("ip", "addr", "add", f"{space.network}.{host}/24", "dev", space.inside)
        time.sleep(_MOVED_SECONDS)


_CUT: Final = ("in tcp sport PORT reject with tcp reset", "out tcp dport PORT reject with tcp reset")
FAULTS: Final[dict[str, Callable[[Space], None]]] = {
    "loss-up": _rules("out numgen random mod 100 < 20 drop"),
    "loss-both": _rules("out numgen random mod 100 < 10 drop", "in numgen random mod 100 < 10 drop"),
    "silent-up": _rules("out tcp dport PORT drop"),
    "silent-down": _rules("in tcp sport PORT drop"),
    "silent": _rules("in tcp sport PORT drop", "out tcp dport PORT drop"),
    "reset": _rules(*_CUT),
    "unreachable": _rules("out tcp dport PORT reject with icmp type host-unreachable"),
    "throttled": _rules("out limit rate over 8 kbytes/second drop", "in limit rate over 8 kbytes/second drop"),
    "large-lost": _rules("out meta length > 600 drop"),
    "large-lost-down": _rules("in meta length > 600 drop"),
    "acknowledgements-lost": _rules("out tcp flags & (syn | ack | psh | fin) == ack meta length < 60 drop"),
    "no-new-connection": _rules("in tcp flags & (syn | ack) == (syn | ack) drop", *_CUT[1:]),
    "corrupted": _rules("out tcp dport PORT meta length > 120 numgen random mod 4 == 0 @th,512,8 set 0x5a"),
    "unplugged": _unplugged,
    "flapping": _flapping,
    "moved": _moved,
}


# --- the torture ----------------------------------------------------------------------------------------------------
def network(rounds: int, seed: int, plant: str = "") -> Report:
    """`rounds` faults, over CABINS cabins at once."""
    report = Report("network", seed, plant, rounds)
    sites = list(uckermark().sites[:CABINS])
    names = [str(site.id) for site in sites]
    with room() as folder, house(folder, sites, plant, everywhere=True) as made, spaces(CABINS, made.port) as there:
        for name, space in zip(names, there, strict=True):
            config = made.cabin(name) / "edge.toml"
            config.write_text(config.read_text().replace("tcp://127.0.0.1:", f"tcp://{space.router}:"))
            made.prefixes[f"cabin-{name}"] = ["ip", "netns", "exec", space.name]
        made.start_cabin(*names)
        kinds = [_SHOWN_BY[plant]] * rounds if plant else _kinds(rounds, seed)
        try:
            work = [
                partial(_suffer, made, name, space, kinds[place::CABINS], seed, report)
                for place, (name, space) in enumerate(zip(names, there, strict=True))
            ]
            threads = [threading.Thread(target=each) for each in work]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            for space in there:
                space.heal()
        for what in made.broken(names, agency=False) if not report.violations else ():
            report.broke(what)
        report.counts["documents-accepted"] += sum(map(len, made.accepted.values()))
    return report


def _kinds(rounds: int, seed: int) -> list[str]:
    """Every kind comes equally often."""
    dice = luck(seed, "network")
    kinds: list[str] = []
    while len(kinds) < rounds:
        kinds += dice.sample(sorted(FAULTS), len(FAULTS))
    return kinds[:rounds]


def _suffer(made: House, site: str, space: Space, kinds: list[str], seed: int, report: Report) -> None:
    dice = luck(seed, site)
    try:
        for kind in kinds:
            if not report.violations:
                _round(made, site, space, kind, dice, report)
    except Exception as error:
        report.broke(f"{site}: {type(error).__name__}: {error}")


def _round(made: House, site: str, space: Space, kind: str, dice: random.Random, report: Report) -> None:
    until(lambda: _connected(made, site), made.patience_seconds)
    made.hand_in(site)
    FAULTS[kind](space)
    began = time.monotonic()
    held = dice.uniform(*HELD_SECONDS)
    for _ in range(dice.randint(1, 2)):
        if not made.hand_in(site):
            report.broke(f"A document was not accepted at {site} without a line ({kind}).")
    time.sleep(max(0.0, held - (time.monotonic() - began)))
    if made.plant:
        until(lambda: not _connected(made, site), made.patience_seconds)
    space.heal()
    report.rounds += 1
    report.counts[kind] += 1
    drained = until(lambda: made.arrived(site).keys() >= made.documents(site).keys(), made.patience_seconds)
    if not drained:
        status = made.status(site)
        reason = status.link.reason if status else "its node ended"
        report.broke(f"{made.patience_seconds:.0f} s after “{kind}” {site} has not drained: {reason}")


def _connected(made: House, site: str) -> bool:
    status = made.status(site)
    return status is not None and status.link.connected
