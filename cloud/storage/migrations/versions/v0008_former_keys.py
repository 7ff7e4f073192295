"""What agencies signed with before: cabins that were away while keys changed are told of them with the next directory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keys that changed before this are not known any more."""
    op.create_table(
        "former_key",
        sa.Column("agency", sa.String(63), primary_key=True),
        sa.Column("signing_key", sa.LargeBinary(), primary_key=True),
        sa.Column("stolen", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Not offered: go back by restoring a copy of the folder."""
    raise NotImplementedError
