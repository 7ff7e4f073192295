"""Open the cabin's file only if it is what was written; otherwise move it aside, save what is still sound, and begin a new one.

Nothing is ever deleted here: the damaged file stays as `buffer.damaged-TIME` beside the new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from edge.storage import disk
from edge.storage.blobs import BlobRow, Blobs, LeavingRow
from edge.storage.database import Database, Place
from edge.storage.documents import DocumentRow
from edge.storage.high_water import HighWater, HighWaterFile
from edge.storage.journal import Journal
from edge.storage.kept import KeptRow
from edge.storage.numbers import DIGITS_MAX, NumberRow
from edge.storage.outbox import AgencyRow
from edge.storage.receipts import ParkedRow, ReceiptRow
from edge.storage.rows import Rows
from protocol import limits
from protocol.errors import Unavailable
from protocol.ids import Digest

FILE: Final = "buffer.sqlite"
DAMAGED: Final = "buffer.damaged-"
_SUFFIXES: Final = ("-wal", "-shm", "")  # the file itself last: while it has its name, the move is not done
_TABLES: Final[dict[str, type[msgspec.Struct]]] = {
    "blob": BlobRow,
    "leaving": LeavingRow,
    "document": DocumentRow,
    "receipt": ReceiptRow,
    "parked": ParkedRow,
    "agency": AgencyRow,
    "number": NumberRow,
    "kept": KeptRow,
}
# What an error means that is not about the bytes in the file: IOERR, FULL, CANTOPEN, READONLY, BUSY, LOCKED, PERM, NOMEM.
_WORLD: Final = frozenset({3, 5, 6, 7, 8, 10, 13, 14})
_DIGITS_UNKNOWN: Final = 5  # when nobody knows any more how long the numbers were


class Opened(NamedTuple):
    """`fault`: what was wrong with the file before, empty when nothing was; then `directory` spells the Signed one that was in it."""

    database: Database
    fault: str = ""
    directory: bytes = b""


def open_file(
    folder: Path, known: HighWater | None, now: datetime, *, bytes_max: int = limits.BUFFER_BYTES_MAX
) -> Opened:
    """The cabin's file. `known`: what the high-water file says.

    Raises Unavailable when the disk does not let us, or a later release wrote the file."""
    path = folder / FILE
    if path.exists() or known is None:
        database = Database(path, bytes_max=bytes_max)
        with or_closed(database):
            fault = _fault(database, known or HighWater())
            if not fault:
                database.write_out()
                return Opened(database)
            name = _move_aside(folder, now)
            agencies, directory = _sound(database)
            place = database.place
        database.close()  # only now, under its new name: closing would have put away the WAL that is evidence
        fault = f"The cabin's buffer was damaged and lies aside as {name}: {fault}"
    else:
        _move_aside(folder, now)  # a WAL without its file
        fault = "The cabin's buffer is gone; what waited in it is lost unless the file is found."
        agencies, directory, place = [], b"", Place()
    database = Database(path, bytes_max=bytes_max)
    with or_closed(database):
        _begin(database, _continue(known, place), agencies)
        disk.sync_folder(folder)
    return Opened(database, fault, directory)


@contextmanager
def or_closed(*files: Database | HighWaterFile) -> Iterator[None]:
    """Close these when the block fails, the last one first: whoever opens them anew finds nobody in the way."""
    with ExitStack() as open_:
        for file in files:
            open_.callback(file.close)
        yield
        open_.pop_all()


def fault(database: Database, known: HighWater) -> str:
    """What is wrong with an opened file, empty when nothing is. Reads everything but the chunks. Raises sqlite3.Error."""
    found = database.load() or database.fault() or Journal(database).fault(known.mark)
    if not found and (database.place.digits, database.place.issued) < (known.digits, known.issued):
        found = "Receipt numbers that were given out are not there."
    here = {name for (name,) in database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for table, kind in _TABLES.items():
        if table in here or table in database.place.tallies:  # a file of an earlier release has not all of them
            found = found or Rows(database, table, kind).fault()
    return found


def set_aside(folder: Path) -> list[str]:
    """Names of damaged files that lie in `folder`."""
    return sorted(path.name for path in folder.glob(f"{DAMAGED}*") if not path.name.endswith(("-wal", "-shm")))


def _fault(database: Database, known: HighWater) -> str:
    try:
        database.prepare()
        if known.mark.number and database.empty():
            return "Its tables are gone."
        database.migrate()
        return fault(database, known)
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _WORLD:
            raise database.unavailable(error) from error
        return f"SQLite says: {error}."
    except (TypeError, ValueError, OverflowError) as error:  # a value became one of another type
        return f"A value in it is not what was written ({error})."


def _begin(database: Database, place: Place, agencies: list[AgencyRow]) -> None:
    try:
        database.prepare()
        database.migrate()
        database.place = place
        with database.turn():
            rows = Rows(database, "agency", AgencyRow)
            for row in agencies:
                rows.add(row)
    except sqlite3.Error as error:
        raise database.unavailable(error) from error


def _move_aside(folder: Path, now: datetime) -> str:
    name = f"{DAMAGED}{now:%Y%m%dT%H%M%SZ}"
    while (folder / name).exists():
        name += "+"
    try:
        for suffix in _SUFFIXES:
            there = folder / f"{FILE}{suffix}"
            if there.exists():
                there.rename(folder / f"{name}{suffix}")
        disk.sync_folder(folder)
    except OSError as error:
        raise disk.unavailable(error) from error
    return name


def _sound(database: Database) -> tuple[list[AgencyRow], bytes]:
    """The counters per agency, so that no manifest repeats one, and the directory; as far as they can still be read."""
    rows: list[AgencyRow] = []
    try:
        rows.extend(Rows(database, "agency", AgencyRow).sound())
        blobs, digest = Blobs(database), Digest(database.place.directory)
        if digest and blobs.check(digest):
            return rows, blobs.read(digest, 0, blobs.have(digest)) or b""
    except (sqlite3.Error, Unavailable, TypeError, ValueError, OverflowError):
        pass  # as far as it could be read
    return rows, b""


def _continue(known: HighWater | None, place: Place) -> Place:
    """Where the new file begins: behind the last entry that was known, with receipt numbers that were never given out."""
    if known is None:
        known = HighWater(place.last, place.theirs, max(place.digits, _DIGITS_UNKNOWN), place.issued)
    digits = min(known.digits + 1, DIGITS_MAX)
    return Place(base=known.mark, last=known.mark, theirs=known.theirs, digits=digits)
