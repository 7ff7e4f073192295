"""What may be written in a log. SPEC.md section 4.

A payload is one marker byte and then the encoded event (`CLEAR`), or the event sealed with the journal key of its epoch (`SEALED`): a cabin can
forward its journal and never read it back.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol import codec, limits
from protocol.codec import BlobName, Hash, Moment, Number, VisitId
from protocol.errors import Code, Mistake, Refused
from protocol.manifest import Signed

GENESIS: Final = bytes(32)  # the hash before entry 1
CLEAR: Final = b"\0"
SEALED: Final = b"\1"


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of a log. `payload` starts with CLEAR or SEALED; `hash` is `chain(previous hash, epoch, number, payload)`."""

    epoch: Number
    number: Number
    payload: bytes
    hash: Hash


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A place in a log: everything up to and including `number`, whose hash is `hash`, in `epoch`. 0 is the beginning."""

    epoch: Number = 0
    number: Number = 0
    hash: Hash = GENESIS


class EpochOpened(msgspec.Struct, frozen=True, array_like=True, tag="epoch"):
    """First entry of an epoch. Always CLEAR. A cabin opens one with each process start: `wrapped_key` is its journal key (32 bytes), wrapped for
    the hub. A hub opens one when it came back from an older copy; it seals nothing, and `wrapped_key` is empty.

    `follows` is the last entry the writer knew before; it differs from the place before this entry only when rows were
    lost with a damaged file, and then the reader raises an alarm."""

    wrapped_key: bytes
    follows: Mark
    at: Moment


class DocumentSealed(msgspec.Struct, frozen=True, array_like=True, tag="document"):
    """A document was sealed and lies in the outbox: blob `digest` of `size_bytes`. `summary` is a small age file for the inbox."""

    manifest: Signed
    summary: bytes
    digest: BlobName
    size_bytes: Number


class VisitEnded(msgspec.Struct, frozen=True, array_like=True, tag="visit", gc=False):
    """One stay in a cabin, without a word about who it was. `outcome`: `handed-in`, `left`, `timed-out` … `face`: how it was, 1 (bad) to 3
    (good), 0 when nobody said. `privacy`: version of the text about privacy that the screen offered, empty where there was no screen;
    `privacy_read`: it was opened."""

    visit: VisitId
    began_at: Moment
    ended_at: Moment
    outcome: str
    documents: Number
    language: str
    face: Number = 0
    privacy: str = ""
    privacy_read: bool = False


class ReceiptGiven(msgspec.Struct, frozen=True, array_like=True, tag="receipt"):
    """A signed event about one envelope (manifest.Receipt)."""

    receipt: Signed


class DirectoryPublished(msgspec.Struct, frozen=True, array_like=True, tag="directory"):
    """A new directory is there: blob `digest` of `size_bytes` spells a Signed directory."""

    version: Number
    digest: BlobName
    size_bytes: Number


Event = EpochOpened | DocumentSealed | VisitEnded | ReceiptGiven | DirectoryPublished
_EVENTS: Final = codec.Reader[Event](Event, "event")  # type: ignore[arg-type]
_place = struct.Struct(">QQ").pack  # epoch and number
_nonce = struct.Struct(">IQ").pack  # the last four bytes of the epoch, and the number
_EPOCH_BITS: Final = 0xFFFFFFFF


def chain(previous: bytes, epoch: int, number: int, payload: bytes) -> bytes:
    """Hash of an entry: SHA-256(previous 32 bytes, epoch and number as 8 bytes big-endian, payload). Raises ValueError where a damaged row holds
    something else than a number."""
    try:
        return sha256(previous + _place(epoch, number) + payload).digest()
    except struct.error as error:
        raise ValueError(f"entry {number!r} of epoch {epoch!r}") from error


def continued(mark: Mark, epoch: int, payloads: Iterable[bytes]) -> list[Entry]:
    """The entries that come after `mark`, all of `epoch`. Raises Mistake when a payload is too large for a frame."""
    found: list[Entry] = []
    previous = mark.hash
    for number, payload in enumerate(payloads, mark.number + 1):
        if len(payload) > limits.ENTRY_BYTES_MAX:
            raise Mistake(f"An entry of {len(payload)} bytes; at most {limits.ENTRY_BYTES_MAX} fit in a frame.")
        previous = chain(previous, epoch, number, payload)
        found.append(Entry(epoch, number, payload, previous))
    return found


def following(mark: Mark, epoch: int, payload: bytes) -> Entry:
    """The entry that comes after `mark`. Raises Mistake when the payload is too large for a frame."""
    return continued(mark, epoch, (payload,))[0]


def clear(event: Event) -> bytes:
    """Payload that anybody who holds the log can read."""
    return CLEAR + codec.encode(event)


def sealed(event: Event, key: bytes, epoch: int, number: int) -> bytes:
    """Payload that only the holder of the epoch's journal key (32 bytes) can read.

    Number and epoch are the nonce: a key lives for one epoch and a number for one entry, so no pair is used twice."""
    box = ChaCha20Poly1305(key).encrypt(_nonce(epoch & _EPOCH_BITS, number), codec.encode(event), None)
    return SEALED + box


def reader(key: bytes | None, epoch: int) -> Callable[[bytes, int], Event]:
    """What reads the payloads of one epoch, each by its number. Whoever reads many keeps it: to make a cipher costs as much as to open an entry.
    It raises Refused when a payload is malformed or `key` does not open it."""
    decrypt = None if key is None else ChaCha20Poly1305(key).decrypt
    epoch_bits = epoch & _EPOCH_BITS

    def read(payload: bytes, number: int) -> Event:
        marker, body = payload[:1], payload[1:]
        if marker == SEALED:
            if decrypt is None:
                raise Refused(Code.MALFORMED, f"Entry {number} is sealed and epoch {epoch} was never opened.")
            try:
                body = decrypt(_nonce(epoch_bits, number), body, None)
            except InvalidTag as error:
                raise Refused(Code.MALFORMED, f"Entry {number} does not open with the key of epoch {epoch}.") from error
        elif marker != CLEAR:
            raise Refused(Code.MALFORMED, f"Entry {number} has no known marker.")
        return _EVENTS.read(body, limits.ENTRY_BYTES_MAX)

    return read


def read(payload: bytes, key: bytes | None, epoch: int, number: int) -> Event:
    """The event in one payload, as `reader` reads it."""
    return reader(key, epoch)(payload, number)


def is_sealed(payload: bytes) -> bool:
    """Does it take the epoch's journal key to read this payload?"""
    return payload[:1] == SEALED


def leap(payload: bytes, epoch: int, number: int) -> Mark | None:
    """What entry `number` follows, when it opens an epoch and says so: there its log goes on whose writer lost entries with a damaged
    file. None for every other entry."""
    if payload[:1] != CLEAR:
        return None
    try:
        event = read(payload, None, epoch, number)
    except Refused:
        return None
    return event.follows if isinstance(event, EpochOpened) and event.follows.number == number - 1 else None
