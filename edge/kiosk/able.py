"""What visitors can do now as far as the devices let them, as it was seen last: nothing else is offered on the screen."""

from __future__ import annotations

import asyncio
from typing import Final

from edge.feed import Feed
from edge.kiosk.handouts import Handouts
from hardware.scanner import ScannerState

# BUSY is no word about the device: its thread still holds a sheet.
_TAKES_NOTHING: Final = {
    ScannerState.ABSENT: "trouble.absent",
    ScannerState.JAMMED: "lack.jammed",
    ScannerState.COVER_OPEN: "lack.cover-open",
    ScannerState.DENIED: "lack.scanner",
    ScannerState.UNREACHABLE: "lack.scanner",
}


class Able:
    """Asks the devices only in `look`; everything else answers at once."""

    def __init__(self, feed: Feed, handouts: Handouts) -> None:
        self._feed = feed
        self._handouts = handouts
        self._scanner = ScannerState.READY

    async def look(self) -> bool:
        """Ask both; whether something else is possible now, or not possible for another reason."""
        before = self.lack, self.prints
        scanner, _ = await asyncio.gather(self._feed.state(), self._handouts.look())
        if scanner is not ScannerState.BUSY:
            self._scanner = scanner
        return (self.lack, self.prints) != before

    @property
    def papers(self) -> bool:
        """Sheets can be taken."""
        return self._scanner not in _TAKES_NOTHING

    @property
    def prints(self) -> bool:
        """The printer prints."""
        return self._handouts.possible

    @property
    def copies(self) -> bool:
        """Sheets can be taken and come out again."""
        return self.papers and self.prints

    @property
    def lack(self) -> str:
        """The key of what a visitor is told about what does not work; empty: all does that is fitted."""
        if not self.papers:
            return _TAKES_NOTHING[self._scanner]
        return "lack.printer" if self._handouts.fitted and not self.prints else ""
