"""W6: a hub that holds years already: how fast it starts, whether it takes in as fast as an empty one, and how much memory it needs.

python -m tools.bench.laden HUB AGENCY ENTRIES DOCUMENTS      fills a hub's folder through its own ledger: real entries, real signatures, small blobs
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import select, update

from cloud import config as configs
from cloud import premises
from cloud.directory import publish
from cloud.ledger import Ledger
from cloud.storage.schema import cabin as cabins
from protocol import directory as directories
from protocol import entries
from protocol.entries import Entry, Mark
from protocol.errors import Mistake
from protocol.ids import AgencyId, SiteId
from protocol.keys import SigningPair
from protocol.recipients import HybridRecipient, parse_recipient
from protocol.runtime.world import REAL
from tools.bench import ends, fleet, letters, meters
from tools.bench.figures import Cpu, median_cpu
from tools.bench.filling import an_event
from tools.bench.scratch import scratch
from tools.rig import Rig, rig
from tools.town import HOUSING_OFFICE

ENTRIES: Final = 5_000_000
DOCUMENTS: Final = 300_000
BLOB_BYTES: Final = 1_000
ENTRY_BYTES: Final = 300
WRITERS: Final = 200
FRESH_ENTRIES: Final = 20_000
FRESH_DOCUMENTS: Final = 400  # a hundred are over in a fifth of a second, in which one checkpoint decides
FRESH_BYTES: Final = 300_000
_TURN_ENTRIES: Final = 5_000
_TURN_DOCUMENTS: Final = 500


class Laden(msgspec.Struct, frozen=True):
    """Medians. Ratios of rates: laden over empty, 1 when it makes no difference; `…_cpu_ratio`: of the hub's CPU seconds, which depend less on others
    at work. Memory is what belongs to the hub's process alone. `kabine_s`: for the fresh entries and documents at the laden hub, `reference_s`: at
    the empty one."""

    runs: int
    kabine_s: float
    reference_s: float
    peers_s: dict[str, float]
    wire_ratio: float
    cpu_s: Cpu
    entries: int
    documents: int
    start_s: float
    empty_start_s: float
    entries_ratio: float
    documents_ratio: float
    entries_cpu_ratio: float
    documents_cpu_ratio: float
    mb: float
    empty_mb: float


class _Measured(msgspec.Struct, frozen=True):
    start_seconds: float
    entries_seconds: float
    documents_seconds: float
    resident_bytes: int
    entries_cpu: Cpu
    documents_cpu: Cpu
    wire_ratio: float

    @property
    def seconds(self) -> float:
        """For all that was sent."""
        return self.entries_seconds + self.documents_seconds

    @property
    def cpu(self) -> Cpu:
        """For all that was sent."""
        few, large = self.entries_cpu, self.documents_cpu
        return Cpu(few.cabin + large.cabin, few.hub + large.hub)


def measure(count: int, documents: int, fresh: float, runs: int, *, folder: Path | None = None) -> Laden:
    """A hub with `count` entries and `documents` delivered documents beside an empty one; `fresh`: share of the load that is then sent to both."""
    with ExitStack() as stack:
        place = stack.enter_context(scratch(folder))
        empty = _house(stack, place / "empty")
        laden = _house(stack, place / "laden")
        fleet.known(laden, WRITERS)
        laden.stop("hub")
        ends.ran(("tools.bench.laden", str(laden.hub), HOUSING_OFFICE, str(count), str(documents)))
        laden.start_hub()
        pairs = [_pair(laden, empty, fresh, laden_first=run % 2 == 0) for run in range(runs)]
    return Laden(
        runs=runs,
        kabine_s=statistics.median(ours.seconds for ours, _ in pairs),
        reference_s=statistics.median(theirs.seconds for _, theirs in pairs),
        peers_s={},
        wire_ratio=statistics.median(ours.wire_ratio for ours, _ in pairs),
        cpu_s=median_cpu([ours.cpu for ours, _ in pairs]),
        entries=count,
        documents=documents,
        start_s=statistics.median(ours.start_seconds for ours, _ in pairs),
        empty_start_s=statistics.median(theirs.start_seconds for _, theirs in pairs),
        entries_ratio=statistics.median(theirs.entries_seconds / ours.entries_seconds for ours, theirs in pairs),
        documents_ratio=statistics.median(theirs.documents_seconds / ours.documents_seconds for ours, theirs in pairs),
        entries_cpu_ratio=statistics.median(ours.entries_cpu.hub / theirs.entries_cpu.hub for ours, theirs in pairs),
        documents_cpu_ratio=statistics.median(
            ours.documents_cpu.hub / theirs.documents_cpu.hub for ours, theirs in pairs
        ),
        mb=statistics.median(ours.resident_bytes for ours, _ in pairs) / 1e6,
        empty_mb=statistics.median(theirs.resident_bytes for _, theirs in pairs) / 1e6,
    )


def table(name: str, found: Laden) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{name}: a hub with {found.entries:,} entries and {found.documents:,} documents, median of {found.runs} runs"
    yield f"  starts in {found.start_s:.2f} s, an empty one in {found.empty_start_s:.2f} s"
    yield (
        f"  takes in entries at {found.entries_ratio:.2f} of an empty hub's rate, documents at {found.documents_ratio:.2f}; "
        f"{found.mb:.0f} MB of memory, empty {found.empty_mb:.0f} MB"
    )
    yield f"  CPU of the hub over that of an empty one: entries {found.entries_cpu_ratio:.2f}, documents {found.documents_cpu_ratio:.2f}"


def _house(stack: ExitStack, folder: Path) -> Rig:
    house = stack.enter_context(rig(folder, [HOUSING_OFFICE]))
    house.enrol(house.town.sites[:1], direct=True)
    return house


def _pair(laden: Rig, empty: Rig, fresh: float, *, laden_first: bool) -> tuple[_Measured, _Measured]:
    """Who comes second waits for a disk that still writes what the first has left, so they take turns."""
    if laden_first:
        ours = _measured(laden, fresh)
        return ours, _measured(empty, fresh)
    theirs = _measured(empty, fresh)
    return _measured(laden, fresh), theirs


def _measured(house: Rig, fresh: float) -> _Measured:
    """Start it anew, send it a load, look at its memory."""
    house.stop("hub")
    began = time.monotonic()
    house.start_hub()
    start_seconds = time.monotonic() - began
    site = house.town.sites[0].id
    count = max(1, round(FRESH_ENTRIES * fresh))
    payload_bytes = int(ends.ran(ends.cabin(house, site, "entries", count, ENTRY_BYTES)))
    few = ends.synced(house, site)
    count = max(1, round(FRESH_DOCUMENTS * fresh))
    payload_bytes += int(ends.ran(ends.cabin(house, site, "documents", count, FRESH_BYTES, HOUSING_OFFICE)))
    large = ends.synced(house, site)
    resident_bytes = meters.resident_bytes(house.processes["hub"].pid)
    few_cpu, large_cpu = few.cpu or Cpu(0.0, 0.0), large.cpu or Cpu(0.0, 0.0)
    wire_ratio = (few.wire_bytes + large.wire_bytes) / payload_bytes
    return _Measured(start_seconds, few.seconds, large.seconds, resident_bytes, few_cpu, large_cpu, wire_ratio)


# --- filling -----------------------------------------------------------------------------------------------------
class _Writer:
    """A cabin that has been writing for years. Its signing key is given to it here: the hub believes what stands in its own table."""

    def __init__(
        self, site: SiteId, code: str, signing: SigningPair, agency: AgencyId, epoch: int, recipient: HybridRecipient
    ) -> None:
        self.site = site
        self._mark = Mark()
        self._pattern = letters.letter(recipient, BLOB_BYTES)
        summary = letters.summary(recipient, BLOB_BYTES)
        self._sender = letters.Sender(site, code, signing.private(), agency, epoch, summary)

    def write(self, event: entries.Event) -> Entry:
        """One more entry of its log."""
        entry = entries.following(self._mark, 1, entries.clear(event))
        self._mark = Mark(entry.epoch, entry.number, entry.hash)
        return entry

    def letter(self) -> tuple[Entry, letters.Letter]:
        """One more document: a sealed header and chance behind it, which nobody but the agency could tell from sealed bytes."""
        made = letters.like(self._pattern, os.urandom(self._pattern.payload_bytes))
        return self.write(self._sender.announce(made)), made


def fill(hub: Path, agency: AgencyId, count: int, documents: int) -> None:
    """Documents first, then entries, by all writers in turn."""
    with premises.opened(hub, exclusive=True) as place:
        keys = {}
        with place.database.turn() as connection:
            for row in connection.execute(select(cabins.c.site, cabins.c.code).where(cabins.c.site.like("light-%"))):
                keys[SiteId(row.site)] = (row.code, SigningPair.generate(REAL.random))
            for site, (_, pair) in keys.items():
                connection.execute(update(cabins).where(cabins.c.site == site).values(signing_key=pair.public))
            published = publish.current(connection)
        if published is None:
            raise Mistake("This hub has published no directory.")
        inbox = directories.inbox(directories.agency(published.directory, agency))
        recipient = parse_recipient(inbox.recipient)
        blobs = configs.blobs_folder(place.config, place.folder.path)
        ledger = Ledger(place.database, blobs, place.keys.signing.private(), place.keys.journal, REAL.utc)
        writers = [
            _Writer(site, code, pair, agency, inbox.epoch, recipient) for site, (code, pair) in sorted(keys.items())
        ]
        try:
            _fill(ledger, writers, count, documents)
        finally:
            ledger.close()


def _fill(ledger: Ledger, writers: list[_Writer], count: int, documents: int) -> None:
    for start in range(0, documents, _TURN_DOCUMENTS):
        writer = writers[start // _TURN_DOCUMENTS % len(writers)]
        made = [writer.letter() for _ in range(min(_TURN_DOCUMENTS, documents - start))]
        ledger.log(writer.site).commit([entry for entry, _ in made])
        ledger.settle()
        for _, letter in made:
            ledger.keep(letter.digest, 0, letter.data)
        ledger.settle(everything=True)
    event = an_event(ENTRY_BYTES)
    for start in range(documents, count, _TURN_ENTRIES):
        writer = writers[start // _TURN_ENTRIES % len(writers)]
        ledger.log(writer.site).commit([writer.write(event) for _ in range(min(_TURN_ENTRIES, count - start))])
        ledger.settle(everything=True)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), AgencyId(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
