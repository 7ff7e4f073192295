"""When a cabin was last heard stands in a narrow table of its own: ten thousand cabins say every ten seconds that they live, and little else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is known moves there. A cabin was heard and told where its log ends with the same frame, always: one time serves both."""
    op.create_table(
        "contact",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO contact (site, heard_at) SELECT site, last_contact_at FROM link WHERE last_contact_at IS NOT NULL"
    )
    op.drop_column("link", "last_contact_at")
    op.drop_column("link", "reported_at")


def downgrade() -> None:
    """Not offered: go back by restoring a copy of the folder."""
    raise NotImplementedError
