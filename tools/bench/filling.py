"""What the benchmark's cabin has in its buffer before the clock runs: sealed documents, or entries of its journal."""

from __future__ import annotations

import os
from functools import partial
from typing import Final

from msgspec.structs import replace

from edge.buffer import Buffer, Facts
from protocol import directory as directories
from protocol import entries
from protocol.entries import VisitEnded
from protocol.errors import Mistake
from protocol.ids import AgencyId, EnvelopeId
from protocol.recipients import parse_recipient
from protocol.runtime.world import REAL
from tools.bench import letters

_SEAL_BYTES: Final = 17  # the tag of an entry's seal, and one byte more that says how long the filling is
_AT_ONCE: Final = 1000


def fill(buffer: Buffer, count: int, size_bytes: int, agency: AgencyId) -> int:
    """Put `count` sealed documents of incompressible bytes into the outbox; the bytes of all envelopes."""
    directory = buffer.directory_in_force()
    if directory is None:
        raise Mistake("The benchmark's cabin has no directory.")
    inbox = directories.inbox(directories.agency(directory, agency))
    recipient = parse_recipient(inbox.recipient)
    now = REAL.utc()
    summary = letters.summary(recipient, size_bytes)
    total_bytes = 0
    for _ in range(count):
        letter = letters.letter(recipient, size_bytes)
        staging = buffer.stage()
        staging.write(letter.data)
        put = staging.put(
            Facts(
                envelope=EnvelopeId(os.urandom(16)),
                receipt=buffer.issue_number(),
                agency=agency,
                epoch=inbox.epoch,
                captured_at=now,
                length_bytes=letter.payload_bytes,
                header_sha256=letter.header_sha256,
                payload_sha256=letter.payload_sha256,
                summary=summary,
            )
        )
        total_bytes += put.size_bytes
    return total_bytes


def write_entries(buffer: Buffer, count: int, size_bytes: int) -> int:
    """`count` entries whose payloads have `size_bytes` each, chained and sealed as all are; the bytes of all payloads."""
    event = an_event(size_bytes)

    def write(events: int) -> None:
        for _ in range(events):
            buffer._journal.append(event)

    for start in range(0, count, _AT_ONCE):  # one by one, each durable, would take minutes
        buffer._durably(partial(write, min(_AT_ONCE, count - start)))
    return count * size_bytes


def an_event(size_bytes: int) -> VisitEnded:
    """Its payload, sealed, has `size_bytes`."""
    now = REAL.utc()
    empty = VisitEnded(os.urandom(16), now, now, "left", 0, "de")
    filling = size_bytes - len(entries.clear(empty)) - _SEAL_BYTES
    return replace(empty, privacy="x" * filling)
