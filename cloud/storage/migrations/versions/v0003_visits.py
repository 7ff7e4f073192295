"""How many visits there were, and how they were: counted by the day, without a word about anybody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table of sums. Visits that arrived before are not counted: their entries are sealed with keys that no migration holds."""
    op.create_table(
        "visit_day",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("visits", "handed_in", "documents", "good", "fair", "bad")
        ),
    )


def downgrade() -> None:
    """Not offered: go back by restoring a copy of the folder."""
    raise NotImplementedError
