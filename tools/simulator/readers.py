"""Look into a node's files from outside: what is committed, as another process would see it. No code of the node's own is asked."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from edge.storage.database import Place
from edge.storage.opening import FILE
from protocol import codec, entries
from protocol.entries import GENESIS, Mark
from protocol.manifest import Happening, Receipt, Signed, unverified
from tools.simulator.disk import Disk
from tools.simulator.district import HUB_FILE
from tools.simulator.hub_node import BLOBS
from tools.simulator.record import Piece

_PLACE_BYTES_MAX = 1 << 20
_SUFFIX, ASIDE = "segment", "aside"
_PIECES = (
    "SELECT segment, position_bytes, length_bytes FROM piece JOIN blob ON blob.id = piece.blob "
    "WHERE digest = ? ORDER BY offset_bytes"
)


class Reader:
    """One SQLite file. Close it when the node ends: nobody must hold it open while its disk is decided about."""

    name = ""

    def __init__(self) -> None:
        self._disk: Disk | None = None
        self._connection: sqlite3.Connection | None = None
        self._version = -1
        self._steps = -1

    def at(self, disk: Disk, *, alone: bool = False) -> None:
        """The node works on this disk, and runs; or it does not, and the file is looked at `alone`, without its WAL."""
        if self._connection is None:
            self._disk = disk
            # Who may write would put the WAL away when the node has died.
            uri = f"{(disk.folder / self.name).as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)
            self._version = self._steps = -1

    def close(self) -> None:
        """Give the file back."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._disk = None

    def changed(self) -> bool:
        """Has anything been committed since the last call?"""
        assert self._disk is not None
        if self._steps == self._disk.steps:
            return False
        self._steps = self._disk.steps
        version = self.rows("PRAGMA data_version")[0][0]
        changed, self._version = version != self._version, version
        return bool(changed)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What is committed."""
        assert self._connection is not None
        return self._connection.execute(sql, values).fetchall()

    @property
    def folder(self) -> Path:
        """Where it looks."""
        assert self._disk is not None
        return self._disk.folder


class CabinReader(Reader):
    """A cabin's buffer."""

    name = FILE

    def place(self) -> Place:
        """Where everything stands."""
        found = self.rows("SELECT body FROM place WHERE id = 1")
        return codec.decode(Place, found[0][0], _PLACE_BYTES_MAX) if found else Place()

    def blobs(self) -> set[bytes]:
        """Digests of what is here."""
        return {row[0] for row in self.rows("SELECT digest FROM blob")}

    def left_over(self) -> int:
        """How many chunks are of nothing that is here, and of nothing that is on its way out."""
        blobs = "SELECT id FROM blob UNION SELECT id FROM leaving"
        return int(self.rows(f"SELECT count(*) FROM chunk WHERE id >> 20 NOT IN ({blobs})")[0][0])  # noqa: S608

    def leaving(self) -> int:
        """How many blobs are on their way out, or are being written."""
        return int(self.rows("SELECT count(*) FROM leaving")[0][0])

    def strangers(self) -> int:
        """How many blobs are of no document, and no directory that is in force or to be fetched."""
        place = self.place()
        known = self.rows("SELECT digest FROM document")
        return len(
            self.blobs() - {row[0] for row in known} - {place.directory, place.wanted.digest if place.wanted else b""}
        )

    def parked(self) -> int:
        """How many receipts wait for a directory that names their signer."""
        return int(self.rows("SELECT count(*) FROM parked")[0][0])

    def stored(self, envelope: bytes) -> bool:
        """Is the hub's receipt for this envelope here?"""
        rows = self.rows("SELECT body, signature FROM receipt WHERE envelope = ?", envelope)
        return any(unverified(Receipt, Signed(*row)).happening is Happening.STORED for row in rows)


class HubReader(Reader):
    """The hub's database and segment files."""

    name = HUB_FILE

    def machine(self, site: str) -> int:
        """Which machine of this site the logs are of."""
        found = self.rows("SELECT machine FROM link WHERE site = ?", site)
        return int(found[0][0]) if found else 1

    def held(self, site: str, machine: int) -> int:
        """How far the log of this machine is held."""
        sql = "SELECT coalesce(max(last), 0) FROM up_run WHERE site = ? AND machine = ?"
        return int(self.rows(sql, site, machine)[0][0])

    def ends(self) -> list[tuple[Any, ...]]:
        """Of each machine whose logs are the present ones: site, machine, the last entry held; and a number that grows with every new document of
        anybody."""
        return self.rows(
            "SELECT site, machine, "
            "(SELECT max(last) FROM up_run r WHERE r.site = l.site AND r.machine = l.machine), "
            "(SELECT max(rowid) FROM document) FROM link l"
        )

    def new_entries(self, site: str, machine: int, after: Mark) -> Iterator[tuple[Mark, bool]]:
        """Entries behind `after`, whose chain is reckoned anew; True for one that says that others before it were lost. Raises ValueError where
        the chain breaks."""
        rows = self.rows(
            "SELECT first, last, epoch, before, payloads FROM up_run WHERE site = ? AND machine = ? AND last > ? ORDER BY first",
            site,
            machine,
            after.number,
        )
        for first, last, epoch, follows_hash, raw in rows:
            payloads = msgspec.msgpack.decode(raw, type=list[bytes])
            if len(payloads) != last - first + 1:
                raise ValueError(f"a run of entries {first} to {last} has {len(payloads)}")
            if first <= after.number:
                raise ValueError(f"entry {first} is held twice")
            leapt = first != after.number + 1
            follows = entries.leap(payloads[0], epoch, first) if leapt else after
            if follows is None or follows.hash != follows_hash:
                raise ValueError(f"entry {first} follows entry {after.number}")
            after = follows
            for number, payload in enumerate(payloads, first):
                after = Mark(epoch, number, entries.chain(after.hash, epoch, number, payload))
                yield after, leapt and number == first

    def called(self, site: str | None, kind: str) -> bool:
        """Has the hub called a person because of this site; or with None because of itself?"""
        return bool(self.rows("SELECT 1 FROM alarm WHERE site IS ? AND kind = ?", site, kind))

    def first_piece(self, digest: bytes) -> tuple[str, int, int]:
        """Name of the file, position and length of the first piece of this blob."""
        segment, position, length = self.pieces(digest)[0]
        return file_of(segment), position, length

    def pieces(self, digest: bytes) -> list[Piece]:
        """Where it lies."""
        return self.rows(_PIECES, digest)

    def sound(self, digest: bytes) -> bool:
        """Do the segment files hold the right bytes of this blob?"""
        return self._holds(digest, self.pieces(digest), (_SUFFIX,))

    def kept(self, digest: bytes, pieces: list[Piece]) -> bool:
        """Does it still lie where it lay, in a segment that was kept aside or in one that is in use again?"""
        return self._holds(digest, pieces, (ASIDE, _SUFFIX))

    def _holds(self, digest: bytes, pieces: list[Piece], suffixes: tuple[str, ...]) -> bool:
        hasher = hashlib.sha256()
        for segment, position, length in pieces:
            paths = [self.folder / file_of(segment, suffix) for suffix in suffixes]
            path = next((path for path in paths if path.exists()), None)
            if path is None:
                return False
            with path.open("rb") as file:
                file.seek(position)
                hasher.update(file.read(length))
        return hasher.digest() == digest

    def segments(self) -> list[tuple[int, ...]]:
        """Segments of which rows speak, and up to which byte."""
        sql = "SELECT segment, max(position_bytes + length_bytes) FROM piece GROUP BY segment ORDER BY segment"
        return self.rows(sql)

    def beyond(self, segment: int, end_bytes: int) -> set[bytes]:
        """Blobs of which bytes lie behind this one."""
        sql = "SELECT digest FROM piece JOIN blob ON blob.id = piece.blob WHERE segment = ? AND position_bytes + length_bytes > ?"
        return {row[0] for row in self.rows(sql, segment, end_bytes)}


def file_of(segment: int, suffix: str = _SUFFIX) -> str:
    """Its name on the hub's disk."""
    return f"{BLOBS}/{segment:06}.{suffix}"


BEGINNING = Mark(0, 0, GENESIS)
