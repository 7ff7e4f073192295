"""W3: documents over a rural line with cuts: connections reset, a line that goes dead without a word, or packets that get lost."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import select

from cloud import premises
from cloud.config import blobs_folder
from cloud.storage.blobs.segments import Segments
from cloud.storage.schema import document
from tools.bench import ends, packet_line
from tools.bench.cabin import Figures
from tools.bench.packet_line import PacketLine
from tools.rig import Rig, rig
from tools.town import HOUSING_OFFICE

DOCUMENTS: Final = 40
DOCUMENT_BYTES: Final = 100_000
BITS_PER_SECOND: Final = 2_000_000
DELAY_SECONDS: Final = 0.03  # one way
CUTS: Final = 5
CUT_SECONDS: Final = 2.0
LOSS: Final = 0.02


class Crossing(msgspec.Struct, frozen=True):
    """Medians. `ideal_s`: all payload at the line's rate, and the cuts. `wrong`: documents that are missing or not what was sealed, over all runs."""

    runs: int
    kabine_s: float
    ideal_s: float
    of_ideal: float
    wire_ratio: float
    wrong: int


class Crossings(msgspec.Struct, frozen=True):
    """One of each kind of trouble."""

    resets: Crossing
    silent: Crossing
    loss: Crossing


class _Run(msgspec.Struct, frozen=True):
    seconds: float
    ideal_seconds: float
    wire_ratio: float
    wrong: int


def measure(documents: int, runs: int, *, folder: Path | None = None) -> Crossings:
    """Run in `folder`. Raises Unavailable where no line can be made."""
    crossings = {
        kind: _crossing([_run(documents, kind, seed, folder) for seed in range(1, runs + 1)])
        for kind in Crossings.__struct_fields__
    }
    return Crossings(**crossings)


def table(name: str, found: Crossings) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{name}: documents over {BITS_PER_SECOND / 1e6:.0f} Mbit/s, {DELAY_SECONDS * 2000:.0f} ms, median of {found.resets.runs} runs"
    for kind, crossing in msgspec.structs.asdict(found).items():
        yield (
            f"  {kind:<10} {crossing.kabine_s:7.2f} s, {crossing.of_ideal:.3f} of the ideal {crossing.ideal_s:.2f} s"
            f"   wire/payload {crossing.wire_ratio:.3f}   wrong documents {crossing.wrong}"
        )


def _crossing(runs: list[_Run]) -> Crossing:
    return Crossing(
        runs=len(runs),
        kabine_s=statistics.median(run.seconds for run in runs),
        ideal_s=statistics.median(run.ideal_seconds for run in runs),
        of_ideal=statistics.median(run.seconds / run.ideal_seconds for run in runs),
        wire_ratio=statistics.median(run.wire_ratio for run in runs),
        wrong=sum(run.wrong for run in runs),
    )


def _run(documents: int, kind: str, seed: int, folder: Path | None) -> _Run:
    cuts = 0 if kind == "loss" else CUTS
    with tempfile.TemporaryDirectory(prefix="kabine-bench-", dir=folder, ignore_cleanup_errors=True) as scratch:
        line = PacketLine(BITS_PER_SECOND, DELAY_SECONDS, LOSS if kind == "loss" else 0.0, seed)
        try:
            with rig(Path(scratch) / "house", [HOUSING_OFFICE], host=packet_line.HUB) as house:
                site = house.town.sites[0].id
                house.enrol(house.town.sites[:1], direct=True)
                filled = ends.cabin(house, site, "documents", documents, DOCUMENT_BYTES, HOUSING_OFFICE)
                payload_bytes = int(ends.ran(filled))
                travel_seconds = payload_bytes * 8 / BITS_PER_SECOND
                ideal_seconds = travel_seconds + cuts * CUT_SECONDS
                with line.at_cabin():
                    end = ends.Process(*ends.cabin(house, site, "send"))
                with end:
                    end.line()
                    end.say("")
                    _cut(line, cuts, ideal_seconds, silent=kind == "silent")
                    seconds = end.told(Figures).seconds
                house.stop("hub")
                wrong = documents - _sound(house)
            wire_ratio = (line.up_bytes + line.down_bytes) / payload_bytes
        finally:
            line.close()
    return _Run(seconds, ideal_seconds, wire_ratio, wrong)


def _cut(line: PacketLine, cuts: int, ideal_seconds: float, *, silent: bool) -> None:
    """Spread over the time that an ideal crossing takes."""
    began = time.monotonic()
    for number in range(cuts):
        _rest_until(began + (number + 0.5) * ideal_seconds / cuts - CUT_SECONDS / 2)
        line.cut(silent=silent)
        _rest_until(began + (number + 0.5) * ideal_seconds / cuts + CUT_SECONDS / 2)
        line.mend()


def _rest_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


def _sound(house: Rig) -> int:
    """How many documents lie at the hub, each with the very bytes that its name promises."""
    with premises.opened(house.hub) as place, place.database.reading() as connection:
        segments = Segments(blobs_folder(place.config, place.folder.path), place.database)
        rows = connection.execute(select(document.c.digest, document.c.size_bytes).where(document.c.place.is_not(None)))
        try:
            return sum(
                hashlib.sha256(segments.read(row.digest, 0, row.size_bytes) or b"").digest() == row.digest
                for row in rows
            )
        finally:
            segments.close()
