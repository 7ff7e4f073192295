"""Some cabin-days of everything that can go wrong; and whether the witness would have seen it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tools.simulator.faults import FAULTS
from tools.simulator.planted import PLANTED
from tools.simulator.report import Report
from tools.simulator.simulation import simulate

SEEDS = range(1, 6)
RECOVERIES = {
    "cabin-dialled-anew-after-cut",
    "cabin-dialled-anew-after-silence",
    "cabin-dialled-anew-after-standstill",
    "cabin-ended-by-itself-and-was-started-anew",
    "cabin-opened-again",
    "connector-came-again",
    "directory-came-into-force",
    "document-went-on-where-it-was",
    "hub-ended-by-itself-and-was-started-anew",
    "hub-gave-a-link-up-after-jam",
    "hub-gave-a-link-up-after-silence",
    "hub-gave-a-link-up-after-standstill",
    "hub-gave-a-link-up-after-superseded",
    "hub-opened-again",
    "late-frames-changed-nothing",
    "visitor-was-told-of-a-full-disk",
}


@pytest.fixture(scope="module")
def played() -> list[Report]:
    """Forty cabin-days."""
    return [simulate(seed, days=4, cabins=2) for seed in SEEDS]


def test_every_promise_holds(played: list[Report]) -> None:
    assert [what for report in played for what in report.broken] == []
    assert sum(report.cabin_days for report in played) >= 40
    assert sum(report.documents for report in played) > 300


def test_every_fault_and_every_way_back_was_really_reached(played: list[Report]) -> None:
    together = Report(0)
    for report in played:
        together.add(report)
    assert set(FAULTS) == {name for name, count in together.faults.items() if count}
    assert set() == RECOVERIES - {name for name, count in together.recoveries.items() if count}


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_fault_is_caught(name: str) -> None:
    """The first of a few short runs that catches it is enough."""
    caught = ""
    for seed in range(1, 9):
        report = simulate(seed, days=1, cabins=1, plant=name)
        if report.broken:
            caught = report.broken[0]
            break
    assert f"--plant {name}" in caught


def test_a_seed_gives_the_same_run_in_another_process() -> None:
    """Whatever order Python gives to sets."""

    def run(hash_seed: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(
            subprocess.run(
                [sys.executable, "-m", "tools", "simulate", "--seed", "7", "--days", "1", "--json"],
                env={**os.environ, "PYTHONHASHSEED": hash_seed},
                capture_output=True,
                check=True,
            ).stdout
        )
        return found

    one = run("1")
    assert one == run("2")
    assert one["violations"] == 0
    assert one["planted"] is None


def test_seeds_differ() -> None:
    assert simulate(21, days=0.2, cabins=1).traces != simulate(22, days=0.2, cabins=1).traces


def test_a_broken_promise_prints_the_command_that_replays_it() -> None:
    def run(plant: str, days: str) -> tuple[int, str]:
        command = ["simulate", "--seed", "1", "--cabins", "1", "--days", days, "--plant", plant]
        done = subprocess.run([sys.executable, "-m", "tools", *command], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    code, said = run("ack-before-commit", "0.5")
    assert code == 0
    assert "replay: kabine simulate --days 0.5 --seed 1 --cabins 1 --plant ack-before-commit" in said
    code, said = run("hello-before-settle", "0.001")
    assert code == 1
    assert "NOT caught" in said
