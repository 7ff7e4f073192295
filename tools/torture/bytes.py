"""Hostile bytes for every decoder that faces the outside: by mutation in this process, guided by coverage in others (atheris, where it is installed).

Half of the rounds go each way. Only Refused may come out; within a second, and without memory that the input does not pay for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from protocol.errors import Refused
from tools.torture.faults_of_ends import WHERE
from tools.torture.mutation import hostile
from tools.torture.planted import planted
from tools.torture.report import Report, luck
from tools.torture.targets import ALL, Raw, Target, chosen_examples, targets

SECONDS_MAX: Final = 1.0  # of CPU, for one input
GROWTH_KIB_MAX: Final = 128 * 1024  # of this process, over all inputs of a target
EACH_ALONE: Final = 200_000  # from so many inputs on it pays to start a process for each target
SLOW: Final = 20  # times fewer rounds for what stretches keys
_FUZZ_SECONDS_MAX: Final = 3600
_INPUT_SECONDS_MAX: Final = 120  # of the wall: a busy machine must not look like a slow decoder
_RSS_MIB_MAX: Final = 2048  # scrypt may take a gigabyte for an identity with a passphrase (limits.SCRYPT_WORK_FACTOR_MAX), beside the fuzzer itself
_LENGTH_MAX: Final = 8192
_COVERED: Final = re.compile(r"DONE\s+cov: (\d+)")


def bytes(rounds: int, seed: int, plant: str = "") -> Report:  # named as its command is
    """About `rounds` inputs, spread over all targets."""
    report = Report("bytes", seed, plant, rounds)
    guided = importlib.util.find_spec("atheris") is not None
    report.counts["without-atheris"] += not guided
    where = {WHERE[plant]: targets()[WHERE[plant]]} if plant in WHERE else targets()
    weights = {name: 1.0 / (SLOW if target.slow else 1) for name, target in where.items()}
    shares = {name: max(10, round(rounds * weight / sum(weights.values()))) for name, weight in weights.items()}
    for name, target in where.items():
        with planted(plant):
            _mutated(name, target, shares[name] // 2 if guided else shares[name], seed, report)
        if report.enough:
            return report
    if guided and rounds < EACH_ALONE and len(where) > 1:
        _guided(ALL, chosen_examples(), rounds // 2, seed, plant, report)
    elif guided:
        for name, target in where.items():
            _guided(name, target.examples, shares[name] // 2, seed, plant, report)
    return report


def _mutated(name: str, target: Target, rounds: int, seed: int, report: Report) -> None:
    dice = luck(seed, name)
    before = _peak_kib(anew=True)
    for number in range(rounds):
        raw = target.examples[number] if number < len(target.examples) else hostile(dice, target.examples)
        report.rounds += 1
        began = time.process_time()
        try:
            target.call(raw)
            report.counts["accepted"] += 1
        except Refused:
            report.counts["refused"] += 1
        except Exception as error:
            report.broke(f"{name}: {type(error).__name__} for {_shown(raw)}")
        took = time.process_time() - began
        if took > SECONDS_MAX and all(_cpu_seconds(target, raw) > SECONDS_MAX for _ in range(2)):
            report.broke(f"{name}: {took:.1f} s of CPU for {_shown(raw)}")
        if report.enough:
            return
    report.counts[f"{name}-mutated"] += rounds
    growth = _peak_kib() - before
    if growth > GROWTH_KIB_MAX:
        report.broke(f"{name}: {growth // 1024} MiB of memory for inputs of some kilobytes")


def _cpu_seconds(target: Target, raw: Raw) -> float:
    """Of the same input once more: whoever looks for garbage, or is put off by the machine, does so once and not three times."""
    began = time.process_time()
    with contextlib.suppress(Exception):
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


def _guided(name: str, examples: Sequence[Raw], rounds: int, seed: int, plant: str, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="kabine-fuzz-") as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, example in enumerate(examples):
            (corpus / f"{number}").write_bytes(example)
        options = (
            *(
                f"-runs={rounds}",
                f"-seed={seed + 1}",
                f"-timeout={_INPUT_SECONDS_MAX}",
                f"-rss_limit_mb={_RSS_MIB_MAX}",
            ),
            *(f"-max_len={_LENGTH_MAX}", f"-artifact_prefix={folder}/", "-print_final_stats=1"),
        )
        done = subprocess.run(
            [sys.executable, "-m", "tools.torture.fuzz", name, plant or "-", *options, str(corpus)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FUZZ_SECONDS_MAX,
            check=False,
        )
        said = done.stdout + done.stderr
        executed = re.search(r"number_of_executed_units:\s*(\d+)", said)
        count = int(executed[1]) if executed else 0
        report.rounds += count
        report.counts[f"{name}-guided"] += count
        if covered := _COVERED.findall(said):
            report.counts[f"{name}-branches"] = max(report.counts[f"{name}-branches"], int(covered[-1]))
        if done.returncode:
            found = sorted(path for path in Path(folder).glob("*-*") if path.is_file())
            what = re.search(r"=== Uncaught Python exception: ===\n(.*)", said)
            words = what[1] if what else said.strip()[-300:]
            report.broke(f"{name}: {words} for {_shown(found[0].read_bytes()) if found else 'an input that is gone'}")
