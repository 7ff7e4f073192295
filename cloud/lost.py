"""Documents that were secured, went with a hub that came back from an older copy, and are in no cabin any more: does their agency have them?

It is asked before anybody is told anything. What it has, it proves with the events that hub and agency had signed: then the hub knows again, and
nothing is lost. What never came to it is lost, and the hub signs that for the cabin, whose visitor must hand in once more.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, exists, select, update

from cloud.site_log import Place
from cloud.storage.schema import document, receipt
from cloud.turn import Turn
from protocol.entries import ReceiptGiven
from protocol.ids import HUB_ID, EnvelopeId, SiteId
from protocol.manifest import Happening, Receipt, Signed, sign

CLOSED: Final = (Happening.ACCEPTED, Happening.RETURNED)
# A lost document has no event here until its agency has answered; one whose bytes the hub's disk lost has those of before until they are here again.
ANSWERED: Final = exists().where(receipt.c.document == document.c.id)
LAST: Final = (
    select(receipt.c.happening)
    .where(receipt.c.document == document.c.id)
    .order_by(receipt.c.number.desc())
    .limit(1)
    .scalar_subquery()
)
_KNOWN_AGAIN = (
    update(document)
    .where(document.c.id == bindparam("of"))
    .values(
        state=bindparam("new_state"),
        place=None,
        stored_at=bindparam("stored"),
        closed_at=bindparam("closed"),
        freed_at=bindparam("freed"),
        trouble=None,
    )
)


class Recalled(NamedTuple):
    """An agency's answer about a lost document, checked (inbox.recall). `document`: its number in the tables. `events`: what it proves, in order;
    none where it never came to it."""

    site: SiteId
    document: int
    envelope: EnvelopeId
    manifest_digest: bytes
    events: tuple[tuple[Receipt, Signed], ...]


def answered(turn: Turn, place: Place, recalled: Recalled, key: Ed25519PrivateKey) -> None:
    """Write down what the agency has said; the cabin learns it through its log. `key`: the hub's own."""
    if not recalled.events:
        event = Receipt(1, recalled.envelope, Happening.LOST, HUB_ID, turn.now, recalled.manifest_digest)
        signed = sign(event, key)
        turn.happened(recalled.document, 1, Happening.LOST, turn.now, signed)
        turn.append(place, ReceiptGiven(signed))
        return
    for number, (event, signed) in enumerate(recalled.events, 1):
        turn.happened(recalled.document, number, event.happening, event.at, signed)
        turn.append(place, ReceiptGiven(signed))
    last = recalled.events[-1][0]
    turn.connection.execute(
        _KNOWN_AGAIN,
        {
            "of": recalled.document,
            "new_state": last.happening.value,
            "stored": recalled.events[0][0].at,
            "closed": turn.now if last.happening in CLOSED else None,
            "freed": turn.now,  # the agency has its bytes, and the hub has none
        },
    )
