from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cards, codec
from protocol.contacts import HubCard
from protocol.errors import Code, Refused

BODY = bytes(range(60))
CARD = cards.write("invite", BODY)


@given(st.binary(max_size=200))
def test_what_is_written_is_read(body: bytes) -> None:
    assert cards.read("invite", cards.write("invite", body)) == body


def test_a_card_is_one_line_that_says_what_it_is() -> None:
    assert CARD.startswith("kabine-invite-1-")
    assert CARD.split() == [CARD]


def test_capitals_and_line_breaks_do_no_harm() -> None:
    assert cards.read("invite", f"  {CARD[:30].upper()}\n {CARD[30:]}\r\n") == BODY


def test_what_another_release_has_written_is_told_so() -> None:
    later = cards.write("hub", codec.encode(("tcp://hub.example:7400", bytes(32), bytes(32), "more")))
    with pytest.raises(Refused, match="another release of Kabine has written it") as caught:
        cards.read_noun("hub", later, HubCard)
    assert caught.value.code is Code.UNSUPPORTED_VERSION


@given(st.integers(16, len(CARD) - 1), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_wrong_letter_is_noticed(place: int, letter: str) -> None:
    wrong = CARD[:place] + letter + CARD[place + 1 :]
    if wrong == CARD:
        return
    with pytest.raises(Refused, match=r"missing or wrong\. Copy it whole") as caught:
        cards.read("invite", wrong)
    assert caught.value.code is Code.BAD_KEY


@pytest.mark.parametrize("end", range(16, len(CARD)))
def test_a_card_cut_short_is_noticed(end: int) -> None:
    with pytest.raises(Refused, match="Copy it whole"):
        cards.read("invite", CARD[:end])


@pytest.mark.parametrize(
    "text", ["", "hello", "kabine-invite-", "kabine-invite-1-a1", CARD + "!", CARD.replace("-", "_")]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="does not look like kabine-invite-1-") as caught:
        cards.read("invite", text)
    assert caught.value.code is Code.BAD_KEY


def test_another_kind_is_named() -> None:
    with pytest.raises(Refused, match="This is kabine-invite-…; kabine-hub-… is asked for"):
        cards.read("hub", CARD)


def test_a_card_relabelled_as_another_kind_does_not_check() -> None:
    with pytest.raises(Refused, match="missing or wrong"):
        cards.read("hub", CARD.replace("invite", "hub"))


def test_a_later_version_is_named() -> None:
    with pytest.raises(Refused, match="version 2; this release of Kabine reads version 1") as caught:
        cards.read("invite", CARD.replace("-1-", "-2-", 1))
    assert caught.value.code is Code.UNSUPPORTED_VERSION


def test_text_without_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(Refused, match="too long"):
        cards.read("invite", "a" * 5000)


def test_padding_bits_must_be_zero() -> None:
    """Otherwise one card had several spellings."""
    raw = b"x" + hashlib.sha256(b"kabine-invite-1-x").digest()[:4]
    letters = base64.b32encode(raw).decode().rstrip("=").lower()
    assert cards.read("invite", f"kabine-invite-1-{letters}") == b"x"
    body = b"xy"
    text = cards.write("invite", body)  # 6 bytes: 48 bits in 10 letters of 50
    other = text[:-1] + "abcdefghijklmnopqrstuvwxyz234567"["abcdefghijklmnopqrstuvwxyz234567".index(text[-1]) + 1]
    with pytest.raises(Refused, match="missing or wrong"):
        cards.read("invite", other)
