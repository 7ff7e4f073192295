"""W3: documents over a rural line with cuts: connections reset, a line that goes dead without a word, or packets that get lost."""

from __future__ import annotations

import hashlib
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import select

from cloud import premises
from cloud.config import blobs_folder
from cloud.storage.blobs.segments import Segments
from cloud.storage.schema import blob, document, named_document
from protocol.errors import Unavailable
from tools.bench import ends, meters, packet_line
from tools.bench.across import line_up
from tools.bench.across.peer import Across, wrong_files
from tools.bench.cabin import Figures
from tools.bench.figures import Cpu, median_cpu
from tools.bench.packet_line import PacketLine
from tools.bench.scratch import scratch
from tools.rig import Rig, rig
from tools.town import HOUSING_OFFICE

DOCUMENTS: Final = 40
DOCUMENT_BYTES: Final = 100_000
BITS_PER_SECOND: Final = 2_000_000
DELAY_SECONDS: Final = 0.03  # one way
CUTS: Final = 5
CUT_SECONDS: Final = 2.0
LOSS: Final = 0.02
GIVE_UP_TIMES: Final = 10  # the ideal: a peer that is not done by then never is
GIVE_UP_SECONDS: Final = 60.0  # but so long at least, for a small --scale
KINDS: Final = ("resets", "silent", "loss")


class PeerCrossing(msgspec.Struct, frozen=True):
    """Of one peer through the same cuts, with `wrong` documents over all runs, of which it was not done in `never`; no `seconds` and `of_ideal`
    where that is most of them."""

    seconds: float | None
    of_ideal: float | None
    wire_ratio: float
    wrong: int
    never: int = 0


class Crossing(msgspec.Struct, frozen=True):
    """Medians. `ideal_s`: all payload at the line's rate, and the cuts. `wrong`: documents that are missing or not what was sealed, over all runs."""

    runs: int
    kabine_s: float
    ideal_s: float
    of_ideal: float
    wire_ratio: float
    cpu_s: Cpu
    wrong: int
    peers: dict[str, PeerCrossing] = {}


class Crossings(msgspec.Struct, frozen=True):
    """One of each kind of trouble, and all of them together: `reference_s` is the ideal, for there is no reference that survives a cut."""

    kabine_s: float
    reference_s: float
    peers_s: dict[str, float | None]
    wire_ratio: float
    cpu_s: Cpu
    resets: Crossing
    silent: Crossing
    loss: Crossing
    left_out: dict[str, str] = {}

    @property
    def each(self) -> dict[str, Crossing]:
        """By kind of trouble."""
        return {kind: getattr(self, kind) for kind in KINDS}


class _Run(msgspec.Struct, frozen=True):
    seconds: float
    ideal_seconds: float
    wire_ratio: float
    cpu: Cpu
    wrong: int
    peers: dict[str, PeerCrossing]


def measure(documents: int, runs: int, *, peers: bool = False, folder: Path | None = None) -> Crossings:
    """Run in `folder`. Raises Unavailable where no line can be made."""
    left_out = {peer.name: why for peer in line_up.PEERS if (why := peer.missing())} if peers else {}
    taking_part = [peer for peer in line_up.PEERS if peers and peer.name not in left_out]
    crossings = {
        kind: _crossing([_run(documents, kind, seed, taking_part, left_out, folder) for seed in range(1, runs + 1)])
        for kind in KINDS
    }
    all_ = list(crossings.values())
    return Crossings(
        kabine_s=sum(crossing.kabine_s for crossing in all_),
        reference_s=sum(crossing.ideal_s for crossing in all_),
        peers_s={name: _together([c.peers[name].seconds for c in all_]) for name in _in_all([c.peers for c in all_])},
        wire_ratio=statistics.mean(crossing.wire_ratio for crossing in all_),
        cpu_s=Cpu(sum(crossing.cpu_s.cabin for crossing in all_), sum(crossing.cpu_s.hub for crossing in all_)),
        left_out=left_out,
        **crossings,
    )


def table(name: str, found: Crossings) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{name}: documents over {BITS_PER_SECOND / 1e6:.0f} Mbit/s, {DELAY_SECONDS * 2000:.0f} ms, median of {found.resets.runs} runs"
    for kind, crossing in found.each.items():
        yield (
            f"  {kind:<10} {crossing.kabine_s:7.2f} s, {crossing.of_ideal:.3f} of the ideal {crossing.ideal_s:.2f} s"
            f"   wire/payload {crossing.wire_ratio:.3f}   wrong documents {crossing.wrong}"
        )
        for peer, theirs in crossing.peers.items():
            took = "    never       " if theirs.seconds is None else f"{theirs.seconds:7.2f} s, {theirs.of_ideal:.3f}"
            never = f"   never in {theirs.never}" if theirs.never else ""
            yield f"    {peer:<30} {took}   wire/payload {theirs.wire_ratio:.3f}   wrong documents {theirs.wrong}{never}"
    for peer, why in found.left_out.items():
        yield f"  {peer} left out: {why}"


def _crossing(runs: list[_Run]) -> Crossing:
    return Crossing(
        runs=len(runs),
        kabine_s=statistics.median(run.seconds for run in runs),
        ideal_s=statistics.median(run.ideal_seconds for run in runs),
        of_ideal=statistics.median(run.seconds / run.ideal_seconds for run in runs),
        wire_ratio=statistics.median(run.wire_ratio for run in runs),
        cpu_s=median_cpu([run.cpu for run in runs]),
        wrong=sum(run.wrong for run in runs),
        peers={name: median_peer([run.peers[name] for run in runs]) for name in _in_all([run.peers for run in runs])},
    )


def _in_all(found: Sequence[dict[str, PeerCrossing]]) -> list[str]:
    """Those that were nowhere left out."""
    return [name for name in found[0] if all(name in each for each in found)]


def _together(seconds: Sequence[float | None]) -> float | None:
    """None where one of them never came through."""
    done = [each for each in seconds if each is not None]
    return sum(done) if len(done) == len(seconds) else None


def median_peer(runs: Sequence[PeerCrossing]) -> PeerCrossing:
    """Over all runs."""
    return PeerCrossing(
        seconds=_median_of_done([run.seconds for run in runs]),
        of_ideal=_median_of_done([run.of_ideal for run in runs]),
        wire_ratio=statistics.median(run.wire_ratio for run in runs),
        wrong=sum(run.wrong for run in runs),
        never=sum(run.never for run in runs),
    )


def _median_of_done(values: Sequence[float | None]) -> float | None:
    """None stands for never, which is longer than all others."""
    median = statistics.median(math.inf if value is None else value for value in values)
    return None if math.isinf(median) else median


def _run(
    documents: int, kind: str, seed: int, peers: Sequence[Across], left_out: dict[str, str], folder: Path | None
) -> _Run:
    cuts = 0 if kind == "loss" else CUTS
    with scratch(folder) as place:
        theirs = {}
        for peer in peers:
            if peer.name not in left_out:
                try:
                    theirs[peer.name] = _carried(peer, documents, kind, seed, place)
                except Unavailable as error:
                    left_out[peer.name] = error.what
        line = _line(kind, seed)
        try:
            with rig(place / "house", [HOUSING_OFFICE], host=packet_line.HUB) as house:
                site = house.town.sites[0].id
                house.enrol(house.town.sites[:1], direct=True)
                filled = ends.cabin(house, site, "documents", documents, DOCUMENT_BYTES, HOUSING_OFFICE)
                payload_bytes = int(ends.ran(filled))
                travel_seconds = payload_bytes * 8 / BITS_PER_SECOND
                ideal_seconds = travel_seconds + cuts * CUT_SECONDS
                with line.at_cabin():
                    end = ends.Process(*ends.cabin(house, site, "send"))
                hub = house.processes["hub"].pid
                with end:
                    end.line()
                    spent = meters.cpu_seconds(hub)
                    end.say("")
                    _cut(line, cuts, ideal_seconds, silent=kind == "silent")
                    told = end.told(Figures)
                    cpu = Cpu(told.cpu_seconds, meters.cpu_seconds(hub) - spent)
                house.stop("hub")
                wrong = documents - _sound(house)
            wire_ratio = (line.up_bytes + line.down_bytes) / payload_bytes
        finally:
            line.close()
    return _Run(told.seconds, ideal_seconds, wire_ratio, cpu, wrong, theirs)


def _line(kind: str, seed: int) -> PacketLine:
    return PacketLine(BITS_PER_SECOND, DELAY_SECONDS, LOSS if kind == "loss" else 0.0, seed)


def _carried(peer: Across, documents: int, kind: str, seed: int, scratch: Path) -> PeerCrossing:
    """The same load over a line of its own, with the same cuts at the same times."""
    cuts = 0 if kind == "loss" else CUTS
    place = Path(tempfile.mkdtemp(prefix="peer-", dir=scratch))
    files, into = place / "files", place / "into"
    files.mkdir()
    into.mkdir()
    for number in range(documents):
        (files / f"{number:05}.age").write_bytes(os.urandom(DOCUMENT_BYTES))
    payload_bytes = documents * DOCUMENT_BYTES
    ideal_seconds = payload_bytes * 8 / BITS_PER_SECOND + cuts * CUT_SECONDS
    give_up_seconds = max(GIVE_UP_SECONDS, GIVE_UP_TIMES * ideal_seconds)
    line = _line(kind, seed)
    try:
        with peer.receiving(into, place, packet_line.HUB) as told:
            with line.at_cabin():
                end = ends.Process("tools.bench.across", peer.name, files, give_up_seconds, *told)
            with end:
                end.line()
                end.say("")
                _cut(line, cuts, ideal_seconds, silent=kind == "silent")
                seconds = float(end.line()) or None
        wire_ratio = (line.up_bytes + line.down_bytes) / payload_bytes
    finally:
        line.close()
    of_ideal = None if seconds is None else seconds / ideal_seconds
    return PeerCrossing(seconds, of_ideal, wire_ratio, wrong_files(files, into), int(seconds is None))


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
        rows = connection.execute(
            select(blob.c.digest, document.c.size_bytes)
            .select_from(named_document)
            .where(document.c.place.is_not(None))
        )
        try:
            return sum(
                hashlib.sha256(segments.read(row.digest, 0, row.size_bytes) or b"").digest() == row.digest
                for row in rows
            )
        finally:
            segments.close()
