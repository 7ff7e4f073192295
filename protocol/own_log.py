"""My own log on its way to the peer: what was said of it on this connection, what the peer holds, how much may be under way. SPEC.md section 3.2."""

from __future__ import annotations

import math
from typing import NamedTuple

from protocol import limits
from protocol.effects import SayEntries
from protocol.entries import Mark
from protocol.errors import Code, Mistake, Refused
from protocol.frames import Hello


class _UnderWay(NamedTuple):
    """A frame of entries: its last number, the bytes of its payloads, when it was said, and how many bytes had been carried then."""

    last: int
    size_bytes: int
    at: float
    carried_bytes: int


class OwnLog:
    """Of one link. It lies on my disk up to `last`. Times are monotonic seconds."""

    # A hub has ten thousand links. So all that a link consists of has slots, and what is short waits in a list: an empty deque weighs 700 bytes.
    __slots__ = (
        "_acknowledged",
        "_carried_bytes",
        "_first",
        "_sent",
        "_shortest_seconds",
        "_under_way",
        "_window_bytes",
        "last",
        "under_way_bytes",
    )

    def __init__(self) -> None:
        self.last = Mark()
        self.under_way_bytes = 0  # of payloads that were said and are not acknowledged
        self._first = 1  # of the entries on my disk
        self._sent = 0  # given to the wire
        self._acknowledged = 0
        self._window_bytes = limits.ENTRIES_WINDOW_BYTES
        self._under_way: list[_UnderWay] = []
        self._carried_bytes = 0  # of payloads that were acknowledged
        self._shortest_seconds = math.inf  # from saying a frame until it was acknowledged

    def connected(self, first: int, last: Mark) -> None:
        """A connection stands; on my disk are the entries from `first` to `last`."""
        self._first, self.last = first, last

    def examine(self, hello: Hello) -> None:
        """Raises Refused(LOG_FORK) when the peer holds more of this log than there is."""
        if hello.committed > self.last.number:
            raise Refused(
                Code.LOG_FORK,
                f"{hello.node} holds {hello.committed} of our entries; here are only {self.last.number}.",
            )

    def greeted(self, committed: int) -> None:
        """The peer holds entries up to `committed`: go on behind them."""
        self._acknowledged = committed
        # Entries that neither end has any more are passed over; the peer takes it only from an entry that says so (entries.leap).
        self._sent = max(committed, self._first - 1)

    def to_say(self) -> SayEntries | None:
        """What may be said now; report it with `said`."""
        if (
            self._sent < self.last.number
            and self.under_way_bytes < self._window_bytes
            and len(self._under_way) < limits.ENTRIES_FRAMES_MAX
        ):
            return SayEntries(self._sent, limits.ENTRIES_FRAME_BYTES_MAX)
        return None

    def said(self, number: int, size_bytes: int, now: float) -> None:
        """Entries up to `number`, `size_bytes` of payloads, were given to the wire. Raises Mistake when they were before."""
        if number <= self._sent:
            raise Mistake(f"Entries up to {number} said; {self._sent} were said before.")
        self._sent = number
        self._under_way.append(_UnderWay(number, size_bytes, now, self._carried_bytes))
        self.under_way_bytes += size_bytes

    def acknowledged(self, number: int, now: float) -> bool:
        """The peer holds entries up to `number`. False when that was known. Raises Refused(MALFORMED) when they were never said."""
        if number > self._sent:
            raise Refused(Code.MALFORMED, f"Entry {number} acknowledged; only {self._sent} were sent.")
        if number <= self._acknowledged:
            return False
        self._acknowledged = number
        said: _UnderWay | None = None
        while self._under_way and self._under_way[0].last <= number:
            said = self._under_way.pop(0)
            self.under_way_bytes -= said.size_bytes
            self._carried_bytes += said.size_bytes
        if said is not None:
            self._widen(said, now)
        return True

    def _widen(self, said: _UnderWay, now: float) -> None:
        """This frame was acknowledged. What line and disk carry in the shortest round trip may be under way, and what they carry in the time for
        which a whisper may wait behind it: the slower the disk, the more entries share a commit."""
        seconds = max(now - said.at, 1e-6)
        self._shortest_seconds = min(self._shortest_seconds, seconds)
        rate = (self._carried_bytes - said.carried_bytes) / seconds
        patience_seconds = self._shortest_seconds + limits.ENTRIES_QUEUE_SECONDS
        aim_bytes = int(rate * patience_seconds)
        if aim_bytes > self._window_bytes:
            self._window_bytes = min(aim_bytes, self._window_bytes * 2, limits.ENTRIES_WINDOW_BYTES_MAX)
        elif seconds > patience_seconds:  # else there was not more to carry
            self._window_bytes = max(aim_bytes, self._window_bytes // 2, limits.ENTRIES_WINDOW_BYTES)
