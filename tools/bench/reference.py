"""The bare reference (bare.py) on a load: two processes, one wire, one segment."""

from __future__ import annotations

import os
from pathlib import Path

from tools.bench import ends, meters, slow_disk
from tools.bench.bare import Spent
from tools.bench.figures import Cpu, Timed
from tools.bench.peers.peer import Load


def carried(load: Load, frame_bytes: int, scratch: Path) -> Timed:
    """Its pieces in frames of at most `frame_bytes`."""
    segment = scratch / "segment"
    segment.unlink(missing_ok=True)
    os.sync()  # what others have written is not the contender's debt
    with (
        ends.Process("tools.bench.bare", "take", segment, load.size_bytes) as taker,
        ends.Process("tools.bench.bare", "give", load.store, load.piece_bytes, frame_bytes) as giver,
    ):
        wire = meters.loopback_bytes()
        giver.say(taker.line())
        gave, took = giver.told(Spent), taker.told(Spent)
        cpu = Cpu(gave.cpu_seconds, took.cpu_seconds)
        return Timed(gave.seconds, cpu, meters.loopback_bytes() - wire, slow_disk.fsyncs(taker.pid))
