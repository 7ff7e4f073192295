"""The workloads of `kabine bench sync`: what each is called, how it is run, and how its figures are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from tools.bench import beside, crossing, documents, fleet, journal, laden, report
from tools.bench.beside import Delays
from tools.bench.crossing import Crossings
from tools.bench.figures import Race
from tools.bench.fleet import Fleet
from tools.bench.laden import Laden


class Order(msgspec.Struct, frozen=True):
    """How often, how much of it, beside whom, and where."""

    runs: int = 3
    peers: bool = False
    scale: float = 1.0
    folder: Path | None = None

    def of(self, count: int) -> int:
        """So much of `count`."""
        return max(1, round(count * self.scale))


Found = Race | Crossings | Delays | Fleet | Laden


def _documents(order: Order) -> Race:
    count = order.of(documents.DOCUMENTS)
    return documents.measure(count, documents.DOCUMENT_BYTES, order.runs, peers=order.peers, folder=order.folder)


def _journal(order: Order) -> Race:
    count = order.of(journal.ENTRIES)
    return journal.measure(count, journal.ENTRY_BYTES, order.runs, peers=order.peers, folder=order.folder)


def _crossing(order: Order) -> Crossings:
    return crossing.measure(order.of(crossing.DOCUMENTS), order.runs, peers=order.peers, folder=order.folder)


def _beside(order: Order) -> Delays:
    return beside.measure(order.of(beside.DOCUMENT_BYTES), order.runs, folder=order.folder)


def _fleet(order: Order) -> Fleet:
    cabins, outage, at_once, load = (
        order.of(count) for count in (fleet.CABINS, fleet.OUTAGE_CABINS, fleet.AT_ONCE, documents.DOCUMENTS)
    )
    return fleet.measure(cabins, outage, at_once, load, order.runs, folder=order.folder)


def _laden(order: Order) -> Laden:
    entries, documents = order.of(laden.ENTRIES), order.of(laden.DOCUMENTS)
    return laden.measure(entries, documents, min(1.0, order.scale * 10), order.runs, folder=order.folder)


WORKLOADS: Final[dict[str, Callable[[Order], Found]]] = {
    "W1": _documents,
    "W2": _journal,
    "W3": _crossing,
    "W4": _beside,
    "W5": _fleet,
    "W6": _laden,
}


def table(name: str, found: Found) -> Iterator[str]:
    """Lines for a terminal."""
    match found:
        case Crossings():
            yield from crossing.table(name, found)
        case Laden():
            yield from laden.table(name, found)
        case Fleet():
            yield from fleet.table(name, found)
        case Delays():
            yield from beside.table(name, found)
        case _:
            yield from report.race(f"{name}: {found.items:,} of {found.item_bytes:,} bytes", found)
