"""How the cabin is, for the hub: what a beat carries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from edge.buffer import Buffer
from edge.entrance import Sign
from protocol import limits
from protocol.frames import Vitals


def vitals(
    buffer: Buffer, *, devices: Mapping[str, str], visitor: bool, now: datetime, sign: Sign | None = None
) -> Vitals:
    """As of `now` (aware UTC). `devices`: name → state word. `sign` hangs at the door while nobody is received. A
    clock that was set back never makes a document younger than it is born."""
    waiting = buffer.waiting()
    oldest_seconds = 0.0 if waiting.oldest_at is None else max(0.0, (now - waiting.oldest_at).total_seconds())
    return Vitals(
        waiting_documents=waiting.documents,
        waiting_bytes=waiting.bytes,
        oldest_seconds=oldest_seconds,
        disk_free_bytes=buffer.disk_free_bytes(),
        visitor=visitor,
        devices=dict(devices),
        troubles=buffer.troubles[-limits.TROUBLES_TOLD_MAX :],
        shut=sign.shut if sign is not None else "",
        shut_since=sign.since if sign is not None else None,
        opens_at=sign.until if sign is not None else None,
    )
