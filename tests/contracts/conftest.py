"""Implementations of protocol.runtime.store, each behind the same few moves. To add one: a function in STORES."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud.ledger import Ledger
from cloud.storage.database import Database, sqlite_url
from protocol import entries
from protocol.entries import VisitEnded
from protocol.ids import SiteId
from protocol.recipients import HybridIdentity
from protocol.runtime.store import Blobs, Log
from tests.edge.cabin import Cabin

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Store:
    """One open store. `append()`: one more entry of its own log, durable after `sync`. `heard(n)`: a payload that its peer would write."""

    log: Log
    blobs: Blobs
    sync: Callable[[], object]
    append: Callable[[], object]
    heard: Callable[[int], bytes]
    close: Callable[[], object]


def hub(folder: Path) -> Store:
    """The hub's ledger, as one cabin's link sees it."""
    database = Database(sqlite_url(folder / "hub.sqlite"))
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    journal = HybridIdentity(hashlib.sha256(b"journal").digest())
    ledger = Ledger(database, folder / "blobs", key, journal, lambda: NOON)
    site = SiteId("templin")

    def visit(number: int) -> VisitEnded:
        return VisitEnded(number.to_bytes(16, "big"), NOON, NOON, "left", 0, "de")

    def close() -> None:
        ledger.close()
        database.close()

    return Store(
        ledger.log(site),
        ledger.blobs,
        ledger.settle,
        lambda: ledger.append(site, visit(0)),
        lambda number: entries.clear(visit(number)),
        close,
    )


def cabin(folder: Path) -> Store:
    """A cabin's buffer."""
    buffer = Cabin(folder).open()
    visit = VisitEnded(bytes(16), NOON, NOON, "left", 0, "de")
    return Store(
        buffer.log,
        buffer,
        buffer.sync,
        lambda: buffer.append(visit),
        lambda number: entries.clear(visit),
        buffer.close,
    )


STORES: Final[dict[str, Callable[[Path], Store]]] = {"hub": hub, "cabin": cabin}


class Disk:
    """A store's folder, which can lose its power."""

    def __init__(self, make: Callable[[Path], Store], folder: Path) -> None:
        self._make = make
        self._folder = folder
        self._cuts = 0
        folder.mkdir()
        self.store = make(folder)

    def power_cut(self) -> Store:
        """What is on the disk now, opened again; the process before gets no chance to tidy up."""
        self._cuts += 1
        copy = self._folder.with_name(f"{self._folder.name}-{self._cuts}")
        shutil.copytree(self._folder, copy)
        for shared in copy.rglob("*-shm"):
            shared.unlink()
        self.store.close()
        self._folder = copy
        self.store = self._make(copy)
        return self.store

    def reopen(self) -> Store:
        """An orderly end and a new start."""
        self.store.close()
        self.store = self._make(self._folder)
        return self.store


@pytest.fixture(params=STORES)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A folder of each kind of store."""
    made = Disk(STORES[request.param], tmp_path / "store")
    made.store.sync()
    yield made
    made.store.close()
