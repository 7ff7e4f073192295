"""Fold what came back about a document, and release what may be forgotten.

A receipt changes something only when its signature is that of the hub or of an agency in the directory here, and when it continues the chain
of events of its envelope. One that comes before the directory which names its signer is parked until that is here.
"""

from __future__ import annotations

import msgspec

from edge.storage.blobs import Blobs
from edge.storage.database import Database
from edge.storage.documents import AFTER_EVENT, Documents, State, microseconds
from edge.storage.rows import Rows
from protocol import directory as directories
from protocol import limits
from protocol.directory import Directory
from protocol.errors import Code, Refused
from protocol.ids import HUB_ID, AgencyId, Digest, EnvelopeId, ReceiptNumber
from protocol.manifest import AFTER, Happening, Receipt, Signed, digest_of, unverified, verify

_HAPPENED = {state: happening for happening, state in AFTER_EVENT.items()}


class ReceiptRow(msgspec.Struct, frozen=True, array_like=True):
    """A signed event as it came; `place` counts 1, 2, 3 … within its envelope."""

    event: bytes
    envelope: bytes
    place: int
    body: bytes
    signature: bytes


class ParkedRow(msgspec.Struct, frozen=True, array_like=True):
    """A receipt that waits for its signer to be named; `number` is that of its entry in the hub's log."""

    number: int
    body: bytes
    signature: bytes


class Receipts:
    """Writes within a turn of `database`."""

    def __init__(self, database: Database, documents: Documents, blobs: Blobs) -> None:
        self._database = database
        self._documents = documents
        self._blobs = blobs
        self.rows = Rows(database, "receipt", ReceiptRow)
        self.parked = Rows(database, "parked", ParkedRow)

    def fold(self, signed: Signed, directory: Directory | None) -> tuple[Receipt, ReceiptNumber] | None:
        """What happened to which document, if it is news; None for what is known, and for envelopes that nobody here remembers.

        Raises Refused: BAD_SIGNATURE or UNKNOWN_AGENCY when the directory names no such signer, OUT_OF_ORDER when it does not continue the
        chain, MALFORMED when it is none."""
        event = digest_of(signed)
        claimed = unverified(Receipt, signed)
        row = self._documents.rows.get(claimed.envelope)
        if row is None or (claimed.previous != row.event and self.rows.get(event) is not None):
            return None  # what continues the chain was not told before: there is no need to look
        receipt = verify(Receipt, signed, _key(claimed, directory))
        last = _HAPPENED.get(State(row.state))
        allowed = frozenset({Happening.STORED}) if last is None else AFTER[last]
        if receipt.previous != row.event or receipt.happening not in allowed:
            raise Refused(
                Code.OUT_OF_ORDER,
                f"Receipt {row.receipt}: “{receipt.happening}” does not follow “{row.state}”.",
                "Keep the cabin's folder; compare with `kabine inbox list` at the agency and report it.",
            )
        place = 1 if last is None else 1 + len(self.of(EnvelopeId(row.envelope)))
        self.rows.add(ReceiptRow(event, row.envelope, place, signed.body, signed.signature))
        self._documents.rows.replace(
            msgspec.structs.replace(
                row,
                state=AFTER_EVENT[receipt.happening].value,
                changed_at=microseconds(receipt.at),
                event=event,
                reason=receipt.reason[: limits.TEXT_CHARS_MAX],
                text=receipt.text[: limits.TEXT_CHARS_MAX],
            ),
            row,
        )
        if receipt.happening is Happening.STORED:
            self._blobs.free(Digest(row.digest))
        return receipt, ReceiptNumber(row.receipt)

    def park(self, number: int, signed: Signed) -> bool:
        """Keep a receipt for `parked_again`; False when there are too many."""
        if len(self.parked) >= limits.RECEIPTS_PARKED_MAX:
            return False
        self.parked.put(ParkedRow(number, signed.body, signed.signature))
        return True

    def of(self, envelope: EnvelopeId) -> list[Signed]:
        """The signed events of one envelope, oldest first."""
        rows = self.rows.where("WHERE envelope = ? ORDER BY place", (envelope,))
        return [Signed(row.body, row.signature) for row in rows]

    def forget_old(self) -> None:
        """Drop what the screen need not tell any more."""
        for envelope in self._documents.forget_old():
            for row in self.rows.where("WHERE envelope = ?", (envelope,)):
                self.rows.drop(row.event)


def _key(receipt: Receipt, directory: Directory | None) -> bytes:
    """Whose signature it must bear: STORED is the hub's word, everything else an agency's."""
    if directory is None:
        raise Refused(Code.UNKNOWN_AGENCY, "There is no directory here yet that names who signs receipts.")
    if (receipt.happening is Happening.STORED) != (receipt.by == HUB_ID):
        raise Refused(Code.OUT_OF_ORDER, f"“{receipt.happening}” is not for “{receipt.by[:80]}” to say.")
    if receipt.by == HUB_ID:
        return directory.hub.signing_key
    key = directories.agency(directory, AgencyId(receipt.by)).signing_key
    if key is None:
        raise Refused(Code.UNKNOWN_AGENCY, f"The directory names no signing key of “{receipt.by[:80]}”.")
    return key
