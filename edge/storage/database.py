"""The cabin's SQLite file: one connection, one transaction at a time, and what its errors mean.

Two threads use it, the cabin's and the uplink's; whoever holds `lock` has it alone. After an I/O error nobody knows what is on the disk, so
nothing is written any more until the file has been opened anew (a failed fsync is never retried).
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlite_utils

from edge.storage import disk, migrations
from protocol import codec, limits
from protocol.entries import DirectoryPublished, Mark
from protocol.errors import Mistake, Refused, Unavailable

# Measured with a document of 300 KB: 4 KiB pages read at a third of the speed, 64 KiB pages write twice as much for a few small rows.
PAGE_BYTES: Final = 16 * limits.KIB
CACHE_BYTES: Final = 8 * limits.MIB
CHECKPOINT_BYTES: Final = 16 * limits.MIB  # of WAL written, and the uplink moves it into the file …
CHECKPOINT_BYTES_MAX: Final = 64 * limits.MIB  # … or whoever writes, when no line is up
_TURN_BYTES: Final = 10 * PAGE_BYTES  # what a turn writes besides chunks
_PLACE_BYTES_MAX: Final = 4096
_BUSY_SECONDS: Final = 5.0
# What an SQLite error code leaves uncertain: IOERR, CORRUPT, CANTOPEN, READONLY, NOTADB, PROTOCOL.
_BREAKING: Final = frozenset({8, 10, 11, 14, 15, 26})
_FULL: Final = 13
_CHECK_WHOLE_BYTES_MAX: Final = 256 * limits.MIB
_SMALL: Final = ("place", "entry", "blob", "leaving", "document", "receipt", "parked", "agency", "number", "kept")
_BUSY: Final = frozenset({5, 6})


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """Rows of one table: how many, and the sum of their seals modulo 2^128. So no row can vanish or appear unnoticed."""

    rows: int = 0
    seals: bytes = bytes(16)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where everything stands. `base` is the entry before the oldest that is kept, `last` the newest of my own log; `theirs` the newest of
    the hub's that was applied. `digits`, `issued`: length of the receipt numbers now, and how many of this length were given
    out. `directory`: digest of the blob that spells the directory in force, empty without one. `wanted`: a newer one that was announced.
    `touch_seconds`: how long the cabin has been in touch with the hub, ever; `kept_bytes`: of secured documents that are still here."""

    base: Mark = Mark()
    last: Mark = Mark()
    acknowledged: int = 0
    theirs: Mark = Mark()
    digits: int = 3
    issued: int = 0
    next_blob: int = 1
    directory: bytes = b""
    wanted: DirectoryPublished | None = None
    tallies: dict[str, Tally] = {}
    touch_seconds: float = 0.0
    kept_bytes: int = 0


class Database:
    """Owns the connection. `place` is what the last turn left; within a turn, what it will leave."""

    def __init__(self, path: Path, *, bytes_max: int = limits.BUFFER_BYTES_MAX, read_only: bool = False) -> None:
        """Names the file; `prepare` reads it. Only one that is `read_only` leaves the WAL where it is when it is closed. Raises Unavailable when
        there is nothing of this name that can be opened, and nothing can be made."""
        self.lock = threading.RLock()
        self.place = Place()
        self.broken: Unavailable | None = None
        self._bytes_max = bytes_max
        self._in_turn = False
        self._unchecked_bytes = 0
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
                timeout=_BUSY_SECONDS,
            )
        except sqlite3.Error as error:
            raise Unavailable(
                f"{path} cannot be opened ({error}).",
                "Is it a folder, another user's, or a link to a disk that is not there? Bring back what was there, then start the cabin again.",
            ) from error
        self._sqlite = sqlite_utils.Database(self._connection, execute_plugins=False, recursive_triggers=False)

    def prepare(self) -> None:
        """Open or make the file. Raises sqlite3.Error when it is damaged or cannot be opened."""
        for pragma in (
            f"page_size = {PAGE_BYTES}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "secure_delete = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "temp_store = MEMORY",
            f"cache_size = -{CACHE_BYTES // limits.KIB}",
            # By hand: SQLite keeps an fsync error of its own checkpoints to itself.
            "wal_autocheckpoint = 0",
            f"journal_size_limit = {CHECKPOINT_BYTES_MAX}",
            f"max_page_count = {self._bytes_max // PAGE_BYTES}",
        ):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()

    def empty(self) -> bool:
        """Has no release of Kabine ever written it? Changes nothing."""
        return not migrations.MIGRATIONS.applied(self._sqlite)

    def migrate(self) -> None:
        """Bring the tables to this release. Raises Unavailable when a later release wrote them."""
        done = {each.name for each in migrations.MIGRATIONS.applied(self._sqlite)}
        if done - migrations.known():
            raise Unavailable(
                "A later release of Kabine wrote this cabin's buffer.", "Install that release again, or a newer one."
            )
        if done != migrations.known():  # it looks four times what is there
            migrations.MIGRATIONS.apply(self._sqlite)

    def load(self) -> str:
        """Read where everything stands. What is wrong with it, empty when nothing is; a new file has no place and is in order."""
        row = self.rows("SELECT body, seal FROM place WHERE id = 1")
        if not row:
            return (
                ""
                if not self.rows("SELECT 1 FROM entry LIMIT 1")
                else "The row that says where everything stands is gone."
            )
        body, seal = row[0]
        if hashlib.sha256(body).digest() != seal:
            return "The row that says where everything stands is damaged."
        try:
            self.place = codec.decode(Place, body, _PLACE_BYTES_MAX)
        except Refused as refused:
            return refused.what
        return ""

    # --- transactions --------------------------------------------------------------------------------------------
    @contextmanager
    def turn(self) -> Iterator[None]:
        """One transaction: durable when the block has ended, or nothing of it happened. Raises Unavailable when the disk does not let us."""
        with self.lock:
            if self._in_turn:
                raise Mistake("A turn within a turn.")
            if self.broken:
                raise self.broken
            before = self.place
            self._in_turn = True
            try:
                with self._sqlite.atomic():
                    yield
                    self._save()
            except sqlite3.Error as error:
                self.place = before
                raise self.unavailable(error) from error
            except BaseException:
                self.place = before
                raise
            finally:
                self._in_turn = False
            self.weigh(_TURN_BYTES)
            if self._unchecked_bytes > CHECKPOINT_BYTES_MAX:
                self.checkpoint()

    @property
    def in_turn(self) -> bool:
        """Is a transaction under way, whose changes may yet be undone?"""
        return self._in_turn

    def _save(self) -> None:
        body = codec.encode(self.place)
        seal = hashlib.sha256(body).digest()
        self._connection.execute("INSERT OR REPLACE INTO place (id, body, seal) VALUES (1, ?, ?)", (body, seal))

    def weigh(self, size_bytes: int) -> None:
        """So much went into the WAL."""
        self._unchecked_bytes += size_bytes

    def checkpoint(self, after_bytes: int = 0) -> None:
        """Move the WAL into the file when more than `after_bytes` have been written since the last time."""
        with self.lock:
            if self._unchecked_bytes <= after_bytes or self.broken:
                return
            self._unchecked_bytes = 0
            try:
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except sqlite3.Error as error:
                trouble = self.unavailable(error)
                if self.broken:
                    raise trouble from error

    def write_out(self) -> None:
        """Write everything that the WAL holds once more, into the file, and empty the WAL. Raises Unavailable when the disk does not let us.

        For a file that was just opened: after a failed fsync the kernel shows what was written and believes that it is on the disk. What
        follows such frames in the WAL would be lost with them when the power fails, however well it was fsynced itself."""
        with self.reading():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Write, within a turn; how many rows changed."""
        if not self._in_turn:
            raise Mistake("Written outside of a turn.")
        return self._connection.execute(sql, values).rowcount

    # --- reading -------------------------------------------------------------------------------------------------
    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises sqlite3.Error: use it in a turn, or in `reading`."""
        return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """As `rows`, one after the other."""
        yield from self._connection.execute(sql, values)

    def each_however(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """As `each`, of a damaged file: text that is none any more comes as another text, and takes no row behind it away."""
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            yield from self._connection.execute(sql)
        finally:
            self._connection.text_factory = str

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The lock, and errors in words. Raises Unavailable."""
        with self.lock:
            try:
                yield
            except sqlite3.Error as error:
                raise self.unavailable(error) from error

    def blob(self, table: str, column: str, row: int) -> sqlite3.Blob:
        """One value, to be read in parts. Raises sqlite3.Error when there is no such row."""
        return self._connection.blobopen(table, column, row, readonly=True)

    def free_bytes(self) -> int:
        """What the file can take in without growing."""
        return int(self.rows("PRAGMA freelist_count")[0][0]) * PAGE_BYTES

    def size_bytes(self) -> int:
        """Of the file, once the WAL is in it."""
        return int(self.rows("PRAGMA page_count")[0][0]) * PAGE_BYTES

    def fault(self) -> str:
        """What SQLite itself finds wrong with the file's structure, empty when nothing."""
        # The whole check reads every page, of documents too; above this it looks only at what is small.
        checks = (
            ["integrity_check"]
            if self.size_bytes() <= _CHECK_WHOLE_BYTES_MAX
            else [
                f"integrity_check({t})" for t in _SMALL if self.rows("SELECT 1 FROM sqlite_schema WHERE name = ?", (t,))
            ]
        )
        for check in checks:
            found = self.rows(f"PRAGMA {check}")
            if found != [("ok",)]:
                return f"SQLite says: {str(found[0][0])[:200]}."
        return ""

    # --- errors --------------------------------------------------------------------------------------------------
    def damaged(self, what: str) -> Unavailable:
        """Something in the file is not what was written: nothing more is written to it. For the caller to raise."""
        self.broken = Unavailable(
            f"The cabin's buffer is damaged: {what}",
            "Start the cabin again: it moves the damaged file aside and goes on. Then look at `kabine edge doctor`.",
        )
        return self.broken

    def unavailable(self, error: sqlite3.Error) -> Unavailable | Mistake:
        """What an error of SQLite's means, for the caller to raise. After some of them nothing is written any more."""
        known = getattr(error, "sqlite_errorcode", None)
        if known is None and isinstance(error, sqlite3.OperationalError):
            return self.damaged(f"{error}.")  # text that is no UTF-8: Python says so, not SQLite
        code = (known or 0) & 0xFF
        if code == _FULL:
            return Unavailable(disk.FULL, disk.FULL_REMEDY)
        if code in _BUSY:
            return Unavailable("Another program works on the cabin's buffer.", "End it, then start the cabin again.")
        if code in _BREAKING:
            self.broken = Unavailable(
                f"The cabin's buffer cannot be written or read ({getattr(error, 'sqlite_errorname', error)}).",
                "Check the disk (`dmesg`, `df`), then start the cabin again; what was accepted is still there.",
            )
            return self.broken
        return Mistake(f"The buffer's database refused: {error}.")

    def close(self) -> None:
        """Give the file back; SQLite moves the WAL into it."""
        self._connection.close()
