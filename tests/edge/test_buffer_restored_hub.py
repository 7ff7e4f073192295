"""A hub that came back from an older copy: what the cabin still has for it, and what it makes of words that begin again further back."""

from __future__ import annotations

import pytest

from edge.buffer import Buffer, State
from protocol import entries, limits
from protocol.entries import EpochOpened, Mark, ReceiptGiven, VisitEnded
from protocol.errors import Unavailable
from protocol.manifest import Happening, Signed
from tests.edge.cabin import BEGAN, HUB, Cabin, directory, journal_of, manifest_of, receipt

VISIT = VisitEnded(bytes(16), BEGAN, BEGAN, "left", 0, "de")


@pytest.fixture
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(limits, "EPOCH_ENTRIES_MAX", 150)
    return 150


def acknowledged(buffer: Buffer) -> None:
    buffer.log.acknowledge(buffer.log.last().number)
    buffer.sync()


def restored(cabin: Cabin) -> entries.Entry:
    """What the hub writes first behind the last entry that this cabin holds."""
    entry = entries.following(cabin.hub, cabin.hub.epoch + 1, entries.clear(EpochOpened(b"", cabin.hub, BEGAN)))
    cabin.hub = Mark(entry.epoch, entry.number, entry.hash)
    return entry


def test_what_is_forgotten_are_whole_epochs_so_that_the_rest_can_be_read(cabin: Cabin, short_epochs: int) -> None:
    buffer = cabin.open()
    for _ in range(limits.ENTRIES_KEPT + 3 * short_epochs):
        buffer.append(VISIT)
    acknowledged(buffer)
    first, last = buffer.log.first(), buffer.log.last().number
    assert limits.ENTRIES_KEPT <= last - first < limits.ENTRIES_KEPT + short_epochs
    events = journal_of(buffer, first - 1)
    assert isinstance(events[0], EpochOpened)
    assert events[0].follows.number == first - 1
    assert {type(event) for event in events[1:short_epochs]} == {type(VISIT)}
    buffer.close()
    buffer = cabin.open()
    assert buffer.troubles == ()
    for _ in range(2 * short_epochs):
        buffer.append(VISIT)
    acknowledged(buffer)
    assert isinstance(journal_of(buffer, buffer.log.first() - 1)[0], EpochOpened)
    assert buffer.log.first() > first


def test_what_announces_a_document_that_waits_is_not_forgotten(cabin: Cabin, short_epochs: int) -> None:
    buffer = cabin.open()
    put = cabin.hand_in(buffer)
    for _ in range(limits.ENTRIES_KEPT + 3 * short_epochs):
        buffer.append(VISIT)
    acknowledged(buffer)
    assert buffer.log.first() <= put.entry


def test_an_epoch_that_was_not_opened_after_all_is_opened_anew(
    cabin: Cabin, short_epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = cabin.open()
    for _ in range(short_epochs - 1):
        buffer.append(VISIT)
    with monkeypatch.context() as patch:
        patch.setattr(buffer._database, "_save", lambda: (_ for _ in ()).throw(Unavailable("full", "")))
        with pytest.raises(Unavailable):
            buffer.append(VISIT)
    buffer.append(VISIT)
    events = journal_of(buffer)
    assert [number for number, event in enumerate(events, 1) if isinstance(event, EpochOpened)] == [1, short_epochs + 1]
    assert len(events) == short_epochs + 2


def test_what_was_heard_stays_true_and_what_is_said_anew_is_followed(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    cabin.hub = Mark()
    put = cabin.hand_in(buffer)
    stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
    fetched = receipt(stored.receipt, Happening.FETCHED)
    accepted = receipt(fetched.receipt, Happening.ACCEPTED)
    cabin.told(buffer, stored, fetched, accepted)
    buffer.log.commit([restored(cabin)])
    assert buffer.sync().restored
    again = receipt(stored.receipt, Happening.FETCHED, text="once more")
    returned = receipt(again.receipt, Happening.RETURNED, text="Bitte noch einmal scannen.")
    assert not cabin.told(buffer, stored, again)
    assert buffer.documents()[0].state == State.ACCEPTED
    assert cabin.told(buffer, returned)
    assert (buffer.documents()[0].state, buffer.documents()[0].text) == (State.RETURNED, "Bitte noch einmal scannen.")
    assert not cabin.told(buffer, accepted, returned)
    assert buffer.troubles == ()


def test_a_document_that_is_secured_a_second_time_is_told_once(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    manifest = manifest_of(buffer, put.entry)
    fetched = receipt(receipt(manifest, Happening.STORED).receipt, Happening.FETCHED)
    cabin.told(buffer, receipt(manifest, Happening.STORED), fetched)
    buffer.log.commit([restored(cabin)])
    assert not cabin.told(buffer, receipt(manifest, Happening.STORED, text="again")).secured
    assert buffer.documents()[0].state == State.FETCHED
    assert buffer.troubles == ()


def test_words_that_follow_nothing_are_refused_all_the_same(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
    strange = receipt(receipt(stored.receipt, Happening.FETCHED, text="unheard").receipt, Happening.ACCEPTED)
    buffer.log.commit([restored(cabin)])
    cabin.told(buffer, stored, strange)
    assert "does not follow" in buffer.troubles[0]


def told_at_first(cabin: Cabin, buffer: Buffer, *events: ReceiptGiven) -> None:
    """By a hub that never came back from an older copy: its epoch is 0."""
    for event in events:
        entry = entries.following(cabin.hub, 0, entries.clear(event))
        cabin.hub = Mark(entry.epoch, entry.number, entry.hash)
        buffer.log.commit([entry])
        buffer.sync()


def test_as_long_as_the_hub_is_what_it_was_nothing_begins_again(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    manifest = manifest_of(buffer, put.entry)
    told_at_first(cabin, buffer, receipt(manifest, Happening.STORED), receipt(manifest, Happening.STORED, text="again"))
    assert "does not follow" in buffer.troubles[0]


@pytest.mark.parametrize("known", [Happening.FETCHED, Happening.ACCEPTED])
def test_an_agency_that_did_not_hear_that_its_word_had_come_says_it_anew_and_goes_on_from_there(
    cabin: Cabin, known: Happening
) -> None:
    """Its connection was cut before the hub's Done; then the hub's disk lost the document, and the agency proved with what it signed anew."""
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
    fetched = receipt(stored.receipt, Happening.FETCHED)
    told = [stored, fetched, receipt(fetched.receipt, Happening.ACCEPTED)]
    told_at_first(cabin, buffer, *told[: 2 if known is Happening.FETCHED else 3])
    anew = receipt(stored.receipt, Happening.FETCHED, text="anew")
    told_at_first(cabin, buffer, stored, anew)
    assert buffer.documents()[0].state.value == known
    told_at_first(cabin, buffer, receipt(anew.receipt, Happening.ACCEPTED))
    assert buffer.documents()[0].state is State.ACCEPTED
    assert buffer.troubles == ()


# --- lost ---------------------------------------------------------------------------------------------------------
def lost(cabin: Cabin, manifest: Signed) -> ReceiptGiven:
    """The hub has asked the agency, and nobody has it."""
    return receipt(manifest, Happening.LOST, by="hub", key=HUB)


@pytest.mark.parametrize("copy", [True, False], ids=["older-copy", "disk"])
def test_what_nobody_has_any_more_is_said(cabin: Cabin, copy: bool) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    manifest = manifest_of(buffer, put.entry)
    cabin.told(buffer, receipt(manifest, Happening.STORED))
    if copy:
        buffer.log.commit([restored(cabin)])
    news = cabin.told(buffer, lost(cabin, manifest))
    assert [event.happening for event in news.receipts] == [Happening.LOST]
    assert news.secured == ()
    assert buffer.documents()[0].state is State.LOST
    assert buffer.waiting().documents == 0
    assert buffer.troubles == ()
    buffer.close()
    assert cabin.open().documents()[0].state is State.LOST


@pytest.mark.parametrize("copy", [True, False], ids=["older-copy", "disk"])
@pytest.mark.parametrize("last", [Happening.FETCHED, Happening.ACCEPTED])
def test_nothing_is_lost_of_which_its_agency_has_spoken(cabin: Cabin, last: Happening, copy: bool) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    manifest = manifest_of(buffer, put.entry)
    stored = receipt(manifest, Happening.STORED)
    fetched = receipt(stored.receipt, Happening.FETCHED)
    accepted = receipt(fetched.receipt, Happening.ACCEPTED)
    cabin.told(buffer, stored, fetched, *([accepted] if last is Happening.ACCEPTED else []))
    before = buffer.documents()[0].state
    if copy:
        buffer.log.commit([restored(cabin)])
    assert not cabin.told(buffer, lost(cabin, manifest)).receipts
    assert buffer.documents()[0].state is before
    assert buffer.troubles == ()


def test_what_its_agency_or_a_newer_copy_has_after_all_is_lost_no_more(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    manifest = manifest_of(buffer, put.entry)
    stored = receipt(manifest, Happening.STORED)
    cabin.told(buffer, stored)
    buffer.log.commit([restored(cabin)])
    cabin.told(buffer, lost(cabin, manifest))
    again = receipt(manifest, Happening.STORED, text="from a newer copy")
    assert cabin.told(buffer, again).secured == (put.receipt,)
    assert buffer.documents()[0].state is State.SECURED
    cabin.told(buffer, receipt(stored.receipt, Happening.FETCHED))
    assert buffer.documents()[0].state is State.FETCHED
    assert buffer.troubles == ()


def test_what_waits_here_cannot_be_lost_there(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    buffer.log.commit([restored(cabin)])
    cabin.told(buffer, lost(cabin, manifest_of(buffer, put.entry)))
    assert buffer.documents()[0].state is State.WAITING
    assert buffer.have(put.digest) == put.size_bytes
    assert not buffer.troubles, "the hub asks once more; nobody need come"
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    assert buffer.documents()[0].state is State.SECURED


def test_only_the_hub_says_lost(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    manifest = manifest_of(buffer, put.entry)
    cabin.told(buffer, receipt(manifest, Happening.STORED))
    buffer.log.commit([restored(cabin)])
    cabin.told(buffer, receipt(manifest, Happening.LOST))
    assert buffer.documents()[0].state is State.SECURED
    assert "is not for" in buffer.troubles[0]
