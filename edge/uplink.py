"""Keep one link to the hub alive, for ever; tell the rest of the cabin "connected, since when, why not".

One plain thread drains the socket: asyncio would cost more than it gives here. What is said on a connection is `connection`'s affair.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from datetime import datetime

import msgspec

from edge.buffer import Buffer, News
from edge.connection import Connection, Redial
from protocol import frames, limits
from protocol.errors import Trouble
from protocol.ids import SiteId
from protocol.keys import CurvePair
from protocol.runtime.wires import Dialler


class Status(msgspec.Struct, frozen=True):
    """State of the line. `since` of that state; `reason` in words while not connected; `hub_offset_seconds`: hub's clock minus ours."""

    connected: bool
    since: datetime
    last_contact_at: datetime | None = None
    reason: str = ""
    round_trip_seconds: float | None = None
    hub_offset_seconds: float | None = None
    attempts: int = 0


class Uplink:
    """The cabin's end of its link. `start`, `stop`, `wake` and `status` may be called from any thread.

    `on_news` is called in the uplink's thread with what each turn brought; `on_trouble` once, when the buffer failed: then nothing was
    acknowledged and the process must end and be started anew (a failed fsync is never retried)."""

    def __init__(
        self,
        buffer: Buffer,
        *,
        site: SiteId,
        address: str,
        hub_key: bytes,
        own: CurvePair,
        boot: bytes,
        software: str,
        clock: Callable[[], float],
        utc: Callable[[], datetime],
        chance: Callable[[], float],
        vitals: Callable[[], frames.Vitals],
        on_news: Callable[[News], None],
        on_trouble: Callable[[Trouble], None],
    ) -> None:
        self._buffer = buffer
        self._site = site
        self._address = address
        self._hub_key = hub_key
        self._own = own
        self._boot = boot
        self._software = software
        self._clock = clock
        self._utc = utc
        self._chance = chance
        self._vitals = vitals
        self._on_news = on_news
        self._on_trouble = on_trouble
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._status = Status(connected=False, since=utc(), reason="not started")
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    # --- for the rest of the cabin -------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the link and wait for the thread."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """The log grew."""
        os.eventfd_write(self._bell, 1)

    def status(self) -> Status:
        """State of the line now."""
        return self._status

    # --- the thread ----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        redial = Redial()
        try:
            while not self._stopping:
                self._pause(redial.pause_seconds(self._connection(), self._chance()))
        except Trouble as trouble:
            self._disconnected(str(trouble))
            self._on_trouble(trouble)

    def _connection(self) -> Connection | None:
        """One connection from dialling to its end; None when it did not come about."""
        dialler = Dialler(self._address, self._hub_key, self._own)
        dialler.also(self._bell)
        linger_seconds = 0.0
        try:
            given_up_at = self._clock() + limits.HELLO_SECONDS
            while not dialler.connected and not dialler.failure and not self._stopping:
                if self._clock() >= given_up_at:
                    dialler.failure = "the hub cannot be reached"
                dialler.wait(given_up_at - self._clock())
                self._drain_bell()
            if not dialler.connected:
                self._disconnected(dialler.failure)
                return None
            connection = self._talk(dialler)
            linger_seconds = limits.STALL_SECONDS if connection.refused else 0.0
            return connection
        finally:
            dialler.close(linger_seconds=linger_seconds)

    def _talk(self, dialler: Dialler) -> Connection:
        connection = Connection(self._buffer, self, dialler.say, self._clock, self._utc)
        connection.begin()
        while not self._stopping and not connection.over and not dialler.failure:
            dialler.wait(min(connection.deadline - self._clock(), limits.BEAT_SECONDS))
            # The bell is drained first: what is appended after this line rings it again.
            grown = self._drain_bell()
            connection.turn(dialler.receive(limits.HIGH_WATER_MESSAGES), grown)
        connection.close(dialler.failure or "stopped")
        self._disconnected(connection.reason)
        return connection

    def _drain_bell(self) -> bool:
        try:
            return os.eventfd_read(self._bell) > 0
        except BlockingIOError:
            return False

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; `stop` ends it at once, `wake` does not."""
        until = self._clock() + seconds
        while not self._stopping and self._clock() < until:
            select.select([self._bell], [], [], until - self._clock())
            self._drain_bell()

    def _disconnected(self, reason: str) -> None:
        now, before = self._utc(), self._status
        self._status = Status(
            connected=False,
            since=now if before.connected else before.since,
            last_contact_at=before.last_contact_at,
            reason=reason,
            attempts=before.attempts + 1,
        )

    # --- what a connection asks ----------------------------------------------------------------------------------
    def introduce(self) -> tuple[SiteId, bytes, str]:
        """Who calls."""
        return self._site, self._boot, self._software

    def vitals(self) -> frames.Vitals:
        """For a Beat."""
        return self._vitals()

    def brought(self, news: News) -> None:
        """A turn brought something."""
        self._on_news(news)

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        """The hub lives."""
        now, before = self._utc(), self._status
        known = round_trip_seconds >= 0
        offset = (frame.time - now).total_seconds() + round_trip_seconds / 2 if known else before.hub_offset_seconds
        self._status = Status(
            connected=True,
            since=before.since if before.connected else now,
            last_contact_at=now,
            round_trip_seconds=round_trip_seconds if known else before.round_trip_seconds,
            hub_offset_seconds=offset,
        )
