"""Run one link: feed its machine, carry out what it wants done. One thread at a time calls a pump.

What must be durable first is only begun here: after `Commit` and `Keep` the owner makes its store durable (many links together, one
fsync) and then calls `settled`, and only then the acknowledgement leaves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from protocol import effects, events, frames, limits
from protocol.entries import Entry
from protocol.errors import Mistake
from protocol.ids import Digest
from protocol.link import UP, Link
from protocol.runtime.store import Log


class Owner(Protocol):
    """The side that a link belongs to: cabin or hub."""

    def introduce(self) -> tuple[str, bytes, int, str]:
        """Node id, boot id, directory version and software version for our Hello."""

    def vitals(self) -> frames.Vitals | None:
        """How we are, for a Beat."""

    def read(self, digest: Digest, offset_bytes: int, length_bytes: int) -> tuple[bytes, int] | None:
        """Bytes of a blob that the peer may have, and the size of the whole; None when there is no such blob for this peer."""

    def keep(self, digest: Digest, offset_bytes: int, data: bytes | memoryview) -> None:
        """Write bytes of a blob."""

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        """The peer lives; `round_trip_seconds` is negative when unknown."""

    def deliver(self, whisper: frames.Whisper) -> None:
        """Something perishable came."""

    def note(self, name: str, detail: str) -> None:
        """Something worth counting happened."""


def _always() -> float:
    return 0.0


class Pump:
    """One link, its log, its wire. `say(first part, second part or None)` gives one message to the wire; `room()`: so many seconds has a piece of a
    blob to wait before that, so that whatever is small can overtake it (room.py)."""

    def __init__(
        self,
        link: Link,
        log: Log,
        owner: Owner,
        say: Callable[[bytes, bytes | None], None],
        clock: Callable[[], float],
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        room: Callable[[], float] = _always,
    ) -> None:
        self.link = link
        self.ended: effects.End | None = None
        self._log = log
        self._owner = owner
        self._say = say
        self._clock = clock
        self._utc = utc
        self._commit_to = 0
        self._room = room
        self._owed: list[frames.Want] = []  # to be answered in this order, when there is room
        self._room_at = 0.0
        self._talks_until = 0.0
        self._backlog_to = 0  # entries up to here were written before this connection: nobody waits for each of them

    @property
    def deadline(self) -> float:
        """When `tick` is due, in monotonic seconds; infinite when never."""
        return min(self.link.deadline, self._room_at) if self._owed else self.link.deadline

    def connected(self, *, greeted: bool = False) -> None:
        """A connection stands: say Hello. Call it only when all that was committed is durable: a Hello acknowledges as an Ack does."""
        last = self._log.last()
        self._backlog_to = last.number
        self.feed(events.Connected(self._log.first(), last, self._log.theirs(), greeted))

    def hear(self, frame: frames.Frame | frames.Unknown, data: bytes | memoryview = b"") -> None:
        """A frame came."""
        self.feed(events.Heard(frame, data))

    def appended(self) -> None:
        """Our log grew."""
        self.feed(events.Appended(self._log.last()))

    def want(self, digest: Digest, size_bytes: int, have_bytes: int) -> None:
        """Fetch this blob from the peer."""
        self.feed(events.Wanted(digest, size_bytes, have_bytes))

    def whisper(self, whisper: frames.Whisper) -> bool:
        """Say something perishable now, before everything that waits. False: nobody is there, and nobody will ever hear it."""
        if self.link.state != UP:
            return False
        self._talks_until = self._clock() + limits.TALK_SECONDS
        self._say(frames.encode(whisper), None)
        return True

    def settled(self) -> None:
        """All that was committed and kept before is durable."""
        if self._commit_to:
            number, self._commit_to = self._commit_to, 0
            self.feed(events.Committed(number))

    def tick(self) -> None:
        """Call when `deadline` has passed."""
        if self._clock() >= self.link.deadline:
            self.feed(events.Tick())
        else:
            self._answer()

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        self.feed(events.Lost())
        self.ended = self.ended or effects.End("", reason)

    def let_go(self) -> None:
        """Of its owner, which asks nothing more of it. Each holds the other: both would stay until the collector comes by."""
        vars(self).pop("_owner", None)
        vars(self).pop("_say", None)

    def feed(self, event: events.Event) -> None:
        """Step the machine and do what it says."""
        todo = self.link.step(event, self._clock())
        for effect in todo:  # it may grow meanwhile
            if isinstance(effect, effects.SayEntries):
                said = self._say_entries(effect.after, effect.bytes_max)
                todo.extend(self.link.step(said, self._clock()))
            else:
                self._do(effect)
        if self._owed:
            self._answer()

    def _answer(self) -> None:
        """Wants that wait, as far as there is room."""
        if self.link.state != UP:
            self._owed.clear()  # nobody waits for it any more
        while self._owed and self._clock() >= self._room_at:
            wait_seconds = self._room() if self._clock() < self._talks_until else 0.0
            if wait_seconds:
                self._room_at = self._clock() + wait_seconds
                return
            self._say_chunk(self._owed.pop(0))

    def _do(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Keep(digest, offset_bytes, data):
                self._owner.keep(digest, offset_bytes, data)
            case effects.Say(frame):
                self._say(frames.encode(frame), None)
            case effects.SayChunk(want):
                self._owed.append(want)
            case effects.Commit(batch):
                self._log.commit(batch)
                self._commit_to = batch[-1].number
            case effects.Acknowledged(number):
                self._log.acknowledge(number)
            case effects.Observe(frame, round_trip_seconds):
                self._owner.observe(frame, round_trip_seconds)
            case effects.Deliver(whisper):
                self._owner.deliver(whisper)
            case effects.SayHello(first, last, heard):
                node, boot, directory_version, software = self._owner.introduce()
                versions = (limits.PROTOCOL_VERSION,)
                hello = frames.Hello(
                    versions,
                    node,
                    boot,
                    first,
                    last,
                    heard.number,
                    directory_version,
                    software,
                    self._utc(),
                    heard=heard,
                )
                self._say(frames.encode(hello), None)
            case effects.SayBeat(number, echo, held_seconds, last):
                vitals = self._owner.vitals()
                if vitals is not None:
                    self.link.beat_every(limits.BEAT_VISIT_SECONDS if vitals.visitor else limits.BEAT_SECONDS)
                beat = frames.Beat(number, self._utc(), echo, held_seconds, last, vitals)
                self._say(frames.encode(beat), None)
            case effects.End():
                self.ended = effect
            case effects.Note(name, detail):
                self._owner.note(name, detail)

    def _say_chunk(self, want: frames.Want) -> None:
        """Exactly what was asked for, up to the end of the blob, or Gone: the peer counts on it."""
        found = self._owner.read(want.digest, want.offset_bytes, want.length_bytes)
        data, total_bytes = found or (b"", 0)
        if not data or len(data) != min(want.length_bytes, total_bytes - want.offset_bytes):
            self._owner.note("blob.missing", want.digest.hex())
            self._say(frames.encode(frames.Gone(want.digest)), None)
            return
        self._say(frames.encode(frames.Chunk(want.digest, want.offset_bytes, total_bytes)), data)

    def _say_entries(self, after: int, bytes_max: int) -> events.Said:
        batch = one_epoch(self._log.read(after, bytes_max, limits.ENTRIES_PER_FRAME_MAX))
        if not batch or batch[0].number != after + 1:
            raise Mistake(f"The log ends before entry {after + 1}, which it said it had.")
        payloads = tuple(entry.payload for entry in batch)
        last = batch[-1]
        if last.number > self._backlog_to:
            self._talks_until = self._clock() + limits.TALK_SECONDS
        self._say(frames.encode(frames.Entries(last.epoch, after + 1, payloads, last.hash)), None)
        return events.Said(last.number, sum(map(len, payloads)))


def one_epoch(batch: Sequence[Entry]) -> list[Entry]:
    """The leading entries of one epoch: a frame carries no others."""
    return list(itertools.takewhile(lambda entry: entry.epoch == batch[0].epoch, batch))
