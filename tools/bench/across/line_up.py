"""Who goes through the cuts of W3."""

from __future__ import annotations

from typing import Final

from tools.bench.across.https import HttpsAcross
from tools.bench.across.mosquitto import MosquittoAcross
from tools.bench.across.nats import NatsAcross
from tools.bench.across.peer import Across
from tools.bench.across.rsync import RsyncAcross
from tools.bench.across.syncthing import SyncthingAcross

PEERS: Final[tuple[Across, ...]] = (RsyncAcross(), HttpsAcross(), MosquittoAcross(), NatsAcross(), SyncthingAcross())


def named(name: str) -> Across:
    """The one that the table calls so."""
    return next(peer for peer in PEERS if peer.name == name)
