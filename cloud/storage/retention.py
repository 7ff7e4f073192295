"""Whose sealed bytes nobody needs any more. Rows stay: who sent what when, and every receipt."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from cloud.storage.schema import blob, document, named_document
from protocol.ids import Digest

BATCH_MAX: Final = 200  # of documents in one turn: a month's backlog must not hold up the cabins


def expired(connection: Connection, now: datetime, keep_days: float) -> list[tuple[int, Digest]]:
    """Documents accepted or returned more than `keep_days` ago whose bytes are still here; the oldest BATCH_MAX of them, by their `document.id`."""
    rows = connection.execute(
        select(document.c.id, blob.c.digest)
        .select_from(named_document)
        .where(document.c.closed_at < now - timedelta(days=keep_days), document.c.freed_at.is_(None))
        .order_by(document.c.closed_at)
        .limit(BATCH_MAX)
    ).all()
    return [(row.id, Digest(row.digest)) for row in rows]
