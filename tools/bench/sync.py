"""W1: 400 sealed documents of 300 KB from a cabin's buffer to durable at the hub, beside a bare reference and what a user would pick instead."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from tools.bench import ends, meters, references
from tools.bench.cabin import Figures
from tools.bench.figures import Cpu, Lap, Race, Timed, race
from tools.rig import Rig, rig
from tools.town import HOUSING_OFFICE

FRAME_BYTES: Final = 256 * 1024  # of the reference


def measure(
    documents: int, document_bytes: int, runs: int, *, with_rsync: bool = True, folder: Path | None = None
) -> Race:
    """Run in `folder` (a disk, not memory: the point is durability). Raises Unavailable."""
    laps = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="kabine-bench-", dir=folder, ignore_cleanup_errors=True) as scratch:
            laps.append(_lap(Path(scratch), documents, document_bytes, with_rsync))
    return race(documents, document_bytes, laps, {})


def _lap(scratch: Path, documents: int, document_bytes: int, with_rsync: bool) -> Lap:
    with rig(scratch / "house", [HOUSING_OFFICE]) as house:
        site = house.town.sites[0]
        # The cabin dials the hub itself: the relay of the demo would be what is measured.
        house.enrol([site], direct=True)
        payload_bytes = int(
            ends.ran(_cabin(house, site.id, "fill", str(documents), str(document_bytes), HOUSING_OFFICE))
        )
        kabine = _kabine(house, site.id)
    each_bytes = payload_bytes // documents
    store = scratch / "store"
    with store.open("wb") as file:
        for _ in range(documents):
            file.write(os.urandom(each_bytes))
    reference = bare(store, each_bytes, FRAME_BYTES, scratch)
    peers: dict[str, Timed] = {}
    if with_rsync:
        files = scratch / "files"
        files.mkdir()
        for number in range(documents):
            (files / f"{number:05}.age").write_bytes(os.urandom(each_bytes))
        os.sync()
        peers["rsync"] = Timed(references.rsync_daemon(files, scratch / "mirror", scratch))
    return Lap(payload_bytes, kabine, reference, peers)


def bare(store: Path, piece_bytes: int, frame_bytes: int, scratch: Path) -> Timed:
    """The bare reference on the bytes of `store`."""
    from tools.bench.bare import Spent

    segment = scratch / "segment"
    segment.unlink(missing_ok=True)
    os.sync()  # what others have written is not the contender's debt
    with (
        ends.Process("tools.bench.bare", "take", segment, store.stat().st_size) as taker,
        ends.Process("tools.bench.bare", "give", store, piece_bytes, frame_bytes) as giver,
    ):
        wire = meters.loopback_bytes()
        giver.say(taker.line())
        gave, took = giver.told(Spent), taker.told(Spent)
        return Timed(gave.seconds, Cpu(gave.cpu_seconds, took.cpu_seconds), meters.loopback_bytes() - wire)


def _kabine(house: Rig, site: str) -> Timed:
    hub = house.processes["hub"].pid
    os.sync()
    with ends.Process(*_cabin(house, site, "send")) as cabin:
        cabin.line()  # it is ready
        cpu, wire = meters.cpu_seconds(hub), meters.loopback_bytes()
        cabin.say("")
        figures = cabin.told(Figures)
        hub_cpu_seconds = meters.cpu_seconds(hub) - cpu
        return Timed(figures.seconds, Cpu(figures.cpu_seconds, hub_cpu_seconds), meters.loopback_bytes() - wire)


def _cabin(house: Rig, site: str, *order: str) -> tuple[str, ...]:
    return ("tools.bench.cabin", str(house.cabin(site)), *order)
