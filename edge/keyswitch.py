"""Staff stand in front of the cabin and turn a key: they clean, and nobody is received. Turned back it is over, or turned once more where it springs.

The same note is kept as by `kabine edge clean`, so either ends what the other began, and it ends by itself if both are forgotten.
"""

from __future__ import annotations

import structlog

from edge.attendance import Attendance, Change
from edge.cleaning import Cleaning
from hardware.presence import Presence
from protocol.errors import Unavailable

log = structlog.get_logger("keyswitch")


class Keyswitch:
    """`switch` sees “somebody” while it is turned; `springs`: it does not stay so. Only a turn that is seen counts: a switch that was found turned,
    when the node started or after its plug was out, says nothing about now."""

    def __init__(self, switch: Presence, cleaning: Cleaning, *, hold_seconds: float, springs: bool) -> None:
        self._switch = switch
        self._cleaning = cleaning
        self._springs = springs
        self._turned = Attendance(hold_seconds, hold_seconds)

    def look(self, now: float) -> None:
        """Asked ten times a second; `now`: monotonic seconds."""
        known = self._turned.somebody is not None
        change = self._turned.saw(self._switch.somebody(), now)
        if not known or change in (None, Change.BLIND):
            return
        turned = change is Change.ENTERED
        if self._springs and not turned:
            return  # let go of
        begins = not self._cleaning.on if self._springs else turned
        try:
            (self._cleaning.begin if begins else self._cleaning.end)()
        except Unavailable as trouble:  # a full disk: the next turn tries again
            log.error("keyswitch.not-heeded", what=trouble.what)
