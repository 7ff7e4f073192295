"""Bounds that a house meets after months and a world of four days never would: in some worlds some of them are small.

Both ends of a simulated link run in one process, so they agree about those that both must know. Only what may be any number is here: a bound that
another one hangs on stays as it is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from cloud import damage, desks, hearing, inbox, ingest, known, ledger, proofreading, site_log
from cloud.storage.blobs import files, segments
from edge import buffer
from edge.storage import blobs, journal, kept
from protocol import limits

SHARE: Final = 0.5  # of all worlds …
_EACH: Final = 0.25  # … and of these bounds, in each of them
SMALL: Final[tuple[tuple[ModuleType, str, tuple[int, ...]], ...]] = (
    (limits, "ENTRIES_KEPT", (40, 80)),  # more than a twin of a cabin that is away acknowledges meanwhile
    (limits, "EPOCH_ENTRIES_MAX", (4, 10, 40)),
    (journal, "_FORGET_STEP", (1, 5)),
    (limits, "ENTRIES_PER_FRAME_MAX", (1, 3)),
    (limits, "ENTRIES_FRAMES_MAX", (1, 2)),
    (limits, "ENTRIES_WINDOW_BYTES", (limits.KIB,)),
    (limits, "CHUNK_BYTES_MAX", (limits.CHUNK_BYTES_MIN, 32 * limits.KIB)),
    (limits, "WANTS_MAX", (1, 3)),
    (limits, "WINDOW_BYTES_MAX", (limits.WINDOW_BYTES_MIN,)),
    (limits, "HUB_WINDOW_BYTES", (32 * limits.KIB,)),
    (limits, "OUTBOX_DOCUMENTS_MAX", (3,)),
    (limits, "DOCUMENTS_REMEMBERED", (1, 3)),
    (limits, "TROUBLES_MAX", (2,)),
    (kept, "_AT_ONCE", (1,)),
    (blobs, "_CHECKED_MAX", (1, 3)),
    (buffer, "LEAVING_MAX", (1,)),
    (hearing, "MESSAGES_MAX", (1, 4)),
    (hearing, "BYTES_MAX", (8 * limits.KIB,)),
    (ledger, "BYTES_WAITING_MAX", (limits.KIB,)),
    (ingest, "_ASKED_MAX", (1,)),
    (known, "_KEPT_MAX", (1, 3)),
    (site_log, "TAIL_MAX", (1, 3)),
    (inbox, "LISTING_MAX", (1, 3)),
    (inbox, "LISTING_BYTES_MAX", (1, 4 * limits.KIB)),
    (desks, "DESKS_MAX", (1,)),
    (damage, "_HIDDEN_NAMED", (1,)),
    (
        proofreading,
        "STEP_BYTES",
        (16 * limits.KIB,),
    ),  # with less, a round of many pages takes longer than a world waits
    (proofreading, "READINGS_MAX", (1,)),
    (proofreading, "_WINDOW", (1, 7)),
    (segments, "_LEAK_BYTES_MAX", (0,)),
    (files, "_OPEN_MAX", (1,)),
)


@contextmanager
def drawn(dice: random.Random, share: float = SHARE) -> Iterator[dict[str, int]]:
    """Those of one world, by name: some in a `share` of all worlds, none in the others."""
    chosen = [(home, name, dice.choice(sizes)) for home, name, sizes in SMALL if dice.random() < _EACH]
    if dice.random() >= share:
        chosen = []
    ordinary = [(home, name, getattr(home, name)) for home, name, _ in chosen]
    try:
        for home, name, size in chosen:
            setattr(home, name, size)
        yield {name: size for _, name, size in chosen}
    finally:
        for home, name, size in ordinary:
            setattr(home, name, size)
