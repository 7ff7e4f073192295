"""What a cabin signs about an envelope, and what hub and agency sign as receipts. SPEC.md section 6."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence
from typing import ClassVar, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from protocol import codec, limits
from protocol.codec import EnvelopeName, Hash, Moment, Number, Signature
from protocol.errors import Code, Refused
from protocol.ids import AgencyId, ReceiptNumber, SiteId

SUITE: Final = "age-mlkem768x25519"
NO_MANIFEST: Final = bytes(32)  # `previous` of the first manifest from a cabin to an agency


class Signable(msgspec.Struct, frozen=True, array_like=True):
    """A noun that somebody signs. Each kind has a `context` of its own, so a signature for one purpose never verifies for another. One that `grows`
    is read across versions."""

    context: ClassVar[bytes]
    grows: ClassVar[bool] = False


T = TypeVar("T", bound=Signable)


class Signed(msgspec.Struct, frozen=True, array_like=True):
    """`body`: canonical bytes of a Struct. `signature`: Ed25519 (64 bytes) over context, NUL and body."""

    body: bytes
    signature: Signature


class Manifest(Signable, frozen=True, array_like=True):
    """What a cabin vouches for. `counter` counts 1, 2, 3 … per (cabin, agency) without gaps; `previous` is the SHA-256 of the body of
    the manifest before in that row, so that a hub cannot drop a document without the agency's side noticing.

    `header_sha256` and `payload_sha256` are those of the age header and the rest: the signature survives a forwarding, which
    replaces only the header. `length_bytes` is that of the payload part."""

    context: ClassVar[bytes] = b"kabine/manifest/1"

    version: Number
    suite: str
    envelope: EnvelopeName
    receipt: ReceiptNumber
    agency: AgencyId
    epoch: Number
    cabin: SiteId
    captured_at: Moment
    length_bytes: Number
    header_sha256: Hash
    payload_sha256: Hash
    counter: Number
    previous: Hash


class Happening(enum.StrEnum):
    """What a receipt says. STORED and LOST are the hub's; the others are the agency's."""

    STORED = "stored"  # durable at the hub and in the agency's inbox: „gesichert“
    FETCHED = "fetched"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    FORWARDED = "forwarded"
    LOST = "lost"  # it was stored, went with a hub that came back from an older copy, and its agency does not have it


BY_HUB: Final = frozenset({Happening.STORED, Happening.LOST})


class Receipt(Signable, frozen=True, array_like=True):
    """One signed event about one envelope. `by`: `hub` or the agency. `previous`: SHA-256 of the body of the event before, the manifest's
    for the first. `reason` and `text` only for RETURNED; `text` is what the visitor will read."""

    context: ClassVar[bytes] = b"kabine/receipt/1"

    version: Number
    envelope: EnvelopeName
    happening: Happening
    by: str
    at: Moment
    previous: Hash
    reason: str = ""
    text: str = ""


# What may follow what, and what comes first.
FIRST: Final = frozenset({Happening.STORED, Happening.LOST})
AFTER: Final[dict[Happening, frozenset[Happening]]] = {
    Happening.STORED: frozenset({Happening.FETCHED, Happening.FORWARDED}),
    Happening.FETCHED: frozenset({Happening.ACCEPTED, Happening.RETURNED, Happening.FORWARDED}),
    Happening.FORWARDED: frozenset({Happening.FETCHED, Happening.FORWARDED}),
    Happening.ACCEPTED: frozenset(),
    Happening.RETURNED: frozenset(),
    Happening.LOST: frozenset(),
}


def sign(noun: Signable, key: Ed25519PrivateKey) -> Signed:
    """Sign the canonical bytes of `noun` under its kind's context."""
    body = codec.encode(noun)
    return Signed(body, key.sign(noun.context + b"\0" + body))


def verify(kind: type[T], signed: Signed, key: bytes, bytes_max: int = limits.ENTRY_BYTES_MAX) -> T:
    """The noun that the holder of `key` (Ed25519 public key, 32 bytes) signed. Raises Refused(BAD_SIGNATURE or MALFORMED)."""
    try:
        # libsodium takes half of the time that OpenSSL takes, and a document's way has four signatures to be verified.
        VerifyKey(key).verify(kind.context + b"\0" + signed.body, signed.signature)
    except (BadSignatureError, ValueError) as error:
        raise Refused(Code.BAD_SIGNATURE, f"The signature of this {kind.__name__.lower()} is not valid.") from error
    return codec.decode_canonical(kind, signed.body, bytes_max, grows=kind.grows)


def verify_by_one(kind: type[T], signed: Signed, keys: Sequence[bytes]) -> T:
    """The noun that the holder of one of `keys` (at least one; the likeliest first) signed. Raises Refused as `verify`."""
    for key in keys[:-1]:
        try:
            return verify(kind, signed, key)
        except Refused as refused:
            if refused.code is not Code.BAD_SIGNATURE:
                raise
    return verify(kind, signed, keys[-1])


def unverified(kind: type[T], signed: Signed, bytes_max: int = limits.ENTRY_BYTES_MAX) -> T:
    """What `signed` claims, before anybody has checked it: to find out whose key to check it with."""
    return codec.decode_canonical(kind, signed.body, bytes_max, grows=kind.grows)


def digest_of(signed: Signed) -> bytes:
    """SHA-256 of the body: what the next event in a chain names as `previous`."""
    return hashlib.sha256(signed.body).digest()


def check_chain(manifest: Signed, receipts: Sequence[Signed]) -> list[Receipt]:
    """The events of one envelope in order, links and order of happenings checked (not signatures). Raises Refused(OUT_OF_ORDER)."""
    envelope = unverified(Manifest, manifest).envelope
    previous, last, events = digest_of(manifest), None, []
    for signed in receipts:
        event = unverified(Receipt, signed)
        allowed = FIRST if last is None else AFTER[last]
        if event.previous != previous or event.happening not in allowed or event.envelope != envelope:
            raise Refused(
                Code.OUT_OF_ORDER, f"“{event.happening}” does not follow “{last or 'handed in'}” in this chain."
            )
        previous, last = digest_of(signed), event.happening
        events.append(event)
    return events
