"""The hub's database: SQLAlchemy Core on SQLite. The tables and statements suit PostgreSQL too; opening one is not there yet.

Several processes may open one file (the hub and the operator's commands). Each has one writing connection, and a `turn` on it is one
transaction; `changed` is the bell that another process has rung by committing.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Table, Transaction, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.dml import UpdateBase

from cloud.storage import bulk
from cloud.storage.turnstile import Turnstile
from protocol import codec
from protocol.errors import Mistake, Refused, Unavailable

HEAD: Final = "0008"  # the last migration; a test holds it against migrations/versions
BUSY_MILLISECONDS: Final = 5000  # an operator's command may hold the file for so long before the hub gives up
_READERS_MAX: Final = 8
_VERSION_TABLE: Final = "alembic_version"

Row = Mapping[str, Any]
T = TypeVar("T")


def sqlite_url(path: Path) -> str:
    """URL of an SQLite file."""
    return f"sqlite:///{path}"


class Database:
    """Opened and brought to the present shape. Raises Unavailable when it cannot be opened, or when a later release made it.

    `alone()` holds off everybody else while a database of an earlier release is carried over; what it raises leaves the database as it is."""

    def __init__(self, url: str, alone: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        self._engine = _engine(url)
        self._alone = alone
        self._lock = threading.RLock()
        self._turnstile: Turnstile | None = None
        try:
            self._writer = self._engine.connect().execution_options(writing=True)
            self._migrate()
            self._check_shape()
        except DBAPIError as error:
            self._engine.dispose()
            raise _damaged(error) or Unavailable(
                f"The hub's database cannot be opened: {error.orig}.",
                "Check that the folder exists, can be written, and that the disk has room.",
            ) from error
        except Unavailable:
            self.close()
            raise
        self._heard = self._data_version()
        self._turnstile = _turnstile(self._engine)

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """One writing transaction: all of it or nothing; durable on return. Raises Unavailable when the disk or another process is in the way."""
        with self._lock:
            try:
                with self._begun():
                    yield self._writer
            except OperationalError as error:
                raise Unavailable(
                    f"The hub's database cannot be written: {error.orig}.",
                    "Make room on its disk, end commands that hold it, and start the hub again.",
                ) from error
            except DBAPIError as error:
                if (damaged := _damaged(error)) is None:
                    raise
                raise damaged from error

    def index_anew(self, connection: Connection, table: Table) -> None:
        """SQLite: make the indexes of a table anew out of its rows, in this turn; seconds for a million. Raises Unavailable where they contradict one
        another."""
        if self._engine.dialect.name == "sqlite":
            try:
                connection.exec_driver_sql(f"REINDEX {table.name}")
            except IntegrityError as error:
                raise _unsound(str(error.orig)) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One view of what is committed; from any thread. Raises Unavailable."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise Unavailable(
                f"The hub's database cannot be read: {error.orig}.", "Check the disk (`dmesg`, `df`), then try again."
            ) from error
        except DBAPIError as error:
            if (damaged := _damaged(error)) is None:
                raise
            raise damaged from error

    def changed(self) -> bool:
        """Has another process committed since the last call? On PostgreSQL always: there is no cheap bell yet."""
        with self._lock:
            heard = self._data_version()
            rung = heard is None or heard != self._heard
            self._heard = heard
            return rung

    def write_out(self) -> None:
        """SQLite: write everything that the WAL holds once more, into the file, and empty the WAL. Raises Unavailable. For the hub's start:

        after a failed fsync the kernel shows what was written and believes that it is on the disk. What follows such frames in the WAL would be
        lost with them when the power fails, however well it was fsynced itself."""
        if self._engine.dialect.name != "sqlite":
            return
        with self._lock:
            cursor = self._writer.connection.cursor()
            try:
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.DatabaseError as error:
                raise Unavailable(
                    f"The hub's database cannot be written: {error}.",
                    "Check the disk (`dmesg`, `df`), then start the hub again.",
                ) from error
            finally:
                cursor.close()
        if busy:
            raise Unavailable("Another program reads the hub's database.", "End it, then start the hub again.")

    def close(self) -> None:
        """Release every connection."""
        self._writer.close()
        self._engine.dispose()
        if self._turnstile is not None:
            self._turnstile.close()
            self._turnstile = None

    def _begun(self) -> Transaction:
        """In turn with other processes."""
        if self._turnstile is None:
            return self._writer.begin()
        with self._turnstile.passing():
            return self._writer.begin()

    def _data_version(self) -> int | None:
        if self._engine.dialect.name != "sqlite":
            return None
        # Past SQLAlchemy, which would begin a transaction for it. Our own commits do not count: they go through this connection.
        cursor = self._writer.connection.cursor()
        try:
            cursor.execute("PRAGMA data_version")
            found: int = cursor.fetchone()[0]  # type: ignore[index]  # a pragma always answers
            return found
        finally:
            cursor.close()

    def _migrate(self) -> None:
        with self.reading() as connection:
            if _version(connection) == HEAD:
                return
        # Alembic takes half a second to import; a database in shape never needs it.
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        with self._alone(), self.turn() as connection:
            found = _version(connection)
            if found is not None and found not in known:
                raise Unavailable(
                    f"This database has shape {found}; this release of Kabine knows up to {HEAD}.",
                    "Install the release of Kabine that last ran here, or a later one.",
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA user_version = {_sum_of_shape(connection)}")

    def _check_shape(self) -> None:
        """SQLite reads the words by which its tables were made anew each time, and believes them: one flipped bit, and a key is a common column."""
        if self._engine.dialect.name != "sqlite":
            return
        with self.reading() as connection:
            kept = connection.exec_driver_sql("PRAGMA user_version").scalar()
            if kept and kept != _sum_of_shape(connection):
                raise _unsound("its tables are not those that were made")


def stored(kind: type[T], raw: bytes, bytes_max: int) -> T:
    """The noun that was written into a column. Raises Unavailable when it is not there any more."""
    try:
        return codec.decode(kind, raw, bytes_max)
    except Refused as refused:
        raise _unsound(refused.what.rstrip(".")) from refused


def _damaged(error: DBAPIError) -> Unavailable | None:
    """What SQLite says of a file that is not as it was written; other errors of its kind are of other classes."""
    return _unsound(str(error.orig)) if type(error.orig) is sqlite3.DatabaseError else None


def _unsound(what: str) -> Unavailable:
    return Unavailable(
        f"The hub's database is damaged: {what}.",
        "Stop the hub, keep its folder, and bring it back from a copy (docs/install-hub.md, “Backup”); cabins keep what they have and send it again.",
    )


def upsert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows of equal columns; where the primary key is there already, replace the other columns."""
    batch = list(rows)
    if batch:
        bulk.write(connection, _upsert(connection.dialect.name, table, tuple(batch[0])), batch)


@functools.cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> UpdateBase:
    if dialect not in ("sqlite", "postgresql"):
        raise Mistake(f"No upsert is written for {dialect}.")
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    others = {name: statement.excluded[name] for name in names if name not in keys}
    if not others:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


def _sum_of_shape(connection: Connection) -> int:
    """Of all that was made in an SQLite file. Never 0: that is what a file has that keeps no such sum."""
    made = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    return zlib.crc32(repr([tuple(row) for row in made]).encode()) & 0x7FFF_FFFF or 1


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608
    return found


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise Unavailable(
            f"{parsed.render_as_string()} is no database for a hub.",
            "Give sqlite:///FILE; PostgreSQL is not there yet.",
        )
    engine = create_engine(parsed, connect_args={"check_same_thread": False}, pool_size=_READERS_MAX)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _turnstile(engine: Engine) -> Turnstile | None:
    """Of the folder of an SQLite file; another database has its own."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    return Turnstile(Path(engine.url.database).absolute().parent, BUSY_MILLISECONDS / 1000)


def _prepare(connection: Any, entry: ConnectionPoolEntry) -> None:
    # Python's sqlite3 begins transactions by itself, and only before some statements; then `BEGIN IMMEDIATE` could not be said.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    # A writer that began by reading cannot wait for another writer: SQLite refuses at once, however long the busy time-out.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
