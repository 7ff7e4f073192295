"""W4: how long small entries take while a large document travels on the same slow line, and what they cost the document."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from tools.bench import ends, packet_line
from tools.bench.cabin import Beside, Figures
from tools.bench.packet_line import PacketLine
from tools.rig import rig
from tools.town import HOUSING_OFFICE

DOCUMENT_BYTES: Final = 5_000_000
BITS_PER_SECOND: Final = 1_000_000
DELAY_SECONDS: Final = 0.03  # one way
ENTRIES_PER_SECOND: Final = 20
ENTRY_BYTES: Final = 300


class Delays(msgspec.Struct, frozen=True):
    """Medians over the runs; seconds from the moment an entry is written in the cabin until the hub's acknowledgement is there. `over_ms`: beyond one
    round trip of the empty line. `slower`: the document's time with the entries beside it, over its time alone."""

    runs: int
    entries: int
    round_trip_s: float
    p50_over_ms: float
    p95_over_ms: float
    p99_over_ms: float
    document_s: float
    alone_s: float
    slower: float


class _Run(msgspec.Struct, frozen=True):
    delays: tuple[float, ...]
    document_seconds: float
    alone_seconds: float


def measure(document_bytes: int, runs: int, *, folder: Path | None = None) -> Delays:
    """Run in `folder`. Raises Unavailable where no line can be made."""
    done = [_run(document_bytes, folder) for _ in range(runs)]
    return Delays(
        runs=runs,
        entries=sum(len(run.delays) for run in done),
        round_trip_s=2 * DELAY_SECONDS,
        p50_over_ms=_over_ms(done, 0.50),
        p95_over_ms=_over_ms(done, 0.95),
        p99_over_ms=_over_ms(done, 0.99),
        document_s=statistics.median(run.document_seconds for run in done),
        alone_s=statistics.median(run.alone_seconds for run in done),
        slower=statistics.median(run.document_seconds / run.alone_seconds for run in done),
    )


def table(name: str, found: Delays) -> Iterator[str]:
    """Lines for a terminal."""
    yield (
        f"{name}: {ENTRIES_PER_SECOND} entries a second beside a document, {BITS_PER_SECOND / 1e6:.0f} Mbit/s, "
        f"{found.round_trip_s * 1000:.0f} ms, median of {found.runs} runs"
    )
    yield (
        f"  acknowledged beyond one round trip: p50 {found.p50_over_ms:.0f} ms, p95 {found.p95_over_ms:.0f} ms, "
        f"p99 {found.p99_over_ms:.0f} ms ({found.entries} entries)"
    )
    yield f"  the document: {found.document_s:.2f} s, alone {found.alone_s:.2f} s, {found.slower:.3f} times"


def _over_ms(runs: list[_Run], share: float) -> float:
    return statistics.median((_at(run.delays, share) - 2 * DELAY_SECONDS) * 1000 for run in runs)


def _at(delays: tuple[float, ...], share: float) -> float:
    """The delay that this share of entries did not exceed."""
    return sorted(delays)[min(len(delays) - 1, round(share * len(delays)))]


def _run(document_bytes: int, folder: Path | None) -> _Run:
    with tempfile.TemporaryDirectory(prefix="kabine-bench-", dir=folder, ignore_cleanup_errors=True) as scratch:
        line = PacketLine(BITS_PER_SECOND, DELAY_SECONDS)
        try:
            with rig(Path(scratch) / "house", [HOUSING_OFFICE], host=packet_line.HUB) as house:
                alone, beside = (site.id for site in house.town.sites[:2])
                house.enrol(house.town.sites[:2], direct=True)
                for site in (alone, beside):
                    ends.ran(ends.cabin(house, site, "documents", 1, document_bytes, HOUSING_OFFICE))
                with line.at_cabin():
                    quiet = ends.Process(*ends.cabin(house, alone, "send"))
                with quiet:
                    quiet.line()
                    quiet.say("")
                    alone_seconds = quiet.told(Figures).seconds
                with line.at_cabin():
                    busy = ends.Process(*ends.cabin(house, beside, "beside", ENTRIES_PER_SECOND, ENTRY_BYTES))
                with busy:
                    busy.line()
                    busy.say("")
                    told = busy.told(Beside)
        finally:
            line.close()
    return _Run(told.delays, told.seconds, alone_seconds)
