"""The hub's tables (SQLAlchemy Core; SQLite or PostgreSQL). Alembic in `migrations/` brings a database to this shape.

Instants are stored as whole microseconds since 1970 UTC and read as aware UTC datetimes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """Aware UTC datetime as microseconds since 1970: sorts, compares and survives both databases alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = MetaData()

_TO_FREE = text("closed_at IS NOT NULL AND freed_at IS NULL")
_TO_COME = text("stored_at IS NULL")

cabin = Table(
    "cabin",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("name", Text, nullable=False),
    Column("code", String(3), nullable=False, unique=True),  # first letters of its receipt numbers
    Column("area", String(12), nullable=False),
    Column("address", Text, nullable=False, default=""),
    Column("state", String(16), nullable=False),  # enrolment_table: invited, claimed, confirmed, revoked
    Column("curve_key", LargeBinary),  # 32 bytes, of the confirmed machine
    Column("signing_key", LargeBinary),
    Column("claimed_curve_key", LargeBinary),  # of a machine that claimed the site and waits for confirmation
    Column("claimed_signing_key", LargeBinary),
    Column("claimed_code", String(3)),  # a new machine counts its receipt numbers from 1: it never shares a code
    Column("software", Text),
    Column("invited_at", Instant),
    Column("claimed_at", Instant),
    Column("confirmed_at", Instant),
    Column("revoked_at", Instant),
)

invitation = Table(
    "invitation",
    metadata,
    Column("public_key", LargeBinary, primary_key=True),  # CURVE public half of the one-time secret
    Column("site", String(63), nullable=False),
    Column("code", String(3), nullable=False, unique=True),  # rows stay for ever, so that no code is given twice
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

link = Table(  # one row per cabin: both logs' ends and what was last heard
    "link",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("machine", Integer, nullable=False, default=1),  # 1, 2 …: a replacement begins both logs anew
    Column("signing_key", LargeBinary),  # of the machine whose logs these are
    Column("up_epoch", BigInteger, nullable=False, default=0),
    Column("up_number", BigInteger, nullable=False, default=0),
    Column("up_hash", LargeBinary, nullable=False),
    Column(
        "up_missing", BigInteger, nullable=False, default=0
    ),  # entries lost with a damaged buffer, said by EpochOpened
    Column("down_number", BigInteger, nullable=False, default=0),
    Column("down_hash", LargeBinary, nullable=False),
    Column("down_acknowledged", BigInteger, nullable=False, default=0),
    Column("directory_version", BigInteger, nullable=False, default=0),  # last announced in the down log
    Column("connected", Boolean, nullable=False, default=False),
    Column("since", Instant),  # of the present state of `connected`
    Column("boot", LargeBinary),
    Column("software", Text),
    Column("round_trip_seconds", Float),
    Column("clock_offset_seconds", Float),
    Column("vitals", LargeBinary),  # codec.encode(frames.Vitals)
    Column("reported_number", BigInteger, nullable=False, default=0),  # end of the cabin's log when it was last heard
    Column("reported_hash", LargeBinary),
)

contact = Table(  # one narrow row per cabin, written with every sign of life; what else it told stands in `link`
    "contact",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("heard_at", Instant, nullable=False),  # by the hub's clock
    sqlite_with_rowid=False,
)

up_run = Table(  # entries of cabins, as many as came together in one epoch (runs.py)
    "up_run",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("machine", Integer, primary_key=True, autoincrement=False),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("before", LargeBinary, nullable=False),  # hash of the entry that the first one follows
    Column("payloads", LargeBinary, nullable=False),
)

epoch = Table(  # where the wrapped journal key of an epoch stands: the entry that opened it
    "epoch",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("machine", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

quarantine = Table(  # entries that are held and could not be applied, and why: nothing is lost, nothing blocks the log
    "quarantine",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("machine", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", String(32), nullable=False),  # errors.Code
    Column("trouble", Text, nullable=False),  # the same in words
    Column("envelope", LargeBinary),  # what the entry claims, where it could be read
    Column("agency", String(63)),
    Column("size_bytes", BigInteger),
    Column("quarantined_at", Instant, nullable=False),
)

down_entry = Table(
    "down_entry",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

down_epoch = (
    Table(  # of the hub's own log for a machine: a later one began each time the hub had come back from an older copy
        "down_epoch",
        metadata,
        Column("site", String(63), primary_key=True),
        Column("machine", Integer, primary_key=True, autoincrement=False),
        Column("epoch", BigInteger, primary_key=True, autoincrement=False),  # all rows of down_entry are of the newest
        Column("first", BigInteger, nullable=False),  # number of its first entry: the cabin held what came before
        Column(
            "up_number", BigInteger, nullable=False
        ),  # end of the cabin's log then: up to it entries may have been here
        Column("directory_version", BigInteger, nullable=False),  # that the cabin held then
        Column("opened_at", Instant, nullable=False),
    )
)

# Digests and envelopes are chance: a key that is chance has its place anywhere in its index, so that every row dirties a page of its own. Here they
# are looked up, each in one index, and held unique; everything else about a document goes by a number that grows.
blob = Table(  # sealed bytes that were announced; a row stays when they are let go
    "blob",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 …
    Column("digest", LargeBinary, nullable=False, unique=True),
)

piece = Table(  # where the bytes of a blob lie in the segment files
    "piece",
    metadata,
    Column("blob", Integer, primary_key=True, autoincrement=False),
    Column("offset_bytes", BigInteger, primary_key=True, autoincrement=False),
    Column("length_bytes", BigInteger, nullable=False),
    Column("segment", Integer, nullable=False),
    Column("position_bytes", BigInteger, nullable=False),
    Index("piece_by_segment", "segment", "position_bytes"),
    sqlite_with_rowid=False,
)

recorded = Table(  # one row: so far the segment files were ever spoken of here; the files' own mark says the same
    "recorded",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("segment", Integer, nullable=False),
    Column("end_bytes", BigInteger, nullable=False),
)

document = Table(
    "document",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # that of its blob: no two have the same bytes
    Column("envelope", LargeBinary, nullable=False, unique=True),
    Column("receipt", String(16), nullable=False),
    Column("site", String(63), nullable=False),
    Column("machine", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),  # of the entry that announced it
    Column("agency", String(63), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("manifest_body", LargeBinary, nullable=False),
    Column("manifest_signature", LargeBinary, nullable=False),
    Column("summary", LargeBinary, nullable=False),
    Column(
        "state", String(16), nullable=False
    ),  # announced, quarantined (its bytes are not what was signed), or the last Happening
    Column(
        "place", BigInteger
    ),  # in the agency's inbox, 1, 2, 3 …; its own also while the hub's disk has lost its bytes
    Column("announced_at", Instant, nullable=False),
    Column("stored_at", Instant),
    Column("closed_at", Instant),  # accepted or returned
    Column("freed_at", Instant),  # its blob was let go after the retention; the rows stay
    Column("trouble", Text),  # why it is stuck, in words
    UniqueConstraint("agency", "place"),
    Index("document_by_chain", "site", "machine", "agency", "counter"),
    # Only what is outstanding: a question must say so in these words, or it is answered without them. Announced, set aside or lost is what is
    # to come; with as many columns as document_by_chain has, or SQLite takes that.
    Index("document_to_free", "closed_at", sqlite_where=_TO_FREE, postgresql_where=_TO_FREE),
    Index("document_to_come", "site", "machine", "number", sqlite_where=_TO_COME, postgresql_where=_TO_COME),
)
IN_INBOX = document.c.place.is_not(None) & document.c.stored_at.is_not(None)
named_document = document.join(blob, blob.c.id == document.c.id)  # with its digest

receipt = Table(
    "receipt",
    metadata,
    Column("document", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("happening", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

agency = (
    Table(  # the draft of the next directory, agency by agency; connectors' keys, which the directory does not carry
        "agency",
        metadata,
        Column("id", String(63), primary_key=True),
        Column("definition", LargeBinary, nullable=False),  # codec.encode(directory.Agency)
        Column("curve_key", LargeBinary, unique=True),  # of its connector
    )
)

former_key = Table(  # what agencies signed with before; it stays when one leaves
    "former_key",
    metadata,
    Column("agency", String(63), primary_key=True),
    Column("signing_key", LargeBinary, primary_key=True),  # Ed25519, 32 bytes
    Column(
        "stolen", Boolean, nullable=False, server_default=false()
    ),  # nothing is believed by it; it stays, so that no older card brings it back
)

service = Table(
    "service",
    metadata,
    Column("id", String(14), primary_key=True),
    Column("definition", LargeBinary, nullable=False),  # codec.encode(directory.Service)
)

route = Table(
    "route",
    metadata,
    Column("service", String(14), primary_key=True),
    Column("area", String(12), primary_key=True),
    Column("agency", String(63), nullable=False),
)

published = Table(  # every directory the authority has signed
    "published",
    metadata,
    Column("version", BigInteger, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of codec.encode(Signed)
    Column("signed", LargeBinary, nullable=False),
    Column("published_at", Instant, nullable=False),
)

visit_day = Table(  # sums: nothing about one visit is kept apart from its sealed entry
    "visit_day",
    metadata,
    Column("site", String(63), primary_key=True),
    Column("day", String(10), primary_key=True),  # in Berlin, as in 2026-03-28
    Column("visits", BigInteger, nullable=False),
    Column("handed_in", BigInteger, nullable=False),
    Column("documents", BigInteger, nullable=False),
    Column("good", BigInteger, nullable=False),  # how it was, said by a face
    Column("fair", BigInteger, nullable=False),
    Column("bad", BigInteger, nullable=False),
)

alarm = Table(
    "alarm",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("site", String(63)),
    Column("kind", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("cleared_at", Instant),
)

hub = Table(  # one row: is a hub process alive?
    "hub",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pid", Integer),
    Column("software", Text),
    Column("started_at", Instant),
    Column("alive_at", Instant),
)
