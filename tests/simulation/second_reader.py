"""A second reader of links, written from protocol/SPEC.md alone: it shares no line with the product, not even an encoding.

It is given what was said on a wire, and says what it has understood: both logs, every document, every receipt. Whatever the document does not
allow raises Unread.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


class Unread(Exception):  # noqa: N818 - a noun, as everywhere here
    """Not what SPEC.md says."""


# --- section 2: encoding ----------------------------------------------------------------------------------------------
class Unpacker:
    """MessagePack, as much of it as section 2 names. `canonical`: every length, number and moment in its shortest form."""

    def __init__(self, raw: bytes, *, canonical: bool = False) -> None:
        self.raw, self.at, self.canonical = raw, 0, canonical

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.raw):
            raise Unread("bytes end too early")
        self.at += count
        return self.raw[self.at - count : self.at]

    def whole(self) -> Any:
        found = self.value()
        if self.at != len(self.raw):
            raise Unread("bytes behind the end")
        return found

    def number(self, size: int, least: int) -> int:
        found = int.from_bytes(self.take(size), "big")
        if self.canonical and found < least:
            raise Unread("not in its shortest form")
        return found

    def value(self) -> Any:
        head = self.take(1)[0]
        if head < 0x80:
            return head
        if 0x90 <= head <= 0x9F:
            return [self.value() for _ in range(head & 15)]
        if 0x80 <= head <= 0x8F:
            return {self.value(): self.value() for _ in range(head & 15)}
        if 0xA0 <= head <= 0xBF:
            return self.take(head & 31).decode()
        match head:
            case 0xC0:
                return None
            case 0xC2 | 0xC3:
                return head == 0xC3
            case 0xC4 | 0xC5 | 0xC6:
                size = 1 << (head - 0xC4)
                return bytes(self.take(self.number(size, 0 if size == 1 else 1 << (4 * size))))
            case 0xCB:
                return struct.unpack(">d", self.take(8))[0]
            case 0xCC | 0xCD | 0xCE | 0xCF:
                size = 1 << (head - 0xCC)
                return self.number(size, 128 if size == 1 else 1 << (4 * size))
            case 0xD9 | 0xDA | 0xDB:
                size = 1 << (head - 0xD9)
                return self.take(self.number(size, 32 if size == 1 else 1 << (4 * size))).decode()
            case 0xDC | 0xDD:
                return [self.value() for _ in range(self.number(2 if head == 0xDC else 4, 16))]
            case 0xD6 | 0xD7 | 0xC7:
                return self.moment(head)
        raise Unread(f"a byte {head:#x} where a value begins")

    def moment(self, head: int) -> tuple[int, int]:
        """Seconds since 1970 and nanoseconds."""
        size = {0xD6: 4, 0xD7: 8}.get(head) or self.take(1)[0]
        if self.take(1)[0] != 0xFF:
            raise Unread("an extension that is no moment")
        found = int.from_bytes(self.take(size), "big")
        if size == 4:
            return found, 0
        if size == 8:
            return found & ((1 << 34) - 1), found >> 34
        return found & ((1 << 64) - 1), found >> 64


def fields(noun: list[Any], names: str) -> dict[str, Any]:
    """Fields by name. Further ones are of a later version; missing ones had a default."""
    return dict(zip(names.split(), noun, strict=False))


def tagged(raw: bytes, known: dict[str, str]) -> tuple[str, dict[str, Any]]:
    tag, *rest = Unpacker(raw).whole()
    if tag not in known:
        raise Unread(f"the tag “{tag}”")
    return tag, fields(rest, known[tag])


# --- sections 3 and 4: what is said, what is written ------------------------------------------------------------------
FRAMES = {
    "hello": "versions node boot first last committed directory_version software time chunk_bytes_max heard",
    "entries": "epoch first payloads hash",
    "ack": "committed",
    "want": "digest offset_bytes length_bytes",
    "chunk": "digest offset_bytes total_bytes",
    "gone": "digest",
    "whisper": "about kind payload",
    "beat": "number time echo held_seconds last vitals",
    "refused": "code text retry_after_seconds ask",
}
EVENTS = {
    "epoch": "wrapped_key follows at",
    "document": "manifest summary digest size_bytes",
    "visit": "visit began_at ended_at outcome documents language face privacy privacy_read",
    "receipt": "receipt",
    "directory": "version digest size_bytes",
}
MANIFEST = "version suite envelope receipt agency epoch cabin captured_at length_bytes header_sha256 payload_sha256 counter previous"
RECEIPT = "version envelope happening by at previous reason text"
ENTRIES_BYTES_MAX, ENTRY_BYTES_MAX, CHUNK_BYTES_MAX, WANTS_MAX = 65536, 49152, 524288, 56


@dataclass
class Log:
    """One end's log. `hashes`: number → hash, of what was said; `events` by number, where they can be read."""

    hashes: dict[int, bytes] = field(default_factory=lambda: {0: bytes(32)})
    events: dict[int, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    payloads: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    acknowledged: int = 0
    epoch: int = 0  # the latest

    def mark(self, number: int, digest: bytes) -> None:
        if self.hashes.setdefault(number, digest) != digest:
            raise Unread(f"entry {number} has two hashes")

    def entries(self, frame: dict[str, Any]) -> None:
        number, payloads = frame["first"] - 1, frame["payloads"]
        if not payloads or sum(map(len, payloads)) > ENTRIES_BYTES_MAX:
            raise Unread("a frame of entries out of bounds")
        if frame["epoch"] > self.epoch:
            self.epoch = frame["epoch"]
            self._goes_on(payloads[0], number)
        digest = self.hashes[number]
        for payload in payloads:
            if not 0 < len(payload) <= ENTRY_BYTES_MAX:
                raise Unread("an entry out of bounds")
            number += 1
            place = frame["epoch"].to_bytes(8, "big") + number.to_bytes(8, "big")
            digest = hashlib.sha256(digest + place + payload).digest()
            self.mark(number, digest)
            self.payloads[number] = (frame["epoch"], payload)
        if digest != frame["hash"]:
            raise Unread("the chain does not end as the frame says")

    def _goes_on(self, payload: bytes, number: int) -> None:
        """A new epoch. Whoever came back from an older copy may have said more before, and nobody has heard it."""
        if payload[0] != 0:
            raise Unread("an epoch that nobody has opened")
        tag, event = tagged(payload[1:], EVENTS)
        if tag != "epoch":
            raise Unread("an epoch that nobody has opened")
        _, follows, digest = event["follows"]
        if follows != number or self.hashes.get(number) != digest:
            raise Unread("an epoch that does not follow what was said")
        for later in [each for each in self.payloads if each > number]:
            del self.payloads[later], self.hashes[later]

    @property
    def last(self) -> int:
        return max(self.payloads, default=0)


@dataclass
class Conversation:
    """One connection: who has greeted, which Wants wait for an answer, and which beat was said last."""

    greeted: set[str] = field(default_factory=set)
    wants: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"up": [], "down": []})
    beats: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    over: bool = False


OTHER = {"up": "down", "down": "up"}


class Reader:
    """Of one cabin's link with the hub. `up` is what the cabin says, `down` what the hub says."""

    def __init__(self, cabin_key: bytes, hub_key: bytes, agency_keys: dict[str, bytes]) -> None:
        self.cabin_key, self.hub_key, self.agency_keys = cabin_key, hub_key, agency_keys
        self.logs = {"up": Log(), "down": Log()}
        self.blobs: dict[bytes, bytearray] = {}
        self.sizes: dict[bytes, int] = {}
        self.whole: dict[bytes, bytes] = {}
        self.kinds: dict[str, int] = {}
        self.resumed = 0
        self._open: dict[bytes, Conversation] = {}

    def hear(self, connection: bytes, way: str, first: bytes, data: bytes | None) -> None:
        """One message, in the order in which it was said."""
        kind, frame = tagged(first, FRAMES)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if (data is not None) != (kind == "chunk"):
            raise Unread(f"{kind} with {'a' if data is not None else 'no'} second part")
        talk = self._open.setdefault(connection, Conversation())
        if kind not in {"hello", "refused"} and way not in talk.greeted:
            raise Unread(f"{kind} before a Hello")
        mine, theirs = self.logs[way], self.logs[OTHER[way]]
        match kind:
            case "hello":
                if 1 not in frame["versions"] or (frame["node"] == "hub") != (way == "down"):
                    raise Unread("a Hello of somebody else")
                talk.greeted.add(way)
                self._end(mine, frame["last"])
                _, number, digest = frame["heard"]
                if number != frame["committed"] or theirs.hashes.get(number) != digest:
                    raise Unread("a Hello that has heard what was not said")
                # A hub that came back from an older copy has heard less; a cabin never does.
                theirs.acknowledged = frame["committed"] if way == "down" else max(theirs.acknowledged, number)
            case "entries":
                mine.entries(frame)
            case "ack":
                if not theirs.acknowledged <= frame["committed"] <= theirs.last:
                    raise Unread("an Ack of what was not said")
                theirs.acknowledged = frame["committed"]
            case "want":
                talk.wants[way].append(frame)
                if len(talk.wants[way]) > WANTS_MAX or not 0 < frame["length_bytes"] <= CHUNK_BYTES_MAX:
                    raise Unread("a Want out of bounds")
                self.resumed += frame["offset_bytes"] > 0 and frame["digest"] not in [
                    w["digest"] for w in talk.wants[way][:-1]
                ]
            case "chunk":
                self._chunk(talk.wants[OTHER[way]], frame, data or b"")
            case "gone":
                talk.wants[OTHER[way]].pop(0)
            case "beat":
                if frame["number"] <= talk.beats[way] or frame["echo"] > talk.beats[OTHER[way]]:
                    raise Unread("a beat out of order")
                talk.beats[way] = frame["number"]
                self._end(mine, frame["last"])

    def _end(self, log: Log, mark: list[Any]) -> None:
        _, number, digest = mark
        if number in log.hashes:
            log.mark(number, digest)

    def _chunk(self, wants: list[dict[str, Any]], frame: dict[str, Any], data: bytes) -> None:
        """Section 5: it answers the oldest Want, to the byte."""
        want = wants.pop(0)
        length = min(want["length_bytes"], frame["total_bytes"] - want["offset_bytes"])
        if (frame["digest"], frame["offset_bytes"], len(data)) != (want["digest"], want["offset_bytes"], length):
            raise Unread("a Chunk that does not answer the oldest Want")
        blob, offset = self.blobs.setdefault(frame["digest"], bytearray()), frame["offset_bytes"]
        if offset > len(blob):
            raise Unread("a Chunk behind a gap")
        blob[offset : offset + length] = data
        self.sizes[frame["digest"]] = frame["total_bytes"]
        if len(blob) == frame["total_bytes"]:
            if hashlib.sha256(blob).digest() != frame["digest"]:
                raise Unread("a blob that is not what its name says")
            self.whole[frame["digest"]] = bytes(blob)

    # --- reading the logs ---------------------------------------------------------------------------------------------
    def read(self, journal_keys: dict[int, bytes]) -> None:
        """Read both logs; `journal_keys`: of each of the cabin's epochs, as the hub has unwrapped them."""
        for way, log in self.logs.items():
            for number, (epoch, payload) in log.payloads.items():
                log.events[number] = tagged(self._opened(way, epoch, number, payload, journal_keys), EVENTS)

    def _opened(self, way: str, epoch: int, number: int, payload: bytes, keys: dict[int, bytes]) -> bytes:
        if payload[0] == 0:
            return payload[1:]
        if payload[0] != 1 or way != "up":
            raise Unread("an entry without a known marker")
        nonce = (epoch & 0xFFFFFFFF).to_bytes(4, "big") + number.to_bytes(8, "big")
        try:
            return ChaCha20Poly1305(keys[epoch]).decrypt(nonce, payload[1:], None)
        except InvalidTag as error:
            raise Unread("a sealed entry that the key does not open") from error

    def documents(self) -> dict[bytes, dict[str, Any]]:
        """Section 6: envelope → its manifest, verified, with `digest` of its blob; each row counts without a gap."""
        rows: dict[str, tuple[int, bytes]] = {}
        found = {}
        for _, (tag, event) in sorted(self.logs["up"].events.items()):
            if tag == "document":
                body, manifest = signed(event["manifest"], "kabine/manifest/1", self.cabin_key, MANIFEST)
                counter, previous = rows.get(manifest["agency"], (0, bytes(32)))
                if (manifest["counter"], manifest["previous"]) != (counter + 1, previous):
                    raise Unread("a row of manifests with a gap")
                rows[manifest["agency"]] = (counter + 1, hashlib.sha256(body).digest())
                found[manifest["envelope"]] = {
                    **manifest,
                    "digest": event["digest"],
                    "of": hashlib.sha256(body).digest(),
                }
        return found

    def receipts(self) -> dict[bytes, list[str]]:
        """Envelope → what happened to it, each event signed by whom it names and chained to the one before."""
        newest = {envelope: manifest["of"] for envelope, manifest in self.documents().items()}
        known = {envelope: {digest} for envelope, digest in newest.items()}
        happened: dict[bytes, list[str]] = {}
        for number, (tag, event) in sorted(self.logs["down"].events.items()):
            if tag == "receipt":
                claimed = fields(Unpacker(event["receipt"][0]).whole(), RECEIPT)
                key = self.hub_key if claimed["by"] == "hub" else self.agency_keys[claimed["by"]]
                body, receipt = signed(event["receipt"], "kabine/receipt/1", key, RECEIPT)
                envelope, digest = receipt["envelope"], hashlib.sha256(body).digest()
                again = self.logs["down"].payloads[number][0] > 0  # the hub came back from an older copy
                if digest in known[envelope] and again:
                    continue
                anywhere = again or receipt["happening"] == "lost"
                if receipt["previous"] not in (known[envelope] if anywhere else {newest[envelope]}):
                    raise Unread("a receipt that does not continue its chain")
                newest[envelope] = digest
                known[envelope].add(digest)
                happened.setdefault(envelope, []).append(receipt["happening"])
        return happened

    def check_blob(self, manifest: dict[str, Any]) -> None:
        """Header and payload of an envelope are those that its manifest signs."""
        raw = self.whole[manifest["digest"]]
        end = raw.index(b"\n", raw.index(b"\n--- ") + 1) + 1
        header, payload = raw[:end], raw[end:]
        if (hashlib.sha256(header).digest(), hashlib.sha256(payload).digest(), len(payload)) != (
            manifest["header_sha256"],
            manifest["payload_sha256"],
            manifest["length_bytes"],
        ):
            raise Unread("a blob that its manifest does not sign")


def signed(pair: list[bytes], context: str, key: bytes, names: str) -> tuple[bytes, dict[str, Any]]:
    """Body and fields of a Signed: the signature is over context ‖ 00 ‖ body, and the body is canonical."""
    body, signature = pair
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, context.encode() + b"\0" + body)
    except InvalidSignature as error:
        raise Unread("a signature that does not hold") from error
    return body, fields(Unpacker(body, canonical=True).whole(), names)
