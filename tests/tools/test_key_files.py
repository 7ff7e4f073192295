"""Files of keys, as people keep them."""

from __future__ import annotations

import os

import pytest

from protocol.errors import Mistake, Refused
from protocol.recipients import HybridIdentity
from tools.key_files import X25519Identity, X25519Recipient, identities_in, recipients_in


def test_files_of_keys_have_comments_and_empty_lines() -> None:
    one, two = HybridIdentity.generate(os.urandom), X25519Identity.generate(os.urandom)
    assert identities_in(f"# created: today\n{one}\n\n  # more\r\n {two} ") == [one, two]
    assert recipients_in(f"# Sozialamt\n{one.recipient()}\n\n{two.recipient()}\n") == [
        one.recipient(),
        two.recipient(),
    ]


@pytest.mark.parametrize("parse", [identities_in, recipients_in])
def test_a_wrong_line_is_named(parse) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused, match="Line 3: "):
        parse("# comment\n\nage1nothing\n")
    with pytest.raises(Refused, match="no key in this file"):
        parse("# comment\n\n")


def test_short_randomness_makes_no_key() -> None:
    with pytest.raises(Mistake):
        X25519Recipient(b"\x09" + bytes(31)).wrap(b"k" * 16, lambda size: bytes(size - 1))
