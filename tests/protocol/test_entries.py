from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import codec, entries, limits
from protocol.entries import DocumentSealed, EpochOpened, Mark, VisitEnded
from protocol.errors import Code, Mistake, Refused
from protocol.ids import Digest
from protocol.manifest import Signed

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
KEY = bytes(range(32))
VISIT = VisitEnded(bytes(16), NOON, NOON, "handed-in", 1, "de")
DOCUMENT = DocumentSealed(Signed(b"body", bytes(64)), b"summary", Digest(bytes(32)), 1000)


def test_a_log_of_three_entries_hangs_together():
    mark = Mark()
    for number, event in enumerate([EpochOpened(b"wrapped", Mark(), NOON), VISIT, DOCUMENT], 1):
        entry = entries.following(mark, 7, entries.clear(event))
        assert (entry.epoch, entry.number) == (7, number)
        assert entry.hash == entries.chain(mark.hash, 7, number, entry.payload)
        assert entries.read(entry.payload, None, 7, number) == event
        mark = Mark(entry.epoch, entry.number, entry.hash)


def test_a_run_of_entries_is_chained_as_one_by_one():
    mark, one_by_one = Mark(6, 40, bytes(range(32))), []
    for payload in (b"a", b"bc", b"def"):
        entry = entries.following(mark, 7, payload)
        one_by_one.append(entry)
        mark = Mark(entry.epoch, entry.number, entry.hash)
    assert entries.continued(Mark(6, 40, bytes(range(32))), 7, (b"a", b"bc", b"def")) == one_by_one
    assert entries.continued(mark, 7, ()) == []


@pytest.mark.parametrize(("epoch", "number"), [(-1, 1), (2**64, 1), (1, -1), (b"7", 1), (1, "7")])
def test_the_hash_of_a_damaged_row_is_an_error_that_those_expect_who_look_for_damage(epoch, number):
    with pytest.raises(ValueError, match=r"entry .* of epoch"):
        entries.chain(bytes(32), epoch, number, b"payload")


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(0, limits.NUMBER_MAX),
    st.integers(1, limits.NUMBER_MAX),
    st.binary(min_size=1, max_size=50),
    st.data(),
)
def test_any_change_changes_the_hash(previous, epoch, number, payload, data):
    hashed = entries.chain(previous, epoch, number, payload)
    where = data.draw(st.integers(0, len(payload) * 8 - 1))
    flipped = bytearray(payload)
    flipped[where // 8] ^= 1 << where % 8
    others = [
        entries.chain(bytes(32) if any(previous) else b"\1" * 32, epoch, number, payload),
        entries.chain(previous, epoch + 1, number, payload),
        entries.chain(previous, epoch, number + 1, payload),
        entries.chain(previous, epoch, number, bytes(flipped)),
        entries.chain(previous, epoch, number, payload + b"\0"),
        entries.chain(previous, number, epoch, payload) if number != epoch else b"",
    ]
    assert hashed not in others


def test_what_takes_a_key_can_be_told_from_what_takes_none():
    assert entries.is_sealed(entries.sealed(VISIT, KEY, 3, 9))
    assert not entries.is_sealed(entries.clear(VISIT))
    assert not entries.is_sealed(b"")


def test_one_reader_reads_an_epoch():
    read = entries.reader(KEY, 3)
    assert read(entries.sealed(VISIT, KEY, 3, 9), 9) == read(entries.clear(VISIT), 10) == VISIT
    with pytest.raises(Refused, match="does not open with the key"):
        read(entries.sealed(VISIT, KEY, 3, 9), 10)
    assert read(entries.sealed(DOCUMENT, KEY, 3, 11), 11) == DOCUMENT  # one bad entry spoils none behind it


def test_a_sealed_entry_is_read_with_its_key_only():
    payload = entries.sealed(VISIT, KEY, 3, 9)
    assert b"handed-in" not in payload
    assert entries.read(payload, KEY, 3, 9) == VISIT
    for key, epoch, number in ((bytes(32), 3, 9), (KEY, 4, 9), (KEY, 3, 10)):
        with pytest.raises(Refused, match="does not open with the key") as caught:
            entries.read(payload, key, epoch, number)
        assert caught.value.code is Code.MALFORMED


@given(st.data())
def test_a_sealed_entry_that_was_altered_is_refused(data):
    payload = bytearray(entries.sealed(VISIT, KEY, 3, 9))
    where = data.draw(st.integers(8, len(payload) * 8 - 1))
    payload[where // 8] ^= 1 << where % 8
    with pytest.raises(Refused):
        entries.read(bytes(payload), KEY, 3, 9)


def test_a_sealed_entry_of_an_epoch_that_was_never_opened_is_refused():
    with pytest.raises(Refused, match="epoch 3 was never opened"):
        entries.read(entries.sealed(VISIT, KEY, 3, 9), None, 3, 9)


@pytest.mark.parametrize("payload", [b"", b"\2", b"\xff" + codec.encode(VISIT)])
def test_an_unknown_marker_is_refused(payload):
    with pytest.raises(Refused, match="has no known marker"):
        entries.read(payload, KEY, 1, 1)


@given(st.binary(max_size=100))
def test_hostile_payloads_are_only_ever_refused(payload):
    with suppress(Refused):
        entries.read(payload, KEY, 1, 1)


def test_an_entry_that_fits_in_no_frame_is_our_mistake():
    entries.following(Mark(), 1, bytes(limits.ENTRY_BYTES_MAX))
    with pytest.raises(Mistake, match="An entry of 49153 bytes"):
        entries.following(Mark(), 1, bytes(limits.ENTRY_BYTES_MAX + 1))


def test_only_an_entry_that_opens_an_epoch_after_the_number_before_it_may_leap():
    follows = Mark(3, 41, b"h" * 32)
    opened = EpochOpened(b"wrapped", follows, NOON)
    assert entries.leap(entries.clear(opened), 4, 42) == follows
    assert entries.leap(entries.clear(opened), 4, 43) is None
    assert entries.leap(entries.sealed(opened, bytes(32), 4, 42), 4, 42) is None
    assert entries.leap(entries.CLEAR + b"nothing", 4, 42) is None
    assert entries.leap(entries.clear(VISIT), 4, 42) is None
