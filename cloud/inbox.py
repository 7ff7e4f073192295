"""What an agency may do with its inbox: list, read, and say what became of a document."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from sqlalchemy import Row, bindparam, select

from cloud import lost
from cloud.gathered import Told
from cloud.ledger import Ledger
from cloud.storage.schema import IN_INBOX, blob, document, named_document, receipt
from cloud.turn import LOST
from protocol import limits
from protocol.asking import Delivered, Listing, LostListing
from protocol.errors import Code, Refused
from protocol.ids import HUB_ID, AgencyId, Digest, EnvelopeId, SiteId
from protocol.manifest import (
    AFTER,
    Happening,
    Receipt,
    Signed,
    check_chain,
    digest_of,
    unverified,
    verify,
    verify_by_one,
)

LISTING_MAX: Final = 200
LISTING_BYTES_MAX: Final = limits.MESSAGE_BYTES_MAX // 2  # summaries of 32 KiB: an answer is one message
EVENTS_MAX: Final = 8  # of one document: stored, fetched, accepted, and what a forwarding would add
_CLOSED: Final = (Happening.ACCEPTED.value, Happening.RETURNED.value)
_LISTED = (
    select(document, blob.c.digest)
    .select_from(named_document)
    .where(document.c.agency == bindparam("by"), IN_INBOX, document.c.place > bindparam("after"))
    .order_by(document.c.place)
    .limit(bindparam("count"))
)
_OPEN = _LISTED.where(document.c.state.not_in(_CLOSED))
_EVENTS_OF_ALL = (
    select(receipt)
    .where(receipt.c.document.in_(bindparam("documents", expanding=True)))
    .order_by(receipt.c.document, receipt.c.number)
)
_READABLE = (
    select(document.c.id)
    .select_from(named_document)
    .where(blob.c.digest == bindparam("named"), document.c.agency == bindparam("by"), IN_INBOX)
)
_ADDRESSED = select(document.c.site, document.c.id, document.c.receipt).where(
    document.c.envelope == bindparam("sealed"), document.c.agency == bindparam("by"), IN_INBOX
)
_EVENTS = (
    select(receipt.c.body, receipt.c.signature).where(receipt.c.document == bindparam("of")).order_by(receipt.c.number)
)


def listing(ledger: Ledger, agency: AgencyId, after: int, count: int, everything: bool) -> Listing:
    """Documents of this inbox after place `after`, oldest first. `everything` also lists what was accepted or returned."""
    count = max(1, min(count, LISTING_MAX))
    asked = _LISTED if everything else _OPEN
    with ledger.database.reading() as connection:
        rows = connection.execute(asked, {"by": agency, "after": after, "count": count + 1}).all()
        events: defaultdict[int, list[Signed]] = defaultdict(list)
        for row in connection.execute(_EVENTS_OF_ALL, {"documents": [row.id for row in rows[:count]]}):
            events[row.document].append(Signed(row.body, row.signature))
    found: list[Delivered] = []
    size_bytes = 0
    for row in rows[:count]:
        one = _delivered(row, events[row.id])
        size_bytes += _size_bytes(one)
        if found and size_bytes > LISTING_BYTES_MAX:
            return Listing(tuple(found), more=True)
        found.append(one)
    return Listing(tuple(found), more=len(rows) > count)


def may_read(ledger: Ledger, agency: AgencyId, digest: Digest) -> bool:
    """Does this blob lie in the inbox of this agency?"""
    with ledger.database.reading() as connection:
        row = connection.execute(_READABLE, {"named": digest, "by": agency}).first()
    return row is not None


def tell(ledger: Ledger, agency: AgencyId, signed: Signed) -> SiteId:
    """An agency's event: checked here, durable with the next `ledger.settle()`, and only then may it be answered with Done.

    Telling the same again changes nothing. Raises Refused: BAD_SIGNATURE, NOT_YOURS, UNKNOWN_DOCUMENT, UNKNOWN_AGENCY, and OUT_OF_ORDER when
    something else has happened in the meantime. Returns the cabin that will be told."""
    addressee = ledger.known.addressee(agency)
    if addressee is None or addressee.signing_key is None:
        raise Refused(Code.UNKNOWN_AGENCY, f"The directory has no signing key of {agency}.")
    event = verify(Receipt, signed, addressee.signing_key)
    if event.by != agency:
        raise Refused(Code.NOT_YOURS, f"This receipt speaks for {event.by[:63]}, not for {agency}.")
    site, document_id, number, chain = _chain(ledger, agency, event.envelope)
    if any(signed.body == earlier.body for earlier in chain):
        return site
    last = unverified(Receipt, chain[-1])
    if event.previous != digest_of(chain[-1]) or event.happening not in AFTER[last.happening]:
        raise Refused(Code.OUT_OF_ORDER, f"“{event.happening}” does not follow “{last.happening}” for {number}.")
    _check(event)
    ledger.tell(Told(site, document_id, event.envelope, len(chain) + 1, signed, event))
    return site


def lost_listing(ledger: Ledger, agency: AgencyId, count: int) -> LostListing:
    """Documents for this agency that went with the hub when it came back from an older copy, and for which the agency has not answered."""
    if not ledger.owing.lacking:
        return LostListing(())  # as good as always, and every connector asks with every look into its inbox
    query = (
        select(document.c.envelope, document.c.manifest_body, document.c.manifest_signature)
        .where(
            document.c.site.in_(sorted(ledger.owing.lacking)),
            document.c.stored_at.is_(None),
            document.c.state == LOST,
            document.c.agency == agency,
            ~lost.ANSWERED,
        )
        .order_by(document.c.announced_at, document.c.envelope)
        .limit(max(1, min(count, LISTING_MAX)))
    )
    with ledger.database.reading() as connection:
        rows = connection.execute(query).all()
    open_ = [row for row in rows if not ledger.recalled(EnvelopeId(row.envelope))]
    return LostListing(tuple(Signed(row.manifest_body, row.manifest_signature) for row in open_))


def recall(ledger: Ledger, agency: AgencyId, envelope: EnvelopeId, receipts: tuple[Signed, ...]) -> None:
    """What an agency has of a lost document: checked here, durable with the next `ledger.settle()`, and only then may it be answered with Done.

    Where nothing is lost, or was answered before, nothing changes. Raises Refused: UNKNOWN_DOCUMENT, UNKNOWN_AGENCY, TOO_LARGE, BAD_SIGNATURE, and
    OUT_OF_ORDER when the events do not prove that the agency has it."""
    with ledger.database.reading() as connection:
        row = connection.execute(
            select(document, lost.ANSWERED.label("answered")).where(
                document.c.envelope == envelope, document.c.agency == agency
            )
        ).first()
    if row is None:
        raise Refused(Code.UNKNOWN_DOCUMENT, f"No document {envelope.hex()[:32]} was ever announced for {agency}.")
    if row.state != LOST or row.answered or ledger.recalled(envelope):
        return
    signed = Signed(row.manifest_body, row.manifest_signature)
    events = _proven(ledger, agency, signed, receipts) if receipts else []
    proof = tuple(zip(events, receipts, strict=True))
    ledger.recall(lost.Recalled(SiteId(row.site), row.id, envelope, digest_of(signed), proof))


def _proven(ledger: Ledger, agency: AgencyId, manifest: Signed, receipts: tuple[Signed, ...]) -> list[Receipt]:
    addressee = ledger.known.addressee(agency)
    if addressee is None or addressee.signing_key is None:
        raise Refused(Code.UNKNOWN_AGENCY, f"The directory has no signing key of {agency}.")
    if len(receipts) > EVENTS_MAX:
        raise Refused(Code.TOO_LARGE, f"{len(receipts)} events of one document; at most {EVENTS_MAX} are looked at.")
    events = check_chain(manifest, receipts)
    agency_keys = (addressee.signing_key, *addressee.former_keys)
    for signed, event in zip(receipts, events, strict=True):
        verify_by_one(Receipt, signed, (ledger.signing_key,) if event.by == HUB_ID else agency_keys)
        if event.by not in (HUB_ID, agency):
            raise Refused(Code.NOT_YOURS, f"A receipt speaks for {event.by[:63]}, not for {agency}.")
        if (event.happening is Happening.STORED) != (event.by == HUB_ID):
            raise Refused(Code.OUT_OF_ORDER, f"“{event.happening}” is not for “{event.by[:63]}” to say.")
        if event.by == agency:
            _check(event)
    if events[-1].by != agency:
        raise Refused(Code.OUT_OF_ORDER, "These events do not say that the agency has fetched it.")
    return events


def _chain(ledger: Ledger, agency: AgencyId, envelope: EnvelopeId) -> tuple[SiteId, int, str, list[Signed]]:
    """The document and its events so far, those of this turn too."""
    with ledger.database.reading() as connection:
        row = connection.execute(_ADDRESSED, {"sealed": envelope, "by": agency}).first()
        if row is None:
            raise Refused(
                Code.UNKNOWN_DOCUMENT, f"There is no document {envelope.hex()[:32]} in the inbox of {agency}."
            )
        events = connection.execute(_EVENTS, {"of": row.id}).all()
    chain = [*(Signed(one.body, one.signature) for one in events), *ledger.told(envelope)]
    return SiteId(row.site), row.id, row.receipt, chain


def _check(event: Receipt) -> None:
    """Bounds and forms that types cannot say."""
    if event.happening is Happening.FORWARDED:
        raise Refused(
            Code.OUT_OF_ORDER, "This hub cannot forward documents yet.", "Return it and say which agency is competent."
        )
    if event.version != 1 or event.at.tzinfo is None:
        raise Refused(Code.UNSUPPORTED_VERSION, f"A receipt of version {event.version}.")
    if len(event.reason) > limits.TEXT_CHARS_MAX or len(event.text) > limits.REMARK_CHARS_MAX:
        raise Refused(
            Code.TOO_LARGE,
            f"A reason of {len(event.reason)} and a text of {len(event.text)} characters.",
            f"Write at most {limits.TEXT_CHARS_MAX} and {limits.REMARK_CHARS_MAX} characters.",
        )


def _delivered(row: Row[Any], events: list[Signed]) -> Delivered:
    return Delivered(
        row.place,
        Signed(row.manifest_body, row.manifest_signature),
        row.summary,
        Digest(row.digest),
        row.size_bytes,
        tuple(events),
    )


def _size_bytes(one: Delivered) -> int:
    signed = (one.manifest, *one.receipts)
    return len(one.summary) + 64 + sum(len(each.body) + len(each.signature) + 8 for each in signed)
