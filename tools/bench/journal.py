"""W2: entries of a cabin's journal, each chained to the one before, until the hub has them durable and in order and has acknowledged the last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tools.bench import ends, reference
from tools.bench.figures import Lap, Race, Timed, race
from tools.bench.peers import line_up
from tools.bench.peers.peer import Load
from tools.bench.scratch import scratch
from tools.rig import rig

ENTRIES: Final = 20_000
ENTRY_BYTES: Final = 300
SINGLY: Final = "reference, one by one"


def measure(entries: int, entry_bytes: int, runs: int, *, peers: bool, folder: Path | None = None) -> Race:
    """Run in `folder` (a disk, not memory: the point is durability). Raises Unavailable."""
    present, left_out = line_up.present(line_up.ENTRIES if peers else ())
    laps = []
    for _ in range(runs):
        with scratch(folder) as place:
            with rig(place / "house", []) as house:
                site = house.town.sites[0].id
                house.enrol(house.town.sites[:1], direct=True)
                payload_bytes = int(ends.ran(ends.cabin(house, site, "entries", entries, entry_bytes)))
                kabine = ends.synced(house, site)
            load = Load(place / "store", payload_bytes, entry_bytes)
            load.store.write_bytes(os.urandom(payload_bytes))
            bundled = Load(load.store, payload_bytes, line_up.BUNDLE_BYTES)
            bare = reference.carried(bundled, line_up.BUNDLE_BYTES, place)
            others: dict[str, Timed] = {SINGLY: reference.carried(load, entry_bytes, place)}
            laps.append(Lap(payload_bytes, kabine, bare, others | line_up.carried(present, load, place, left_out)))
    return race(entries, entry_bytes, laps, left_out)
