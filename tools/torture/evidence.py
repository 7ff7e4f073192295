"""The large figures: taken step by step by the same commands that anybody can type, kept as lines of JSON, and written down as one page for people.

A step that was done with one seed is not done again with it; with another it adds up. So hours of it can be spread over nights, and over machines.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from protocol.runtime.folder import write_file
from tools.farewell import seen_off
from tools.simulator.planted import PLANTED
from tools.simulator.simulation import WORLD_DAYS
from tools.torture import planted

_BROKEN: Final = "Broken promise: "
SIMULATED: Final = "simulate"
_WORLDS: Final = 100_000  # seeds of one run
_CELL_CHARS: Final = 110
_LINE_CHARS: Final = 150
_MOST: Final = "-branches"  # of these the most that one run has reached; all other counts add up
Found = dict[str, Any]  # what one step has found, as `Report.as_dict` says it, with commit, machine and time


@dataclass(frozen=True)
class Step:
    """One large figure. `whole`: rounds (of a simulation: cabin-days) that the design asks for."""

    whole: int
    what: str


class World(NamedTuple):
    """How many cabins stand at the hub of a simulation, and for how many days on end."""

    cabins: int
    days: float = WORLD_DAYS


STEPS: Final = {
    "simulate": Step(100_000, "cabin-days under virtual time"),
    "power": Step(1_000_000, "crash states opened and checked"),
    "kill": Step(7_000, "kills of whole processes"),
    "network": Step(2_000, "faults between network namespaces"),
    "rot": Step(100_000, "flipped bits"),
    "bytes": Step(1_000_000_000, "hostile inputs"),
}
_PLANTED_CABIN_DAYS: Final = 32  # within so many the simulation catches each planted fault


def gather(only: tuple[str, ...], share: float, seed: int, record: Record, world: World) -> None:
    """Do what is not on record yet: every step with its share of rounds, then each of its planted faults. A simulation is of such a `world`.
    What failed is kept too. Raises Unavailable, before anything is done, where nothing can be written."""
    record.write()
    for kind, step in STEPS.items():
        if only and kind not in only:
            continue
        _do(kind, max(1, round(step.whole * share)), seed, "", record, world)
        for name in sorted(PLANTED) if kind == SIMULATED else planted.names(kind):
            rounds = _PLANTED_CABIN_DAYS if kind == SIMULATED else planted.rounds(kind, name)
            _do(kind, rounds, 1, name, record, World(1))


def _do(kind: str, rounds: int, seed: int, plant: str, record: Record, world: World) -> None:
    command = _simulate(rounds, seed, plant, world) if kind == SIMULATED else _torture(kind, rounds, seed, plant)
    if record.has(kind, plant, int(command[command.index("--seed") + 1])):
        return
    began = time.monotonic()
    done = seen_off(
        [sys.executable, "-m", "tools", *command, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        found = json.loads(done.stdout)
        if kind == SIMULATED:
            found = _as_torture(found, done.stderr, time.monotonic() - began, command)
    except json.JSONDecodeError:
        words = done.stderr.strip().splitlines()
        found = {"kind": kind, "seed": seed, "rounds": 0, "planted": plant, "failed": words[-1] if words else "nothing"}
    record.add({**found, "commit": _commit(), "machine": machine(), "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}"})


def _torture(kind: str, rounds: int, seed: int, plant: str) -> list[str]:
    return ["torture", kind, "--rounds", str(rounds), "--seed", str(seed), *(["--plant", plant] if plant else [])]


def _simulate(cabin_days: int, seed: int, plant: str, world: World) -> list[str]:
    """A run takes a seed for each of its worlds: the next run begins behind them."""
    run = ["simulate", "--days", f"{cabin_days / world.cabins:g}", "--seed", str(seed if plant else seed * _WORLDS)]
    run += ["--world-days", f"{world.days:g}"] if world.days != WORLD_DAYS else []
    return [*run, "--cabins", str(world.cabins), *(["--plant", plant] if plant else [])]


def _as_torture(found: dict[str, Any], said: str, seconds: float, command: list[str]) -> dict[str, Any]:
    """What a simulation has found, as the tortures say it."""
    plant = found["planted"] or ""
    broken = [line.removeprefix(_BROKEN) for line in said.splitlines() if line.startswith(_BROKEN)]
    return {
        "kind": SIMULATED,
        "seed": found["seed"],
        "rounds": round(found["cabin_days"]),
        "counts": {**found["faults"], **found["recoveries"]},
        "violations": found["violations"],
        "broken": broken,
        "planted": plant,
        "caught": bool(found["caught"]),
        "seconds": round(seconds, 1),
        "replay": f"kabine {' '.join(command)}",
    }


def _commit() -> str:
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """Processors, memory and kernel of this machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory_kib = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1])
    python = platform.python_version()
    model = models[0] if models else platform.machine()
    return f"{len(models)} × {model}, {memory_kib // 2**20} GiB, Linux {platform.release()}, Python {python}"


# --- the record -----------------------------------------------------------------------------------------------------
class Record:
    """Beside the page `out`, a line for each step. Both are written after each: whoever stops it in the middle has lost one step."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._lines = out.with_suffix(".jsonl")
        lines = self._lines.read_text(encoding="utf-8").splitlines() if self._lines.exists() else []
        self._found = {_place(found): found for found in map(json.loads, lines)}

    def has(self, kind: str, plant: str, seed: int) -> bool:
        """Was it done, without anything broken, or caught?"""
        found = self._found.get(_place({"kind": kind, "planted": plant, "seed": seed}), {"failed": ""})
        return "failed" not in found and bool(found["violations"]) == bool(plant)

    def add(self, found: Found) -> None:
        """In the place of what the same step has found before, which is not unsaid: a fault that was mended stays."""
        before, now = self._found.get(_place(found), {}), found.get("broken", ())
        mended = [f"{what}; at {before['commit']}" for what in before.get("broken", ()) if what not in now]
        once = [*before.get("once", ()), *mended]
        self._found[_place(found)] = {**found, "once": once} if once and not found["planted"] else found
        self.write()

    def write(self) -> None:
        """Both, anew. Raises Unavailable where that cannot be."""
        found = [self._found[place] for place in sorted(self._found)]
        lines = [json.dumps(each, ensure_ascii=False, sort_keys=True) for each in found]
        write_file(self._lines, "".join(f"{line}\n" for line in lines).encode(), 0o644)
        write_file(self._out, page(found).encode(), 0o644)


def _place(found: Found) -> tuple[str, str, int]:
    """Where it stands; a planted fault has one place, whatever its seed."""
    return found["kind"], found["planted"], 0 if found["planted"] else found["seed"]


# --- the page -------------------------------------------------------------------------------------------------------
def page(found: list[Found]) -> str:
    """For people: what was done in all, then step by step with the command that does it again."""
    machines = list(dict.fromkeys(each["machine"] for each in found if not each["planted"]))
    sound = {
        kind: [each for each in found if each["kind"] == kind and not each["planted"]]
        for kind in STEPS
        if any(each["kind"] == kind for each in found)
    }
    steps = [line for kind, of_kind in sound.items() for line in _steps(kind, of_kind, machines)]
    return "\n".join([*_head(), *_figures(found), *_machines(machines), *steps, *_plants(found)]) + "\n"


def _head() -> list[str]:
    return [
        "# Evidence",
        "",
        "Written by `make evidence` (`kabine torture evidence`), never by hand, from evidence.jsonl beside it. The small figures run in every CI;",
        "these are the large ones. The column *asked* is what the design asks for on demand; `--share` and more seeds take more of it.",
        "",
    ]


def _figures(found: list[Found]) -> Iterator[str]:
    yield "| torture | done | asked | violations | planted faults caught |"
    yield "|---|---:|---:|---:|---:|"
    for kind, step in STEPS.items():
        sound = [each for each in found if each["kind"] == kind and not each["planted"]]
        plants = [each for each in found if each["kind"] == kind and each["planted"]]
        rounds = sum(each["rounds"] for each in sound)
        violations = sum(each.get("violations", 0) for each in sound)
        caught = sum(bool(each.get("caught")) for each in plants)
        yield f"| `{kind}`: {step.what} | {rounds:,} | {step.whole:,} | {violations} | {caught} of {len(plants)} |"
    yield ""


def _machines(machines: list[str]) -> Iterator[str]:
    for machine_ in machines:
        yield f"- Machine {_letter(machines, machine_)}: {machine_}"
    yield ""


def _letter(machines: list[str], machine_: str) -> str:
    return chr(ord("A") + machines.index(machine_))


def _steps(kind: str, found: list[Found], machines: list[str]) -> Iterator[str]:
    """What one kind counted in all, and a row for each seed."""
    yield f"## {kind}: {STEPS[kind].what}"
    yield ""
    counts: Counter[str] = Counter()
    for each in found:
        for name, count in each.get("counts", {}).items():
            counts[name] = max(counts[name], count) if name.endswith(_MOST) else counts[name] + count
    said = "; ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count)
    yield from textwrap.wrap(f"{said}.", _LINE_CHARS, break_long_words=False, break_on_hyphens=False) if said else ()
    yield ""
    yield "| the same again | done | violations | seconds | machine | commit | at (UTC) |"
    yield "|---|---:|---:|---:|---|---|---|"
    for each in found:
        where = f"{_letter(machines, each['machine'])} | {each['commit']} | {each['at']} |"
        if "failed" in each:
            yield f"| seed {each['seed']} did not come to its end: {_cut(each['failed'])} | 0 | | | {where}"
        else:
            done = f"{each['rounds']:,} | {each['violations']} | {each['seconds']:,.0f}"
            yield f"| `{each['replay']}` | {done} | {where}"
    yield ""
    for title, name in (("Broken", "broken"), ("Broken once, and mended", "once")):
        words = [" ".join(what.split()) for each in found for what in each.get(name, ())]
        yield from (f"- {title}: {what}" for what in words)
        yield from [""] * bool(words)


def _plants(found: list[Found]) -> Iterator[str]:
    yield "## Positive controls"
    yield ""
    yield "| torture | planted fault | caught after rounds (cabin-days) | in words |"
    yield "|---|---|---:|---|"
    for each in found:
        if each["planted"]:
            words = f"Did not come to its end: {each['failed']}" if "failed" in each else "not caught"
            words = each["broken"][0] if each.get("broken") else words
            yield f"| {each['kind']} | `{each['planted']}` | {each['rounds']:,} | {_cut(words)} |"


def _cut(words: str) -> str:
    """As a cell of a table takes them."""
    return " ".join(words.replace("|", "/").split())[:_CELL_CHARS].rstrip()
