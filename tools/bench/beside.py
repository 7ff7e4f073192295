"""W4: how long small entries and whispers take while a large document travels on the same slow line, and what they cost the document."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from protocol.errors import Unavailable
from tools.bench import ends, meters, packet_line
from tools.bench.cabin import Beside, Figures
from tools.bench.figures import Cpu, median_cpu
from tools.bench.packet_line import PacketLine
from tools.bench.scratch import scratch
from tools.rig import rig
from tools.town import HOUSING_OFFICE

DOCUMENT_BYTES: Final = 5_000_000
BITS_PER_SECOND: Final = 1_000_000
DELAY_SECONDS: Final = 0.03  # one way
WORDS_PER_SECOND: Final = 20  # an entry and a whisper in turn
WORD_BYTES: Final = 300


class Late(msgspec.Struct, frozen=True):
    """Of one kind of words: how long they took beyond what the empty line takes. Medians over the runs; `count` and `lost` over all of them."""

    count: int
    lost: int
    p50_over_ms: float
    p95_over_ms: float
    p99_over_ms: float


class Delays(msgspec.Struct, frozen=True):
    """Medians over the runs. `entries`: from the moment one is written in the cabin until the hub's acknowledgement is there, beyond one round trip;
    `whispers_up`: until the hub has heard it, beyond one way, where the document travels too; `whispers_down`: of the hub's echo, beyond one way.
    `kabine_s`: the document's time with the words beside it; `reference_s`: its time alone; `slower`: the one over the other."""

    runs: int
    kabine_s: float
    reference_s: float
    peers_s: dict[str, float]
    wire_ratio: float
    cpu_s: Cpu
    round_trip_s: float
    entries: Late
    whispers_up: Late
    whispers_down: Late
    slower: float


class _Run(msgspec.Struct, frozen=True):
    told: Beside
    hub_cpu_seconds: float
    alone_seconds: float
    wire_ratio: float


def measure(document_bytes: int, runs: int, *, folder: Path | None = None) -> Delays:
    """Run in `folder`. Raises Unavailable where no line can be made."""
    done = [_run(document_bytes, folder) for _ in range(runs)]
    return Delays(
        runs=runs,
        kabine_s=statistics.median(run.told.seconds for run in done),
        reference_s=statistics.median(run.alone_seconds for run in done),
        peers_s={},
        wire_ratio=statistics.median(run.wire_ratio for run in done),
        cpu_s=median_cpu([Cpu(run.told.cpu_seconds, run.hub_cpu_seconds) for run in done]),
        round_trip_s=2 * DELAY_SECONDS,
        entries=_late([run.told.entries for run in done], 2 * DELAY_SECONDS),
        whispers_up=_late([run.told.up for run in done], DELAY_SECONDS, sum(run.told.whispers for run in done)),
        whispers_down=_late([run.told.down for run in done], DELAY_SECONDS, sum(len(run.told.up) for run in done)),
        slower=statistics.median(run.told.seconds / run.alone_seconds for run in done),
    )


def table(name: str, found: Delays) -> Iterator[str]:
    """Lines for a terminal."""
    yield (
        f"{name}: {WORDS_PER_SECOND} words a second beside a document, {BITS_PER_SECOND / 1e6:.0f} Mbit/s, "
        f"{found.round_trip_s * 1000:.0f} ms, median of {found.runs} runs"
    )
    for words, late in (
        ("entries acknowledged", found.entries),
        ("whispers heard at the hub", found.whispers_up),
        ("whispers heard in the cabin", found.whispers_down),
    ):
        yield (
            f"  {words}, later than on an empty line: p50 {late.p50_over_ms:.0f} ms, p95 {late.p95_over_ms:.0f} ms, "
            f"p99 {late.p99_over_ms:.0f} ms ({late.count}, {late.lost} lost)"
        )
    yield f"  the document: {found.kabine_s:.2f} s, alone {found.reference_s:.2f} s, {found.slower:.3f} times"


def _late(runs: list[tuple[float, ...]], empty_seconds: float, said: int = 0) -> Late:
    """`empty_seconds`: what the empty line takes."""
    came = [run for run in runs if run]
    if not came:
        raise Unavailable("No word came through while the document travelled.", "Take a larger --scale.")
    p50, p95, p99 = (
        statistics.median((_at(run, share) - empty_seconds) * 1000 for run in came) for share in (0.50, 0.95, 0.99)
    )
    count = sum(len(run) for run in runs)
    return Late(count, max(0, said - count), p50, p95, p99)


def _at(delays: tuple[float, ...], share: float) -> float:
    """The delay that this share did not exceed."""
    return sorted(delays)[min(len(delays) - 1, round(share * len(delays)))]


def _run(document_bytes: int, folder: Path | None) -> _Run:
    with scratch(folder) as place:
        line = PacketLine(BITS_PER_SECOND, DELAY_SECONDS)
        try:
            with rig(place / "house", [HOUSING_OFFICE], host=packet_line.HUB) as house:
                alone, beside = (site.id for site in house.town.sites[:2])
                house.enrol(house.town.sites[:2], direct=True)
                for site in (alone, beside):
                    filled = ends.ran(ends.cabin(house, site, "documents", 1, document_bytes, HOUSING_OFFICE))
                with line.at_cabin():
                    quiet = ends.Process(*ends.cabin(house, alone, "send"))
                with quiet:
                    quiet.line()
                    quiet.say("")
                    alone_seconds = quiet.told(Figures).seconds
                with line.at_cabin():
                    busy = ends.Process(*ends.cabin(house, beside, "beside", WORDS_PER_SECOND, WORD_BYTES))
                hub = house.processes["hub"].pid
                with busy:
                    busy.line()
                    spent, carried_bytes = meters.cpu_seconds(hub), line.up_bytes + line.down_bytes
                    busy.say("")
                    told = busy.told(Beside)
                    hub_cpu_seconds = meters.cpu_seconds(hub) - spent
                carried_bytes = line.up_bytes + line.down_bytes - carried_bytes
                said_bytes = (len(told.entries) + len(told.up) + len(told.down)) * WORD_BYTES
        finally:
            line.close()
    return _Run(told, hub_cpu_seconds, alone_seconds, carried_bytes / (int(filled) + said_bytes))
