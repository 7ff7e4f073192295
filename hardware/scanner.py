"""The port of everything that turns paper into pictures: what it is asked, what it delivers, how it fails.

A scan stays encoded as the device made it: a device's bytes are hostile until shown otherwise, and are decoded only in the capture worker,
never in the process that holds keys.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

Source = Literal["auto", "feeder", "duplex", "flatbed"]
"""Where the paper lies: `auto` takes the feeder if there is paper in it, else the glass; `duplex` is both sides of what lies in the feeder."""
Mode = Literal["color", "grey"]
"""How it is seen."""


class ScannerState(enum.StrEnum):
    """How a scanner is; the words of a failure name the same."""

    READY = "ready"
    NO_PAPER = "no-paper"
    JAMMED = "jammed"
    COVER_OPEN = "cover-open"
    BUSY = "busy"
    DENIED = "denied"
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
        """How it is now, as far as the device tells. Never raises; answers within a second."""

    def scan(self) -> Iterator[Scan]:
        """One batch: everything that lies in the device, in order, at least one scan. What a caller has received counts as taken and does not
        come again, whatever happens later. Raises ScannerFailure, at once or in the middle. Blocks; call it outside an event loop."""

    def close(self) -> None:
        """Let go of the device, also in the middle of a batch; twice is no error. A closed scanner is UNREACHABLE."""


@runtime_checkable
class Clearable(Protocol):
    """A scanner in which pages of somebody who has left may lie as files."""

    def clear(self) -> int:
        """Remove them, so that nobody else gets them, and say how many there were. Raises ScannerFailure where one stays; then nothing is
        delivered until it is gone."""


_WORDS: Final = {
    ScannerState.NO_PAPER: ("There is no paper in the scanner.", "Put the sheets into the scanner."),
    ScannerState.JAMMED: ("A sheet is stuck.", "Open the scanner, take the sheet out and put it in again."),
    ScannerState.COVER_OPEN: ("The scanner's cover is open.", "Close the cover, then scan again."),
    ScannerState.BUSY: ("The scanner is busy with something else.", "Wait until it stands still, then scan again."),
    ScannerState.DENIED: (
        "The scanner may not be used by this machine.",
        "Let the node use it: for a USB device add its user to the group “scanner”, for a network device look at its settings.",
    ),
    ScannerState.UNREACHABLE: ("The scanner does not answer.", "Check its cable and its power."),
}


def failed(state: ScannerState, detail: str = "") -> ScannerFailure:
    """The failure in the words that all devices share; `detail` is what the device itself said. `state` is neither READY nor ABSENT."""
    what, remedy = _WORDS[state]
    return ScannerFailure(state, f"{what[:-1]}: {detail.rstrip('.')}." if detail else what, remedy)


def closed() -> ScannerFailure:
    """Said by a scanner that was let go of."""
    return ScannerFailure(ScannerState.UNREACHABLE, "The scanner was closed.", "Restart the cabin's node.")
