"""How the cabin is, for the hub: what a beat carries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from edge.buffer import Buffer
from protocol import limits
from protocol.frames import Vitals


def vitals(buffer: Buffer, *, devices: Mapping[str, str], visitor: bool, now: datetime) -> Vitals:
    """As of `now` (aware UTC). `devices`: name → state word. A clock that was set back never makes a document younger than it is born."""
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
    )
