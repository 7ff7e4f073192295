"""What visitors can do now as far as devices, disk, directory and hub let them, as it was seen last: nothing else is offered on the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from edge.buffer import Buffer
from edge.feed import Feed
from edge.kiosk.handouts import Handouts
from edge.kiosk.reference import Reference
from hardware.scanner import ScannerState
from protocol import limits
from protocol.errors import Unavailable

log = structlog.get_logger("kiosk")

SHEETS_BYTES: Final = 8 * limits.MIB  # what is copied lies on the disk for a while, the largest sheet as well
# BUSY is no word about the device: its thread still holds a sheet.
_TAKES_NOTHING: Final = {
    ScannerState.ABSENT: "trouble.absent",
    ScannerState.JAMMED: "lack.jammed",
    ScannerState.COVER_OPEN: "lack.cover-open",
    ScannerState.DENIED: "lack.both",
    ScannerState.UNREACHABLE: "lack.both",
}


class Able:
    """Asks the devices and the disk only in `look`; everything else answers at once."""

    def __init__(
        self, feed: Feed, handouts: Handouts, reference: Reference, buffer: Buffer, turned_away: Callable[[], bool]
    ) -> None:
        self._feed = feed
        self._handouts = handouts
        self._reference = reference
        self._buffer = buffer
        self._turned_away = turned_away
        self._scanner = ScannerState.READY
        self._room_for_papers = True
        self._room_for_sheets = True

    async def look(self) -> bool:
        """Ask all of them; whether something else is possible now, or not possible for another reason."""
        before = self.lack, self.prints
        # Somebody else may just be writing to the disk, and whoever touches the screen does not wait for that.
        scanner, _, _ = await asyncio.gather(
            self._feed.state(), asyncio.to_thread(self._look_at_disk), self._handouts.look()
        )
        if scanner is not ScannerState.BUSY:
            self._scanner = scanner
        return (self.lack, self.prints) != before

    def _look_at_disk(self) -> None:
        try:
            self._room_for_sheets = self._buffer.disk_free_bytes() >= SHEETS_BYTES
            self._buffer.room_for(0)
        except Unavailable as trouble:
            if self._room_for_papers:
                log.warning("buffer.full", what=trouble.what)
            self._room_for_papers = False
        else:
            self._room_for_papers = True

    @property
    def papers(self) -> bool:
        """Sheets can be taken, and there is somebody to hand them in to."""
        return self._takes_sheets and self._room_for_papers and bool(self._reference.choices) and self.arrive

    @property
    def arrive(self) -> bool:
        """What is handed in gets to somebody, sooner or later: the hub knows this cabin."""
        return not self._turned_away()

    @property
    def prints(self) -> bool:
        """The printer prints."""
        return self._handouts.possible

    @property
    def copies(self) -> bool:
        """Sheets can be taken and come out again."""
        return self._takes_sheets and self._room_for_sheets and self.prints

    @property
    def lack(self) -> str:
        """The key of what a visitor is told about what does not work; empty: all does that is fitted."""
        if not self._takes_sheets:
            return _TAKES_NOTHING[self._scanner]
        if not self.papers:
            return "lack.papers" if self.copies else "lack.both"
        return "lack.printer" if self._handouts.fitted and not self.prints else ""

    @property
    def _takes_sheets(self) -> bool:
        return self._scanner not in _TAKES_NOTHING
