"""What a cabin writes by itself: sealed documents and their bytes, receipt numbers, the journal."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge.buffer import Buffer, State
from protocol import limits
from protocol.entries import DirectoryPublished, DocumentSealed, EpochOpened, VisitEnded
from protocol.errors import Code, Mistake, Refused, Unavailable
from protocol.ids import AgencyId, Digest
from protocol.manifest import NO_MANIFEST, Happening, Manifest, digest_of, verify
from tests.edge.cabin import (
    AGENCY,
    BEGAN,
    CABIN,
    SITE,
    Cabin,
    directory,
    journal_of,
    manifest_of,
    public,
    receipt,
)

VISIT = VisitEnded(bytes(16), BEGAN, BEGAN, "handed-in", 1, "de")


def documents_in(buffer: Buffer) -> list[DocumentSealed]:
    return [event for event in journal_of(buffer) if isinstance(event, DocumentSealed)]


def test_what_is_put_is_there_after_opening_anew(cabin: Cabin) -> None:
    buffer = cabin.open()
    envelope = cabin.envelope(1_700_000)
    put = cabin.hand_in(buffer, envelope)
    buffer.close()
    buffer = cabin.open()
    assert buffer.read(put.digest, 0, len(envelope) + 1) == envelope
    assert put.digest == hashlib.sha256(envelope).digest()
    assert buffer.have(put.digest) == len(envelope)
    assert [row.receipt for row in buffer.documents()] == [put.receipt]
    waiting = buffer.waiting()
    assert (waiting.documents, waiting.bytes) == (1, len(envelope))
    assert waiting.oldest_at == buffer.documents()[0].accepted_at
    assert buffer.troubles == ()


def test_the_manifest_says_what_was_put_and_who_put_it(cabin: Cabin) -> None:
    buffer = cabin.open()
    envelope = cabin.envelope()
    put = cabin.hand_in(buffer, envelope)
    sealed = documents_in(buffer)[0]
    manifest = verify(Manifest, sealed.manifest, public(CABIN))
    assert (manifest.envelope, manifest.receipt, manifest.agency) == (put.envelope, put.receipt, AGENCY)
    assert (manifest.counter, manifest.previous, manifest.length_bytes) == (1, NO_MANIFEST, len(envelope) - 100)
    assert (sealed.digest, sealed.size_bytes, sealed.summary) == (put.digest, len(envelope), b"sealed summary")


def test_manifests_are_counted_and_chained_per_agency_without_gaps(cabin: Cabin) -> None:
    buffer = cabin.open()
    other = AgencyId("aok-nordost")
    for agency in (AGENCY, other, AGENCY):
        cabin.hand_in(buffer, agency=agency)
    buffer.close()
    buffer = cabin.open()
    cabin.hand_in(buffer, agency=AGENCY)
    chain = NO_MANIFEST
    counters = []
    for sealed in (event.manifest for event in documents_in(buffer)):
        manifest = verify(Manifest, sealed, public(CABIN))
        if manifest.agency == AGENCY:
            assert manifest.previous == chain
            chain = digest_of(sealed)
            counters.append(manifest.counter)
    assert counters == [1, 2, 3]


@pytest.mark.parametrize("size_bytes", [101, 256 * 1024, 256 * 1024 + 1, 1024 * 1024, 2_500_000])
def test_any_range_is_read_as_it_was_written(cabin: Cabin, size_bytes: int) -> None:
    buffer = cabin.open()
    envelope = cabin.envelope(size_bytes)
    put = cabin.hand_in(buffer, envelope)
    for offset, length in ((0, 1), (0, size_bytes), (size_bytes - 1, 9), (size_bytes // 2, 300_000), (size_bytes, 5)):
        assert buffer.read(put.digest, offset, length) == envelope[offset : offset + length]


def test_a_discarded_staging_leaves_nothing(cabin: Cabin) -> None:
    buffer = cabin.open()
    staging = buffer.stage()
    staging.write(cabin.envelope(2_500_000))
    used = buffer._database.rows("SELECT count(*) FROM chunk")[0][0]
    staging.discard()
    staging.discard()
    assert used > 0
    assert buffer._database.rows("SELECT count(*) FROM chunk") == [(0,)]
    assert documents_in(buffer) == []
    with pytest.raises(Mistake):
        staging.write(b"more")


def test_a_staging_that_was_left_over_is_wiped_when_the_cabin_starts(cabin: Cabin) -> None:
    buffer = cabin.open()
    put = cabin.hand_in(buffer)
    buffer.stage().write(cabin.envelope(5_000_000))
    buffer.close()
    buffer = cabin.open()
    assert buffer._database.rows("SELECT count(*) FROM chunk") == [(1,)]
    assert buffer.have(put.digest) > 0


def test_a_sync_does_not_sweep_a_staging_that_is_being_written(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    first = cabin.hand_in(buffer)
    envelope = cabin.envelope(1_500_000)
    staging = buffer.stage()
    staging.write(envelope)
    cabin.told(buffer, receipt(manifest_of(buffer, first.entry), Happening.STORED))
    put = staging.put(cabin.facts(buffer, envelope))
    assert buffer.read(put.digest, 0, len(envelope)) == envelope


def test_an_envelope_that_is_too_large_is_refused(cabin: Cabin) -> None:
    buffer = cabin.open()
    staging = buffer.stage()
    staging.size_bytes = limits.ENVELOPE_BYTES_MAX
    with pytest.raises(Refused) as refused:
        staging.write(b"x")
    assert refused.value.code == Code.TOO_LARGE


def test_facts_that_cannot_be_of_this_envelope_are_a_mistake(cabin: Cabin) -> None:
    buffer = cabin.open()
    staging = buffer.stage()
    staging.write(b"x" * 200)
    facts = cabin.facts(buffer, b"x" * 301)
    with pytest.raises(Mistake):
        staging.put(facts)


def test_a_receipt_number_that_was_not_issued_or_was_used_is_a_mistake_and_nothing_is_left(cabin: Cabin) -> None:
    buffer = cabin.open()
    envelope = cabin.envelope()
    facts = cabin.facts(buffer, envelope)
    staging = buffer.stage()
    staging.write(envelope)
    staging.put(facts)
    before = buffer.log.last()
    again = buffer.stage()
    again.write(cabin.envelope())
    with pytest.raises(Mistake, match="used before"):
        again.put(facts)
    assert buffer.log.last() == before
    assert buffer.waiting().documents == 1


# --- receipt numbers
def test_receipt_numbers_never_repeat_and_grow_by_a_digit_when_half_are_used(cabin: Cabin) -> None:
    buffer = cabin.open()
    numbers = [buffer.issue_number() for _ in range(250)]
    buffer.close()
    buffer = cabin.open()
    numbers += [buffer.issue_number() for _ in range(260)]
    assert len(set(numbers)) == 510
    assert {len(number) for number in numbers[:500]} == {7}
    assert {len(number) for number in numbers[500:]} == {8}
    assert all(number.startswith("7K2-") for number in numbers)


def test_a_source_of_randomness_that_repeats_itself_is_a_mistake(cabin: Cabin) -> None:
    buffer = cabin.open(random=lambda size_bytes: b"\x05" * size_bytes)
    buffer.issue_number()
    with pytest.raises(Mistake):
        buffer.issue_number()


# --- the journal
def test_every_start_opens_an_epoch_that_follows_the_last_entry_known(cabin: Cabin) -> None:
    buffer = cabin.open()
    assert buffer.append(VISIT) == 2
    last = buffer.log.last()
    buffer.close()
    buffer = cabin.open()
    events = journal_of(buffer)
    assert [type(event) for event in events] == [EpochOpened, VisitEnded, EpochOpened]
    assert isinstance(events[2], EpochOpened)
    assert events[2].follows == last
    assert [entry.epoch for entry in buffer.log.read(0, 1 << 20, 100)] == [1, 1, 2]
    assert events[1] == VISIT


def test_entries_are_read_within_bounds_and_at_least_one(cabin: Cabin) -> None:
    buffer = cabin.open()
    for _ in range(5):
        buffer.append(VISIT)
    everything = buffer.log.read(0, 1 << 20, 100)
    assert [entry.number for entry in everything] == [1, 2, 3, 4, 5, 6]
    assert [entry.number for entry in buffer.log.read(2, 1, 100)] == [3]
    assert [entry.number for entry in buffer.log.read(2, 1 << 20, 2)] == [3, 4]
    assert [entry.number for entry in buffer.log.read(1, len(everything[1].payload) * 2, 9)] == [2, 3]
    assert buffer.log.read(6, 1 << 20, 100) == []


def test_acknowledged_entries_are_forgotten_but_for_the_last_few_hundred(cabin: Cabin) -> None:
    buffer = cabin.open()
    for _ in range(119):
        buffer.append(VISIT)
    buffer.close()
    buffer = cabin.open()
    for _ in range(limits.ENTRIES_KEPT):
        buffer.append(VISIT)
    last = buffer.log.last().number
    buffer.log.acknowledge(last)
    assert buffer.log.acknowledged() == last
    buffer.sync()
    assert buffer.log.first() == last - limits.ENTRIES_KEPT == 121
    buffer.close()
    buffer = cabin.open()
    assert (buffer.log.acknowledged(), buffer.troubles) == (last, ())
    assert len(buffer.log.read(buffer.log.first() - 1, 1 << 30, 1 << 20)) == limits.ENTRIES_KEPT + 2
    with pytest.raises(Mistake):
        buffer.log.read(0, 1 << 20, 10)


def test_more_entries_acknowledged_than_there_are_is_a_mistake(cabin: Cabin) -> None:
    buffer = cabin.open()
    with pytest.raises(Mistake):
        buffer.log.acknowledge(2)


# --- bytes
def test_bytes_are_kept_from_the_front_only(cabin: Cabin) -> None:
    buffer = cabin.open()
    digest = Digest(hashlib.sha256(b"abc and more").digest())
    cabin.told(buffer, DirectoryPublished(1, digest, 12))
    with pytest.raises(Mistake):
        buffer.keep(digest, 1, b"b")
    buffer.keep(digest, 0, b"a")
    with pytest.raises(Mistake):
        buffer.keep(digest, 0, b"a")
    buffer.keep(digest, 1, b"bc")
    buffer.sync()
    assert (buffer.have(digest), buffer.read(digest, 1, 9)) == (3, b"bc")
    buffer.forget(digest)
    assert (buffer.have(digest), buffer.read(digest, 0, 9)) == (0, None)
    buffer.keep(digest, 0, b"abc")
    buffer.sync()
    assert buffer.read(digest, 0, 9) == b"abc"


def test_what_was_written_stays_when_the_wal_is_moved_into_the_file(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    envelope = cabin.envelope(20_000_000)
    put = cabin.hand_in(buffer, envelope)
    cabin.told(buffer, receipt(manifest_of(buffer, cabin.hand_in(buffer).entry), Happening.STORED))
    assert (cabin.folder / "buffer.sqlite").stat().st_size > len(envelope)
    assert buffer.read(put.digest, 0, 1 << 30) == envelope


@pytest.mark.parametrize("sql", ["DELETE FROM chunk", "UPDATE chunk SET bytes = substr(bytes, 2)"])
def test_a_chunk_that_is_gone_or_cut_is_not_given_out(cabin: Cabin, sql: str) -> None:
    buffer = cabin.open()
    put = cabin.hand_in(buffer)
    with buffer._database.turn():
        buffer._database.execute(sql)
    assert buffer.read(put.digest, 0, 10) is None
    assert put.receipt in buffer.troubles[0]
    assert buffer.documents()[0].state is State.DAMAGED


# --- what it cannot begin with
def test_a_recipient_that_is_not_post_quantum_is_refused(cabin: Cabin, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        Buffer(
            tmp_path,
            now=cabin.clock,
            random=cabin.dice.randbytes,
            site=SITE,
            code="7K2",
            signing_key=CABIN,
            journal_recipient="age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
            authority_key=bytes(32),
        )
    assert refused.value.code == Code.BAD_KEY


def test_a_folder_that_is_not_there_is_unavailable(cabin: Cabin, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        cabin.open(tmp_path / "nowhere")
