"""What W3 asks of every peer: receive at one end, carry from the other, however often the line is cut."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

PATIENCE_SECONDS: Final = (
    3  # without a byte, then it is tried anew; the tools wait for minutes, or for ever, when nobody tells them
)
PAUSE_SECONDS: Final = 0.2  # before that


class Across(Protocol):
    """One way to carry files over a line that is cut."""

    @property
    def name(self) -> str:
        """As the table calls it."""

    def missing(self) -> str:
        """What is not installed; empty when it can take part."""

    def receiving(self, into: Path, scratch: Path, host: str) -> contextlib.AbstractContextManager[Sequence[str]]:
        """Receive files at `host`, all of which lie in `into` when the block has ended; what the other end must be told."""

    def sending(self, folder: Path, told: Sequence[str]) -> contextlib.AbstractContextManager[Callable[[], None]]:
        """At the other end: carries the files of `folder` until all have been acknowledged."""


def wrong_files(sent: Path, into: Path) -> int:
    """How many files are missing, or not what was sent."""
    return sum(not _same(file, into / file.name) for file in sent.iterdir())


def _same(one: Path, other: Path) -> bool:
    return other.exists() and hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest()
