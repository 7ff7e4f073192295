"""What an older copy of the hub lacks: most of it comes back by itself; for the rest the agency is asked, and only then the cabin is told."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
from sqlalchemy import select, update

from cloud import inbox
from cloud.fleet import facts, status, words
from cloud.fleet.report import report
from cloud.fleet.status import Severity, SiteStatus
from cloud.restored import RESTORED
from cloud.storage.schema import alarm, document, receipt
from protocol import entries, manifest
from protocol.entries import Mark, ReceiptGiven
from protocol.errors import Refused
from protocol.frames import Hello
from protocol.ids import AgencyId, EnvelopeId, SiteId
from protocol.manifest import Happening, Receipt, Signed
from tests.cloud.conftest import NOON, Cabin, Document, Town, key_of

SITE = SiteId("templin")
SOZIALAMT = AgencyId("sozialamt-uckermark")
WOHNGELD = AgencyId("wohngeldstelle-uckermark")
HEARD = Mark(0, 7, hashlib.sha256(b"words of the hub that it has forgotten").digest())


def hello(cabin: Cabin) -> Hello:
    return Hello((1,), SITE, b"boot", 1, cabin.mark, HEARD.number, 4, "kabine", NOON, heard=HEARD)


def back(town: Town, cabin: Cabin, *documents: Document) -> None:
    """The hub came back from a copy that knows nothing of these: the cabin says Hello, and announces them once more."""
    for one in documents:
        cabin.event(one.event)
    assert town.ledger.reopens(SITE, hello(cabin))
    town.ledger.settle()
    town.commit(cabin)
    town.ledger.settle()
    town.ledger.observe(SITE, hello(cabin), -1.0, town.now)
    town.later(seconds=5)
    town.ledger.settle()


def arrives(town: Town, one: Document) -> None:
    town.send(one)
    town.ledger.settle()


def gone(town: Town, one: Document) -> None:
    town.ledger.gone(SITE, one.digest)
    town.ledger.settle()


def open_alarms(town: Town) -> list[str]:
    with town.ledger.database.reading() as connection:
        return list(connection.execute(select(alarm.c.kind).where(alarm.c.cleared_at.is_(None))).scalars())


def site(town: Town) -> SiteStatus:
    with town.ledger.database.reading() as connection:
        return status.fleet(facts.only(facts.read(connection, town.now), SITE), town.now).sites[0]


def texts(town: Town) -> str:
    return " ".join(finding.text for finding in site(town).findings)


def proof(town: Town, one: Document, *happenings: Happening) -> tuple[Signed, ...]:
    """What hub and agency had signed before the copy was brought back."""
    stored = Receipt(1, one.manifest.envelope, Happening.STORED, "hub", NOON, manifest.digest_of(one.event.manifest))
    chain = [manifest.sign(stored, town.hub_key)]
    for happening in happenings:
        chain.append(town.receipt(one, happening, chain[-1]))
    return tuple(chain)


def _events(town: Town, after: int) -> list[Any]:
    found = town.ledger.log(SITE).read(after, 1 << 20, 1000)
    return [entries.read(entry.payload, None, entry.epoch, entry.number) for entry in found]


def told(town: Town, one: Document) -> list[Happening]:
    """What the hub's log says to the cabin about this document."""
    log = town.ledger.log(SITE)
    read = [event for event in _events(town, log.first() - 1) if isinstance(event, ReceiptGiven)]
    found = [manifest.unverified(Receipt, each.receipt) for each in read]
    return [event.happening for event in found if event.envelope == one.manifest.envelope]


# --- healing ------------------------------------------------------------------------------------------------------
def test_while_it_heals_the_fleet_says_how_far_it_is_and_then_nobody_need_come(town: Town) -> None:
    cabin = town.cabin(SITE)
    first, second = cabin.document(), cabin.document()
    back(town, cabin, first, second)
    assert "2 Dokumente angefordert, 0 gekommen." in texts(town)
    arrives(town, first)
    assert "2 Dokumente angefordert, 1 gekommen." in texts(town)
    assert site(town).severity is Severity.WARNING
    assert open_alarms(town) == [RESTORED]
    arrives(town, second)
    assert open_alarms(town) == []
    assert "angefordert" not in texts(town)
    found = site(town).facts.restored
    assert found is not None
    assert (found.asked, found.came) == (2, 2)
    assert words.restored(found.at, 2, 2, found.at).endswith(": 2 Dokumente angefordert, alle gekommen")


def test_two_weeks_after_it_is_over_nobody_looks_at_every_document_for_it(town: Town) -> None:
    cabin = town.cabin(SITE)
    document, other = cabin.document(), cabin.document()
    back(town, cabin, document, other)
    arrives(town, document)
    town.later(days=15)
    found = site(town).facts.restored
    assert found is not None  # it still heals
    assert (found.asked, found.came) == (2, 1)
    arrives(town, other)
    assert site(town).facts.restored is None
    assert "angefordert" not in texts(town)


def test_what_was_in_the_copy_is_not_counted_as_asked_for(town: Town) -> None:
    cabin = town.cabin(SITE)
    town.deliver(cabin)
    town.later(hours=1)
    back(town, cabin, cabin.document())
    found = site(town).facts.restored
    assert found is not None
    assert (found.asked, found.came) == (1, 0)


def test_a_copy_that_lacks_no_document_is_well_at_once(town: Town) -> None:
    cabin = town.cabin(SITE)
    town.deliver(cabin)
    town.later(hours=1)
    back(town, cabin)
    assert open_alarms(town) == []
    found = site(town).facts.restored
    assert found is not None
    assert words.restored(found.at, found.asked, found.came, found.at).endswith("kein Dokument fehlte ihm")


def test_it_goes_on_healing_after_a_restart(town: Town) -> None:
    cabin = town.cabin(SITE)
    one = cabin.document()
    back(town, cabin, one)
    town.close()
    town.open()
    town.ledger.wanted(SITE)
    arrives(town, one)
    assert open_alarms(town) == []


def test_with_one_that_is_lost_somebody_must_come(town: Town) -> None:
    cabin = town.cabin(SITE)
    comes, lost = cabin.document(), cabin.document()
    back(town, cabin, comes, lost)
    gone(town, lost)
    arrives(town, comes)
    assert open_alarms(town) == [RESTORED]
    assert f"{lost.manifest.receipt} ({SOZIALAMT})" in texts(town)
    assert site(town).severity is Severity.CRITICAL


# --- the agency is asked --------------------------------------------------------------------------------------------
@pytest.fixture
def lost(town: Town) -> Document:
    cabin = town.cabin(SITE)
    one = cabin.document()
    back(town, cabin, one)
    gone(town, one)
    return one


def test_nobody_is_told_before_the_agency_has_answered(town: Town, lost: Document) -> None:
    assert told(town, lost) == []
    assert inbox.lost_listing(town.ledger, SOZIALAMT, 50).manifests == (lost.event.manifest,)
    assert inbox.lost_listing(town.ledger, WOHNGELD, 50).manifests == ()
    town.close()
    town.open()
    assert inbox.lost_listing(town.ledger, SOZIALAMT, 50).manifests == (lost.event.manifest,)


def test_what_never_came_to_the_agency_is_lost_and_the_cabin_is_told_once(town: Town, lost: Document) -> None:
    for _ in range(2):
        inbox.recall(town.ledger, SOZIALAMT, lost.manifest.envelope, ())
        assert inbox.lost_listing(town.ledger, SOZIALAMT, 50).manifests == ()
        town.ledger.settle()
        inbox.recall(town.ledger, SOZIALAMT, lost.manifest.envelope, proof(town, lost, Happening.FETCHED))
        town.ledger.settle()
    assert told(town, lost) == [Happening.LOST]
    assert f"{lost.manifest.receipt} ({SOZIALAMT}) kam dort nie an" in texts(town)
    said = report(status.fleet(facts.FleetFacts(facts.HubFacts(), (site(town).facts,)), town.now), town.now)
    assert said["sites"][0]["lost_documents"][0]["answered"] is True


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_lost_and_lies_in_a_cabin_after_all_is_fetched(
    town: Town, lost: Document, answered: bool, restarted: bool
) -> None:
    """The cabin's disk came back from an older image, on which it has what it had let go of (`kabine simulate --seed 700144`)."""
    if answered:
        inbox.recall(town.ledger, SOZIALAMT, lost.manifest.envelope, ())
        town.ledger.settle()
    if restarted:
        town.close()
        town.open()
    assert [one.digest for one in town.ledger.wanted(SITE)] == [lost.digest], "asked for again with every link"
    arrives(town, lost)
    assert told(town, lost)[-1] is Happening.STORED
    assert town.ledger.wanted(SITE) == []
    assert inbox.lost_listing(town.ledger, SOZIALAMT, 50).manifests == ()
    assert site(town).facts.lost == ()
    assert open_alarms(town) == []


def test_an_agency_that_answers_while_it_is_fetched_after_all(town: Town, lost: Document) -> None:
    town.ledger.wanted(SITE)
    inbox.recall(town.ledger, SOZIALAMT, lost.manifest.envelope, ())
    town.ledger.settle()
    arrives(town, lost)
    assert told(town, lost) == [Happening.LOST, Happening.STORED]


def test_an_agency_that_answers_in_the_turn_in_which_it_comes(town: Town, lost: Document) -> None:
    town.ledger.wanted(SITE)
    inbox.recall(town.ledger, SOZIALAMT, lost.manifest.envelope, ())
    arrives(town, lost)
    assert told(town, lost) == [Happening.STORED]


def test_what_the_agency_has_is_not_fetched_any_more(town: Town, lost: Document) -> None:
    town.ledger.wanted(SITE)
    inbox.recall(town.ledger, SOZIALAMT, lost.manifest.envelope, proof(town, lost, Happening.FETCHED))
    town.ledger.settle()
    arrives(town, lost)
    assert told(town, lost) == [Happening.STORED, Happening.FETCHED]
    assert town.ledger.wanted(SITE) == []


@pytest.mark.parametrize(
    "happenings",
    [
        (Happening.FETCHED,),
        (Happening.FETCHED, Happening.ACCEPTED),
    ],
)
def test_what_the_agency_has_it_proves_and_nothing_is_lost(
    town: Town, lost: Document, happenings: tuple[Happening, ...]
) -> None:
    inbox.recall(town.ledger, SOZIALAMT, lost.manifest.envelope, proof(town, lost, *happenings))
    town.ledger.settle()
    assert told(town, lost) == [Happening.STORED, *happenings]
    assert inbox.lost_listing(town.ledger, SOZIALAMT, 50).manifests == ()
    assert open_alarms(town) == []
    assert site(town).facts.lost == ()
    (row,) = town.rows(document)
    assert (row.state, row.place, row.freed_at, row.stored_at) == (happenings[-1], None, town.now, NOON)
    assert len(town.rows(receipt)) == 1 + len(happenings)
    found = site(town).facts.restored
    assert found is not None
    assert (found.asked, found.came) == (1, 1)


def test_a_proof_that_is_none_is_refused(town: Town, lost: Document) -> None:
    good = proof(town, lost, Happening.FETCHED, Happening.ACCEPTED)
    other = manifest.sign(manifest.unverified(Receipt, good[0]), key_of("somebody"))
    by_other = town.receipt(lost, Happening.FETCHED, good[0], by=WOHNGELD)
    by_hub = manifest.sign(
        Receipt(1, lost.manifest.envelope, Happening.FETCHED, "hub", NOON, manifest.digest_of(good[0])), town.hub_key
    )
    envelope = lost.manifest.envelope
    for agency, of, chain, code in (
        (SOZIALAMT, envelope, good[:1], "out-of-order"),
        (SOZIALAMT, envelope, good[1:], "out-of-order"),
        (SOZIALAMT, envelope, (other, *good[1:]), "bad-signature"),
        (SOZIALAMT, envelope, (good[0], by_other), "not-yours"),
        (SOZIALAMT, envelope, (good[0], by_hub), "out-of-order"),
        (SOZIALAMT, envelope, good * 4, "too-large"),
        (WOHNGELD, envelope, good, "unknown-document"),
        (SOZIALAMT, EnvelopeId(b"?"), (), "unknown-document"),
    ):
        with pytest.raises(Refused) as refused:
            inbox.recall(town.ledger, agency, of, chain)
        assert refused.value.code == code
    town.ledger.settle()
    assert told(town, lost) == []


def test_a_document_that_is_not_lost_is_no_matter_of_recalling(town: Town) -> None:
    cabin = town.cabin(SITE)
    one = town.deliver(cabin)
    inbox.recall(town.ledger, SOZIALAMT, one.manifest.envelope, ())
    town.ledger.settle()
    assert told(town, one) == [Happening.STORED]


# --- the hub's own disk ---------------------------------------------------------------------------------------------
def shortened(town: Town, to_bytes: int, *, settles: bool = True) -> None:
    """The hub begins anew, and of its segment so much is left."""
    town.close()
    os.truncate(town.folder / "blobs" / "000001.segment", to_bytes)
    town.open()
    if settles:
        town.ledger.settle()


def inboxed(town: Town) -> dict[EnvelopeId, tuple[Signed, ...]]:
    """What the agency is shown, with all that was signed about it."""
    listed = inbox.listing(town.ledger, SOZIALAMT, 0, 100, everything=True).documents
    return {manifest.unverified(manifest.Manifest, one.manifest).envelope: one.receipts for one in listed}


def tells(town: Town, one: Document, happening: Happening) -> None:
    inbox.tell(town.ledger, SOZIALAMT, town.receipt(one, happening, inboxed(town)[one.manifest.envelope][-1]))
    town.ledger.settle()


@pytest.fixture
def four(town: Town) -> list[Document]:
    """One that stays whole, one fetched, one accepted, one stored: their agency has that of them."""
    cabin = town.cabin(SITE)
    documents = [cabin.document() for _ in range(4)]
    for one in documents:
        cabin.event(one.event)
    town.commit(cabin)
    town.ledger.settle()
    for one in documents:
        arrives(town, one)
    tells(town, documents[1], Happening.FETCHED)
    tells(town, documents[2], Happening.FETCHED)
    tells(town, documents[2], Happening.ACCEPTED)
    return documents


def test_what_the_hubs_disk_has_lost_its_cabin_is_asked_for(town: Town, four: list[Document]) -> None:
    """A bad sector, a copy of a live folder: the cabin kept it for days and nobody asked, and the agency was shown what it could not open."""
    whole, fetched, accepted, stored = four
    before = inboxed(town)
    shortened(town, len(whole.blob) + 10)
    assert set(open_alarms(town)) == {"segment-damaged"}
    assert inboxed(town).keys() == {whole.manifest.envelope, accepted.manifest.envelope}
    assert {wanted.digest for wanted in town.ledger.wanted(SITE)} == {fetched.digest, stored.digest}
    for one in (fetched, stored):
        arrives(town, one)
        assert town.ledger.read_blob(one.digest, 0, 1 << 20) == (one.blob, len(one.blob))
    assert inboxed(town) == before, (
        "each at its place, with all that was signed about it; nobody is told anything twice"
    )
    for one in (fetched, stored):
        assert told(town, one) == [Happening.STORED, *([Happening.FETCHED] if one is fetched else [])]
    tells(town, stored, Happening.FETCHED)
    tells(town, fetched, Happening.ACCEPTED)
    shortened(town, 4 * len(whole.blob))
    assert len(inboxed(town)) == 4 - len({wanted.digest for wanted in town.ledger.wanted(SITE)})


def test_a_hub_that_dies_before_its_first_turn_has_called_a_person_because_of_its_disk(
    town: Town, four: list[Document]
) -> None:
    """What was missing was sent for when it began, and with the next start nothing was missing any more."""
    shortened(town, len(four[0].blob) + 10, settles=False)
    town.close()
    town.open()
    town.ledger.settle()
    assert open_alarms(town) == ["segment-damaged", "segment-damaged"]  # the file, and how many documents


def test_what_an_earlier_release_had_sent_for_comes_with_a_new_place(town: Town, four: list[Document]) -> None:
    """It took away the place of what its disk had lost."""
    whole, fetched, *_ = four
    shortened(town, len(whole.blob) + 10)
    with town.database.turn() as connection:
        connection.execute(update(document).where(document.c.state == "announced").values(place=None))
    town.ledger.wanted(SITE)
    arrives(town, fetched)
    [signed] = inboxed(town)[fetched.manifest.envelope]
    assert manifest.unverified(Receipt, signed).happening is Happening.STORED


def test_where_the_cabin_keeps_it_no_more_the_agency_is_asked(town: Town, four: list[Document]) -> None:
    whole, fetched, _, stored = four
    shortened(town, len(whole.blob))
    town.ledger.wanted(SITE)
    gone(town, fetched)
    gone(town, stored)
    asked = inbox.lost_listing(town.ledger, SOZIALAMT, 10).manifests
    assert set(asked) == {fetched.event.manifest, stored.event.manifest}
    inbox.recall(town.ledger, SOZIALAMT, fetched.manifest.envelope, proof(town, fetched, Happening.FETCHED))
    inbox.recall(town.ledger, SOZIALAMT, stored.manifest.envelope, ())
    town.ledger.settle()
    assert told(town, stored)[-1] is Happening.LOST
    assert told(town, fetched)[-1] is Happening.FETCHED


def test_what_a_replaced_machine_had_sent_the_agency_is_asked_for_at_once(town: Town, four: list[Document]) -> None:
    successor = town.cabin(SITE, "another")
    town.commit(successor)
    town.ledger.settle()
    shortened(town, 0)
    asked = inbox.lost_listing(town.ledger, SOZIALAMT, 10).manifests
    assert set(asked) == {one.event.manifest for one in four if one is not four[2]}
