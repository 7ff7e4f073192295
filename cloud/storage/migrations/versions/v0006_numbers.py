"""Documents, their receipts and their bytes go by a number that grows. Each went by keys that are chance, in five indexes instead of two, and every
document dirtied a page of its own in each. Indexes that are asked for what is outstanding hold nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INDEXES = {
    "document": ("document_by_chain", "document_by_closing", "document_by_site_state", "ix_document_receipt"),
    "piece": ("piece_by_segment",),
}
_KEPT = (
    "envelope, receipt, site, machine, number, agency, epoch, counter, size_bytes, manifest_body, manifest_signature, summary, state, place, "
    "announced_at, stored_at, closed_at, freed_at, trouble"
)
_CARRY_OVER = (
    "INSERT INTO numbering (id, envelope) "
    "SELECT row_number() OVER (ORDER BY announced_at, site, machine, number), envelope FROM document_before",
    "INSERT INTO blob (id, digest) "
    "SELECT n.id, d.digest FROM numbering n JOIN document_before d ON d.envelope = n.envelope ORDER BY n.id",
    f"INSERT INTO document (id, {_KEPT}) "  # noqa: S608  # words of ours
    f"SELECT n.id, d.{_KEPT.replace(', ', ', d.')} FROM numbering n JOIN document_before d ON d.envelope = n.envelope ORDER BY n.id",
    "INSERT INTO receipt (document, number, happening, at, body, signature) "
    "SELECT n.id, r.number, r.happening, r.at, r.body, r.signature "
    "FROM numbering n JOIN receipt_before r ON r.envelope = n.envelope ORDER BY n.id, r.number",
    "INSERT INTO piece (blob, offset_bytes, length_bytes, segment, position_bytes) "
    "SELECT b.id, p.offset_bytes, p.length_bytes, p.segment, p.position_bytes "
    "FROM blob b JOIN piece_before p ON p.digest = b.digest ORDER BY b.id, p.offset_bytes",
)


def upgrade() -> None:
    """All rows move, in the order in which documents were announced. Runs in the transaction that opens the database: all of it or nothing."""
    for table in ("document", "receipt", "blob", "piece"):
        for index in _INDEXES.get(table, ()):
            op.drop_index(index, table)
        op.rename_table(table, f"{table}_before")
    op.create_table(
        "numbering",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
    )
    _create()
    for statement in _CARRY_OVER:
        op.execute(statement)
    op.drop_table("numbering")
    for table in ("document", "receipt", "blob", "piece"):
        op.drop_table(f"{table}_before")
    _index()


def downgrade() -> None:
    """Not offered: go back by restoring a copy of the folder."""
    raise NotImplementedError


def _create() -> None:
    op.create_table(
        "blob",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
    )
    op.create_table(
        "piece",
        sa.Column("blob", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("offset_bytes", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("length_bytes", sa.BigInteger(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("position_bytes", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("receipt", sa.String(16), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("machine", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("agency", sa.String(63), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("manifest_body", sa.LargeBinary(), nullable=False),
        sa.Column("manifest_signature", sa.LargeBinary(), nullable=False),
        sa.Column("summary", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("place", sa.BigInteger()),
        sa.Column("announced_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.BigInteger()),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("freed_at", sa.BigInteger()),
        sa.Column("trouble", sa.Text()),
        sa.UniqueConstraint("agency", "place"),
    )
    op.create_table(
        "receipt",
        sa.Column("document", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("happening", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )


def _index() -> None:
    """Behind the rows: an index over all of them at once is written in its own order."""
    op.create_index("piece_by_segment", "piece", ["segment", "position_bytes"])
    op.create_index("document_by_chain", "document", ["site", "machine", "agency", "counter"])
    to_free, to_come = sa.text("closed_at IS NOT NULL AND freed_at IS NULL"), sa.text("stored_at IS NULL")
    op.create_index("document_to_free", "document", ["closed_at"], sqlite_where=to_free, postgresql_where=to_free)
    op.create_index(
        "document_to_come", "document", ["site", "machine", "number"], sqlite_where=to_come, postgresql_where=to_come
    )
