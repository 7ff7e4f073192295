"""Planted faults of what is written: they come to light when the power goes, or when a bit flips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import cloud.storage.database
import edge.storage.opening
import tools.connector
import tools.folders
import tools.letter
from cloud.delivery import Delivery
from cloud.ledger import Ledger
from cloud.proofreading import Hidden, Proofreading
from cloud.storage.blobs.files import SegmentFiles
from cloud.storage.blobs.segments import Segments
from cloud.turn import News
from edge.storage.blobs import BlobRow, Blobs
from edge.storage.database import Database
from edge.storage.durably import Durably
from edge.storage.high_water import HighWater
from edge.storage.journal import Journal
from edge.storage.rows import Rows
from protocol.entries import Entry
from protocol.ids import Digest, EnvelopeId
from protocol.manifest import Signed
from tools.closed import Closed

Patch = tuple[Any, str, Any]


# --- power ----------------------------------------------------------------------------------------------------------
def _cabin_synchronous(level: str) -> list[Patch]:
    """„Angenommen“ on the screen, and after a power cut nothing in the cabin."""
    real = Database.prepare

    def prepare(self: Database) -> None:
        real(self)
        self._connection.execute(f"PRAGMA synchronous = {level}")

    return [(Database, "prepare", prepare)]


def _hub_synchronous(level: str) -> list[Patch]:
    """„Gesichert“ on the screen, and after a power cut nothing at the hub; the cabin has let go of it."""
    real = cloud.storage.database._prepare

    def prepare(connection: Any, entry: Any) -> None:
        real(connection, entry)
        connection.execute(f"PRAGMA synchronous = {level}").close()

    return [(cloud.storage.database, "_prepare", prepare)]


def no_segment_fsync() -> list[Patch]:
    """A document is secured whose bytes are still in memory."""
    return [(Segments, "sync", lambda _self: None)]


def segment_fsync_late() -> list[Patch]:
    """Rows that speak of bytes which are not on the disk yet."""
    real = Segments.committed

    def committed(self: Segments) -> None:
        self._files.sync()
        real(self)

    return [(Segments, "sync", lambda _self: None), (Segments, "committed", committed)]


def no_folder_fsync() -> list[Patch]:
    """The bytes of a new segment are on the disk, and its name is not."""
    real = SegmentFiles.sync

    def sync(self: SegmentFiles) -> None:
        self._folder_touched = False
        real(self)

    return [(SegmentFiles, "sync", sync)]


def acknowledge_before_commit() -> list[Patch]:
    """A cabin forgets what the hub has only in memory."""
    real = Ledger.settle

    def settle(self: Ledger, *, everything: bool = False) -> News:
        self.__dict__["_turns"] = turns = self.__dict__.get("_turns", 0) + 1
        return real(self, everything=everything) if turns % 2 else News()

    return [(Ledger, "settle", settle)]


def free_before_commit() -> list[Patch]:
    """Space is given back, and the transaction that lets go of the document is lost."""
    real_record, real_committed = Segments.record, Segments.committed

    def record(self: Segments, connection: Any) -> None:
        real_record(self, connection)
        fresh, forgotten, waiting = dict(self._fresh), set(self._forgotten), self.waiting_bytes
        self._fresh, self._forgotten = {}, set()
        real_committed(self)
        self._fresh, self._forgotten, self.waiting_bytes = fresh, forgotten, waiting

    return [(Segments, "record", record)]


def mark_before_commit() -> list[Patch]:
    """After a power cut the cabin takes its own buffer for damaged, and moves it aside with all that waits in it."""

    def call(self: Durably, act: Callable[[], Any]) -> Any:
        def both() -> Any:
            result = act()
            place = self._database.place
            self._write(HighWater(place.last, place.theirs, place.digits, place.issued))
            return result

        with self._database.lock:
            return self._with_ballast(both)

    return [(Durably, "__call__", call)]


def agency_no_folder_fsync() -> list[Patch]:
    """Documents that an agency has accepted are gone, and their hub lets go of them."""
    return [(tools.connector, "sync_folder", lambda _path: None), (tools.letter, "sync_folder", lambda _path: None)]


def agency_no_folder() -> list[Patch]:
    """The same with the first ones that lie in a new folder."""
    return [(tools.folders, "make_folder", lambda path: path.mkdir(parents=True, exist_ok=True))]


def agency_proves_late() -> list[Patch]:
    """Told, and forgotten with its hub: what was accepted comes a second time, and what is lost to the hub never came to the agency."""
    real = Closed.put

    def put(self: Closed, envelope: EnvelopeId, receipts: tuple[Signed, ...], *, heard: bool = True) -> None:
        if heard:
            real(self, envelope, receipts)

    return [(Closed, "put", put)]


POWER: Final = {
    "cabin-synchronous-normal": lambda: _cabin_synchronous("NORMAL"),
    "cabin-synchronous-off": lambda: _cabin_synchronous("OFF"),
    "hub-synchronous-normal": lambda: _hub_synchronous("NORMAL"),
    "hub-synchronous-off": lambda: _hub_synchronous("OFF"),
    "no-segment-fsync": no_segment_fsync,
    "segment-fsync-late": segment_fsync_late,
    "no-folder-fsync": no_folder_fsync,
    "acknowledge-before-commit": acknowledge_before_commit,
    "free-before-commit": free_before_commit,
    "mark-before-commit": mark_before_commit,
    "agency-no-folder-fsync": agency_no_folder_fsync,
    "agency-no-folder": agency_no_folder,
    "agency-proves-late": agency_proves_late,
}


# --- rot ------------------------------------------------------------------------------------------------------------
def no_digest_check() -> list[Patch]:
    """An altered document leaves the cabin, lies in an inbox, and is signed for."""

    def read(self: Blobs, row: BlobRow, place: int, skip: int, length_bytes: int, checked_later: bool = False) -> bytes:
        with self._database.blob("chunk", "bytes", row.id * (1 << 20) + place) as value:
            value.seek(skip)
            return bytes(value.read(length_bytes))

    return [(Blobs, "_read_chunk", read), (Delivery, "consider", _believing(Delivery.consider))]


def no_row_seals() -> list[Patch]:
    """An altered row is believed."""

    def where(self: Rows[Any], condition: str = "", values: Sequence[object] = ()) -> list[Any]:
        return [self._kind(*found) for *found, _ in self._database.rows(f"{self._select} {condition}", values)]

    return [(Rows, "where", where), (Rows, "fault", lambda _self: "")]


def no_entry_chain() -> list[Patch]:
    """The hub is sent entries that nobody wrote."""

    def read(self: Journal, after: int, bytes_max: int, count_max: int) -> list[Entry]:
        sql = "SELECT epoch, number, payload, hash FROM entry WHERE number > ? ORDER BY number LIMIT ?"
        return [Entry(*row) for row in self._database.rows(sql, (after, count_max))]

    return [(Journal, "read", read), (Journal, "fault", lambda _self, _known: "")]


def no_high_water() -> list[Patch]:
    """Rows that SQLite drops with a flipped bit of its WAL are missed by nobody."""
    real = edge.storage.opening.open_file

    def open_file(folder: Any, _known: Any, now: Any, **settings: Any) -> Any:
        return real(folder, None, now, **settings)

    return [(edge.storage.opening, "open_file", open_file)]


def _believing(real: Callable[..., bool]) -> Callable[..., bool]:
    def consider(self: Delivery, turn: Any, place: Any, awaited: Any, sums: Any) -> bool:
        class Believed:
            size_bytes, header_sha256, payload_bytes = sums.size_bytes, awaited.header_sha256, awaited.length_bytes

            def payload_sha256(self) -> bytes:
                return bytes(awaited.payload_sha256)

        return real(self, turn, place, awaited, Believed())

    return consider


def no_proofreading() -> list[Patch]:
    """An agency is given altered bytes for days, and the cabin that keeps the document is not asked."""
    real = Proofreading.served

    def served(self: Proofreading, digest: Digest, size_bytes: int, offset_bytes: int, part: bytes | None) -> bool:
        real(self, digest, size_bytes, offset_bytes, part)
        return False

    return [(Proofreading, "served", served)]


def indexes_believed() -> list[Patch]:
    """An inbox lists what an index of the database leads to, and nobody looks for what it hides."""
    real = Proofreading._walk

    def walk(self: Proofreading, now: float) -> list[Hidden]:
        real(self, now)
        return []

    return [(Proofreading, "_walk", walk)]


ROT: Final[dict[str, Callable[[], list[Patch]]]] = {
    "no-row-seals": no_row_seals,
    "no-entry-chain": no_entry_chain,
    "no-high-water": no_high_water,
    "no-digest-check": no_digest_check,
    "no-proofreading": no_proofreading,
    "indexes-believed": indexes_believed,
}
