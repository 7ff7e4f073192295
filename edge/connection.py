"""One connection of the cabin to the hub, from its Hello to its end. It owns neither socket nor thread nor timer.

`uplink` runs it on CurveZMQ, the simulator on a line that exists in memory: hear all that has come, make it durable with one `sync`, and only
then let the acknowledgements leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Protocol

import structlog

from edge.buffer import Buffer, News
from protocol import frames, limits
from protocol.errors import Refused
from protocol.ids import HUB_ID, Digest, SiteId
from protocol.link import UP, Link
from protocol.runtime.backoff import Backoff
from protocol.runtime.pump import Pump

QUIET_SECONDS: Final = 0.5  # nothing heard for so long: time to give space back
log = structlog.get_logger("uplink")
Message = tuple[bytes | memoryview, bytes | memoryview, int]  # first part, second part, number of parts


class Cabin(Protocol):
    """What a connection must know of the cabin it speaks for, and whom it tells."""

    def introduce(self) -> tuple[SiteId, bytes, str]:
        """Site, boot id and software version."""

    def vitals(self) -> frames.Vitals:
        """How the cabin is."""

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        """The hub lives; `round_trip_seconds` is negative when unknown."""

    def brought(self, news: News) -> None:
        """What a turn brought; durable."""

    def heard(self, whisper: frames.Whisper) -> None:
        """Something perishable came from the hub."""


class Connection:
    """`begin` once the line stands, `turn` whenever something came or `deadline` has passed, until `over`; then `close`. Raises Unavailable when the
    buffer failed: then nothing was acknowledged. `room()`: seconds until the wire has room for a piece of a document."""

    def __init__(
        self,
        buffer: Buffer,
        cabin: Cabin,
        say: Callable[[bytes, bytes | None], None],
        clock: Callable[[], float],
        utc: Callable[[], datetime],
        room: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._buffer = buffer
        self._cabin = cabin
        self._say = say
        self._pump = Pump(Link(HUB_ID), buffer.log, self, say, clock, utc, room)
        self._sending: tuple[bytes, int] = (b"", 0)  # the blob read last, and its size
        self._clock = clock
        self._heard_at = clock()
        self.greeted = False  # the hub has said its Hello

    @property
    def deadline(self) -> float:
        """When `turn` is due though nothing came, in seconds of `clock`."""
        return (
            min(self._pump.deadline, self._heard_at + QUIET_SECONDS) if self._buffer.leaving() else self._pump.deadline
        )

    @property
    def over(self) -> bool:
        """One end has ended it."""
        return self._pump.ended is not None

    @property
    def reason(self) -> str:
        """Why it is over, in words."""
        return self._pump.ended.text if self._pump.ended else ""

    @property
    def refused(self) -> bool:
        """Did we refuse the hub? It must hear why, for it calls a person."""
        return self._pump.ended is not None and bool(self._pump.ended.code) and not self._pump.ended.by_peer

    @property
    def welcome(self) -> bool:
        """Did the hub speak with us, and refuse nothing?"""
        return self.greeted and not (self._pump.ended and self._pump.ended.code)

    @property
    def retry_after_seconds(self) -> float:
        """How long the hub asked us to wait."""
        return self._pump.ended.retry_after_seconds if self._pump.ended else 0.0

    def begin(self) -> None:
        """The line stands: say Hello, and what is to be fetched."""
        for digest, size_bytes, have_bytes in self._buffer.wanted():
            self._pump.want(digest, size_bytes, have_bytes)
        self._pump.connected()

    def turn(self, messages: Iterable[Message], grown: bool) -> None:
        """Hear `messages`, settle, speak. `grown`: the cabin's log has new entries."""
        now = self._clock()
        heard_at = self._heard_at
        try:
            for first, data, parts in messages:
                self._heard_at = now
                self._pump.hear(frames.decode(first, parts), data)
        except Refused as refused:
            self._say(frames.encode(frames.Refused(refused.code, str(refused)[: limits.TEXT_CHARS_MAX])), None)
            self._pump.lost(str(refused))
        self.greeted = self.greeted or self._pump.link.state == UP
        if self.greeted and self._heard_at > heard_at:
            self._buffer.in_touch(self._heard_at - heard_at)
        self._settle()
        if grown:
            self._pump.appended()
        self._pump.tick()

    def whisper(self, whisper: frames.Whisper) -> bool:
        """Say something perishable now. False: the line does not stand."""
        return self._pump.whisper(whisper)

    def close(self, reason: str) -> None:
        """The line is gone, or the cabin hangs up."""
        self._pump.lost(reason)

    def _settle(self) -> None:
        """Make durable what was heard, then let the acknowledgements leave."""
        news = self._buffer.sync(quiet=self._clock() >= self._heard_at + QUIET_SECONDS)
        self._pump.settled()
        if news.wanted:  # instead of what was wanted until now: a directory that has been overtaken
            self._pump.link.transfers.forget()
        for digest, size_bytes, have_bytes in news.wanted:
            self._pump.want(digest, size_bytes, have_bytes)
        if news:
            self._cabin.brought(news)

    # --- what the pump asks of its owner -------------------------------------------------------------------------
    def introduce(self) -> tuple[str, bytes, int, str]:
        """For our Hello."""
        site, boot, software = self._cabin.introduce()
        return site, boot, self._buffer.directory_version(), software

    def vitals(self) -> frames.Vitals:
        """For our Beat."""
        return self._cabin.vitals()

    def read(self, digest: Digest, offset_bytes: int, length_bytes: int) -> tuple[bytes, int] | None:
        """Bytes of an envelope in the outbox."""
        # The hub holds the whole against the signed manifest before it says that it has it.
        chunk = self._buffer.read(digest, offset_bytes, length_bytes, checked_later=True)
        if chunk is None:
            return None
        if self._sending[0] != digest:  # chunk after chunk of one blob: its size is looked up once
            self._sending = digest, self._buffer.have(digest)
        return chunk, self._sending[1]

    def keep(self, digest: Digest, offset_bytes: int, data: bytes | memoryview) -> None:
        """Bytes of a directory from the hub. They may have been asked for before a newer one was announced."""
        if self._buffer.wants(digest):
            self._buffer.keep(digest, offset_bytes, data)

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        """The hub lives."""
        self._cabin.observe(frame, round_trip_seconds)

    def deliver(self, whisper: frames.Whisper) -> None:
        """For whoever listens in the cabin."""
        self._cabin.heard(whisper)

    def note(self, name: str, detail: str) -> None:
        """Counted in the log."""
        log.info(name, detail=detail)


def pause_seconds(connection: Connection, backoff: Backoff) -> float:
    """How long to wait before the connection after this one. A line that was good is dialled again soon, and never at once: were it cut by what we
    say, both ends would do nothing else."""
    if connection.welcome:
        backoff.welcome()
    return max(connection.retry_after_seconds, backoff.absent_seconds())
