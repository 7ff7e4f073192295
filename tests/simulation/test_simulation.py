"""Some cabin-days of everything that can go wrong; and whether the witness would have seen it."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys

import pytest

from tools.room import room
from tools.simulator import bounds
from tools.simulator.faults import EFFECTS, FAULTS
from tools.simulator.planted import PLANTED
from tools.simulator.report import Report
from tools.simulator.simulation import Simulation, dice
from tools.simulator.worlds import World, play, simulate

RECOVERIES = {
    "cabin-dialled-anew-after-cut",
    "cabin-dialled-anew-after-refusal",
    "cabin-dialled-anew-after-silence",
    "cabin-dialled-anew-after-standstill",
    "cabin-dialled-anew-after-superseded",
    "cabin-ended-by-itself-and-was-started-anew",
    "cabin-opened-again",
    "agency-was-let-go",
    "agency-was-made-known-again",
    "directory-was-published-once-more",
    "connector-came-again",
    "connector-noticed-altered-bytes",
    "directory-came-into-force",
    "document-was-given-back-after-a-flipped-bit",
    "document-was-given-back-after-its-bytes-were-lost",
    "document-was-given-back-to-a-hub-from-a-backup",
    "document-was-lost-to-a-flipped-bit",
    "document-was-lost-with-a-hub-from-a-backup",
    "document-went-on-where-it-was",
    "fork-was-noticed",
    "hub-came-back-from-a-backup",
    "hub-ended-by-itself-and-was-started-anew",
    "hub-gave-a-link-up-after-jam",
    "hub-went-on-with-another-database",
    "segment-damaged-was-told",
    "segment-unknown-was-told",
    "hub-gave-a-link-up-after-silence",
    "hub-gave-a-link-up-after-standstill",
    "hub-gave-a-link-up-after-superseded",
    "hub-opened-again",
    "late-frames-changed-nothing",
    "machine-was-replaced",
    "old-entries-were-forgotten",
    "older-image-came-back",
    "revoked-while-it-spoke",
    "visitor-was-told-of-a-full-disk",
}
DAYS = float(os.environ.get("KABINE_SIMULATED_DAYS", "750"))
pytestmark = pytest.mark.timeout(1800)  # on a busy machine; the longest takes a minute and a half on two idle cores
WORLDS_MAX = 64  # until something is seen that happens in one of a few; what is seen ends it


def test_what_a_bad_disk_has_lost_is_told() -> None:
    """Seldom: a bit must flip where it hurts, in a document that the hub does not have yet."""
    for seed in range(1, WORLDS_MAX):
        with room() as folder:
            report = Simulation(folder, seed, 1, 1.0, often=("cabin-bit-flip", "cabin-older-file")).run()
        assert report.broken == []
        if report.recoveries["loss-was-told"]:
            return
    raise AssertionError(f"no loss in {WORLDS_MAX} worlds")


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_fault_is_caught(name: str) -> None:
    """The first of a few short runs that catches it is enough."""
    caught = ""
    for seed in range(1, WORLDS_MAX):
        report = simulate(seed, days=1, cabins=1, plant=name)
        if report.broken:
            caught = report.broken[0]
            break
    assert f"--plant {name}" in caught


def test_a_seed_gives_the_same_run_in_another_process() -> None:
    """Whatever order Python gives to sets, and however many worlds run beside it."""
    script = "from tools.simulator.worlds import simulate; print(simulate(7, 1, 1).traces)"

    def run(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, check=True, text=True
        ).stdout

    assert run("1") == run("2") == f"{simulate(7, 1, 1).traces}\n"


def test_json_says_exactly_this() -> None:
    command = [sys.executable, "-m", "tools", "simulate", "--seed", "7", "--days", "0.5", "--cabins", "1", "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert list(found) == ["cabin_days", "seed", "violations", "faults", "recoveries", "planted", "caught"]
    assert (found["seed"], found["violations"], found["planted"], found["caught"]) == (7, 0, None, None)


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_every_fault_comes_in_a_run_of_six_cabin_days(seed: int) -> None:
    report = simulate(seed, days=2, cabins=3)
    assert report.broken == []
    assert {*FAULTS, *EFFECTS} - set(+report.faults) <= {"small-bound"}, "which are in every other world"


def test_there_are_planted_faults_enough() -> None:
    command = [sys.executable, "-m", "tools", "simulate", "--plant", "list", "--json"]
    known = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert sorted(known) == sorted(PLANTED)
    plain = subprocess.run(command[:-1], capture_output=True, check=True, text=True).stdout
    assert plain.split() == list(known)  # as a loop of the shell takes them
    assert len(known) >= 25


def test_seeds_differ() -> None:
    assert simulate(21, days=0.2, cabins=1).traces != simulate(22, days=0.2, cabins=1).traces


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_of_very_many_worlds_begins_with_the_first(processes: int) -> None:
    """They were all laid out before, until there was no memory left."""
    assert simulate(1, days=1e15, cabins=1, plant="ack-before-commit", processes=processes).broken


def test_nothing_is_left_of_a_world_that_was_played() -> None:
    """A process that plays fifty grew by 25 MB with each."""
    for seed in (24, 25):
        play(World(seed, 0.02, 1, ""))
        assert not any(isinstance(found, Simulation) for found in gc.get_objects())


def test_bounds_are_small_in_some_worlds_and_ordinary_behind_them() -> None:
    ordinary = [getattr(home, name) for home, name, _ in bounds.SMALL]
    assert all(max(sizes) < usual for (_, _, sizes), usual in zip(bounds.SMALL, ordinary, strict=True))
    seen: set[str] = set()
    for seed in range(WORLDS_MAX):
        with bounds.drawn(dice(f"{seed} bounds")) as small:
            now = {name: getattr(home, name) for home, name, _ in bounds.SMALL}
            assert small == {name: now[name] for name in small}
        seen |= small.keys()
    assert seen == {name for _, name, _ in bounds.SMALL}
    assert [getattr(home, name) for home, name, _ in bounds.SMALL] == ordinary
    with bounds.drawn(dice("planted"), 0.0) as small:
        assert small == {}


def test_a_run_is_as_many_worlds_as_its_days_take() -> None:
    assert len(simulate(23, days=0.06, cabins=1, world_days=0.02).traces) == 3
    assert len(simulate(23, days=5, cabins=1).traces) == 2
    assert len(simulate(23, days=5, cabins=1, world_days=5).traces) == 1


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


@pytest.mark.parametrize("plant", [(), ("--plant", "ack-before-commit")])
def test_the_exit_code_is_kept_where_nobody_reads_on(plant: tuple[str, ...]) -> None:
    """As of `| head -1`: 1 means that a promise was broken, or with a planted fault that none was."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tools", "simulate", "--days", "0.05", "--cabins", "1", *plant]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("days", [("inf", "4"), ("1e300", "1e-300")])
def test_a_run_without_an_end_is_refused(days: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "tools", "simulate", "--days", days[0], "--world-days", days[1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no run has an end then" in done.stderr


def test_whoever_plants_one_need_not_know_how_many_days_it_takes() -> None:
    """Of the four days that a sound machine is given, nothing came of it."""
    command = [sys.executable, "-m", "tools", "simulate", "--plant", "deaf-to-silence", "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["caught"]


# --- with every processor, and therefore last: whatever runs beside this has ended by then ---
@pytest.fixture(scope="module")
def played() -> Report:
    """Many worlds on all cores, each with two cabins for four days."""
    return simulate(1, DAYS, 2, processes=os.cpu_count() or 1)


def test_every_promise_holds(played: Report) -> None:
    assert played.broken == []
    assert played.cabin_days >= 2 * DAYS
    assert played.documents > 10 * DAYS


def test_every_fault_and_every_way_back_was_really_reached(played: Report) -> None:
    """The rarest may need some worlds more, after a change of the product that has moved them."""

    def missing() -> set[str]:
        return ({*FAULTS, *EFFECTS} - set(+played.faults)) | (RECOVERIES - set(+played.recoveries))

    for seed in range(10_000, 10_000 + WORLDS_MAX * 100, 100):
        if not missing():
            break
        further = simulate(seed, DAYS / 10, 2, processes=os.cpu_count() or 1)
        assert further.broken == []
        played.add(further)
    assert missing() == set()
    assert set(+played.faults) == {*FAULTS, *EFFECTS}
