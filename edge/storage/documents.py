"""What became of each document that was handed in here: the rows that the cabin's screen and the uplink ask for."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta

import msgspec

from edge.storage.database import Database
from edge.storage.rows import Rows
from protocol import limits
from protocol.ids import AgencyId, EnvelopeId, ReceiptNumber
from protocol.manifest import Happening

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class State(enum.StrEnum):
    """Where a document is. WAITING: in this cabin only („angenommen“). SECURED: the hub has it („gesichert“). DAMAGED: its bytes were altered
    on this cabin's disk before the hub had them. LOST: the hub had them, came back from an older copy, and nobody has them any more. The others
    are the agency's word."""

    WAITING = "waiting"
    DAMAGED = "damaged"
    SECURED = "secured"
    LOST = "lost"
    FETCHED = "fetched"
    FORWARDED = "forwarded"
    ACCEPTED = "accepted"
    RETURNED = "returned"


AFTER_EVENT = {
    Happening.STORED: State.SECURED,
    Happening.LOST: State.LOST,
    Happening.FETCHED: State.FETCHED,
    Happening.FORWARDED: State.FORWARDED,
    Happening.ACCEPTED: State.ACCEPTED,
    Happening.RETURNED: State.RETURNED,
}


class DocumentRow(msgspec.Struct, frozen=True, array_like=True):
    """One row. `entry`: number of its DocumentSealed. `event`: SHA-256 of the last signed event's body, of the manifest's before the first.
    Instants in microseconds."""

    envelope: bytes
    entry: int
    receipt: str
    agency: str
    digest: bytes
    size_bytes: int
    accepted_at: int
    state: str
    changed_at: int
    event: bytes
    reason: str = ""
    text: str = ""


class Document(msgspec.Struct, frozen=True):
    """A document as the cabin knows it. `reason` and `text` only when it was returned; `text` is what the visitor reads."""

    receipt: ReceiptNumber
    envelope: EnvelopeId
    agency: AgencyId
    size_bytes: int
    accepted_at: datetime
    state: State
    changed_at: datetime
    reason: str = ""
    text: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """Documents that the hub has not secured yet. `oldest_at` is None when none waits."""

    documents: int
    bytes: int
    oldest_at: datetime | None


class Documents:
    """Writes within a turn of `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rows = Rows(database, "document", DocumentRow)

    def waiting(self) -> Waiting:
        """How much waits, and since when."""
        count, size_bytes, oldest = self._database.rows(
            "SELECT count(*), coalesce(sum(size_bytes), 0), min(accepted_at) FROM document WHERE state = ?",
            (State.WAITING,),
        )[0]
        return Waiting(count, size_bytes, None if oldest is None else instant(oldest))

    def oldest_entry(self) -> int | None:
        """Number of the entry that announces the oldest document the hub has not secured yet; None when none waits."""
        found: int | None = self._database.rows("SELECT min(entry) FROM document WHERE state = ?", (State.WAITING,))[0][
            0
        ]
        return found

    def newest(self, count_max: int) -> list[Document]:
        """The last ones handed in, newest first, and before them whatever still waits or is lost: at most `count_max`."""
        order = "ORDER BY state IN ('waiting', 'damaged', 'lost') DESC, entry DESC LIMIT ?"
        return [_document(row) for row in self.rows.where(order, (count_max,))]

    def by_receipt(self, receipt: str) -> Document | None:
        """The document with this number."""
        found = self.rows.where("WHERE receipt = ?", (receipt,))
        return _document(found[0]) if found else None

    def by_digest(self, digest: bytes) -> DocumentRow | None:
        """The document whose blob this is."""
        found = self.rows.where("WHERE digest = ?", (digest,))
        return found[0] if found else None

    def damaged(self, row: DocumentRow, at: datetime) -> None:
        """Its bytes were altered on the disk; somebody must be told."""
        self.rows.replace(msgspec.structs.replace(row, state=State.DAMAGED.value, changed_at=microseconds(at)))

    def forget_old(self, kept: int) -> list[bytes]:
        """Drop the rows of the oldest ones that are accepted, returned or lost, but limits.DOCUMENTS_REMEMBERED and those whose bytes are still
        `kept`, so many: a hub that came back from an older copy may ask for these. Their envelopes."""
        if len(self.rows) - kept <= limits.DOCUMENTS_REMEMBERED:
            return []
        done = self.rows.where(
            "WHERE state IN ('accepted', 'returned', 'lost') AND entry NOT IN (SELECT entry FROM kept) ORDER BY entry DESC LIMIT -1 OFFSET ?",
            (limits.DOCUMENTS_REMEMBERED,),
        )
        for row in done:
            self.rows.drop(row.envelope)
        return [row.envelope for row in done]


def microseconds(at: datetime) -> int:
    """Aware datetime to whole microseconds since 1970 UTC."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """Inverse of `microseconds`."""
    return _EPOCH + at * _MICROSECOND


def _document(row: DocumentRow) -> Document:
    return Document(
        ReceiptNumber(row.receipt),
        EnvelopeId(row.envelope),
        AgencyId(row.agency),
        row.size_bytes,
        instant(row.accepted_at),
        State(row.state),
        instant(row.changed_at),
        row.reason,
        row.text,
    )
