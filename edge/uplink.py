"""Keep one link to the hub alive, for ever; tell the rest of the cabin "connected, since when, why not".

One plain thread drains the socket: asyncio would cost more than it gives here. What is said on a connection is `connection`'s affair.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
import structlog

from edge.buffer import Buffer, News
from edge.connection import Connection, pause_seconds
from edge.turned_away import TurnedAway
from protocol import frames, limits
from protocol.errors import Mistake, Trouble
from protocol.ids import SiteId
from protocol.keys import CurvePair
from protocol.runtime import wires
from protocol.runtime.backoff import Backoff
from protocol.runtime.names import Name
from protocol.runtime.reach import Reach
from protocol.runtime.wires import Dialler

log = structlog.get_logger("uplink")
_LOOK_SECONDS: Final = 0.1  # how often the line is looked at


class Status(msgspec.Struct, frozen=True):
    """State of the line. `since` of that state; `reason` in words while not connected; `hub_offset_seconds`: hub's clock minus ours. `turned_away`:
    the hub has not known this cabin's key for a while."""

    connected: bool
    since: datetime
    last_contact_at: datetime | None = None
    reason: str = ""
    round_trip_seconds: float | None = None
    hub_offset_seconds: float | None = None
    attempts: int = 0
    turned_away: bool = False


class Uplink:
    """The cabin's end of its link. `start`, `stop`, `wake` and `status` may be called from any thread.

    `on_news` is called in the uplink's thread with what each turn brought; `on_trouble` once, when the buffer failed, or the
    uplink itself: then nothing was acknowledged and the process must end and be started anew (a failed fsync is never retried)."""

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
        on_whisper: Callable[[frames.Whisper], None] = lambda whisper: None,
    ) -> None:
        self._buffer = buffer
        self._site = site
        self._name = Name(address)
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
        self._on_whisper = on_whisper
        self._whispers: deque[frames.Whisper] = deque(maxlen=limits.WHISPERS_WAITING_MAX)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._status = Status(connected=False, since=utc(), reason="not started")
        self._turned_away = TurnedAway()
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

    def whisper(self, whisper: frames.Whisper) -> None:
        """Say something perishable: now, or never where the line does not stand."""
        self._whispers.append(whisper)
        self.wake()

    def status(self) -> Status:
        """State of the line now."""
        return self._status

    # --- the thread ----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        backoff = Backoff(self._chance)
        reach = self._reach(backoff, 0.0)
        try:
            while not self._stopping:
                if reach.standing is not None:
                    reach = self._conversation(reach.standing, backoff)
                    continue
                reach.wait(self._bell)
                self._drain_bell()
                self._whispers.clear()
                reach.turn()
        except Trouble as trouble:
            self._ended(trouble)
        except Exception as error:
            # A thread that died by itself would leave a cabin that receives visitors and delivers nothing.
            log.exception("uplink.broken")
            self._ended(Mistake(f"The cabin's end of the line broke: {error!r}.", "Report it, with the cabin's log."))
        finally:
            reach.close()

    def _ended(self, trouble: Trouble) -> None:
        self._disconnected(str(trouble))
        self._on_trouble(trouble)

    def _reach(self, backoff: Backoff, first_seconds: float) -> Reach:
        return Reach(
            self._name,
            lambda address: Dialler(address, self._hub_key, self._own),
            backoff,
            self._disconnected,
            self._clock,
            first_seconds,
        )

    def _conversation(self, dialler: Dialler, backoff: Backoff) -> Reach:
        """One connection to its end; how the next one is reached."""
        linger_seconds = 0.0
        dialler.also(self._bell)
        dialler.watch_path()
        try:
            connection = Connection(
                self._buffer, self, dialler.say, self._clock, self._utc, lambda: dialler.room_seconds(self._clock())
            )
            beside = self._talk(dialler, connection, backoff)
            self._disconnected(connection.reason)
            linger_seconds = limits.STALL_SECONDS if connection.refused else 0.0
            first_seconds = pause_seconds(connection, backoff)
            return beside or self._reach(backoff, first_seconds)
        finally:
            dialler.close(linger_seconds=linger_seconds)

    def _talk(self, dialler: Dialler, connection: Connection, backoff: Backoff) -> Reach | None:
        """Until it ends, or was silent until another attempt stood: a line that only holds its breath goes on, and nothing was lost by asking."""
        beside: Reach | None = None
        connection.begin()
        while not self._stopping and not connection.over and not dialler.failure:
            until_seconds = min(connection.deadline - self._clock(), _LOOK_SECONDS)
            if beside is None:
                dialler.wait(until_seconds)
            else:
                dialler.wait(0)
                wires.wait(
                    [dialler, *beside.under_way], self._bell, min(until_seconds, beside.deadline - self._clock())
                )
            # The bell is drained first: what is appended after this line rings it again.
            grown = self._drain_bell()
            while self._whispers:
                connection.whisper(self._whispers.popleft())
            connection.turn(dialler.receive(limits.HIGH_WATER_MESSAGES), grown)
            if not dialler.silent(self._clock()):
                if beside is not None:
                    beside.drop()
                    beside = None
                continue
            beside = beside or self._reach(backoff, 0.0)
            beside.turn()
            if beside.standing is not None:
                break
        connection.close(dialler.failure or ("stopped" if self._stopping else wires.SILENT))
        return beside

    def _drain_bell(self) -> bool:
        try:
            return os.eventfd_read(self._bell) > 0
        except BlockingIOError:
            return False

    def _disconnected(self, reason: str) -> None:
        now, before = self._utc(), self._status
        self._turned_away.heard(reason, self._clock())
        self._status = Status(
            connected=False,
            since=now if before.connected else before.since,
            last_contact_at=before.last_contact_at,
            reason=reason,
            attempts=before.attempts + 1,
            turned_away=self._turned_away.on,
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

    def heard(self, whisper: frames.Whisper) -> None:
        """Something perishable came."""
        self._on_whisper(whisper)

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        """The hub lives."""
        now, before = self._utc(), self._status
        known = round_trip_seconds >= 0
        self._turned_away.welcomed()
        offset = (frame.time - now).total_seconds() + round_trip_seconds / 2 if known else before.hub_offset_seconds
        self._status = Status(
            connected=True,
            since=before.since if before.connected else now,
            last_contact_at=now,
            round_trip_seconds=round_trip_seconds if known else before.round_trip_seconds,
            hub_offset_seconds=offset,
        )
