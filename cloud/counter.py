"""The counter: whoever keeps no link asks here. Newcomers claim their site, agencies' connectors see to their inbox.

What a question changes is durable with the next `settle` of the ledger; the hub gives the answer after that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from cloud import enrolment, inbox
from cloud.admission import Guest, Kind
from cloud.ledger import Ledger
from protocol.asking import (
    Answer,
    Ask,
    CurrentDirectory,
    Done,
    ListInbox,
    ListLost,
    MakeClaim,
    Question,
    Recall,
    Reply,
    ShowDirectory,
    Tell,
)
from protocol.errors import Code, Refused
from protocol.ids import AgencyId, Digest
from protocol.keys import CurvePair

# Who may ask what.
MAY: Final[dict[Kind, tuple[type, ...]]] = {
    Kind.INVITATION: (MakeClaim, ShowDirectory),
    Kind.AGENCY: (ShowDirectory, ListInbox, Tell, ListLost, Recall),
}


class Counter:
    """Answers questions. `claimed` is called when a claim changed who may speak."""

    def __init__(
        self, ledger: Ledger, own: CurvePair, utc: Callable[[], datetime], claimed: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._own = own
        self._utc = utc
        self._claimed = claimed

    def answer(self, guest: Guest, ask: Ask) -> Answer:
        """Raises Refused when this guest may not ask that, or for the reason the answer is no."""
        if not isinstance(ask.question, MAY.get(guest.kind, ())):
            raise Refused(
                Code.NOT_YOURS, f"The key of this {guest.kind} may not ask this.", "Use the key that was made for it."
            )
        return Answer(ask.number, self._reply(guest, ask.question))

    def _reply(self, guest: Guest, question: Question) -> Reply:
        match question:
            case MakeClaim(claim):
                with self._ledger.database.turn() as connection:
                    enrolment.claim(connection, guest.key, claim, self._own, self._utc())
                self._claimed()
                return Done()
            case ShowDirectory():
                return self._directory()
            case ListInbox(after, count, everything):
                return inbox.listing(self._ledger, AgencyId(guest.name), after, count, everything)
            case Tell(receipt):
                inbox.tell(self._ledger, AgencyId(guest.name), receipt)
                return Done()
            case ListLost(count):
                return inbox.lost_listing(self._ledger, AgencyId(guest.name), count)
            case Recall(envelope, receipts):
                inbox.recall(self._ledger, AgencyId(guest.name), envelope, receipts)
                return Done()

    def _directory(self) -> CurrentDirectory:
        current = self._ledger.known.current
        if current.digest is None:
            raise Refused(
                Code.UNKNOWN_DOCUMENT,
                "The hub has no directory in force yet.",
                "Publish the first one at the hub: `kabine directory publish`.",
            )
        return CurrentDirectory(current.version, current.digest, len(current.raw))

    def read(self, guest: Guest, digest: Digest, offset_bytes: int, length_bytes: int) -> tuple[bytes, int] | None:
        """Bytes of a blob and the size of the whole: documents for whom they were sealed, directories for everybody. None for a stranger, and where
        the blob has ended."""
        if guest.kind is Kind.AGENCY and inbox.may_read(self._ledger, AgencyId(guest.name), digest):
            found = self._ledger.read_blob(digest, offset_bytes, length_bytes)
        else:
            found = self._ledger.read_directory(digest, offset_bytes, length_bytes)
        return found if found and found[0] else None
