"""A look at a sealed file without a key: sizes that are exact, kinds, and what is cut off."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.age import Header, Stanza
from protocol.envelope import CHUNK_BYTES, seal_bytes
from protocol.errors import Refused
from tools.inspection import inspect
from tools.key_files import X25519Identity

RECIPIENT = X25519Identity(b"c" * 32).recipient()
SIZES = [CHUNK_BYTES * whole + more for whole in (0, 1, 2) for more in (-1, 0, 1) if whole or more >= 0]


@settings(deadline=None)
@given(st.sampled_from(SIZES), st.integers(1, 200_000))
def test_sizes_are_exact_however_a_file_arrives(size: int, portion_bytes: int) -> None:
    sealed = seal_bytes(bytes(size), [RECIPIENT], os.urandom)
    seen = inspect(sealed[place : place + portion_bytes] for place in range(0, len(sealed), portion_bytes))
    assert seen.document_bytes == size
    assert seen.header_bytes == sealed.index(b"\n", sealed.index(b"\n--- ") + 1) + 1
    assert seen.header_bytes + seen.payload_bytes == len(sealed)


def test_a_look_at_a_cut_off_file_says_so() -> None:
    long = seal_bytes(bytes(3 * CHUNK_BYTES), [RECIPIENT], os.urandom)
    head = inspect([long]).header_bytes
    for cut in (head, head + 13, head + 16, head + 23, head + 16 + 65_552 + 10, head + 16 + 65_552 + 16):
        with pytest.raises(Refused, match="cut off"):
            inspect([long[:cut]])
    assert inspect([long[: head + 16 + 65_552 + 17]]).document_bytes == 65_537
    assert inspect([seal_bytes(b"", [RECIPIENT], os.urandom)]).document_bytes == 0


def test_a_look_tells_kinds_and_unknown_ones() -> None:
    key = b"k" * 16
    header = Header.make([RECIPIENT.wrap(key, os.urandom), Stanza("example.com/x", ("a", "b"), b"")], key)
    seen = inspect([header.raw + bytes(32)])
    assert seen.kinds == ("X25519", "example.com/x")
    assert not seen.armored
