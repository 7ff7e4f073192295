"""The first shape of the hub's tables. Spelled out: what schema.py becomes later must not change what happened here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "cabin",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.String(3), nullable=False, unique=True),
        sa.Column("area", sa.String(12), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("curve_key", sa.LargeBinary()),
        sa.Column("signing_key", sa.LargeBinary()),
        sa.Column("claimed_curve_key", sa.LargeBinary()),
        sa.Column("claimed_signing_key", sa.LargeBinary()),
        sa.Column("claimed_code", sa.String(3)),
        sa.Column("software", sa.Text()),
        sa.Column("invited_at", sa.BigInteger()),
        sa.Column("claimed_at", sa.BigInteger()),
        sa.Column("confirmed_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
    )
    op.create_table(
        "invitation",
        sa.Column("public_key", sa.LargeBinary(), primary_key=True),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("code", sa.String(3), nullable=False, unique=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
    )
    op.create_table(
        "link",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("machine", sa.Integer(), nullable=False),
        sa.Column("signing_key", sa.LargeBinary()),
        sa.Column("up_epoch", sa.BigInteger(), nullable=False),
        sa.Column("up_number", sa.BigInteger(), nullable=False),
        sa.Column("up_hash", sa.LargeBinary(), nullable=False),
        sa.Column("up_missing", sa.BigInteger(), nullable=False),
        sa.Column("down_number", sa.BigInteger(), nullable=False),
        sa.Column("down_hash", sa.LargeBinary(), nullable=False),
        sa.Column("down_acknowledged", sa.BigInteger(), nullable=False),
        sa.Column("directory_version", sa.BigInteger(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger()),
        sa.Column("last_contact_at", sa.BigInteger()),
        sa.Column("boot", sa.LargeBinary()),
        sa.Column("software", sa.Text()),
        sa.Column("round_trip_seconds", sa.Float()),
        sa.Column("clock_offset_seconds", sa.Float()),
        sa.Column("vitals", sa.LargeBinary()),
        sa.Column("reported_number", sa.BigInteger(), nullable=False),
        sa.Column("reported_hash", sa.LargeBinary()),
        sa.Column("reported_at", sa.BigInteger()),
    )
    op.create_table(
        "up_entry",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("machine", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "epoch",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("machine", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "quarantine",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("machine", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary()),
        sa.Column("agency", sa.String(63)),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("quarantined_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "down_entry",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "document",
        sa.Column("envelope", sa.LargeBinary(), primary_key=True),
        sa.Column("receipt", sa.String(16), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("machine", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("agency", sa.String(63), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
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
    op.create_index("document_by_chain", "document", ["site", "machine", "agency", "counter"])
    op.create_index("document_by_closing", "document", ["closed_at"])
    op.create_index("document_by_site_state", "document", ["site", "state"])
    op.create_index("ix_document_receipt", "document", ["receipt"])
    op.create_table(
        "receipt",
        sa.Column("envelope", sa.LargeBinary(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("happening", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "blob",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("have_bytes", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "piece",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("offset_bytes", sa.BigInteger(), primary_key=True),
        sa.Column("length_bytes", sa.BigInteger(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("position_bytes", sa.BigInteger(), nullable=False),
    )
    op.create_index("piece_by_segment", "piece", ["segment", "position_bytes"])
    op.create_table(
        "agency",
        sa.Column("id", sa.String(63), primary_key=True),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("curve_key", sa.LargeBinary(), unique=True),
    )
    op.create_table(
        "service",
        sa.Column("id", sa.String(14), primary_key=True),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "route",
        sa.Column("service", sa.String(14), primary_key=True),
        sa.Column("area", sa.String(12), primary_key=True),
        sa.Column("agency", sa.String(63), nullable=False),
    )
    op.create_table(
        "published",
        sa.Column("version", sa.BigInteger(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("signed", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "alarm",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("site", sa.String(63)),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("cleared_at", sa.BigInteger()),
    )
    op.create_table(
        "hub",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("pid", sa.Integer()),
        sa.Column("software", sa.Text()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("alive_at", sa.BigInteger()),
    )


def downgrade() -> None:
    """Not offered: go back by restoring a copy of the folder."""
    raise NotImplementedError
