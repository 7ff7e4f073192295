"""Whose sealed bytes nobody needs any more. Rows stay: who sent what when, and every receipt."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from cloud.storage.schema import document
from protocol.ids import Digest, EnvelopeId

BATCH_MAX: Final = 200  # of documents in one turn: a month's backlog must not hold up the cabins


def expired(connection: Connection, now: datetime, keep_days: float) -> list[tuple[EnvelopeId, Digest]]:
    """Documents accepted or returned more than `keep_days` ago whose bytes are still here; the oldest BATCH_MAX of them."""
    rows = connection.execute(
        select(document.c.envelope, document.c.digest)
        .where(document.c.closed_at < now - timedelta(days=keep_days), document.c.freed_at.is_(None))
        .order_by(document.c.closed_at)
        .limit(BATCH_MAX)
    ).all()
    return [(EnvelopeId(row.envelope), Digest(row.digest)) for row in rows]
