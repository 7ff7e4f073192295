"""Contenders run in processes of their own, which say when they are ready, wait for a line, and tell what they have spent as JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from protocol.errors import Unavailable

T = TypeVar("T")
STOP_SECONDS = 10.0


class Process:
    """`python -m MODULE ARGUMENTS`, spoken with line by line; ended with the block."""

    def __init__(self, module: str, *arguments: object) -> None:
        self._name = " ".join(map(str, (module, *arguments[-2:])))
        command = [sys.executable, "-m", module, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
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
    return subprocess.run([sys.executable, "-m", *order], check=True, stdout=subprocess.PIPE, text=True).stdout
