"""W1: sealed documents from a cabin's buffer to durable at the hub, until every signed receipt is stored in the cabin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tools.bench import ends, reference
from tools.bench.figures import Lap, Race, race
from tools.bench.peers import line_up
from tools.bench.peers.peer import Load
from tools.bench.scratch import scratch
from tools.rig import rig
from tools.town import HOUSING_OFFICE

DOCUMENTS: Final = 400
DOCUMENT_BYTES: Final = 300_000
FRAME_BYTES: Final = 256 * 1024  # of the reference


def measure(documents: int, document_bytes: int, runs: int, *, peers: bool, folder: Path | None = None) -> Race:
    """Run in `folder` (a disk, not memory: the point is durability). Raises Unavailable."""
    present, left_out = line_up.present(line_up.DOCUMENTS if peers else ())
    laps = []
    for _ in range(runs):
        with scratch(folder) as place:
            with rig(place / "house", [HOUSING_OFFICE]) as house:
                site = house.town.sites[0].id
                # The cabin dials the hub itself: the relay of the demo would be what is measured.
                house.enrol(house.town.sites[:1], direct=True)
                filled = ends.cabin(house, site, "documents", documents, document_bytes, HOUSING_OFFICE)
                payload_bytes = int(ends.ran(filled))
                kabine = ends.synced(house, site)
            load = _load(place, payload_bytes, payload_bytes // documents)
            bare = reference.carried(load, FRAME_BYTES, place)
            laps.append(Lap(payload_bytes, kabine, bare, line_up.carried(present, load, place, left_out)))
    return race(documents, document_bytes, laps, left_out)


def _load(place: Path, size_bytes: int, piece_bytes: int) -> Load:
    """Bytes nobody can compress, in one file and in one file for each document."""
    load = Load(place / "store", size_bytes, piece_bytes, place / "files")
    (place / "files").mkdir()
    with load.store.open("wb") as store:
        for number in range(load.pieces):
            data = os.urandom(min(piece_bytes, size_bytes - number * piece_bytes))
            store.write(data)
            (place / "files" / f"{number:05}.age").write_bytes(data)
    return load
