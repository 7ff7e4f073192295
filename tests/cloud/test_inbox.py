"""What an agency does at its inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloud import inbox
from cloud.storage import schema
from protocol import codec, limits, manifest
from protocol.entries import ReceiptGiven
from protocol.errors import Refused
from protocol.ids import AgencyId, Digest, EnvelopeId
from protocol.manifest import Happening

if TYPE_CHECKING:
    from tests.cloud.conftest import Document, Town

SOZIALAMT = AgencyId("sozialamt-uckermark")
WOHNGELD = AgencyId("wohngeldstelle-uckermark")


def stored(town: Town, document: Document) -> manifest.Signed:
    (one,) = [
        one
        for one in inbox.listing(town.ledger, document.manifest.agency, 0, 100, True).documents
        if one.digest == document.digest
    ]
    return one.receipts[-1]


def test_a_listing_in_pages(town: Town) -> None:
    cabin = town.cabin()
    documents = [town.deliver(cabin) for _ in range(5)]
    town.deliver(cabin, agency=WOHNGELD)
    first = inbox.listing(town.ledger, SOZIALAMT, 0, 3, False)
    rest = inbox.listing(town.ledger, SOZIALAMT, 3, 3, False)
    assert (first.more, rest.more) == (True, False)
    found = (*first.documents, *rest.documents)
    assert [one.place for one in found] == [1, 2, 3, 4, 5]
    for one, document in zip(found, documents, strict=True):
        assert (one.manifest, one.digest, one.size_bytes) == (document.event.manifest, document.digest, 5000)
        assert [event.happening for event in manifest.check_chain(one.manifest, one.receipts)] == ["stored"]
    assert inbox.listing(town.ledger, AgencyId("aok"), 0, 3, True).documents == ()


def test_a_listing_fits_in_a_message(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "LISTING_BYTES_MAX", 1500)
    cabin = town.cabin()
    for _ in range(4):
        town.deliver(cabin)
    after, places = 0, []
    more = True
    while more:
        page = inbox.listing(town.ledger, SOZIALAMT, after, 100, False)
        assert len(codec.encode(page)) < 1500 or len(page.documents) == 1
        places += [one.place for one in page.documents]
        after, more = places[-1], page.more
    assert places == [1, 2, 3, 4]
    assert inbox.LISTING_BYTES_MAX < limits.MESSAGE_BYTES_MAX


def test_the_way_of_a_document_at_the_agency(town: Town) -> None:
    cabin = town.cabin()
    document = town.deliver(cabin)
    fetched = town.receipt(document, Happening.FETCHED, stored(town, document))
    accepted = town.receipt(document, Happening.ACCEPTED, fetched)
    assert inbox.tell(town.ledger, SOZIALAMT, fetched) == "templin"
    assert inbox.tell(town.ledger, SOZIALAMT, accepted) == "templin"  # in the same turn
    assert inbox.tell(town.ledger, SOZIALAMT, fetched) == "templin"
    assert town.ledger.settle().appended == {"templin"}
    (row,) = town.rows(schema.document)
    assert (row.state, row.closed_at) == ("accepted", town.now)
    assert inbox.listing(town.ledger, SOZIALAMT, 0, 10, False).documents == ()
    (one,) = inbox.listing(town.ledger, SOZIALAMT, 0, 10, True).documents
    assert [event.happening for event in manifest.check_chain(one.manifest, one.receipts)] == [
        "stored", "fetched", "accepted",
    ]  # fmt: skip
    assert town.events(cabin)[-2:] == [ReceiptGiven(fetched), ReceiptGiven(accepted)]


def test_telling_again_after_a_restart_changes_nothing(town: Town) -> None:
    cabin = town.cabin()
    document = town.deliver(cabin)
    fetched = town.receipt(document, Happening.FETCHED, stored(town, document))
    inbox.tell(town.ledger, SOZIALAMT, fetched)
    town.ledger.settle()
    town.close()
    town.open()
    assert inbox.tell(town.ledger, SOZIALAMT, fetched) == "templin"
    town.ledger.settle()
    assert len(town.rows(schema.receipt)) == 2
    assert len(town.events(cabin)) == 3


def test_what_an_agency_may_not_tell(town: Town) -> None:
    cabin = town.cabin()
    document = town.deliver(cabin)
    hub = stored(town, document)
    fetched = town.receipt(document, Happening.FETCHED, hub)
    other = town.receipt(document, Happening.FETCHED, hub, text="something else")
    refusals = [
        (SOZIALAMT, manifest.Signed(fetched.body, bytes(64)), "bad-signature"),
        (WOHNGELD, fetched, "bad-signature"),
        (AgencyId("aok"), fetched, "unknown-agency"),
        (SOZIALAMT, town.receipt(document, Happening.FETCHED, hub, by="hub"), "not-yours"),
        (SOZIALAMT, town.receipt(document, Happening.FETCHED, hub, by=WOHNGELD), "not-yours"),
        (SOZIALAMT, town.receipt(document, Happening.FETCHED, hub, envelope=EnvelopeId(bytes(16))), "unknown-document"),
        (SOZIALAMT, town.receipt(document, Happening.ACCEPTED, hub), "out-of-order"),
        (SOZIALAMT, town.receipt(document, Happening.STORED, hub), "out-of-order"),
        (SOZIALAMT, town.receipt(document, Happening.FETCHED, fetched), "out-of-order"),
        (SOZIALAMT, town.receipt(document, Happening.FORWARDED, hub), "out-of-order"),
        (SOZIALAMT, town.receipt(document, Happening.FETCHED, hub, version=2), "unsupported-version"),
        (SOZIALAMT, town.receipt(document, Happening.FETCHED, hub, text="x" * 1001), "too-large"),
    ]
    for agency, signed, code in refusals:
        with pytest.raises(Refused) as refused:
            inbox.tell(town.ledger, agency, signed)
        assert refused.value.code == code
    inbox.tell(town.ledger, SOZIALAMT, fetched)
    with pytest.raises(Refused, match="does not follow"):
        inbox.tell(town.ledger, SOZIALAMT, other)
    town.ledger.settle()
    with pytest.raises(Refused, match="does not follow"):
        inbox.tell(town.ledger, SOZIALAMT, other)
    assert len(town.rows(schema.receipt)) == 2


def test_an_agency_reads_only_its_own(town: Town) -> None:
    cabin = town.cabin()
    document = town.deliver(cabin)
    announced = cabin.document()
    cabin.event(announced.event)
    town.commit(cabin)
    town.ledger.settle()
    town.send(announced, upto=100)
    town.ledger.settle()
    assert inbox.may_read(town.ledger, SOZIALAMT, document.digest)
    assert not inbox.may_read(town.ledger, WOHNGELD, document.digest)
    assert not inbox.may_read(town.ledger, SOZIALAMT, announced.digest)
    assert not inbox.may_read(town.ledger, SOZIALAMT, Digest(bytes(32)))
    assert town.ledger.read_blob(announced.digest, 0, 10) is None
