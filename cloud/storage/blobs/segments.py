"""Blobs in append-only segment files, found through the tables `blob` (what number a digest has) and `piece` (where its bytes lie).

    keep …  keep …          bytes go to the end of the newest segment
    sync()                  one fdatasync of each file touched
    record(connection)      their rows, in the transaction of the same turn
    committed()             only now space that was let go is given back

A row never speaks of bytes that are not on the disk; bytes that no row speaks of are cut off when the folder is opened, or kept aside where the
database turns out to be older than they are. One thread writes; any thread may read what is recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from cloud.storage import bulk
from cloud.storage.blobs.files import End, NoDescriptor, SegmentFiles
from cloud.storage.blobs.sums import Sums
from cloud.storage.database import Database, upsert
from cloud.storage.schema import blob, piece, recorded
from protocol.errors import Mistake, Unavailable
from protocol.ids import Digest

SEGMENT_BYTES: Final = (
    256 * 1024 * 1024
)  # few files; small enough that one is soon free as a whole where holes cannot be punched

_READ_BYTES: Final = 1 << 20
_LEAK_BYTES_MAX: Final = 4 * 1024 * 1024  # not worth looking for; blocks are larger than what lies in them


class Piece(NamedTuple):
    """`length_bytes` of a blob from `offset_bytes` on lie in `segment` at `position_bytes`."""

    offset_bytes: int
    length_bytes: int
    segment: int
    position_bytes: int


_PIECES = (
    select(piece.c.offset_bytes, piece.c.length_bytes, piece.c.segment, piece.c.position_bytes)
    .join_from(piece, blob, blob.c.id == piece.c.blob)
    .where(
        blob.c.digest == bindparam("of"),
        piece.c.offset_bytes < bindparam("end"),
        piece.c.offset_bytes + piece.c.length_bytes > bindparam("start"),
    )
    .order_by(piece.c.offset_bytes)
)
_INSERT_PIECE = insert(piece)
_INSERT_BLOB = insert(blob)
_DELETE_PIECES = delete(piece).where(piece.c.blob == bindparam("of"))
_NUMBER = select(blob.c.id).where(blob.c.digest == bindparam("of"))
_CUT = (
    select(blob.c.id, blob.c.digest)
    .join_from(piece, blob, blob.c.id == piece.c.blob)
    .where(piece.c.segment == bindparam("of"), piece.c.position_bytes + piece.c.length_bytes > bindparam("end"))
    .distinct()
)
_HAVE = (
    select(func.max(piece.c.offset_bytes + piece.c.length_bytes))
    .join_from(piece, blob, blob.c.id == piece.c.blob)
    .where(blob.c.digest == bindparam("of"))
)


class Segments:
    """`protocol.runtime.store.Blobs` for the hub. Opening cuts off what no row speaks of. Raises Unavailable."""

    def __init__(self, folder: Path, database: Database, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._database = database
        self._segment_bytes = segment_bytes
        self._files = SegmentFiles(folder)
        self._sums: dict[Digest, Sums] = {}  # of blobs that have grown since this process started
        self._strangers: set[Digest] = set()  # known to be not here, without asking the database
        self._numbers: dict[Digest, int] = {}  # of blobs that are being written, and of strangers
        self._new: dict[Digest, int] = {}  # not yet in the table
        self._last = 0  # number of a blob
        self._fresh: dict[Digest, list[Piece]] = {}  # written, and not yet recorded
        self._forgotten: set[Digest] = set()
        self._freed: list[Piece] = []
        self.waiting_bytes = 0  # written, and not yet recorded
        self._live: dict[int, int] = {}  # segment → pieces in it
        self._recorded = End(1, 0)  # so far the database has ever spoken
        self.damaged: list[Path] = []  # files that lack bytes which rows speak of
        self.lacking: list[tuple[int, Digest]] = []  # blobs of which bytes are missing there: numbers and digests
        self._open()

    # --- Blobs ----------------------------------------------------------------------------------------------------
    def have(self, digest: Digest) -> int:
        """How many bytes from the front are here; 0 for a stranger."""
        sums = self._sums.get(digest)
        if sums is not None:
            return sums.size_bytes
        if digest in self._forgotten or digest in self._strangers:
            return 0
        with self._database.reading() as connection:
            return connection.execute(_HAVE, {"of": digest}).scalar() or 0

    def keep(self, digest: Digest, offset_bytes: int, chunk: bytes | memoryview) -> None:
        """Write at `offset_bytes`, which is `have(digest)`. Raises Mistake otherwise, Unavailable when the disk refuses."""
        sums = self._sums.get(digest) or self._resume(digest)
        if offset_bytes != sums.size_bytes:
            raise Mistake(f"Bytes from {offset_bytes} on for blob {digest.hex()}, which ends at {sums.size_bytes}.")
        if not len(chunk):
            return
        if self._files.end_bytes + len(chunk) > self._segment_bytes and self._files.end_bytes:
            self._files.begin(self._files.newest + 1)
        position, segment = self._files.append(chunk), self._files.newest
        sums.update(chunk)
        self.waiting_bytes += len(chunk)
        fresh = self._fresh.setdefault(digest, [])
        if fresh and fresh[-1].segment == segment and fresh[-1].position_bytes + fresh[-1].length_bytes == position:
            fresh[-1] = fresh[-1]._replace(length_bytes=fresh[-1].length_bytes + len(chunk))
        else:
            fresh.append(Piece(offset_bytes, len(chunk), segment, position))
            self._live[segment] = self._live.get(segment, 0) + 1

    def read(self, digest: Digest, offset_bytes: int, length_bytes: int) -> bytes | None:
        """These bytes, fewer at the end; None for a stranger, and where the disk has lost them. Raises NoDescriptor where that cannot be told now."""
        pieces = self._pieces(digest, offset_bytes, offset_bytes + length_bytes)
        if not pieces:
            return b"" if self.have(digest) else None
        parts = []
        for found in pieces:
            skip = max(0, offset_bytes - found.offset_bytes)
            take = min(found.length_bytes, offset_bytes + length_bytes - found.offset_bytes) - skip
            try:
                parts.append(self._files.read(found.segment, found.position_bytes + skip, take))
            except NoDescriptor:
                raise
            except Unavailable:
                return None  # one damaged file must not stop the hub for everybody else
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def lies_in(self, digest: Digest) -> list[str]:
        """Names of the files that hold its bytes."""
        with self._database.reading() as connection:
            return sorted({f"{found.segment:06}.segment" for found in _all_pieces(connection, digest)})

    def forget(self, digest: Digest) -> None:
        """Free the space, once it is committed that nobody needs it; a stranger is no error."""
        if digest not in self._forgotten:
            with self._database.reading() as connection:
                self._freed += _all_pieces(connection, digest)
        self._freed += self._fresh.pop(digest, [])
        self._sums.pop(digest, None)
        self._forgotten.add(digest)

    @property
    def aside(self) -> list[Path]:
        """Where the database is an older copy than the files: those with bytes that it does not know."""
        return self._files.aside

    # --- one turn -------------------------------------------------------------------------------------------------
    @property
    def pending(self) -> bool:
        """Is there anything to record?"""
        return bool(self._fresh or self._forgotten)

    @property
    def forgetting(self) -> bool:
        """Is there space to let go?"""
        return bool(self._forgotten)

    def announced(self, digest: Digest) -> int:
        """The number of a blob that will come. The caller knows that it was never heard of before this turn."""
        self._strangers.add(digest)
        return self._begin(digest)

    def grown(self) -> Iterable[tuple[Digest, Sums]]:
        """Blobs that grew since the last `committed`, with their sums."""
        return [(digest, self._sums[digest]) for digest in self._fresh if digest in self._sums]

    def sums(self, digest: Digest) -> Sums:
        """Sums of what is here, read again from the disk where an earlier process wrote it. Raises Unavailable when it cannot be read."""
        return self._sums.get(digest) or self._resume(digest)

    def digest(self, digest: Digest) -> bytes:
        """SHA-256 of what is here under this name, read from the disk: for when something does not fit."""
        hasher = hashlib.sha256()
        offset_bytes = 0
        while part := self.read(digest, offset_bytes, _READ_BYTES):
            hasher.update(part)
            offset_bytes += len(part)
        return hasher.digest()

    def finished(self, digest: Digest) -> None:
        """Nothing more will come: its sums are not needed after this turn."""
        self._sums.pop(digest, None)

    def sync(self) -> None:
        """What was kept is on the disk. Raises Unavailable, and then for ever: nobody knows what a failed fsync has lost."""
        self._files.sync()

    def record(self, connection: Connection) -> None:
        """Write the rows of this turn; after `sync`."""
        gone = [{"of": id} for digest in self._forgotten if (id := self._number(digest)) is not None]
        bulk.write(connection, _DELETE_PIECES, gone)
        rows: list[dict[str, Any]] = [
            {"blob": self._number(digest) or self._begin(digest), **found._asdict()}
            for digest, pieces in self._fresh.items()
            for found in pieces
        ]
        bulk.write(connection, _INSERT_PIECE, rows)
        bulk.write(connection, _INSERT_BLOB, [{"id": id, "digest": digest} for digest, id in self._new.items()])
        if self._files.end != self._recorded:
            upsert(connection, recorded, [{"id": 1, **self._files.end._asdict()}])

    def committed(self) -> None:
        """The transaction of `record` is durable: give back what was forgotten."""
        if self._files.end != self._recorded or not self._files.marked:
            self._recorded = self._files.end
            self._files.mark()
        for digest in (*self._fresh, *self._forgotten):
            if digest not in self._sums:
                self._numbers.pop(digest, None)
        self._new.clear()
        self._fresh.clear()
        self._forgotten.clear()
        self.waiting_bytes = 0
        freed, self._freed = self._freed, []
        for found in freed:
            self._live[found.segment] -= 1
            if self._live[found.segment] == 0 and found.segment != self._files.newest:
                del self._live[found.segment]
                self._files.remove(found.segment)
            else:
                self._files.punch(found.segment, found.position_bytes, found.length_bytes)

    def close(self) -> None:
        """Close every file."""
        self._files.close()

    # --- inside ---------------------------------------------------------------------------------------------------
    def _begin(self, digest: Digest) -> int:
        self._last += 1
        self._numbers[digest] = self._new[digest] = self._last
        return self._last

    def _number(self, digest: Digest) -> int | None:
        """In the tables; None for a stranger."""
        found = self._numbers.get(digest)
        if found is None:
            with self._database.reading() as connection:
                found = connection.execute(_NUMBER, {"of": digest}).scalar()
            if found is not None:
                self._numbers[digest] = found
        return found

    def _open(self) -> None:
        end = piece.c.position_bytes + piece.c.length_bytes
        with self._database.reading() as connection:
            self._last = connection.execute(select(func.max(blob.c.id))).scalar() or 0
            rows = connection.execute(
                select(piece.c.segment, func.count(), func.max(end), func.sum(piece.c.length_bytes)).group_by(
                    piece.c.segment
                )
            ).all()
            self._live = {segment: count for segment, count, _, _ in rows}
            found = connection.execute(select(recorded.c.segment, recorded.c.end_bytes)).first()
            if found is not None:
                self._recorded = End(*found)
            self.damaged = self._files.recover({segment: end for segment, _, end, _ in rows}, self._recorded)
            for segment, _, end, _ in rows:
                size_bytes = self._files.size_bytes(segment)
                if size_bytes < end:
                    self.lacking += [
                        (id, Digest(digest))
                        for id, digest in connection.execute(_CUT, {"of": segment, "end": size_bytes})
                    ]
            for segment, _, _, live_bytes in rows:
                if self._files.allocated_bytes(segment) > live_bytes + _LEAK_BYTES_MAX:
                    self._reclaim(connection, segment)

    def _reclaim(self, connection: Connection, segment: int) -> None:
        """Give back what a process that was killed had let go and not yet freed."""
        position = 0
        for start, length in connection.execute(
            select(piece.c.position_bytes, piece.c.length_bytes)
            .where(piece.c.segment == segment)
            .order_by(piece.c.position_bytes)
        ):
            if start > position:
                self._files.punch(segment, position, start - position)
            position = start + length

    def _resume(self, digest: Digest) -> Sums:
        """Sums of what an earlier process wrote, read again from the disk."""
        sums = Sums()
        if digest in self._strangers:
            self._strangers.remove(digest)
        elif digest not in self._forgotten:
            with self._database.reading() as connection:
                pieces = _all_pieces(connection, digest)
            for found in pieces:
                for start in range(0, found.length_bytes, 1 << 20):
                    take = min(1 << 20, found.length_bytes - start)
                    sums.update(self._files.read(found.segment, found.position_bytes + start, take))
        self._sums[digest] = sums
        return sums

    def _pieces(self, digest: Digest, start: int, end: int) -> list[Piece]:
        found: list[Piece] = []
        if digest not in self._forgotten:
            with self._database.reading() as connection:
                rows = connection.execute(_PIECES, {"of": digest, "start": start, "end": end}).all()
            found = [Piece(*row) for row in rows]
        found += [
            fresh
            for fresh in self._fresh.get(digest, ())
            if fresh.offset_bytes < end and fresh.offset_bytes + fresh.length_bytes > start
        ]
        return found


def _all_pieces(connection: Connection, digest: Digest) -> list[Piece]:
    rows = connection.execute(_PIECES, {"of": digest, "start": 0, "end": 1 << 62}).all()
    return [Piece(*row) for row in rows]
