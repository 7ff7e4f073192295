"""Look at a cabin whose node does not run, without writing an entry: what `status` and `doctor` tell then."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge.buffer import HIGH_WATER
from edge.storage import disk, opening
from edge.storage.blobs import Blobs
from edge.storage.database import Database
from edge.storage.documents import Document, Documents, Waiting
from edge.storage.high_water import HighWater, HighWaterFile
from edge.storage.kept import KeptRow
from edge.storage.rows import Rows
from protocol.entries import Mark
from protocol.errors import Unavailable
from protocol.ids import Digest


class Look(NamedTuple):
    """What lies in the folder. `fault`: what is wrong with the buffer's file, empty when nothing is; it was read whole but for the documents'
    bytes, which are checked when they are sent. `set_aside`: damaged files of earlier days. `kept`: secured documents whose sealed bytes are here."""

    waiting: Waiting
    documents: list[Document]
    last: Mark
    acknowledged: int
    disk_free_bytes: int
    fault: str
    set_aside: tuple[str, ...]
    kept: Waiting = Waiting(0, 0, None)


def look(folder: Path, documents_max: int = 100) -> Look:
    """The caller holds the folder's lock. Raises Unavailable when the disk does not let us."""
    aside, free_bytes = tuple(opening.set_aside(folder)), disk.free_bytes(folder)
    nothing = Look(Waiting(0, 0, None), [], Mark(), 0, free_bytes, "", aside)
    if not (folder / opening.FILE).exists():
        gone = (folder / HIGH_WATER).exists()
        return nothing._replace(fault=f"{opening.FILE} is gone." if gone else "")
    high_water = HighWater()
    if (folder / HIGH_WATER).exists():
        with closing(HighWaterFile(folder / HIGH_WATER)) as file:
            high_water = file.found or high_water
    try:
        with closing(Database(folder / opening.FILE, read_only=True)) as database:
            database.prepare()
            fault = opening.fault(database, high_water)
            directory = Digest(database.place.directory)
            if not fault and directory and not Blobs(database).check(directory):
                fault = "The directory in it was altered; it is fetched again from the hub."
            documents = Documents(database)
            return Look(
                documents.waiting(),
                documents.newest(documents_max),
                database.place.last,
                database.place.acknowledged,
                free_bytes,
                fault,
                aside,
                Waiting(len(Rows(database, "kept", KeptRow)), database.place.kept_bytes, None),
            )
    except sqlite3.Error as error:
        return nothing._replace(fault=f"SQLite says: {error}.")
    except Unavailable as unavailable:
        return nothing._replace(fault=unavailable.what)
