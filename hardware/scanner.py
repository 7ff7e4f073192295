"""The port of everything that turns paper into pictures: what it is asked, what it delivers, how it fails.

A scan stays encoded as the device made it: a device's bytes are hostile until shown otherwise, and are decoded only in the capture worker,
never in the process that holds keys.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class ScannerState(enum.StrEnum):
    """How a scanner is; the words of a failure name the same."""

    READY = "ready"
    NO_PAPER = "no-paper"
    JAMMED = "jammed"
    UNREACHABLE = "unreachable"
    ABSENT = "absent"


@dataclass(frozen=True)
class Scan:
    """One file of a batch: `image` as encoded by the device, `name` to tell it apart in a message. A PDF may hold several pages."""

    name: str
    image: bytes


class ScannerFailure(Exception):  # noqa: N818 - a noun, as everywhere here
    """The device did not deliver. `what` is a sentence, `remedy` tells the person at the device what to do."""

    def __init__(self, state: ScannerState, what: str, remedy: str) -> None:
        super().__init__(what)
        self.state = state
        self.what = what
        self.remedy = remedy


class Scanner(Protocol):
    """Every implementation passes tests/contracts/test_scanner.py."""

    def state(self) -> ScannerState:
        """How it is now. Never raises; answers within a second."""

    def scan(self) -> Iterator[Scan]:
        """One batch: everything that lies in the device, in order, at least one scan. What a caller has received counts as taken and does not
        come again, whatever happens later. Raises ScannerFailure, at once or in the middle. Blocks; call it outside an event loop."""

    def close(self) -> None:
        """Let go of the device; twice is no error. A closed scanner is UNREACHABLE."""
