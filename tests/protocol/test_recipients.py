"""Keys of both kinds, and their spelling."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import bech32, limits
from protocol.age import Stanza
from protocol.errors import Code, Refused
from protocol.recipients import (
    HybridIdentity,
    HybridRecipient,
    parse_identity,
    parse_recipient,
    unwrap_key,
    wrap_key,
)
from tools.key_files import X25519Identity, X25519Recipient, any_identity, any_recipient

# The examples of the age specification.
SPEC_HYBRID = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"
SPEC_X25519 = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
SPEC_X25519_RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"


def test_the_examples_of_the_specification() -> None:
    hybrid = str(parse_identity(SPEC_HYBRID).recipient())
    assert hybrid.startswith(
        "age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87pzf5zrqtzdxz95paef6caq5aapdmw"
    )
    assert hybrid.endswith("gyzyzk3tlhl53k2ykx3qheyty7saeq0d3fzv49zc0k"[3:])
    assert str(any_identity(SPEC_X25519).recipient()) == SPEC_X25519_RECIPIENT


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.sampled_from([HybridIdentity, X25519Identity]))
def test_keys_are_read_as_they_are_written(seed: bytes, kind: type[HybridIdentity | X25519Identity]) -> None:
    identity = kind.generate(lambda _size: seed)
    assert any_identity(f" {identity}\n") == identity
    assert any_recipient(f" {identity.recipient()}\n") == identity.recipient()
    assert seed.hex() not in repr(identity)
    assert str(identity) not in repr(identity)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "does not look like a key"),
        ("templin", "does not look like a key"),
        ("1qqqqqq", "does not look like a key"),
        ("age1qqqqq", "does not look like a key"),
        ("äge1qqqqqqq", "does not look like a key"),
        ("age1bbbbbbbb", "a letter that no key holds"),
        (SPEC_X25519_RECIPIENT[:-1] + "q", "checksum"),
        (SPEC_X25519_RECIPIENT[:-1], "checksum"),
        (SPEC_X25519_RECIPIENT.replace("z", "Z", 1), "mixes capital and small"),
        ("age1" + "q" * limits.KEY_TEXT_CHARS_MAX, "letters; none has more"),
        (SPEC_X25519, "a secret key, where a public one"),
        (SPEC_HYBRID.lower(), "a secret key, where a public one"),
        (SPEC_X25519_RECIPIENT.upper(), "no post-quantum recipient"),
        (bech32.encode("age", b"short"), "no post-quantum recipient"),
        (bech32.encode("age1pq", b"short"), "no post-quantum recipient"),
        (bech32.encode("age1tag", bytes(33)), "no post-quantum recipient"),
        (bech32.encode("age1pq", b"\xff" * 1216), "no point that a key can have"),
        (bech32.encode("age1pq", b"\x01" * 1184 + bytes(32)), "no point that a key can have"),
    ],
)
def test_what_is_no_recipient_is_refused(text: str, what: str) -> None:
    with pytest.raises(Refused, match=what) as caught:
        any_recipient(text)
    assert caught.value.code is Code.BAD_KEY


@pytest.mark.parametrize(
    "text",
    [
        SPEC_X25519_RECIPIENT,
        SPEC_X25519.lower(),
        SPEC_X25519[:-1] + "Q",
        bech32.encode("AGE-SECRET-KEY-", b"short"),
        bech32.encode("AGE-SECRET-KEY-PQ-", b"short"),
    ],
)
def test_what_is_no_identity_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Refused) as caught:
        any_identity(text)
    assert text[20:40] not in str(caught.value)


def test_what_is_sealed_for_in_earnest_is_post_quantum() -> None:
    with pytest.raises(Refused, match="no post-quantum recipient"):
        parse_recipient(SPEC_X25519_RECIPIENT)
    with pytest.raises(Refused, match="no post-quantum secret key"):
        parse_identity(SPEC_X25519)
    recipient = str(parse_identity(SPEC_HYBRID).recipient())
    assert str(parse_recipient(recipient)) == recipient
    for other in (f" {recipient}", recipient.upper()):
        with pytest.raises(Refused):
            parse_recipient(other)


@given(st.binary(max_size=80), st.sampled_from(["age", "AGE-SECRET-KEY-", "x"]))
def test_bech32_leads_back(raw: bytes, prefix: str) -> None:
    assert bech32.decode(bech32.encode(prefix, raw)) == (prefix, raw)


@given(st.integers(4, len(SPEC_X25519_RECIPIENT) - 1), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_one_wrong_letter_is_always_noticed(place: int, letter: str) -> None:
    text = SPEC_X25519_RECIPIENT[:place] + letter + SPEC_X25519_RECIPIENT[place + 1 :]
    if text != SPEC_X25519_RECIPIENT:
        with pytest.raises(Refused):
            any_recipient(text)


def test_bits_left_over_must_be_zero() -> None:
    """One key has one spelling: 32 bytes leave four bits over in 52 letters."""
    words = [bech32._VALUES[letter] for letter in SPEC_X25519_RECIPIENT[4:-6]]
    words[-1] |= 1
    check = bech32._polymod(bech32._expand("age") + words + [0] * 6) ^ 1
    letters = [*words, *((check >> 5 * (5 - place)) & 31 for place in range(6))]
    with pytest.raises(Refused, match="a length that no key has"):
        bech32.decode("age1" + "".join(bech32._LETTERS[value] for value in letters))


def test_a_journal_key_opens_for_its_hub_only() -> None:
    hub, other = HybridIdentity(b"h" * 32), HybridIdentity(b"o" * 32)
    wrapped = wrap_key(b"j" * 32, hub.recipient())
    assert len(wrapped) == 1168
    assert unwrap_key(wrapped, hub) == b"j" * 32
    for sealed, identity in (
        (wrapped, other),
        (wrapped[:-1], hub),
        (b"", hub),
        (bytes([wrapped[0] ^ 1]) + wrapped[1:], hub),
        (wrap_key(b"short", hub.recipient()), hub),
        (hub.recipient().seal(b"j" * 32, b"another purpose"), hub),
    ):
        with pytest.raises(Refused) as caught:
            unwrap_key(sealed, identity)
        assert caught.value.code is Code.NOT_YOURS


def test_a_recipient_that_anybody_could_open_is_refused() -> None:
    with pytest.raises(Refused, match="no point that a key can have"):
        X25519Recipient(bytes(32)).wrap(b"k" * 16, os.urandom)
    with pytest.raises(Refused, match="no point that a key can have"):
        HybridRecipient(bytes(1216)).wrap(b"k" * 16, os.urandom)


@pytest.mark.parametrize("identity", [HybridIdentity(b"h" * 32), X25519Identity(b"c" * 32)])
def test_a_stanza_of_another_shape_is_refused(identity: HybridIdentity | X25519Identity) -> None:
    made = identity.recipient().wrap(b"k" * 16, os.urandom)
    assert identity.unwrap(made) == b"k" * 16
    for arguments, body in (
        ((), made.body),
        ((*made.arguments, "more"), made.body),
        (made.arguments, made.body + b"\0"),
        ((made.arguments[0] + "AAAA",), made.body),
        ((made.arguments[0][:-1] + "!",), made.body),
    ):
        with pytest.raises(Refused) as caught:
            identity.unwrap(Stanza(made.kind, arguments, body))
        assert caught.value.code is Code.BAD_FILE
