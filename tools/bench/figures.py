"""What `kabine bench sync` finds. Seconds are medians over the runs; ratios are medians of the ratios within each run."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import msgspec


class Cpu(msgspec.Struct, frozen=True):
    """CPU seconds of the two ends."""

    cabin: float
    hub: float


def median_cpu(spent: Sequence[Cpu]) -> Cpu:
    """Of each end."""
    return Cpu(_median(each.cabin for each in spent), _median(each.hub for each in spent))


class Timed(msgspec.Struct, frozen=True):
    """One run of one contender: `seconds` until all is durable and acknowledged; the rest where it can be told. `fsyncs` of the receiver,
    `sender_fsyncs` of the other end, when they are counted (slow_disk)."""

    seconds: float
    cpu: Cpu | None = None
    wire_bytes: int = 0
    fsyncs: int | None = None
    sender_fsyncs: int | None = None


class Fsyncs(msgspec.Struct, frozen=True):
    """How often each end asked its disk."""

    cabin: int
    hub: int


class Race(msgspec.Struct, frozen=True):
    """Kabine, the bare reference and the peers, in pairs. `faster_than`: above 1 where Kabine is faster."""

    runs: int
    items: int
    item_bytes: int
    payload_bytes: int
    kabine_s: float
    per_s: float
    mb_per_s: float
    cpu_s: Cpu
    wire_ratio: float
    reference_s: float
    reference_cpu_s: Cpu
    cpu_ratio: Cpu
    peers_s: dict[str, float]
    faster_than: dict[str, float]
    fsyncs: Fsyncs | None = None
    peers_fsyncs: dict[str, int] = {}
    left_out: dict[str, str] = {}


REFERENCE = "reference"


class Lap(msgspec.Struct, frozen=True):
    """One run of all contenders on the same payload."""

    payload_bytes: int
    kabine: Timed
    reference: Timed
    peers: dict[str, Timed]


def race(items: int, item_bytes: int, laps: Sequence[Lap], left_out: dict[str, str]) -> Race:
    """Medians over the laps."""
    kabine_s = _median(lap.kabine.seconds for lap in laps)
    payload_bytes = int(_median(lap.payload_bytes for lap in laps))
    names = [name for name in laps[0].peers if all(name in lap.peers for lap in laps)]
    faster = {REFERENCE: _median(lap.reference.seconds / lap.kabine.seconds for lap in laps)}
    faster |= {name: _median(lap.peers[name].seconds / lap.kabine.seconds for lap in laps) for name in names}
    ends = [(_cpu(lap.kabine), _cpu(lap.reference)) for lap in laps]
    counted = {name: [f for lap in laps if (f := lap.peers[name].fsyncs) is not None] for name in names}
    counted[REFERENCE] = [f for lap in laps if (f := lap.reference.fsyncs) is not None]
    return Race(
        runs=len(laps),
        items=items,
        item_bytes=item_bytes,
        payload_bytes=payload_bytes,
        kabine_s=kabine_s,
        per_s=items / kabine_s,
        mb_per_s=payload_bytes / kabine_s / 1e6,
        cpu_s=median_cpu([ours for ours, _ in ends]),
        wire_ratio=_median(lap.kabine.wire_bytes / lap.payload_bytes for lap in laps),
        reference_s=_median(lap.reference.seconds for lap in laps),
        reference_cpu_s=median_cpu([theirs for _, theirs in ends]),
        cpu_ratio=Cpu(
            _median(ours.cabin / theirs.cabin for ours, theirs in ends),
            _median(ours.hub / theirs.hub for ours, theirs in ends),
        ),
        peers_s={name: _median(lap.peers[name].seconds for lap in laps) for name in names},
        faster_than=faster,
        fsyncs=_fsyncs(laps),
        peers_fsyncs={name: int(_median(counts)) for name, counts in counted.items() if counts},
        left_out=left_out,
    )


def _fsyncs(laps: Sequence[Lap]) -> Fsyncs | None:
    cabin = [lap.kabine.sender_fsyncs for lap in laps if lap.kabine.sender_fsyncs is not None]
    hub = [lap.kabine.fsyncs for lap in laps if lap.kabine.fsyncs is not None]
    return Fsyncs(int(_median(cabin)), int(_median(hub))) if cabin and hub else None


def _cpu(timed: Timed) -> Cpu:
    return timed.cpu or Cpu(0.0, 0.0)


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)
