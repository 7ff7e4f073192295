"""Key pairs and the words people compare aloud."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from itertools import combinations

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from zmq.utils import z85

from protocol import keys
from protocol.errors import Mistake, Refused
from protocol.ids import CODE_LETTERS, EnvelopeId, ReceiptNumber
from protocol.manifest import Happening, Receipt, sign, verify
from protocol.randomness import Random

RECEIPTS = st.from_regex(rf"[{CODE_LETTERS}]{{3}}-[0-9]{{3,9}}", fullmatch=True).map(ReceiptNumber)


def seeded(seed: bytes) -> Random:
    return lambda size_bytes: hashlib.shake_256(seed).digest(size_bytes)


def test_a_curve_pair_is_the_one_zeromq_would_make() -> None:
    for seed in (b"a", b"b", b"c"):
        pair = keys.CurvePair.generate(seeded(seed))
        assert z85.encode(pair.public) == zmq.curve_public(z85.encode(pair.secret))


def test_a_signing_pair_signs_what_others_verify() -> None:
    pair = keys.SigningPair.generate(seeded(b"cabin"))
    other = keys.SigningPair.generate(seeded(b"hub"))
    receipt = Receipt(1, EnvelopeId(b"e" * 16), Happening.STORED, "hub", datetime(2026, 3, 1, tzinfo=UTC), bytes(32))
    signed = sign(receipt, pair.private())
    assert verify(Receipt, signed, pair.public) == receipt
    with pytest.raises(Refused):
        verify(Receipt, signed, other.public)


def test_no_secret_is_printed() -> None:
    assert "aaaa" not in repr(keys.SigningPair(b"a" * 32)) + repr(keys.CurvePair(b"a" * 32))


def test_a_source_of_randomness_that_gives_too_little_is_noticed() -> None:
    with pytest.raises(Mistake, match="31 bytes instead of 32"):
        keys.CurvePair.generate(lambda _size: bytes(31))


def test_a_fingerprint_tells_keys_their_order_and_their_borders_apart() -> None:
    several = [
        keys.fingerprint(b"ab", b"c"),
        keys.fingerprint(b"a", b"bc"),
        keys.fingerprint(b"c", b"ab"),
        keys.fingerprint(b"abc"),
        keys.fingerprint(b"ab", b"c", b""),
    ]
    assert len(set(several)) == len(several)
    assert hashlib.sha256(b"abc").digest() not in several


def test_words_are_the_first_bits_of_a_digest() -> None:
    every = keys.word_list()
    assert keys.words(bytes(32), 2) == (every[0], every[0])
    assert keys.words(b"\xff" * 32) == (every[511],) * 6
    assert keys.words(b"\x00\x40\x00", 2) == (every[0], every[256])
    assert keys.words(b"\x00\x80\x40", 2) == (every[1], every[1])  # 000000001 000000001 000000
    with pytest.raises(Mistake, match="do not hold 8 words"):
        keys.words(bytes(8), 8)


def test_words_are_plain_and_distinct() -> None:
    every = keys.word_list()
    assert len(set(every)) == 512
    assert list(every) == sorted(every)
    assert all(word.isascii() and word.isalpha() and word.istitle() and len(word) <= 8 for word in every)
    assert len({word[:4].lower() for word in every}) == 512
    for one, other in combinations(every, 2):
        if len(one) == len(other):
            assert sum(a != b for a, b in zip(one, other, strict=True)) > 1, (one, other)


def test_a_receipt_number_of_three_digits_has_three_words() -> None:
    assert len(keys.receipt_words(ReceiptNumber("7K2-418"))) == 3
    assert len(keys.receipt_words(ReceiptNumber("7K2-0418"))) == 4
    assert len(keys.receipt_words(ReceiptNumber("7K2-999999"))) == 4
    assert len(keys.receipt_words(ReceiptNumber("ZZZ-999999999"))) == 5


def test_a_receipt_number_never_changes_its_words() -> None:
    """Receipts in people's hands outlive releases: neither list nor scheme may change."""
    assert keys.receipt_words(ReceiptNumber("7K2-418")) == ("Anis", "Pinie", "Koralle")
    digest = hashlib.sha256("\n".join(keys.word_list()).encode()).hexdigest()
    assert digest == "028b6f593a367cc4fa89f77ae4150913995ebfd1aaac3de2aeae503861ab0ca9"


@given(RECEIPTS)
def test_words_lead_back_to_the_receipt_number(number: ReceiptNumber) -> None:
    assert keys.receipt_from_words(keys.receipt_words(number)) == number


@given(RECEIPTS)
def test_four_letters_in_any_case_are_enough(number: ReceiptNumber) -> None:
    spoken = [f" {word[:4].upper()} " for word in keys.receipt_words(number)]
    assert keys.receipt_from_words(spoken) == number


@given(RECEIPTS, RECEIPTS)
def test_two_receipts_never_share_their_words(one: ReceiptNumber, other: ReceiptNumber) -> None:
    assert (keys.receipt_words(one) == keys.receipt_words(other)) == (one == other)


def test_most_wrong_words_are_noticed() -> None:
    """With three words; what the docstring promises."""
    words = keys.receipt_words(ReceiptNumber("7K2-418"))
    noticed = 0
    for wrong in keys.word_list():
        try:
            keys.receipt_from_words((words[0], words[1], wrong))
        except Refused:
            noticed += 1
    assert noticed > 512 * 0.7


@pytest.mark.parametrize(
    ("spoken", "what"),
    [
        ((), "0 words"),
        (("Abend", "Abend"), "2 words"),
        (("Abend",) * 6, "6 words"),
        (("Abend", "Abend", "Xylit"), "“Xylit” is none of the words"),
        (("Abend", "Abend", ""), "“” is none of the words"),
    ],
)
def test_what_is_no_receipt_is_refused(spoken: tuple[str, ...], what: str) -> None:
    with pytest.raises(Refused, match=what):
        keys.receipt_from_words(spoken)


def test_no_number_no_words() -> None:
    with pytest.raises(Refused):
        keys.receipt_words(ReceiptNumber("0O1-12"))
