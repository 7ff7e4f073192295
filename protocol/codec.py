"""Nouns to bytes and back: strict, canonical, bounded. SPEC.md section 2.

Structs are MessagePack arrays. Reading is strict about types; `decode_canonical` also demands that encoding what was read gives
the same bytes again, so that one meaning has one form and a signature covers what a reader sees.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Generic, TypeVar

import msgspec

from protocol import limits
from protocol.errors import Code, Refused
from protocol.ids import Digest, EnvelopeId

# Bounds that a reader holds before anybody computes with what it read.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # aware
Number = Annotated[int, msgspec.Meta(ge=0, le=limits.NUMBER_MAX)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=limits.SPAN_SECONDS_MAX)]
Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]  # SHA-256
# By a clock that may jump.
Age = Annotated[float, msgspec.Meta(ge=-limits.SPAN_SECONDS_MAX, le=limits.SPAN_SECONDS_MAX)]
Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]  # Ed25519 or CURVE
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]  # Ed25519
VisitId = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
EnvelopeName = Annotated[EnvelopeId, msgspec.Meta(min_length=16, max_length=16)]
BootId = Annotated[bytes, msgspec.Meta(min_length=1, max_length=32)]
BlobName = Annotated[Digest, msgspec.Meta(min_length=32, max_length=32)]

T = TypeVar("T")
_JOINT = re.compile(r"(?<=[a-z])(?=[A-Z])")
_encoder = msgspec.msgpack.Encoder()


def encode(noun: object) -> bytes:
    """Canonical bytes of a Struct."""
    return _encoder.encode(noun)


class Reader(Generic[T]):
    """Reads nouns of one `kind`, which people know by `name`. Who reads one of several kinds often keeps its reader: to find it again costs as much
    as to read."""

    def __init__(self, kind: type[T], name: str = "") -> None:
        self._name = name or _name(kind)
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def read(self, raw: bytes | memoryview, bytes_max: int) -> T:
        """What `raw` spells. Raises Refused(MALFORMED) when it is longer than `bytes_max` or spells none of this kind."""
        if len(raw) > bytes_max:
            raise Refused(Code.MALFORMED, f"{len(raw)} bytes are too many for a {self._name}; at most {bytes_max}.")
        try:
            return self._decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError, ValueError) as error:
            raise Refused(Code.MALFORMED, f"Bytes that spell no {self._name}: {error}.") from error


_readers: dict[object, Reader[object]] = {}


def decode(kind: type[T], raw: bytes | memoryview, bytes_max: int) -> T:
    """The `kind` that `raw` spells. Raises Refused(MALFORMED) when it is longer than `bytes_max` or spells none."""
    reader = _readers.get(kind)
    if reader is None:
        reader = _readers[kind] = Reader(kind)
    return reader.read(raw, bytes_max)  # type: ignore[return-value]


def decode_canonical(kind: type[T], raw: bytes | memoryview, bytes_max: int, *, grows: bool = False) -> T:
    """As `decode`, and refuses every spelling but the canonical one. `grows`: of another version too, whose arrays may lack the last fields of
    ours, or have further ones."""
    noun = decode(kind, raw, bytes_max)
    if encode(noun) != bytes(raw) and not (grows and _other_version(bytes(raw), encode(noun))):
        raise Refused(Code.MALFORMED, f"The spelling of this {_name(kind)} is not canonical.")
    return noun


def _other_version(raw: bytes, ours: bytes) -> bool:
    """Does canonical `raw` say what `ours` says, as far as both go? A list of items that was read has as many in both; so whatever is shorter is
    a noun with fewer fields."""
    theirs = decode(object, raw, len(raw))
    return encode(theirs) == raw and _alike(theirs, decode(object, ours, len(ours)))


def _alike(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return all(map(_alike, one, other))
    return one == other


def _name(kind: object) -> str:
    """`HubCard` is a hub card to people."""
    return _JOINT.sub(" ", getattr(kind, "__name__", "noun")).lower()
