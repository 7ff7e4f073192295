"""Fold what came back about a document, and release what may be forgotten.

A receipt changes something only when its signature is that of the hub or of an agency in the directory here, and when it continues the chain
of events of its envelope. One that comes before the directory which names its signer is parked until that is here.
"""

from __future__ import annotations

import msgspec

from edge.storage.database import Database
from edge.storage.documents import AFTER_EVENT, DocumentRow, Documents, State, microseconds
from edge.storage.kept import Kept
from edge.storage.rows import Rows
from protocol import directory as directories
from protocol import limits
from protocol.directory import Directory
from protocol.errors import Code, Refused
from protocol.ids import HUB_ID, AgencyId, EnvelopeId, ReceiptNumber
from protocol.manifest import AFTER, BY_HUB, FIRST, Happening, Receipt, Signed, digest_of, unverified, verify_by_one

_HAPPENED = {state: happening for happening, state in AFTER_EVENT.items()}
# How far a document has come: what was heard stays true when a hub that came back from an older copy begins again further back.
_FAR = {
    Happening.STORED: 1,
    Happening.LOST: 1,  # what the agency had said stays true
    Happening.FETCHED: 2,
    Happening.FORWARDED: 2,
    Happening.ACCEPTED: 3,
    Happening.RETURNED: 3,
}


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

    def __init__(self, database: Database, documents: Documents, kept: Kept) -> None:
        self._database = database
        self._documents = documents
        self._kept = kept
        self.rows = Rows(database, "receipt", ReceiptRow)
        self.parked = Rows(database, "parked", ParkedRow)

    def fold(
        self, signed: Signed, directory: Directory | None, *, restored: bool = False
    ) -> tuple[Receipt, ReceiptNumber] | None:
        """What happened to which document, if it is news; None for what is known, and for envelopes that nobody here remembers. Once the hub was
        `restored` from an older copy, an event may also follow an earlier one of the chain: what had come after that only the cabin knows. LOST
        always may: a hub's disk loses documents without that.

        Raises Refused: BAD_SIGNATURE or UNKNOWN_AGENCY when the directory names no such signer, OUT_OF_ORDER when it does not continue the
        chain, MALFORMED when it is none."""
        event = digest_of(signed)
        claimed = unverified(Receipt, signed)
        row = self._documents.rows.get(claimed.envelope)
        if row is None or (claimed.previous != row.event and self.rows.get(event) is not None):
            return None  # what continues the chain was not told before: there is no need to look
        receipt = verify_by_one(Receipt, signed, _keys(claimed, directory))
        known = [] if row.state in (State.WAITING, State.DAMAGED) else self.of(EnvelopeId(row.envelope))
        chain = {digest_of(each): unverified(Receipt, each) for each in known}
        # Only the newest event may be followed, but for a hub that knows an older one as the newest.
        earlier = restored or receipt.happening is Happening.LOST
        before = {row.event, *chain, *(chain[at].previous for at in chain)} if earlier else {row.event}
        last = chain[receipt.previous].happening if receipt.previous in chain else None
        allowed = FIRST if last is None else AFTER[last]
        if not known and receipt.happening is Happening.LOST:
            return None  # this disk came back from an older image, and the hub asks for what waits here once more
        # An agency that was cut off before it heard that its word had come says it anew; then it goes on from there.
        alike = (receipt.previous, receipt.happening)
        anew = receipt.by != HUB_ID and any((each.previous, each.happening) == alike for each in chain.values())
        if not anew and (receipt.previous not in before or receipt.happening not in allowed):
            raise Refused(
                Code.OUT_OF_ORDER,
                f"Receipt {row.receipt}: “{receipt.happening}” does not follow “{row.state}”.",
                "Keep the cabin's folder; compare with `kabine inbox list` at the agency and report it.",
            )
        self.rows.add(ReceiptRow(event, row.envelope, 1 + len(known), signed.body, signed.signature))
        shown = _HAPPENED.get(State(row.state))
        news = shown is None or _FAR[receipt.happening] >= _FAR[shown]
        self._documents.rows.replace(_changed(row, receipt, event) if news else _followed(row, event), row)
        if shown is None:
            self._kept.keep(row)
        elif receipt.happening is Happening.STORED:
            self._kept.again(row.entry)
        return (receipt, ReceiptNumber(row.receipt)) if news else None

    def oldest_needed(self) -> int:
        """Number of the oldest entry that announces a document which the hub has not secured yet, or which is kept for a while."""
        there = (self._documents.oldest_entry(), self._kept.oldest_entry())
        return min((number for number in there if number is not None), default=limits.NUMBER_MAX)

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
        for envelope in self._documents.forget_old(len(self._kept.rows)):
            for row in self.rows.where("WHERE envelope = ?", (envelope,)):
                self.rows.drop(row.event)


def _changed(row: DocumentRow, receipt: Receipt, event: bytes) -> DocumentRow:
    return msgspec.structs.replace(
        row,
        state=AFTER_EVENT[receipt.happening].value,
        changed_at=microseconds(receipt.at),
        event=event,
        reason=receipt.reason[: limits.TEXT_CHARS_MAX],
        text=receipt.text[: limits.REMARK_CHARS_MAX],
    )


def _followed(row: DocumentRow, event: bytes) -> DocumentRow:
    """The chain goes on from there; what the screen says stays true."""
    return msgspec.structs.replace(row, event=event)


def _keys(receipt: Receipt, directory: Directory | None) -> tuple[bytes, ...]:
    """Of whom it must bear a signature: STORED and LOST are the hub's word, everything else an agency's. That may have signed with a key which was
    replaced while this cabin was away."""
    if directory is None:
        raise Refused(Code.UNKNOWN_AGENCY, "There is no directory here yet that names who signs receipts.")
    if (receipt.happening in BY_HUB) != (receipt.by == HUB_ID):
        raise Refused(Code.OUT_OF_ORDER, f"“{receipt.happening}” is not for “{receipt.by[:80]}” to say.")
    if receipt.by == HUB_ID:
        return (directory.hub.signing_key,)
    return directories.signing_keys(directory, AgencyId(receipt.by))
