"""What a link needs of a disk: two interfaces, Log and Blobs, and the promise between them.

Nothing that `commit`, `keep` or `acknowledge` was told is durable before the owner's `sync` has returned; the pump tells the
machine `Committed` only after that (promise 1 of SPEC.md section 1). tests/contracts runs one suite over all
implementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from protocol.entries import Entry, Mark
from protocol.ids import Digest


class Log(Protocol):
    """Both directions of one link, at one end: my own log, and my copy of the peer's."""

    def last(self) -> Mark:
        """Last entry of my own log."""

    def first(self) -> int:
        """Number of the oldest entry of my own log that is still here; `last().number + 1` when none is."""

    def read(self, after: int, bytes_max: int, count_max: int) -> Sequence[Entry]:
        """My own entries from number `after` + 1 on: at least one if there is one, together at most `bytes_max` otherwise."""

    def acknowledge(self, number: int) -> None:
        """The peer holds my entries up to `number`; they may be forgotten."""

    def acknowledged(self) -> int:
        """Highest number given to `acknowledge`."""

    def theirs(self) -> Mark:
        """How far I hold the peer's log."""

    def commit(self, entries: Sequence[Entry]) -> None:
        """Hold and apply these entries of the peer, which follow `theirs()` without a gap."""


class Blobs(Protocol):
    """Bytes named by their SHA-256, written from the front, read anywhere."""

    def have(self, digest: Digest) -> int:
        """How many bytes from the front are here; 0 for a stranger."""

    def keep(self, digest: Digest, offset_bytes: int, chunk: bytes | memoryview) -> None:
        """Write at `offset_bytes`, which is `have(digest)`. Raises Mistake otherwise."""

    def read(self, digest: Digest, offset_bytes: int, length_bytes: int) -> bytes | None:
        """These bytes, fewer at the end; None for a stranger."""

    def forget(self, digest: Digest) -> None:
        """Free the space; a stranger is no error."""
