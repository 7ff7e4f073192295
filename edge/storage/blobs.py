"""Sealed documents on their way out, and what comes from the hub: bytes in chunks, named by their SHA-256.

Every chunk is checked against its SHA-256 when it is read for the first time since the process started: to check ten gigabytes while opening
would take too long. A damaged one is not given out. Whoever checks the whole by itself, as the hub does before it says *gesichert*, may read
unchecked, once: who asks for the same bytes again gets them checked.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection
from typing import Final

import msgspec

from edge.storage.database import Database
from edge.storage.rows import Rows
from protocol import limits
from protocol.ids import Digest

CHUNK_BYTES: Final = limits.CHUNK_BYTES_MAX
_HASH_BYTES: Final = 32
_CHUNKS_MAX: Final = 1 << 20  # of one blob
_SWEEP_CHUNKS: Final = 8  # deleted in one turn: 4 MiB, so that neither the WAL nor a screen's wait grows
_CHECKED_MAX: Final = 100_000


class BlobRow(msgspec.Struct, frozen=True, array_like=True):
    """`size_bytes` are here, from the front. `pieces`: SHA-256 of every chunk, one after the other."""

    digest: bytes
    id: int
    size_bytes: int
    pieces: bytes


class LeavingRow(msgspec.Struct, frozen=True, array_like=True):
    """The chunks of blob `id` are to be deleted, from the last of `chunks` to the first."""

    id: int
    chunks: int


class DamageError(Exception):
    """A chunk is not what was written; the argument is its place in the blob."""


class Blobs:
    """Writes happen within a turn of `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rows = Rows(database, "blob", BlobRow)
        self.leaving = Rows(database, "leaving", LeavingRow)
        self._checked: set[int] = set()
        self._given: dict[int, int] = {}  # chunk → how far it was read unchecked
        self._read_last: BlobRow | None = None  # a blob is read chunk after chunk, and asked for its size

    def have(self, digest: Digest) -> int:
        """How many bytes from the front are durable here; 0 for a stranger."""
        row = self._row(digest)
        return row.size_bytes if row else 0

    def read(
        self, digest: Digest, offset_bytes: int, length_bytes: int, *, checked_later: bool = False
    ) -> bytes | None:
        """These bytes, fewer at the end; None for a stranger. Raises DamageError. `checked_later`: the reader checks the whole by itself."""
        row = self._row(digest)
        if row is None:
            return None
        if not self._database.in_turn:  # what a turn has changed may be undone
            self._read_last = row
        end = min(offset_bytes + length_bytes, row.size_bytes)
        parts = []
        while offset_bytes < end:
            place, skip = divmod(offset_bytes, CHUNK_BYTES)
            part = self._read_chunk(row, place, skip, min(CHUNK_BYTES - skip, end - offset_bytes), checked_later)
            parts.append(part)
            offset_bytes += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _row(self, digest: Digest) -> BlobRow | None:
        last = self._read_last
        return last if last is not None and last.digest == digest else self.rows.get(digest)

    def _read_chunk(self, row: BlobRow, place: int, skip: int, length_bytes: int, checked_later: bool = False) -> bytes:
        chunk = row.id * _CHUNKS_MAX + place
        expected_bytes = min(CHUNK_BYTES, row.size_bytes - place * CHUNK_BYTES)
        try:
            with self._database.blob("chunk", "bytes", chunk) as value:
                if len(value) != expected_bytes:
                    raise DamageError(place)
                if chunk in self._checked or (checked_later and self._first_time(chunk, skip, skip + length_bytes)):
                    value.seek(skip)
                    return value.read(length_bytes)
                whole = value.read()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR:  # there is no such row
                raise DamageError(place) from error
            raise
        if hashlib.sha256(whole).digest() != row.pieces[place * _HASH_BYTES : (place + 1) * _HASH_BYTES]:
            raise DamageError(place)
        if len(self._checked) >= _CHECKED_MAX:
            self._checked.clear()
        self._checked.add(chunk)
        self._given.pop(chunk, None)
        return whole if length_bytes == expected_bytes else whole[skip : skip + length_bytes]

    def _first_time(self, chunk: int, start: int, end: int) -> bool:
        """Was nothing from `start` on given out before?"""
        if start < self._given.get(chunk, 0):
            return False
        if len(self._given) >= _CHECKED_MAX:
            self._given.clear()
        self._given[chunk] = end
        return True

    # --- writing -------------------------------------------------------------------------------------------------
    def begin(self) -> int:
        """Id of a new blob. What is written under it is on its way out until `adopt`."""
        place = self._database.place
        self._database.place = msgspec.structs.replace(place, next_blob=place.next_blob + 1)
        self.leaving.add(LeavingRow(place.next_blob, 0))
        return place.next_blob

    def write(self, id: int, place: int, chunk: bytes | memoryview) -> bytes:
        """Write one chunk of a blob that was begun; its SHA-256."""
        self._database.execute("INSERT INTO chunk (id, bytes) VALUES (?, ?)", (id * _CHUNKS_MAX + place, chunk))
        self._database.weigh(len(chunk))
        self.leaving.replace(LeavingRow(id, place + 1))
        return hashlib.sha256(chunk).digest()

    def adopt(self, row: BlobRow) -> None:
        """What was written under `row.id` stays, as the blob `row.digest`."""
        self._read_last = None
        self.leaving.drop(row.id)
        self.rows.add(row)

    def extend(self, digest: Digest, data: bytes) -> int:
        """Append to a blob, and begin it where there is none; how many bytes are here now. Raises DamageError."""
        self._read_last = None
        row = self.rows.get(digest)
        if row is None:
            row = BlobRow(digest, self.begin(), 0, b"")
            self.adopt(row)
        place, rest = divmod(row.size_bytes, CHUNK_BYTES)
        if rest:
            data = self._read_chunk(row, place, 0, rest) + data
            self._checked.discard(row.id * _CHUNKS_MAX + place)
        pieces = [row.pieces[: place * _HASH_BYTES]]
        for start in range(0, len(data), CHUNK_BYTES):
            chunk = data[start : start + CHUNK_BYTES]
            self._database.execute(
                "INSERT OR REPLACE INTO chunk (id, bytes) VALUES (?, ?)", (row.id * _CHUNKS_MAX + place, chunk)
            )
            self._database.weigh(len(chunk))
            pieces.append(hashlib.sha256(chunk).digest())
            place += 1
        size_bytes = row.size_bytes - rest + len(data)
        self.rows.replace(BlobRow(digest, row.id, size_bytes, b"".join(pieces)))
        return size_bytes

    def free(self, digest: Digest) -> bool:
        """Its bytes are on their way out; False for a stranger."""
        self._read_last = None
        row = self.rows.get(digest)
        if row is None:
            return False
        self.rows.drop(digest, row)
        self.leaving.add(LeavingRow(row.id, len(row.pieces) // _HASH_BYTES))
        return True

    def leaving_count(self) -> int:
        """Blobs whose chunks are to be deleted, and stagings."""
        return len(self.leaving)

    def sweep(self, but: Collection[int] = (), chunks_max: int = _SWEEP_CHUNKS) -> bool:
        """Delete some chunks of blobs that are leaving, except of those in `but`. True when there are more."""
        for row in self.leaving.where("ORDER BY id"):
            if row.id in but:
                continue
            if chunks_max <= 0:
                return True
            keep = max(0, row.chunks - chunks_max)
            first, last = row.id * _CHUNKS_MAX + keep, row.id * _CHUNKS_MAX + row.chunks
            deleted = self._database.execute("DELETE FROM chunk WHERE id >= ? AND id < ?", (first, last))
            self._database.weigh(deleted * CHUNK_BYTES)
            self._checked.difference_update(range(first, last))
            for chunk in range(first, last):
                self._given.pop(chunk, None)
            chunks_max -= row.chunks - keep
            if keep:
                self.leaving.replace(LeavingRow(row.id, keep))
                return True
            self.leaving.drop(row.id)
        return False

    def check(self, digest: Digest) -> bool:
        """Are its bytes those that its name says? Reads them all."""
        hasher = hashlib.sha256()
        offset_bytes = 0
        try:
            while part := self.read(digest, offset_bytes, CHUNK_BYTES):
                hasher.update(part)
                offset_bytes += len(part)
        except DamageError:
            return False
        return hasher.digest() == digest
