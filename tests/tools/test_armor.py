"""Armor around a sealed file; the vectors of tests/protocol/test_envelope_vectors.py hold the rest."""

from __future__ import annotations

import base64
import os
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.envelope import open_bytes, seal_bytes
from protocol.errors import Refused
from tools.armor import BEGIN, END, Bared, Dearmor
from tools.inspection import inspect
from tools.key_files import X25519Identity

IDENTITY = X25519Identity(b"c" * 32)
SEALED = seal_bytes(b"Antrag", [IDENTITY.recipient()], os.urandom)


def armored(raw: bytes, end: str = "\n") -> bytes:
    lines = textwrap.wrap(base64.b64encode(raw).decode(), 64)
    return end.join([BEGIN.decode(), *lines, END.decode(), ""]).encode()


def dearmored(text: bytes, portion_bytes: int = 50) -> bytes:
    dearmor = Dearmor()
    pieces = [dearmor.update(text[place : place + portion_bytes]) for place in range(0, len(text), portion_bytes)]
    return b"".join(pieces) + dearmor.finish()


@given(
    st.binary(max_size=300),
    st.integers(1, 200),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([b"", b" \n\t", b"\r\n"]),
)
def test_armor_comes_off_in_any_portions(raw: bytes, portion_bytes: int, end: str, after: bytes) -> None:
    assert dearmored(armored(raw, end) + after, portion_bytes) == raw


def test_the_last_line_feed_may_be_missing() -> None:
    assert dearmored(armored(b"x" * 100)[:-1]) == b"x" * 100


def test_an_armored_file_opens_and_can_be_looked_at() -> None:
    for before in (b"", b"\n \r\n\t"):
        text = before + armored(SEALED)
        assert open_bytes(b"".join(Bared([text[:2], text[2:]])), [IDENTITY]) == b"Antrag"
        assert inspect([text]) == inspect([text[:3], text[3:]])
        assert inspect([text]).armored
        assert inspect([text]).document_bytes == 6


@pytest.mark.parametrize("raw", [b"", b" \n", b" " * 5000, b"\n" + SEALED, SEALED, b"x" + BEGIN])
def test_what_has_no_armor_stays_as_it_is(raw: bytes) -> None:
    for portion_bytes in (1, 1000, 10_000):
        bared = Bared(raw[place : place + portion_bytes] for place in range(0, len(raw), portion_bytes))
        assert b"".join(bared) == raw
        assert not bared.armored


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "its end is missing"),
        (BEGIN + b"\n", "its end is missing"),
        (b"-----BEGIN SOMETHING-----\n", "first line"),
        (BEGIN + b"\n" + b"A" * 70, "a line is too long"),
        (BEGIN + b"\n" + b"A" * 68 + b"\n", "wrong length|too long"),
        (BEGIN + b"\n\n" + END, "wrong length"),
        (BEGIN + b"\nAAAA\nAAAA\n" + END, "wrong length"),
        (BEGIN + b"\nAAA\n" + END, "wrong length"),
        (BEGIN + b"\nA!AA\n" + END, "no base64"),
        (BEGIN + b"\nA===\n" + END, "no base64"),
        (BEGIN + b"\nAAB=\n" + END, "no canonical base64"),
        (armored(b"x") + b"more\n", "something follows"),
        (armored(b"x") + b"more", "something follows"),
    ],
)
def test_damaged_armor_is_refused_in_plain_words(text: bytes, what: str) -> None:
    for portion_bytes in (1, 1000):
        with pytest.raises(Refused, match=what):
            dearmored(text, portion_bytes)
