"""Is there room for one more document? Asked before pages are taken: nobody shall have scanned for nothing."""

from __future__ import annotations

from pathlib import Path

from edge.storage import disk
from edge.storage.database import Database
from edge.storage.documents import Documents
from protocol import limits
from protocol.errors import Unavailable


class Room:
    """Of the disk below `folder`, where `free_bytes_min` are left alone, and of the buffer, which grows to `bytes_max`."""

    def __init__(
        self, folder: Path, database: Database, documents: Documents, *, free_bytes_min: int, bytes_max: int
    ) -> None:
        self._folder = folder
        self._database = database
        self._documents = documents
        self._free_bytes_min = free_bytes_min
        self._bytes_max = bytes_max

    def check(self, size_bytes: int) -> None:
        """Raises Unavailable, in words for a screen, when a document of `size_bytes` might find none."""
        if self._documents.waiting().documents >= limits.OUTBOX_DOCUMENTS_MAX:
            raise Unavailable(
                "This cabin holds as many documents as it can until it reaches the hub again.",
                "Connect the cabin so that it can send what waits.",
            )
        if self.missing_bytes(size_bytes) != 0:
            raise Unavailable(disk.FULL, disk.FULL_REMEDY)

    def missing_bytes(self, size_bytes: int) -> int | None:
        """How much the buffer would have to give back so that a document of `size_bytes` finds room: 0 when it does, None when that is no help."""
        # A document goes through the WAL into the file: it is on the disk twice for a while.
        growth_bytes_max = self.disk_free_bytes() - self._free_bytes_min - size_bytes
        if growth_bytes_max < 0:
            return None
        growth_bytes_max = min(growth_bytes_max, max(0, self._bytes_max - self._database.size_bytes()))
        return max(0, size_bytes - self._database.free_bytes() - growth_bytes_max)

    def shortage_bytes(self) -> int:
        """How much the buffer must give back of what it only keeps, because the disk or the buffer gets full: its file never becomes smaller, so
        documents must find room in it before visitors are refused. 0 while there is enough."""
        room_bytes = self._database.free_bytes()
        try:
            if self.disk_free_bytes() >= self._free_bytes_min + limits.KEPT_DISK_FREE_BYTES:
                room_bytes += max(0, self._bytes_max - self._database.size_bytes())
        except Unavailable:
            return 0  # whoever writes next says so
        return max(0, 2 * limits.ENVELOPE_BYTES_MAX - room_bytes)

    def disk_free_bytes(self) -> int:
        """On the disk below the folder."""
        return disk.free_bytes(self._folder)
