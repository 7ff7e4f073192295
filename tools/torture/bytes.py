"""Hostile bytes for every decoder that faces the outside: by mutation in this process, guided by coverage in others (atheris, where it is installed).

Half of the rounds go each way, up to a million that are guided: they lead to more and more of the same branches, and cost many times more. Only
Refused may come out; within a second, and without memory that the input does not pay for.
"""

from __future__ import annotations

import importlib.util
import math
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, NamedTuple

from protocol.errors import Refused
from tools.torture.faults_of_ends import WHERE
from tools.torture.lives import Life, tortured
from tools.torture.mutation import hostile, neighbours
from tools.torture.planted import planted
from tools.torture.report import Report, luck
from tools.torture.targets import QUICK, Raw, Target, targets

SECONDS_MAX: Final = 1.0  # of CPU, for one input
GROWTH_KIB_MAX: Final = 128 * 1024  # of this process, over all inputs of a target
GUIDED_MAX: Final = 1_000_000
INPUTS_A_LIFE: Final = 1_000_000  # that are mutated in one process
NEIGHBOURS: Final = 15
_NEIGHBOURS_BYTES_MAX: Final = 4096
_FUZZ_SECONDS_MAX: Final = 24 * 3600
_INPUT_SECONDS_MAX: Final = 120  # of the wall: a busy machine must not look like a slow decoder
_SEEDS: Final = 2**31 - 1  # libFuzzer takes no larger ones, and 0 for any
_RSS_MIB_MAX: Final = 2048  # scrypt may take a gigabyte for an identity with a passphrase (limits.SCRYPT_WORK_FACTOR_MAX), beside the fuzzer itself
_LENGTH_MAX: Final = 8192
_COVERED: Final = re.compile(r"DONE\s+cov: (\d+)")


def bytes(rounds: int, seed: int, plant: str = "", jobs: int = 1) -> Report:  # named as its command is
    """About `rounds` inputs, spread over all targets."""
    report = Report("bytes", seed, plant, rounds)
    where = _where(plant)
    guided = min(rounds // 2, GUIDED_MAX) if importlib.util.find_spec("atheris") is not None else 0
    report.counts["without-atheris"] += not guided
    with _fuzzer(where, _shares(where, guided, QUICK), seed, plant) if guided else nullcontext() as fuzzer:
        report.add(tortured(Report("bytes", seed, plant, rounds - guided), _play, INPUTS_A_LIFE, jobs))
        if fuzzer is not None and not report.enough:
            fuzzer.tell(report)
    return report


def _where(plant: str) -> dict[str, Target]:
    return {WHERE[plant]: targets()[WHERE[plant]]} if plant in WHERE else targets()


def _shares(where: dict[str, Target], rounds: int, weight_max: float) -> dict[str, int]:
    """Of so many inputs, how many for each target."""
    weights = {name: min(target.weight, weight_max) for name, target in where.items()}
    whole = sum(weights.values())
    return {name: max(5, round(rounds * weight / whole)) for name, weight in weights.items()}


def _play(life: Life) -> Report:
    """What is mutated in one process."""
    report = Report("bytes", life.seed, life.plant, life.rounds)
    where = _where(life.plant)
    with planted(life.plant):
        for name, rounds in _shares(where, life.rounds, math.inf).items():
            _mutated(name, where[name], rounds, life, report)
            if report.enough:
                break
    return report


def _mutated(name: str, target: Target, rounds: int, life: Life, report: Report) -> None:
    before = _peak_kib(anew=True)
    call = target.call
    for batch in _batches(luck(life.name, name), target.examples, rounds):
        refused = failed = 0
        began = time.process_time()
        for raw in batch:
            try:
                call(raw)
            except Refused:
                refused += 1
            except Exception as error:
                failed += 1
                report.broke(f"{name}: {type(error).__name__} for {_shown(raw)}")
        if time.process_time() - began > SECONDS_MAX:
            _slow(name, target, batch, report)
        report.rounds += len(batch)
        report.counts["refused"] += refused
        report.counts["accepted"] += len(batch) - refused - failed
        if report.enough:
            return
    report.counts[f"{name}-mutated"] += rounds
    growth = _peak_kib() - before
    if growth > GROWTH_KIB_MAX:
        report.broke(f"{name}: {growth // 1024} MiB of memory for inputs of some kilobytes")


def _batches(dice: random.Random, examples: Sequence[Raw], rounds: int) -> Iterator[list[Raw]]:
    """So many inputs in all: the sound ones, then hostile ones, each with neighbours of its own. Only in small ones can one byte mean much."""
    batch = list(examples)
    while rounds > 0:
        del batch[rounds:]
        yield batch
        rounds -= len(batch)
        raw = hostile(dice, examples)
        batch = [raw, *(neighbours(dice, raw, NEIGHBOURS) if 0 < len(raw) <= _NEIGHBOURS_BYTES_MAX else ())]


def _slow(name: str, target: Target, batch: list[Raw], report: Report) -> None:
    """Which of these was it? Whoever looks for garbage, or is put off by the machine, does so once and not three times."""
    for raw in batch:
        took = _cpu_seconds(target, raw)
        if took > SECONDS_MAX and all(_cpu_seconds(target, raw) > SECONDS_MAX for _ in range(2)):
            report.broke(f"{name}: {took:.1f} s of CPU for {_shown(raw)}")


def _cpu_seconds(target: Target, raw: Raw) -> float:
    """Of this input once more."""
    began = time.process_time()
    with suppress(Exception):
        target.call(raw)
    return time.process_time() - began


def _peak_kib(*, anew: bool = False) -> int:
    """Most memory this process has had, in KiB; `anew`: since now (proc(5), clear_refs), because whatever ran in it before may have had more."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) if found else 0


def _shown(raw: object) -> str:
    spelled = memoryview(raw).hex()  # type: ignore[arg-type]
    return spelled if len(spelled) <= 400 else f"{spelled[:400]}… ({len(spelled) // 2} bytes)"


class _Fuzzer(NamedTuple):
    """What is guided by coverage, beside what is mutated here."""

    process: subprocess.Popen[str]
    folder: Path

    def tell(self, report: Report) -> None:
        """Wait for it, and say what it has found."""
        _, said = self.process.communicate(timeout=_FUZZ_SECONDS_MAX)
        for place in sorted(self.folder.iterdir()):
            _tell(place, said, report)


@contextmanager
def _fuzzer(where: dict[str, Target], shares: dict[str, int], seed: int, plant: str) -> Iterator[_Fuzzer]:
    """Within this block it runs."""
    with tempfile.TemporaryDirectory(prefix="kabine-fuzz-") as folder:
        for name, target in where.items():
            place = Path(folder) / name
            (place / "corpus").mkdir(parents=True)
            for number, example in enumerate(target.examples):
                (place / "corpus" / f"{number}").write_bytes(example)
            options = (
                *(f"-runs={shares[name]}", f"-seed={seed % _SEEDS + 1}", f"-timeout={_INPUT_SECONDS_MAX}"),
                *(f"-rss_limit_mb={_RSS_MIB_MAX}", f"-max_len={_LENGTH_MAX}", f"-artifact_prefix={place}/"),
                "-print_final_stats=1",
            )
            (place / "options").write_text("\n".join(options))
        with subprocess.Popen(
            [sys.executable, "-m", "tools.torture.fuzz", plant or "-", folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                yield _Fuzzer(process, Path(folder))
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def _tell(place: Path, failed: str, report: Report) -> None:
    """What was found in one target."""
    name, code = place.name, place / "code"
    said = (place / "said").read_text(errors="replace") if (place / "said").exists() else failed
    executed = re.search(r"number_of_executed_units:\s*(\d+)", said)
    count = int(executed[1]) if executed else 0
    report.rounds += count
    report.counts[f"{name}-guided"] += count
    if covered := _COVERED.findall(said):
        report.counts[f"{name}-branches"] = max(report.counts[f"{name}-branches"], int(covered[-1]))
    if not code.exists() or code.read_text() != "0":
        found = sorted(path for path in place.glob("*-*") if path.is_file())
        what = re.search(r"=== Uncaught Python exception: ===\n(.*)", said)
        words = what[1] if what else said.strip()[-300:]
        # All of it: what coverage has led to is not had again from the seed alone.
        report.broke(f"{name}: {words} for {found[0].read_bytes().hex() if found else 'an input that is gone'}")
