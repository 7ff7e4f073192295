"""The workloads of `kabine bench sync`: what each is called, how it is run, and how its figures are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from tools.bench import documents, journal, report
from tools.bench.figures import Race


class Order(msgspec.Struct, frozen=True):
    """How often, how much of it, beside whom, and where."""

    runs: int = 3
    peers: bool = False
    scale: float = 1.0
    folder: Path | None = None

    def of(self, count: int) -> int:
        """So much of `count`."""
        return max(1, round(count * self.scale))


Found = Race


def _documents(order: Order) -> Race:
    count = order.of(documents.DOCUMENTS)
    return documents.measure(count, documents.DOCUMENT_BYTES, order.runs, peers=order.peers, folder=order.folder)


def _journal(order: Order) -> Race:
    count = order.of(journal.ENTRIES)
    return journal.measure(count, journal.ENTRY_BYTES, order.runs, peers=order.peers, folder=order.folder)


WORKLOADS: Final[dict[str, Callable[[Order], Found]]] = {"W1": _documents, "W2": _journal}


def table(name: str, found: Found) -> Iterator[str]:
    """Lines for a terminal."""
    yield from report.race(f"{name}: {found.items:,} of {found.item_bytes:,} bytes", found)
