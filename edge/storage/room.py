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
        # A document goes through the WAL into the file: it is on the disk twice for a while.
        growth_bytes = max(0, size_bytes - self._database.free_bytes())
        if (
            self.disk_free_bytes() < self._free_bytes_min + size_bytes + growth_bytes
            or self._database.size_bytes() + growth_bytes > self._bytes_max
        ):
            raise Unavailable(disk.FULL, disk.FULL_REMEDY)

    def disk_free_bytes(self) -> int:
        """On the disk below the folder."""
        return disk.free_bytes(self._folder)
