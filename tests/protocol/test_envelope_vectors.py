"""The public age vectors (CCTV, through npm `cctv-age`): every verdict, and exactly the plaintext that may be released before it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from cloud.passphrase import PassphraseIdentity
from protocol.age import Splitter
from protocol.envelope import Opener
from protocol.errors import Code, Refused, Trouble, Unavailable
from tests.vectors import age_peer
from tools.armor import Bared
from tools.inspection import inspect
from tools.key_files import any_identity

# The reference gives out a last chunk before it looks at what follows; we look first and give out less. Never more.
STRICTER = {
    "armor_garbage_encoded": 0,
    "stream_no_final_full": 0,
    "stream_no_final_two_chunks_full": 64 * 1024,
    "stream_trailing_garbage_long": 0,
    "stream_trailing_garbage_short": 0,
    "stream_two_final_chunks": 0,
    "stream_two_final_chunks_full": 0,
    "stream_two_final_chunks_second": 64 * 1024,
}


@dataclass(frozen=True)
class Vector:
    name: str
    facts: dict[str, list[str]]
    sealed: bytes

    def fact(self, name: str) -> str:
        return self.facts.get(name, [""])[0]


@cache
def vectors() -> list[Vector]:
    read = []
    (answer,) = age_peer.ask({"ask": "vectors"})
    for name, text in sorted(answer.items()):
        head, _, sealed = age_peer.raw(text).partition(b"\n\n")
        facts: dict[str, list[str]] = {}
        for line in head.decode().splitlines():
            key, _, value = line.partition(": ")
            facts.setdefault(key, []).append(value)
        read.append(Vector(name, facts, zlib.decompress(sealed) if "compressed" in facts else sealed))
    return read


def verdict(error: Trouble | None) -> str:
    """Our errors in the words of the vectors."""
    if error is None:
        return "success"
    if isinstance(error, Unavailable) or (isinstance(error, Refused) and error.code is Code.NOT_YOURS):
        return "no match"
    for mark, meaning in (
        ("its MAC is wrong", "HMAC failure"),
        ("The text armor", "armor failure"),
        ("The header", "header failure"),
        ("The content", "payload failure"),
    ):
        if mark in error.what:
            return meaning
    return f"unclear: {error}"


def portions(whole: bytes, size_bytes: int) -> Iterator[bytes]:
    return (whole[start : start + size_bytes] for start in range(0, len(whole), size_bytes))


def attempt(vector: Vector, portion_bytes: int) -> tuple[bytes, str]:
    keys = [any_identity(text) for text in vector.facts.get("identity", [])]
    opener = Opener([*keys, *map(PassphraseIdentity, vector.facts.get("passphrase", []))])
    released = []
    try:
        for piece in Bared(portions(vector.sealed, portion_bytes)):
            released.append(opener.update(piece))
        released.append(opener.finish())
    except Trouble as error:
        return b"".join(released), verdict(error)
    return b"".join(released), "success"


def test_every_public_vector_gets_its_verdict() -> None:
    wrong = []
    every = vectors()
    for vector in every:
        released, found = attempt(vector, 4096)
        expected = vector.fact("expect")
        # A file with something before its armor is no armored file at all for us: refused as well, in other words.
        if vector.name == "armor_garbage_leading":
            expected = "header failure"
        if found != expected:
            wrong.append(f"{vector.name}: {found}, expected {expected}")
        if vector.name in STRICTER:
            assert len(released) == STRICTER[vector.name]
        elif "payload" in vector.facts and hashlib.sha256(released).hexdigest() != vector.fact("payload"):
            wrong.append(f"{vector.name}: released {len(released)} bytes that are not those of the vector")
    assert not wrong, "\n".join(wrong)
    assert len(every) >= 140
    assert {vector.fact("expect") for vector in every} > {"success", "no match", "HMAC failure", "payload failure"}


def test_verdicts_do_not_depend_on_how_a_file_arrives() -> None:
    for vector in vectors():
        if len(vector.sealed) > 4096:
            continue
        assert {attempt(vector, portion)[1] for portion in (1, 7, 100, 10_000)} == {attempt(vector, 4096)[1]}, (
            vector.name
        )


def test_headers_that_parse_are_written_again_byte_for_byte() -> None:
    seen = 0
    for vector in vectors():
        if vector.fact("expect") not in ("success", "no match", "HMAC failure"):
            continue
        splitter = Splitter()
        splitter.update(b"".join(Bared([vector.sealed])))
        header = splitter.finish()
        assert b"".join(bytes(stanza) for stanza in header.stanzas) in header.raw, vector.name
        seen += 1
    assert seen > 30


def test_a_look_without_a_key_tells_the_size_of_the_document() -> None:
    for vector in vectors():
        if vector.fact("expect") == "success":
            released, _ = attempt(vector, 4096)
            assert inspect([vector.sealed]).document_bytes == len(released), vector.name
