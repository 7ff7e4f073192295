"""The large figures: taken step by step by the same commands that anybody can type, kept as JSON, and written down as one page.

A step that was done with one seed is not done again with it; with another it adds up. So hours of it can be spread over nights, and over machines:
the page is its own memory, because what is kept beside it goes with the machine.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tools.simulator.planted import PLANTED
from tools.torture import planted

_SECONDS_MAX: Final = 24 * 3600
SIMULATED: Final = "simulate"
_UNITS: Final = {SIMULATED: "cabin-days"}
_WORLDS: Final = 100_000  # seeds of one run

# What stands on the page, for whoever writes it and for whoever reads it again.
_BROKEN: Final = "- Broken: "
_ONCE: Final = "- Broken once, and mended: "  # what the same seed has found before
_UNFINISHED: Final = "Did not come to its end: "
_NOT_CAUGHT: Final = "not caught"
_CELL_CHARS: Final = 160
_SECTION: Final = re.compile(r"(?P<kind>\w+), seed (?P<seed>\d+)")
_DONE: Final = re.compile(
    r"(?P<rounds>[\d,]+) \S+ in (?P<seconds>[\d,]+) s; (?P<violations>\d+) violations\. Commit (?P<commit>\S+), (?P<at>[^,]*), (?P<machine>.*)\."
)
_PLANT: Final = re.compile(
    r"^\| (?P<kind>\w+) \| `(?P<planted>\S+)` \| (?P<rounds>[\d,]+) \| (?P<words>.*) \|$", re.MULTILINE
)


@dataclass(frozen=True)
class Step:
    """One large figure. `whole`: rounds (of a simulation: cabin-days) that the design asks for; `planted`: within how many each planted fault must be
    caught."""

    whole: int
    planted: int
    what: str


STEPS: Final = {
    "simulate": Step(100_000, 32, "cabin-days under virtual time"),
    "power": Step(1_000_000, 1000, "crash states opened and checked"),
    "kill": Step(7_000, 90, "kills of whole processes"),
    "network": Step(2_000, 160, "faults between network namespaces"),
    "rot": Step(100_000, 400, "flipped bits"),
    "bytes": Step(1_000_000_000, 400_000, "hostile inputs"),
}
_PLANTED_ROUNDS: Final = {"bytes": {"secret-word": 400_000, "room-in-advance": 400, "slow-on-spaces": 800}}
_PLANTED_BYTES: Final = 20_000


def gather(only: tuple[str, ...], share: float, seed: int, kept: Path, cabins: int) -> None:
    """Do what is not kept yet: every step with its share of rounds, then each of its planted faults. `cabins` stand at the hub of a simulation.
    Raises nothing: what failed is kept too."""
    kept.mkdir(parents=True, exist_ok=True)
    for kind, step in STEPS.items():
        if only and kind not in only:
            continue
        _do(kind, max(1, round(step.whole * share)), seed, "", kept, cabins)
        for name in sorted(PLANTED) if kind == SIMULATED else planted.names(kind):
            rounds = _PLANTED_ROUNDS.get(kind, {}).get(name, _PLANTED_BYTES if kind == "bytes" else step.planted)
            _do(kind, rounds, 1, name, kept, 1)


def _do(kind: str, rounds: int, seed: int, plant: str, kept: Path, cabins: int) -> None:
    path = kept / f"{kind}-{plant or 'sound'}-{seed}.json"
    if path.exists():
        return
    command = _simulate(rounds, seed, plant, cabins) if kind == SIMULATED else _torture(kind, rounds, seed, plant)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tools", *command, "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    try:
        found = json.loads(done.stdout)
        if kind == SIMULATED:
            found = _as_torture(found, done.stderr, time.monotonic() - began, command)
    except json.JSONDecodeError:
        words = done.stderr.strip().splitlines()
        found = {"kind": kind, "seed": seed, "rounds": 0, "planted": plant, "failed": words[-1] if words else "nothing"}
    where = {"commit": _commit(), "machine": machine(), "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    path.write_text(json.dumps({**found, **where}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _torture(kind: str, rounds: int, seed: int, plant: str) -> list[str]:
    return ["torture", kind, "--rounds", str(rounds), "--seed", str(seed), *(["--plant", plant] if plant else [])]


def _simulate(cabin_days: int, seed: int, plant: str, cabins: int) -> list[str]:
    """A run takes a seed for each of its worlds: the next run begins behind them."""
    run = ["simulate", "--days", f"{cabin_days / cabins:g}", "--seed", str(seed if plant else seed * _WORLDS)]
    return [*run, "--cabins", str(cabins), *(["--plant", plant] if plant else [])]


def _as_torture(found: dict[str, Any], said: str, seconds: float, command: list[str]) -> dict[str, Any]:
    """What a simulation has found, as the tortures say it."""
    plant = found["planted"] or ""
    broken = [line.removeprefix("Broken promise: ") for line in said.splitlines()]
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


# --- the page -------------------------------------------------------------------------------------------------------
def written(kept: Path, page: str) -> str:
    """The page anew, from what is kept and from what stood on it; of both, what is kept."""
    done = [*_read(page), *(json.loads(path.read_text(encoding="utf-8")) for path in sorted(kept.glob("*.json")))]
    places: dict[tuple[str, str, int], dict[str, Any]] = {}
    for each in done:
        places[_place(each)] = {**each, "once": _once(places.get(_place(each), {}), each)}
    found = sorted(places.values(), key=_place)
    return "\n".join([*_head(), *_figures(found), *_steps(found), *_plants(found)]) + "\n"


def _place(found: dict[str, Any]) -> tuple[str, str, int]:
    """Where it stands; a planted fault has one place, whatever its seed."""
    return found["kind"], found["planted"], 0 if found["planted"] else found["seed"]


def _once(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What was broken here and is no more, whoever did it again: a mended fault is not unsaid."""
    if now["planted"]:
        return []
    broken = [
        f"{what}; at {before['commit']}" for what in before.get("broken", ()) if what not in now.get("broken", ())
    ]
    return list(dict.fromkeys([*before.get("once", ()), *now.get("once", ()), *broken]))


def _read(page: str) -> Iterator[dict[str, Any]]:
    """What stands on a page, as it was kept; no more than that: its seconds are whole ones, and long words are cut."""
    for section in page.split("\n## ")[1:]:
        lines = section.splitlines()
        if head := _SECTION.fullmatch(lines[0]):
            yield {"kind": head["kind"], "seed": int(head["seed"]), "planted": "", **_read_step(lines[2:])}
    for row in _PLANT.finditer(page):
        words = row["words"]
        failed = {"failed": words.removeprefix(_UNFINISHED)} if words.startswith(_UNFINISHED) else {}
        caught = words != _NOT_CAUGHT and not failed
        where = {"kind": row["kind"], "planted": row["planted"], "rounds": _number(row["rounds"])}
        yield {**where, "caught": caught, "broken": [words] * caught, **failed}


def _read_step(lines: list[str]) -> dict[str, Any]:
    if lines[0].startswith(_UNFINISHED):
        return {"rounds": 0, "failed": lines[0].removeprefix(_UNFINISHED)}
    done = _DONE.fullmatch(lines[0])
    if done is None:
        raise ValueError(f"This is no line that we have written: {lines[0]}")
    counted = (each.rpartition(" ") for each in lines[4].removesuffix(".").split("; ") if each)
    return {
        **{name: _number(done[name]) for name in ("rounds", "seconds", "violations")},
        **{name: done[name] for name in ("commit", "at", "machine")},
        "replay": lines[2].strip(),
        "counts": {name: _number(count) for name, _, count in counted},
        "broken": [line.removeprefix(_BROKEN) for line in lines[5:] if line.startswith(_BROKEN)],
        "once": [line.removeprefix(_ONCE) for line in lines[5:] if line.startswith(_ONCE)],
    }


def _number(spelled: str) -> int:
    return int(spelled.replace(",", ""))


def _head() -> list[str]:
    return [
        "# Evidence",
        "",
        "Written by `make evidence` (`kabine torture evidence`), never by hand. The small figures run in every CI; these are the large ones. The",
        "column *asked* is what the design asks for on demand; `--share` and more seeds take more of it.",
        "",
    ]


def _figures(found: list[dict[str, Any]]) -> Iterator[str]:
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


def _steps(found: list[dict[str, Any]]) -> Iterator[str]:
    for each in found:
        if each["planted"]:
            continue
        yield f"## {each['kind']}, seed {each['seed']}"
        yield ""
        if "failed" in each:
            yield _UNFINISHED + " ".join(each["failed"].split())
            yield ""
            continue
        where = f"Commit {each['commit']}, {each['at']}, {each['machine']}."
        yield f"{each['rounds']:,} {_UNITS.get(each['kind'], 'rounds')} in {each['seconds']:,.0f} s; {each['violations']} violations. {where}"
        yield ""
        yield f"    {each['replay']}"
        yield ""
        counts = Counter(each["counts"])
        yield "; ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count) + "."
        yield ""
        yield from (_BROKEN + " ".join(what.split()) for what in each["broken"])
        yield from (_ONCE + " ".join(what.split()) for what in each["once"])
        yield from [""] * bool(each["broken"] or each["once"])


def _plants(found: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Positive controls"
    yield ""
    yield "| torture | planted fault | caught after rounds (cabin-days) | in words |"
    yield "|---|---|---:|---|"
    for each in found:
        if each["planted"]:
            words = _UNFINISHED + each["failed"] if "failed" in each else (each["broken"] or [_NOT_CAUGHT])[0]
            yield f"| {each['kind']} | `{each['planted']}` | {each['rounds']:,} | {_cut(words)} |"


def _cut(words: str) -> str:
    """As a cell of a table takes them."""
    return " ".join(words.replace("|", "/").split())[:_CELL_CHARS].rstrip()
