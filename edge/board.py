"""The board in the cabin's back room: whoever watches sees what is told, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from edge.orders import DocumentMoved, DocumentStatus, Told

WATCHER_BACKLOG_MAX: Final = 4096  # a watcher that reads no more is let go


class Board:
    """Lives in the event loop; `rows` asks the buffer for the newest documents."""

    def __init__(self, rows: Callable[[], Iterable[DocumentStatus]]) -> None:
        self._rows = rows
        self._known: dict[str, DocumentStatus] = {}
        self._queues: set[asyncio.Queue[Told | None]] = set()

    def tell(self, told: Told) -> None:
        """Show this to everyone who watches."""
        for queue in list(self._queues):
            if queue.qsize() >= WATCHER_BACKLOG_MAX:
                self._queues.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(told)

    def compare(self) -> None:
        """Tell which documents have a new state since the last call, or since somebody began to watch. Costs nothing while nobody does."""
        if not self._queues:
            return
        found = {row.receipt: row for row in self._rows()}
        for receipt, row in found.items():
            before = self._known.get(receipt)
            if before is None or before.state != row.state:
                self.tell(DocumentMoved(row))
        self._known = found

    def watch(self) -> AsyncIterator[Told]:
        """What is told from now on. Ends when this watcher falls too far behind; close it in any case."""
        if not self._queues:
            self._known = {row.receipt: row for row in self._rows()}
        queue: asyncio.Queue[Told | None] = asyncio.Queue()
        self._queues.add(queue)
        return self._listen(queue)

    async def _listen(self, queue: asyncio.Queue[Told | None]) -> AsyncIterator[Told]:
        try:
            while (told := await queue.get()) is not None:
                yield told
        finally:
            self._queues.discard(queue)
