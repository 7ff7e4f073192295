"""Contenders run in processes of their own, which say when they are ready, wait for a line, and tell what they have spent as JSON."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from protocol.errors import Unavailable
from tools.bench import meters, slow_disk
from tools.bench.cabin import Figures
from tools.bench.figures import Cpu, Timed
from tools.rig import Rig

T = TypeVar("T")
STOP_SECONDS = 10.0
_OUT_OF_EARSHOT: Final = (
    0  # a process group of its own: of Ctrl-C, which a terminal tells all of one, only we shall hear
)


class Process:
    """`python -m MODULE ARGUMENTS`, spoken with line by line; ended with the block."""

    def __init__(self, module: str, *arguments: object) -> None:
        self._name = " ".join(map(str, (module, *arguments[-2:])))
        command = [sys.executable, "-m", module, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=_OUT_OF_EARSHOT
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is not None:
            self._process.terminate()  # nobody wants to hear any more how it went
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it has not been told it will not be told
                    pipe.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def line(self) -> str:
        """What it says next. Raises Unavailable when it has ended."""
        said = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not said:
            raise Unavailable(f"“{self._name}” ended before it had told anything.", "Look at what it printed.")
        return said.strip()

    def say(self, line: str) -> None:
        """One line to it."""
        if self._process.stdin is not None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def told(self, kind: type[T]) -> T:
        """What it tells next, as `kind`."""
        return msgspec.json.decode(self.line(), type=kind)


def ran(order: Sequence[str]) -> str:
    """What `python -m …` printed. Raises CalledProcessError when it failed, with its own words on our stderr."""
    command = [sys.executable, "-m", *order]
    return subprocess.run(
        command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, process_group=_OUT_OF_EARSHOT
    ).stdout


def cabin(house: Rig, site: str, *order: object) -> tuple[str, ...]:
    """What to run for one order to the bench's cabin (cabin.py)."""
    return ("tools.bench.cabin", str(house.cabin(site)), *map(str, order))


def synced(house: Rig, site: str) -> Timed:
    """Let the cabin of `site` sync all it has with the hub; what both ends spent. `fsyncs` are the hub's."""
    hub = house.processes["hub"].pid
    os.sync()  # what was written before is not this run's debt
    with Process(*cabin(house, site, "send")) as end:
        end.line()  # it is ready
        cpu, wire, fsyncs = meters.cpu_seconds(hub), meters.loopback_bytes(), slow_disk.fsyncs(hub)
        end.say("")
        figures = end.told(Figures)
        hub_cpu_seconds = meters.cpu_seconds(hub) - cpu
        asked = None if fsyncs is None else (slow_disk.fsyncs(hub) or 0) - fsyncs
        wire_bytes = meters.loopback_bytes() - wire
        return Timed(figures.seconds, Cpu(figures.cpu_seconds, hub_cpu_seconds), wire_bytes, asked, figures.fsyncs)
