"""Sealed documents that the hub has secured, kept for a while: a hub that comes back from last night's copy asks for them again.

How long is counted in seconds in which the cabin was in touch with the hub, by a clock that nobody can set, and written down: whatever the calendar
says in 1970 or 2106, nothing is let go of early and nothing stays for ever; and what was secured before a long cut, in which the hub may have been
brought back, is still here after it. The oldest are those that were handed in first; one of them that was secured late keeps those behind it a little
longer. There is a bound to their bytes and to their number, and a disk that gets short takes them first.
What is kept is ciphertext for the agency, as it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from edge.storage.blobs import Blobs
from edge.storage.database import Database
from edge.storage.documents import DocumentRow
from edge.storage.rows import Rows
from protocol import limits
from protocol.ids import Digest

_AT_ONCE: Final = 64  # let go of in one turn
_WRITE_SECONDS: Final = 3600.0  # of being in touch that a restart may forget, at most
_LOOK_BYTES: Final = 16 * limits.MIB  # of documents, and somebody looks again whether there is room to keep them


class KeptRow(msgspec.Struct, frozen=True, array_like=True):
    """`entry` announced the document; `secured`: how many seconds the cabin had been in touch with the hub when the newest receipt came."""

    entry: int
    digest: bytes
    size_bytes: int
    secured: int


class Kept:
    """Writes within a turn of `database`. `shortage`: bytes that the buffer must give back, because the disk gets short."""

    def __init__(
        self, database: Database, blobs: Blobs, shortage: Callable[[], int], *, keep_seconds: float, bytes_max: int
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._shortage = shortage
        self._keep_seconds = keep_seconds
        self._bytes_max = bytes_max
        self._unwritten_seconds = 0.0
        self._unlooked_bytes = 0
        self._oldest: int | None = None  # `secured` of the oldest; None when nothing is kept
        self.rows = Rows(database, "kept", KeptRow)
        if self.rows:
            self._oldest = 0  # until somebody has looked

    def in_touch(self, seconds: float) -> None:
        """So long the hub was heard since the last call."""
        self._unwritten_seconds += min(seconds, limits.IN_TOUCH_SECONDS_MAX)

    @property
    def bytes(self) -> int:
        """Of all that is kept."""
        return self._database.place.kept_bytes

    def keep(self, row: DocumentRow) -> None:
        """The hub's first receipt for this document came, whose bytes are here: they stay for a while, unless there is no room for that."""
        if self._keep_seconds <= 0 or not self._room_to_keep(row.size_bytes):
            self._blobs.free(Digest(row.digest))
            return
        self._write_touch()
        new = KeptRow(row.entry, row.digest, row.size_bytes, int(self._database.place.touch_seconds))
        self.rows.add(new)
        self._weigh(row.size_bytes)
        if self._oldest is None:
            self._oldest = new.secured
        while self._crowded():
            self._let_go(1)

    def again(self, entry: int) -> None:
        """The hub has secured it anew, after it came back from an older copy: what is still here stays as long as if it were the first time."""
        row = self.rows.get(entry)
        if row is not None:
            self._write_touch()
            touched = int(self._database.place.touch_seconds)
            self.rows.replace(msgspec.structs.replace(row, secured=touched), row)

    def due(self) -> bool:
        """Is there something to let go of, or to write down?"""
        if self._oldest is None:
            return False
        if self._unwritten_seconds >= _WRITE_SECONDS or self._over(self._oldest):
            return True
        return self._short()

    def let_go(self) -> None:
        """Of what was kept long enough; of the oldest while the disk is short."""
        self._write_touch()
        if self._short():
            self.make_room(self._shortage())
            return
        for row in self._first(_AT_ONCE):
            if not self._over(row.secured):
                break
            self._drop(row)
        self._look()

    def make_room(self, bytes_min: int) -> bool:
        """Let go of the oldest until so many bytes are on their way out; False when nothing was kept."""
        before = self.bytes
        while self.rows and before - self.bytes < bytes_min:
            self._let_go(1)
        return self.bytes < before

    def oldest_entry(self) -> int | None:
        """Number of the first entry that announces one of them; None when nothing is kept."""
        found: int | None = self._database.rows("SELECT min(entry) FROM kept")[0][0]
        return found

    # --- inside --------------------------------------------------------------------------------------------------
    def _over(self, secured: int) -> bool:
        touched = self._database.place.touch_seconds + self._unwritten_seconds
        return touched - secured > self._keep_seconds

    def _room_to_keep(self, size_bytes: int) -> bool:
        self._unlooked_bytes += size_bytes
        if self.rows and self._unlooked_bytes < _LOOK_BYTES:
            return True
        self._unlooked_bytes = 0
        return not self._shortage()

    def _short(self) -> bool:
        """Is more to be given back than is on its way out already?"""
        return not self._blobs.leaving_count() and self._shortage() > 0

    def _crowded(self) -> bool:
        return self.bytes > self._bytes_max or len(self.rows) > limits.KEPT_DOCUMENTS_MAX

    def _first(self, count: int) -> list[KeptRow]:
        return self.rows.where("ORDER BY entry LIMIT ?", (count,))

    def _let_go(self, count: int) -> None:
        for row in self._first(count):
            self._drop(row)
        self._look()

    def _drop(self, row: KeptRow) -> None:
        self.rows.drop(row.entry, row)
        self._weigh(-row.size_bytes)
        self._blobs.free(Digest(row.digest))

    def _look(self) -> None:
        oldest = self._first(1)
        self._oldest = oldest[0].secured if oldest else None

    def _write_touch(self) -> None:
        if self._unwritten_seconds:
            place, more = self._database.place, self._unwritten_seconds
            self._unwritten_seconds = 0.0
            self._database.place = msgspec.structs.replace(place, touch_seconds=place.touch_seconds + more)

    def _weigh(self, size_bytes: int) -> None:
        place = self._database.place
        self._database.place = msgspec.structs.replace(place, kept_bytes=place.kept_bytes + size_bytes)
