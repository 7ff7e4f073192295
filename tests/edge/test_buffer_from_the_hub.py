"""What comes to a cabin from its hub: receipts, directories, the entries of its log; and what becomes of it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.buffer import State
from protocol import entries, limits
from protocol.entries import DirectoryPublished, EpochOpened, Mark, VisitEnded
from protocol.errors import Mistake, Refused
from protocol.ids import Digest
from protocol.manifest import Happening, digest_of
from tests.edge.cabin import (
    AGENCY,
    BEGAN,
    CABIN,
    HUB,
    OFFICE,
    Cabin,
    directory,
    manifest_of,
    receipt,
)

VISIT = VisitEnded(bytes(16), BEGAN, BEGAN, "handed-in", 1, "de")


def test_stored_secures_the_document_and_frees_its_bytes(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer, cabin.envelope(600_000))
    news = cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    assert news.secured == (put.receipt,)
    assert [row.state for row in buffer.documents()] == [State.SECURED]
    assert buffer.read(put.digest, 0, 10) is None
    assert buffer.waiting().documents == 0
    # The directory's chunk is left; those of the document are zeroed and freed by the first quiet turn.
    buffer.sync()
    assert not buffer.leaving()
    assert buffer._database.rows("SELECT count(*) FROM chunk") == [(1,)]


def test_a_large_document_is_freed_in_short_turns(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer, cabin.envelope(9_000_000))
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    assert buffer._database.rows("SELECT count(*) > 1 FROM chunk") == [(1,)]
    assert buffer.have(put.digest) == 0
    for _ in range(3):
        buffer.sync()
    assert buffer._database.rows("SELECT count(*) FROM chunk") == [(1,)]


def test_the_whole_way_of_a_document_is_folded_and_can_be_shown(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
    fetched = receipt(stored.receipt, Happening.FETCHED)
    returned = receipt(fetched.receipt, Happening.RETURNED, text="Bitte noch einmal scannen.")
    cabin.told(buffer, stored, fetched, returned)
    row = buffer.documents()[0]
    assert (row.state, row.reason, row.text) == (State.RETURNED, "unreadable", "Bitte noch einmal scannen.")
    assert buffer.receipts(put.envelope) == [stored.receipt, fetched.receipt, returned.receipt]


def test_what_an_agency_writes_with_a_return_is_kept_to_its_last_word(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
    fetched = receipt(stored.receipt, Happening.FETCHED)
    words = "Bitte".ljust(limits.REMARK_CHARS_MAX - 1, "e") + "."  # as long as the hub takes it
    cabin.told(buffer, stored, fetched, receipt(fetched.receipt, Happening.RETURNED, text=words))
    assert buffer.documents()[0].text == words


def test_the_same_receipt_again_is_no_news(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    stored = receipt(manifest_of(buffer, cabin.hand_in(buffer).entry), Happening.STORED)
    assert cabin.told(buffer, stored)
    assert not cabin.told(buffer, stored)
    assert buffer.troubles == ()


def test_a_receipt_that_does_not_follow_changes_nothing_and_is_told(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    fetched = receipt(manifest_of(buffer, put.entry), Happening.FETCHED)
    assert not cabin.told(buffer, fetched)
    assert "does not follow" in buffer.troubles[0]
    assert (buffer.documents()[0].state, buffer.log.theirs().number) == (State.WAITING, 1)


@pytest.mark.parametrize(
    ("happening", "by", "key"),
    [(Happening.STORED, "", OFFICE), (Happening.STORED, AGENCY, OFFICE), (Happening.FETCHED, "hub", HUB), (Happening.STORED, "", CABIN)],
)  # fmt: skip
def test_nobody_but_the_hub_can_say_stored_and_the_hub_nothing_else(
    cabin: Cabin, happening: Happening, by: str, key: object
) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    forged = receipt(manifest_of(buffer, put.entry), happening, by=by, key=key)  # type: ignore[arg-type]
    assert not cabin.told(buffer, forged)
    assert buffer.documents()[0].state is State.WAITING
    assert buffer.have(put.digest) > 0
    assert buffer.troubles


def test_a_receipt_waits_for_the_directory_that_names_its_signer(cabin: Cabin) -> None:
    buffer = cabin.open()
    first = directory(1, hub=CABIN)  # the hub's key of before
    buffer.set_directory(first)
    put = cabin.hand_in(buffer)
    assert not cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    buffer.close()
    buffer = cabin.open()
    assert buffer.have(put.digest) > 0
    assert buffer.troubles == ("A receipt waits for a directory that names its signer, and none is on its way.",)
    event, raw = cabin.published(directory(2, digest_of(first)))
    cabin.told(buffer, event)
    assert buffer.troubles == ()
    buffer.keep(event.digest, 0, raw)
    news = buffer.sync()
    assert (news.directory, news.secured, buffer.troubles) == (2, (put.receipt,), ())
    assert buffer.documents()[0].state is State.SECURED


def test_what_an_agency_signed_before_it_changed_its_keys_twice_is_believed_when_the_newest_directory_is_here(
    cabin: Cabin,
) -> None:
    buffer = cabin.open()
    first = directory(1)
    buffer.set_directory(first)
    put = cabin.hand_in(buffer)
    between = Ed25519PrivateKey.from_private_bytes(b"between".ljust(32))
    newest = Ed25519PrivateKey.from_private_bytes(b"newest".ljust(32))
    event, raw = cabin.published(directory(3, digest_of(first), office_keys=(newest, between, OFFICE)))
    stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
    fetched = receipt(stored.receipt, Happening.FETCHED)
    accepted = receipt(fetched.receipt, Happening.ACCEPTED, key=between)
    cabin.told(buffer, event, stored, fetched, accepted)
    assert buffer.documents()[0].state is State.FETCHED
    buffer.keep(event.digest, 0, raw)
    news = buffer.sync()
    assert [told.happening for told in news.receipts] == [Happening.ACCEPTED]
    assert (buffer.documents()[0].state, buffer.troubles) == (State.ACCEPTED, ())


def test_receipts_for_envelopes_that_nobody_remembers_are_passed_over(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    stranger = Cabin(cabin.folder.parent / "stranger", seed=99)
    there = stranger.open()
    put = stranger.hand_in(there)
    assert not cabin.told(buffer, receipt(manifest_of(there, put.entry), Happening.STORED))
    assert buffer.troubles == ()


def test_documents_long_done_are_forgotten_and_those_that_wait_never(
    cabin: Cabin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DOCUMENTS_REMEMBERED", 2)
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    puts = [cabin.hand_in(buffer) for _ in range(5)]
    for put in puts[:4]:
        stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
        fetched = receipt(stored.receipt, Happening.FETCHED)
        cabin.told(buffer, stored, fetched, receipt(fetched.receipt, Happening.ACCEPTED))
    kept = [(row.receipt, row.state) for row in buffer.documents()]
    assert kept == [(puts[4].receipt, State.WAITING), *((put.receipt, State.ACCEPTED) for put in (puts[3], puts[2]))]
    assert buffer.receipts(puts[0].envelope) == []
    assert len(buffer.receipts(puts[3].envelope)) == 3
    buffer.close()
    assert cabin.open().troubles == ()


# --- the directory
def test_a_directory_is_announced_fetched_and_put_in_force(cabin: Cabin) -> None:
    buffer = cabin.open()
    first = directory(1)
    buffer.set_directory(first)
    event, raw = cabin.published(directory(2, digest_of(first)))
    news = cabin.told(buffer, event)
    assert [tuple(wanted) for wanted in news.wanted] == [(event.digest, len(raw), 0)]
    buffer.keep(event.digest, 0, raw[:700])
    assert not buffer.sync()
    buffer.close()
    buffer = cabin.open()
    assert [tuple(wanted) for wanted in buffer.wanted()] == [(event.digest, len(raw), 700)]
    buffer.keep(event.digest, 700, memoryview(raw)[700:])
    assert buffer.sync().directory == 2
    assert buffer.wanted() == []
    buffer.close()
    buffer = cabin.open()
    assert buffer.directory_version() == 2
    assert buffer.directory() == directory(2, digest_of(first))


@pytest.mark.parametrize("fetched", [0, 700], ids=["nothing of it", "a part of it"])
@pytest.mark.parametrize("late", [False, True], ids=["in one turn", "a turn later"])
def test_what_comes_of_a_directory_that_a_newer_one_has_overtaken_is_let_pass(
    cabin: Cabin, fetched: int, *, late: bool
) -> None:
    """It ended the cabin's uplink, or stayed for ever."""
    buffer = cabin.open()
    first = directory(1)
    buffer.set_directory(first)
    second = directory(2, digest_of(first))
    event, raw = cabin.published(second)
    newer, newer_raw = cabin.published(directory(3, digest_of(second)))
    cabin.told(buffer, event)
    buffer.keep(event.digest, 0, raw[:fetched])
    buffer.sync()
    if late:
        cabin.told(buffer, newer)
        assert not buffer.wants(event.digest)
    else:
        assert buffer.wants(event.digest)
        buffer.keep(event.digest, fetched, raw[fetched : fetched + 500])
        cabin.told(buffer, newer)
    assert (buffer.have(event.digest), buffer.troubles) == (0, ())
    assert [tuple(wanted) for wanted in buffer.wanted()] == [(newer.digest, len(newer_raw), 0)]


def test_a_directory_that_is_off_the_chain_is_refused_and_told(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    event, raw = cabin.published(directory(2, bytes(31) + b"?"))
    cabin.told(buffer, event)
    buffer.keep(event.digest, 0, raw)
    assert buffer.sync().directory is None
    assert buffer.directory_version() == 1
    assert "refused" in buffer.troubles[0]
    assert buffer.wanted() == []


def test_an_altered_directory_is_fetched_again_and_told_the_third_time(cabin: Cabin) -> None:
    buffer = cabin.open()
    event, raw = cabin.published(directory(1))
    cabin.told(buffer, event)
    altered = bytes([raw[0] ^ 1]) + raw[1:]
    for _ in range(2):
        buffer.keep(event.digest, 0, altered)
        assert [tuple(wanted) for wanted in buffer.sync().wanted] == [(event.digest, len(raw), 0)]
        assert buffer.troubles == ()
    buffer.keep(event.digest, 0, altered)
    assert not buffer.sync().wanted
    assert "altered 3 times" in buffer.troubles[0]
    buffer.keep(event.digest, 0, raw)
    assert buffer.sync().directory == 1


def test_an_older_or_unsigned_directory_is_not_taken(cabin: Cabin) -> None:
    buffer = cabin.open()
    second = directory(2, bytes(31) + b"1")
    buffer.set_directory(second)
    with pytest.raises(Refused):
        buffer.set_directory(directory(1))
    assert buffer.directory() == second
    event, _ = cabin.published(directory(1))
    assert not cabin.told(buffer, event).wanted


def test_another_directory_of_the_same_number_is_told_until_a_later_one_is_in_force(cabin: Cabin) -> None:
    """The hub came back from an older copy and published before it had heard from this cabin: both believed that all was well."""
    buffer = cabin.open()
    buffer.set_directory(directory(2, bytes(31) + b"1"))
    cabin.told(buffer, cabin.published(directory(2, bytes(31) + b"1"))[0])
    assert buffer.troubles == ()
    assert not cabin.told(buffer, cabin.published(directory(2, bytes(31) + b"2"))[0]).wanted
    assert buffer.troubles == (
        "Directory 2 of the hub was refused: There are two different directories with the version 2.",
    )
    event, raw = cabin.published(directory(4, bytes(31) + b"3"))
    cabin.told(buffer, event)
    buffer.keep(event.digest, 0, raw)
    assert buffer.sync().directory == 4
    assert buffer.troubles == ()


def test_a_large_directory_comes_in_many_parts(cabin: Cabin) -> None:
    buffer = cabin.open()
    event, raw = cabin.published(directory(1, padding=900_000))
    cabin.told(buffer, event)
    for start in range(0, len(raw), 100_001):
        buffer.keep(event.digest, start, raw[start : start + 100_001])
        news = buffer.sync()
    assert news.directory == 1
    assert buffer.read(event.digest, 262_000, 500) == raw[262_000:262_500]


def test_a_directory_that_would_be_too_large_is_not_asked_for(cabin: Cabin) -> None:
    buffer = cabin.open()
    event = DirectoryPublished(1, Digest(bytes(32)), limits.DIRECTORY_BYTES_MAX * 2)
    assert not cabin.told(buffer, event).wanted
    assert "Directory 1 would have" in buffer.troubles[0]
    assert not buffer.wants(event.digest)
    cabin.told(buffer, DirectoryPublished(1, Digest(bytes(32)), limits.DIRECTORY_BYTES_MAX))
    with pytest.raises(Refused):
        buffer.keep(event.digest, 0, bytes(limits.DIRECTORY_BYTES_MAX * 2))


def test_a_directory_that_came_by_hand_is_not_fetched_any_more(cabin: Cabin) -> None:
    buffer = cabin.open()
    event, raw = cabin.published(directory(1))
    cabin.told(buffer, event)
    buffer.keep(event.digest, 0, raw[:100])
    buffer.sync()
    assert buffer.set_directory(directory(1)).version == 1
    assert buffer.set_directory(directory(1)).version == 1
    assert buffer.wanted() == []
    assert buffer.read(event.digest, 0, 1 << 20) == raw
    assert buffer.directory_in_force() is not None


# --- the hub's log
def test_entries_of_the_hub_count_once_and_may_not_leave_a_gap(cabin: Cabin) -> None:
    buffer = cabin.open()
    first, second, third = (cabin.from_hub(VISIT) for _ in range(3))
    buffer.log.commit([first])
    with pytest.raises(Mistake):
        buffer.log.commit([third])
    buffer.log.commit([first, second])
    assert buffer.log.theirs().number == 2
    buffer.sync()
    buffer.close()
    assert cabin.open().log.theirs() == Mark(second.epoch, second.number, second.hash)


def test_how_far_the_hub_holds_our_log_waits_for_a_quiet_line(cabin: Cabin) -> None:
    buffer = cabin.open()
    last = buffer.append(VISIT)
    buffer.log.acknowledge(last)
    buffer.sync(quiet=False)
    assert buffer.log.acknowledged() == last
    buffer.close()
    buffer = cabin.open()
    assert buffer.log.acknowledged() == 0  # its next Hello would tell
    buffer.log.acknowledge(last)
    buffer.sync(quiet=True)
    buffer.close()
    assert cabin.open().log.acknowledged() == last


def test_it_is_taken_along_with_what_the_hub_says(cabin: Cabin) -> None:
    buffer = cabin.open()
    last = buffer.append(VISIT)
    buffer.log.acknowledge(last)
    buffer.log.commit([cabin.from_hub(VISIT)])
    buffer.sync(quiet=False)
    buffer.close()
    assert cabin.open().log.acknowledged() == last


def test_where_an_epoch_can_be_forgotten_nobody_waits_for_quiet(cabin: Cabin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EPOCH_ENTRIES_MAX", 5)
    monkeypatch.setattr(limits, "ENTRIES_KEPT", 0)
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    for _ in range(200):
        buffer.log.acknowledge(buffer.append(VISIT))
        buffer.sync(quiet=False)
    assert buffer.log.last().number - buffer.log.first() < 100


def test_what_is_not_synced_is_not_there_after_a_power_cut(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.log.commit([cabin.from_hub(VISIT)])
    buffer.keep(Digest(bytes(32)), 0, b"abc")
    buffer.close()
    buffer = cabin.open()
    assert (buffer.log.theirs(), buffer.have(Digest(bytes(32)))) == (Mark(), 0)


def test_an_entry_of_the_hub_that_makes_no_sense_is_told_and_blocks_nothing(cabin: Cabin) -> None:
    buffer = cabin.open()
    sealed_to_nobody = entries.following(cabin.hub, 1, entries.SEALED + b"?" * 40)
    cabin.hub = Mark(1, 1, sealed_to_nobody.hash)
    buffer.log.commit([sealed_to_nobody, cabin.from_hub(VISIT), cabin.from_hub(EpochOpened(b"", Mark(), BEGAN))])
    event, raw = cabin.published(directory(1))
    assert cabin.told(buffer, event).wanted
    assert len(buffer.troubles) == 2
    assert buffer.log.theirs().number == 4
    buffer.keep(event.digest, 0, raw)
    assert buffer.sync().directory == 1
