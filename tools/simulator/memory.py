"""A disk that is no disk: `protocol.runtime.store` in memory, with a power switch.

What was told since the last `sync` is there to be read and gone after `crash`, as with a real disk. Scripts and simulation use both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from protocol import entries
from protocol.entries import Entry, Event, Mark
from protocol.errors import Mistake
from protocol.ids import Digest


class MemoryLog:
    """`protocol.runtime.store.Log`. Own entries are durable with `append`; the rest with `sync`."""

    def __init__(self, epoch: int = 1, after: Mark | None = None) -> None:
        """`after`: the last entry known of an earlier log that was lost."""
        self.epoch = epoch
        self.received: list[Entry] = []  # the peer's entries
        self._own: list[Entry] = []
        self._forgotten = after or Mark()  # own entries up to here were let go
        self._acknowledged = 0
        self._durable = (0, 0)  # acknowledged, number of entries received

    def append(self, event: Event) -> Entry:
        """Write down one event, in clear."""
        return self.append_payload(entries.clear(event))

    def append_payload(self, payload: bytes) -> Entry:
        """Write down one payload as it is."""
        entry = entries.following(self.last(), self.epoch, payload)
        self._own.append(entry)
        return entry

    def last(self) -> Mark:
        """Last entry of my own log."""
        return _mark(self._own[-1]) if self._own else self._forgotten

    def first(self) -> int:
        """Number of the oldest entry of my own log that is still here."""
        return self._forgotten.number + 1

    def read(self, after: int, bytes_max: int, count_max: int) -> Sequence[Entry]:
        """My own entries from `after` + 1 on; none when that one is not here."""
        batch: list[Entry] = []
        start = after - self._forgotten.number
        if start < 0:
            return batch
        for entry in self._own[start : start + count_max]:
            bytes_max -= len(entry.payload)
            if bytes_max < 0 and batch:
                break
            batch.append(entry)
        return batch

    def acknowledge(self, number: int) -> None:
        """The peer holds my entries up to `number`. Raises Mistake when there are not so many."""
        if number > self.last().number:
            raise Mistake(f"Entry {number} acknowledged; the log ends at {self.last().number}.")
        self._acknowledged = max(self._acknowledged, number)

    def acknowledged(self) -> int:
        """Highest number given to `acknowledge`."""
        return self._acknowledged

    def theirs(self) -> Mark:
        """How far I hold the peer's log."""
        return _mark(self.received[-1]) if self.received else Mark()

    def commit(self, batch: Sequence[Entry]) -> None:
        """Hold entries of the peer. Raises Mistake where they do not follow."""
        for entry in batch:
            held = self.theirs()
            if entry.number > held.number + 1:
                held = entries.leap(entry.payload, entry.epoch, entry.number) or held
            if entry.number != held.number + 1 or entry.hash != entries.chain(
                held.hash, entry.epoch, entry.number, entry.payload
            ):
                raise Mistake(f"Entry {entry.number} does not follow entry {held.number}.")
            self.received.append(entry)

    def sync(self) -> None:
        """Make durable what was told."""
        self._durable = (self._acknowledged, len(self.received))

    def crash(self) -> None:
        """Power cut: only what is durable is left."""
        self._acknowledged, held = self._durable
        del self.received[held:]


class MemoryBlobs:
    """`protocol.runtime.store.Blobs`."""

    def __init__(self) -> None:
        self._bytes: dict[Digest, bytearray] = {}
        self._durable: dict[Digest, int] = {}  # how many bytes of each would survive
        self._forgotten: dict[Digest, bytearray] = {}  # since the last sync

    def put(self, blob: bytes) -> Digest:
        """A whole blob of our own, durable at once."""
        digest = Digest(hashlib.sha256(blob).digest())
        self._bytes[digest] = bytearray(blob)
        self._durable[digest] = len(blob)
        return digest

    def have(self, digest: Digest) -> int:
        """How many bytes from the front are here; 0 for a stranger."""
        return len(self._bytes.get(digest, b""))

    def keep(self, digest: Digest, offset_bytes: int, chunk: bytes | memoryview) -> None:
        """Write at `offset_bytes`, which is `have(digest)`. Raises Mistake otherwise."""
        if offset_bytes != self.have(digest):
            raise Mistake(f"Bytes from {offset_bytes} on came; {self.have(digest)} are here.")
        self._bytes.setdefault(digest, bytearray()).extend(chunk)

    def read(self, digest: Digest, offset_bytes: int, length_bytes: int) -> bytes | None:
        """These bytes, fewer at the end; None for a stranger."""
        blob = self._bytes.get(digest)
        return None if blob is None else bytes(blob[offset_bytes : offset_bytes + length_bytes])

    def forget(self, digest: Digest) -> None:
        """Free the space; a stranger is no error."""
        blob = self._bytes.pop(digest, None)
        if blob is not None:
            self._forgotten[digest] = blob

    def sync(self) -> None:
        """Make durable what was told."""
        self._durable = {digest: len(blob) for digest, blob in self._bytes.items()}
        self._forgotten.clear()

    def crash(self) -> None:
        """Power cut: only what is durable is left."""
        found = {**self._bytes, **self._forgotten}
        self._bytes = {digest: found[digest][:size_bytes] for digest, size_bytes in self._durable.items()}
        self._forgotten.clear()


def _mark(entry: Entry) -> Mark:
    return Mark(entry.epoch, entry.number, entry.hash)
