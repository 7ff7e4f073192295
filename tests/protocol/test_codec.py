from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import codec
from protocol.entries import Mark
from protocol.errors import Code, Refused
from protocol.manifest import Happening, Receipt

RECEIPT = Receipt(1, bytes(16), Happening.STORED, "hub", datetime(2026, 3, 28, 12, 30, 0, 250, tzinfo=UTC), bytes(32))


def test_a_noun_and_back():
    raw = codec.encode(RECEIPT)
    assert codec.decode(Receipt, raw, len(raw)) == RECEIPT
    assert codec.decode_canonical(Receipt, memoryview(raw), len(raw)) == RECEIPT
    assert codec.Reader(Receipt).read(memoryview(raw), len(raw)) == RECEIPT


def test_longer_than_the_bound_is_refused_before_it_is_read():
    with pytest.raises(Refused, match="38 bytes are too many for a mark; at most 37") as caught:
        codec.decode(Mark, codec.encode(Mark(1, 2)) + bytes(1), 37)
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        codec.encode(RECEIPT)[:-1],
        codec.encode(RECEIPT) + b"\0",
        codec.encode([1, 2, 3]),
        codec.encode([2**53, 0, bytes(32)]),
        codec.encode([-1, 0, bytes(32)]),
        codec.encode([0, 0, bytes(31)]),
        codec.encode([0, 0.5, bytes(32)]),
        codec.encode(["1", 0, bytes(32)]),
        b"\x91" * 10_000,
    ],
)
def test_bytes_that_spell_something_else_are_refused(raw):
    with pytest.raises(Refused) as caught:
        codec.decode(Mark, raw, 20_000)
    assert caught.value.code is Code.MALFORMED


def test_a_time_without_zone_is_refused():
    raw = codec.encode(msgspec.structs.replace(RECEIPT, at=datetime(2026, 3, 28)))  # noqa: DTZ001
    with pytest.raises(Refused, match="spell no receipt"):
        codec.decode_canonical(Receipt, raw, 1000)


@pytest.mark.parametrize("written", [b"\xcc\x01", b"\xcd\x00\x01", b"\xd0\x01"])
def test_one_meaning_has_one_spelling(written):
    raw = codec.encode(RECEIPT)
    longer = raw[:1] + written + raw[2:]
    assert codec.decode(Receipt, longer, 1000) == RECEIPT
    with pytest.raises(Refused, match="not canonical"):
        codec.decode_canonical(Receipt, longer, 1000)


def test_what_a_later_version_appended_is_passed_over_but_never_signed():
    raw = codec.encode(RECEIPT)
    appended = bytes([raw[0] + 1]) + raw[1:] + b"\x07"
    assert codec.decode(Receipt, appended, 1000) == RECEIPT
    with pytest.raises(Refused, match="not canonical"):
        codec.decode_canonical(Receipt, appended, 1000)


@given(st.binary(max_size=200))
def test_hostile_bytes_are_only_ever_refused(raw):
    with suppress(Refused):
        assert codec.encode(codec.decode_canonical(Receipt, raw, 200)) == raw
