"""How far the segment files were ever spoken of, so that a database that is older than they are is told from a turn that was cut off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """So far as pieces of documents that are still held tell."""
    op.create_table(
        "recorded",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("end_bytes", sa.BigInteger(), nullable=False),
    )
    op.execute(
        "INSERT INTO recorded (id, segment, end_bytes) SELECT 1, segment, max(position_bytes + length_bytes) FROM piece "
        "WHERE segment = (SELECT max(segment) FROM piece) GROUP BY segment"
    )


def downgrade() -> None:
    """Not offered: go back by restoring a copy of the folder."""
    raise NotImplementedError
