"""The tables of the cabin's buffer, and how an older file comes to have them.

Instants are whole microseconds since 1970 UTC. Every row but a chunk ends in a `seal` (rows.py); a chunk is covered by its blob's row, an
entry by the chain.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("kabine.edge.buffer")

_TABLES = (
    # Where everything stands: both logs' ends, how many rows each table has. One row, rewritten by every transaction.
    "CREATE TABLE place (id INTEGER PRIMARY KEY, body BLOB NOT NULL, seal BLOB NOT NULL) STRICT",
    # My own log.
    "CREATE TABLE entry (number INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, payload BLOB NOT NULL, hash BLOB NOT NULL) STRICT",
    # Sealed documents that wait, and what comes from the hub. `pieces` is the SHA-256 of every chunk, one after the other.
    "CREATE TABLE blob (digest BLOB PRIMARY KEY, id INTEGER NOT NULL, size_bytes INTEGER NOT NULL, pieces BLOB NOT NULL,"
    " seal BLOB NOT NULL) STRICT, WITHOUT ROWID",
    # id: 2^20 times the blob's, plus the place of the chunk in it. An integer key: it can be read in parts without an index.
    "CREATE TABLE chunk (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    # Chunks of these blobs are on their way out: freed, or of a staging that nobody has put.
    "CREATE TABLE leaving (id INTEGER PRIMARY KEY, chunks INTEGER NOT NULL, seal BLOB NOT NULL) STRICT",
    "CREATE TABLE document (envelope BLOB PRIMARY KEY, entry INTEGER NOT NULL, receipt TEXT NOT NULL, agency TEXT NOT NULL,"
    " digest BLOB NOT NULL, size_bytes INTEGER NOT NULL, accepted_at INTEGER NOT NULL, state TEXT NOT NULL,"
    " changed_at INTEGER NOT NULL, event BLOB NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL, seal BLOB NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE INDEX document_state ON document (state, entry)",
    "CREATE UNIQUE INDEX document_digest ON document (digest)",
    # Signed events as they came; `event` is the SHA-256 of the body.
    "CREATE TABLE receipt (event BLOB PRIMARY KEY, envelope BLOB NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL,"
    " signature BLOB NOT NULL, seal BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX receipt_envelope ON receipt (envelope, place)",
    # Receipts whose signer no directory here has named yet.
    "CREATE TABLE parked (number INTEGER PRIMARY KEY, body BLOB NOT NULL, signature BLOB NOT NULL, seal BLOB NOT NULL) STRICT",
    # Per agency: counter and digest of the last manifest.
    "CREATE TABLE agency (id TEXT PRIMARY KEY, counter INTEGER NOT NULL, previous BLOB NOT NULL, seal BLOB NOT NULL)"
    " STRICT, WITHOUT ROWID",
    # Receipt numbers ever given out here.
    "CREATE TABLE number (receipt TEXT PRIMARY KEY, used INTEGER NOT NULL, seal BLOB NOT NULL) STRICT, WITHOUT ROWID",
)


@MIGRATIONS()
def m001_tables(database: Database) -> None:
    """The first release."""
    for statement in _TABLES:
        database.execute(statement)


@MIGRATIONS()
def m002_kept(database: Database) -> None:
    """Secured documents stay for a while. `secured`: seconds of being in touch with the hub when the receipt came."""
    database.execute(
        "CREATE TABLE kept (entry INTEGER PRIMARY KEY, digest BLOB NOT NULL, size_bytes INTEGER NOT NULL, secured INTEGER NOT NULL,"
        " seal BLOB NOT NULL) STRICT"
    )


def known() -> frozenset[str]:
    """Names of the migrations of this release."""
    return frozenset(migration.name for migration in MIGRATIONS._migrations)
