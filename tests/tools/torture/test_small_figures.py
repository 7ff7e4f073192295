"""The small figures of each torture: whatever the world does to real nodes, every promise holds. `docs/evidence.md` has the large ones.

Those that wait more than they work (kills, faults of lines) run beside those that work (power cuts, flipped bits), as anybody would start them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

from tools.torture.network import FAULTS

STATES: Final = 20_000
BITS: Final = 3_000
LINE_FAULTS: Final = 40
KILLS: Final = 100
HOUSES: Final = 2  # side by side; in each the shares of those who die hold for every ten kills
pytestmark = pytest.mark.timeout(3600)  # on a busy machine; two or three minutes on two idle cores
PATIENCE_SECONDS: Final = 60.0
Report = dict[str, Any]


class Torture:
    """`kabine torture`, in a process of its own; `report` waits for what it has found."""

    def __init__(self, kind: str, rounds: int, seed: int, *more: str, niceness: int = 0) -> None:
        self.process = subprocess.Popen(
            [
                *("nice", "-n", str(niceness), sys.executable, "-m", "tools", "torture", kind),
                *("--rounds", str(rounds), "--seed", str(seed), "--json", *more),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def report(self) -> Report:
        said, failed = self.process.communicate()
        assert said, failed
        found: Report = json.loads(said)
        return found

    def end(self) -> None:
        """As with Ctrl-C, where something else has failed: what it has started ends with it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=PATIENCE_SECONDS)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, Report]]:
    """What each torture has found."""
    network = Torture("network", LINE_FAULTS, 1)
    kill = Torture("kill", KILLS, 1, "--jobs", str(HOUSES))
    started = [network, kill]
    try:
        reports = {}
        for kind, rounds, seed in (("power", STATES, 1), ("rot", BITS, 3)):
            started.append(Torture(kind, rounds, seed, niceness=5))
            reports[kind] = started[-1].report()
        reports["network"] = network.report()
        reports["kill"] = kill.report()
        yield reports
    finally:
        for each in started:
            each.end()


@pytest.mark.parametrize("kind", ["power", "rot", "network", "kill"])
def test_every_promise_holds(found: dict[str, Report], kind: str) -> None:
    report = found[kind]
    assert report["broken"] == [], report["replay"]
    assert report["violations"] == 0


def test_power_is_cut_in_every_way(found: dict[str, Report]) -> None:
    report = found["power"]
    assert report["rounds"] >= 0.95 * STATES
    assert report["counts"].get("cabin-names-lost", 0) + report["counts"].get("hub-names-lost", 0) >= 1
    for node in ("cabin", "hub"):
        for kind in ("nothing", "all", "torn", "dropped", "reordered", "prefix", "chance"):
            assert report["counts"][f"{node}-{kind}"] >= 1, (node, kind)
    for kind in ("names-lost", "all", "torn"):  # whole small files: there is little else
        assert report["counts"][f"agency-{kind}"] >= 1, kind


def test_bits_flip_in_every_file(found: dict[str, Report]) -> None:
    report = found["rot"]
    assert report["rounds"] == BITS
    struck = {re.split("-(?:noticed|healed|given)", name)[0] for name in report["counts"]}
    files = {"buffer.sqlite", "buffer.sqlite-wal", "high-water", "hub.sqlite", "hub.sqlite-wal", "blobs"}
    assert struck == files | {"lives", "judged"}
    for file in files - {"high-water"}:  # it heals: it has two slots, and the database has the same
        assert report["counts"][f"{file}-noticed"] >= 1, file
    assert report["counts"]["blobs-given-back"] >= 1, "a cabin has given again what the hub's disk had altered"


def test_lines_suffer_every_kind_of_fault(found: dict[str, Report]) -> None:
    report = found["network"]
    assert report["rounds"] == LINE_FAULTS
    assert {name for name in FAULTS if report["counts"].get(name)} == set(FAULTS)


def test_every_process_is_killed_and_documents_arrive_all_the_same(found: dict[str, Report]) -> None:
    report = found["kill"]
    assert report["rounds"] == KILLS
    assert report["counts"]["documents-opened"] >= HOUSES
    for name, count in (("cabin", 60), ("hub", 40)):
        assert sum(report["counts"].get(f"{victim}-killed", 0) for victim in (name, "everything")) >= count
