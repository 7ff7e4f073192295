"""Two ends of a link, joined by a line that exists in memory, under a clock that a test turns."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from protocol import entries, frames
from protocol.effects import End as Ended
from protocol.entries import DirectoryPublished, Event
from protocol.ids import Digest
from protocol.link import Link
from protocol.runtime.pump import Pump
from tools.simulator.memory import MemoryBlobs, MemoryLog

MIDNIGHT = datetime(2026, 3, 28, tzinfo=UTC)


class End:
    """Cabin or hub: a log, blobs, a pump, and what its owner was told. `durable` False: nothing is synced until the test says so."""

    def __init__(self, pair: Pair, node: str, peer: str) -> None:
        self.pair, self.node, self.peer = pair, node, peer
        self.log, self.blobs = MemoryLog(), MemoryBlobs()
        self.durable = True
        self.room_seconds = 0.0  # how long a piece of a blob has to wait before this end's wire takes it
        self.applied: list[Event] = []  # durable entries of the peer, in order
        self.observed: list[tuple[frames.Hello | frames.Beat, float]] = []
        self.whispers: list[frames.Whisper] = []
        self.notes: list[tuple[str, str]] = []
        self.visitor = False  # is somebody in it?
        self.missing: dict[Digest, int] = {}  # announced and not complete: size
        self.start()

    def start(self) -> None:
        """A new connection has a new link."""
        self.pump = Pump(
            Link(self.peer), self.log, self, self._say, lambda: self.pair.now, self.utc, lambda: self.room_seconds
        )

    def utc(self) -> datetime:
        return MIDNIGHT + timedelta(seconds=self.pair.now)

    def _say(self, first: bytes, data: bytes | None) -> None:
        self.pair.carry(self, first, data)

    def connect(self) -> None:
        self.start()
        for digest, size_bytes in self.missing.items():
            self.pump.want(digest, size_bytes, self.blobs.have(digest))
        self.pump.connected()

    def append(self, event: Event) -> None:
        self.log.append(event)
        self.pump.appended()

    def announce(self, blob: bytes, size_bytes: int | None = None) -> Digest:
        """Put a blob into the store and an entry about it into the log."""
        digest = self.blobs.put(blob)
        self.append(DirectoryPublished(1, digest, len(blob) if size_bytes is None else size_bytes))
        return digest

    def sync(self) -> None:
        """Make durable, apply what arrived, then let acknowledgements leave."""
        self.log.sync()
        self.blobs.sync()
        for entry in self.log.received[len(self.applied) :]:
            event = entries.read(entry.payload, None, entry.epoch, entry.number)
            self.applied.append(event)
            if isinstance(event, DirectoryPublished):
                self.missing[event.digest] = event.size_bytes
                self.pump.want(event.digest, event.size_bytes, self.blobs.have(event.digest))
        for digest in [d for d, size in self.missing.items() if self.blobs.have(d) >= size]:
            whole = self.blobs.read(digest, 0, self.missing[digest])
            assert whole is not None
            assert hashlib.sha256(whole).digest() == digest
            del self.missing[digest]
        self.pump.settled()

    def crash(self) -> None:
        """Power cut: what was not synced is gone."""
        self.log.crash()
        self.blobs.crash()

    @property
    def ended(self) -> Ended | None:
        return self.pump.ended

    # --- what the pump asks of its owner ---
    def introduce(self) -> tuple[str, bytes, int, str]:
        return self.node, b"boot", 0, "test"

    def vitals(self) -> frames.Vitals | None:
        return frames.Vitals(waiting_documents=len(self.missing), visitor=self.visitor)

    def read(self, digest: Digest, offset_bytes: int, length_bytes: int) -> tuple[bytes, int] | None:
        data = self.blobs.read(digest, offset_bytes, length_bytes)
        return None if data is None else (data, self.blobs.have(digest))

    def keep(self, digest: Digest, offset_bytes: int, data: bytes | memoryview) -> None:
        self.blobs.keep(digest, offset_bytes, data)

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        self.observed.append((frame, round_trip_seconds))

    def deliver(self, whisper: frames.Whisper) -> None:
        self.whispers.append(whisper)

    def note(self, name: str, detail: str) -> None:
        self.notes.append((name, detail))


class Pair:
    """`cabin` and `hub`. `said` is everything either said, in order; `lose` may swallow messages on the line."""

    def __init__(self) -> None:
        self.now = 100.0
        self.latency_seconds = 0.03
        self.rate: float | None = None  # bytes per second in each direction, None: no bound
        self.lose: Callable[[End, frames.Frame | frames.Unknown], bool] = lambda _sender, _frame: False
        self.said: list[tuple[str, frames.Frame | frames.Unknown]] = []
        self._line: list[tuple[float, int, End, frames.Frame | frames.Unknown, bytes]] = []
        self._free_at: dict[str, float] = {}
        self._count = itertools.count()
        self.cabin = End(self, "templin", "hub")
        self.hub = End(self, "hub", "templin")

    @property
    def ends(self) -> tuple[End, End]:
        return self.cabin, self.hub

    def carry(self, sender: End, first: bytes, data: bytes | None) -> None:
        frame = frames.decode(first, 1 if data is None else 2)
        self.said.append((sender.node, frame))
        if self.lose(sender, frame):
            return
        left_at = self.now
        if self.rate is not None:
            left_at = max(self.now, self._free_at.get(sender.node, 0.0)) + (len(first) + len(data or b"")) / self.rate
            self._free_at[sender.node] = left_at
        receiver = self.hub if sender is self.cabin else self.cabin
        heapq.heappush(self._line, (left_at + self.latency_seconds, next(self._count), receiver, frame, data or b""))

    def connect(self) -> None:
        for end in self.ends:
            end.connect()

    def dial(self) -> None:
        """As cabin and hub do it: one end says its Hello first, and greets the other."""
        self.cabin.connect()
        self.hub.start()
        self.hub.pump.connected(greeted=True)

    def cut(self) -> None:
        """What is on the line is lost, and both ends notice."""
        self._line.clear()
        self._free_at.clear()
        for end in self.ends:
            end.pump.lost("cut")

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while True:
            due_at = min([*(entry[0] for entry in self._line[:1]), *(end.pump.deadline for end in self.ends)])
            if due_at > until:
                break
            self.now = max(self.now, due_at)
            if self._line and self._line[0][0] <= self.now:
                _, _, receiver, frame, data = heapq.heappop(self._line)
                receiver.pump.hear(frame, data)
                if receiver.durable:
                    receiver.sync()
            for end in self.ends:
                end.pump.tick()
        self.now = until

    def of(self, kind: type[frames.Frame], node: str | None = None) -> list[frames.Frame]:
        """What was said of this kind, by both or by one."""
        return [frame for sender, frame in self.said if isinstance(frame, kind) and node in (None, sender)]


@pytest.fixture
def pair() -> Pair:
    """Two ends, not yet connected."""
    return Pair()


@pytest.fixture(scope="session")
def new_pair() -> Callable[[], Pair]:
    """For tests that need one for each of many examples."""
    return Pair
