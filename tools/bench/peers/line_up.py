"""Who takes part in which race."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from protocol.errors import Unavailable
from tools.bench import slow_disk
from tools.bench.figures import Timed
from tools.bench.peers.https import Https
from tools.bench.peers.mosquitto import Mosquitto
from tools.bench.peers.nats import Nats
from tools.bench.peers.peer import Load, Peer
from tools.bench.peers.rsync import Rsync
from tools.bench.peers.syncthing import Syncthing

BUNDLE_BYTES = 64 * 1024
DOCUMENTS: tuple[Peer, ...] = (Nats(), Rsync(), Syncthing(), Https(), Mosquitto())
EVENTS = Nats("NATS per event")
ENTRIES: tuple[Peer, ...] = (EVENTS, Nats("NATS bundled", BUNDLE_BYTES), Mosquitto())


def present(peers: Sequence[Peer]) -> tuple[list[Peer], dict[str, str]]:
    """Those that are installed, and why the others are left out."""
    reasons = {peer.name: peer.missing() for peer in peers}
    if slow_disk.fsyncs() is not None and EVENTS in peers:
        reasons[EVENTS.name] = "an fsync for each event would take minutes on a slow disk"
    return [peer for peer in peers if not reasons[peer.name]], {name: why for name, why in reasons.items() if why}


def carried(peers: Sequence[Peer], load: Load, scratch: Path, left_out: dict[str, str]) -> dict[str, Timed]:
    """Each of them in turn; one that fails is named in `left_out`."""
    found = {}
    for number, peer in enumerate(peers):
        if peer.name in left_out:
            continue
        place = scratch / f"peer-{number}"
        place.mkdir()
        before = slow_disk.fsyncs()
        try:
            seconds = peer.carry(load, place)
        except Unavailable as error:
            left_out[peer.name] = error.what
        else:
            counted = None if before is None else (slow_disk.fsyncs() or 0) - before
            found[peer.name] = Timed(seconds, fsyncs=counted)
    return found
