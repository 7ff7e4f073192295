"""A cabin and a hub's keys, for tests of the buffer: opens it, hands in, writes what the hub would write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random as Dice

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.buffer import Buffer, Facts, News, Put
from protocol import codec, entries, limits
from protocol.directory import NO_DIRECTORY, Agency, CabinRow, Directory, FormerKey, HubRow, InboxKey
from protocol.entries import DirectoryPublished, Entry, Event, Mark, ReceiptGiven
from protocol.errors import Refused
from protocol.hours import Hours, Span, Week
from protocol.ids import AgencyId, AreaId, Digest, EnvelopeId, SiteId
from protocol.manifest import Happening, Manifest, Receipt, Signed, digest_of, sign, unverified
from protocol.recipients import HybridIdentity, unwrap_key

BEGAN = datetime(2026, 7, 31, 8, 0, tzinfo=UTC)
NO_BALLAST = 1 << 60  # bytes to stay free: more than any disk has
AGENCY = AgencyId("sozialamt-uckermark")
SITE = SiteId("templin")
_KEYS = Dice(1)
AUTHORITY, HUB, CABIN, OFFICE = (Ed25519PrivateKey.from_private_bytes(_KEYS.randbytes(32)) for _ in range(4))
JOURNAL = HybridIdentity.generate(_KEYS.randbytes)
INBOX = str(HybridIdentity.generate(_KEYS.randbytes).recipient())


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def directory(
    version: int,
    previous: bytes = NO_DIRECTORY,
    *,
    hub: Ed25519PrivateKey = HUB,
    padding: int = 0,
    office_keys: tuple[Ed25519PrivateKey, ...] = (OFFICE,),
) -> Signed:
    """`office_keys`: of now, then those of before."""
    now, *before = map(public, office_keys)
    office = Agency(
        AGENCY, "Sozialamt Uckermark", "Sozialamt", Hours((Week(((Span(480, 960),),) * 5 + ((), ())),)), address="x" * padding,
        inboxes=(InboxKey(1, INBOX),), signing_key=now, dispatcher=True,
    )  # fmt: skip
    cabin = CabinRow(SITE, "Templin", "7K2", AreaId("120730572572"), "", public(CABIN), bytes(31) + b"c")
    row = HubRow("Uckermark", "tcp://127.0.0.1:7400", bytes(31) + b"h", public(hub), str(JOURNAL.recipient()))
    former = tuple(FormerKey(AGENCY, key) for key in before)
    noun = Directory(version, previous, BEGAN, row, (office,), (), (), (cabin,), "DE-BB", former_keys=former)
    return sign(noun, AUTHORITY)


class Clock:
    """Aware UTC; every look at it takes a second."""

    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class Cabin:
    """One folder, opened as often as you like."""

    def __init__(self, folder: Path, seed: int = 7) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.dice = Dice(seed)
        self.clock = Clock()
        self.hub = Mark()  # end of the hub's log

    def open(self, folder: Path | None = None, random: Callable[[int], bytes] | None = None, **settings: int) -> Buffer:
        return Buffer(
            folder or self.folder,
            now=self.clock,
            random=random or self.dice.randbytes,
            site=SITE,
            code="7K2",
            signing_key=CABIN,
            journal_recipient=str(JOURNAL.recipient()),
            authority_key=public(AUTHORITY),
            **{"disk_free_bytes_min": NO_BALLAST, **settings},
        )

    def envelope(self, size_bytes: int = 3000) -> bytes:
        return self.dice.randbytes(size_bytes)

    def facts(self, buffer: Buffer, envelope: bytes, agency: AgencyId = AGENCY) -> Facts:
        return Facts(
            envelope=EnvelopeId(self.dice.randbytes(16)),
            receipt=buffer.issue_number(),
            agency=agency,
            epoch=1,
            captured_at=self.clock(),
            length_bytes=len(envelope) - 100,
            header_sha256=hashlib.sha256(envelope[:100]).digest(),
            payload_sha256=hashlib.sha256(envelope[100:]).digest(),
            summary=b"sealed summary",
        )

    def hand_in(self, buffer: Buffer, envelope: bytes | None = None, agency: AgencyId = AGENCY) -> Put:
        envelope = self.envelope() if envelope is None else envelope
        staging = buffer.stage()
        for start in range(0, len(envelope), 200_000):
            staging.write(envelope[start : start + 200_000])
        return staging.put(self.facts(buffer, envelope, agency))

    # --- what the hub would write
    def from_hub(self, event: Event) -> Entry:
        entry = entries.following(self.hub, 1, entries.clear(event))
        self.hub = Mark(entry.epoch, entry.number, entry.hash)
        return entry

    def told(self, buffer: Buffer, *events: Event) -> News:
        buffer.log.commit([self.from_hub(event) for event in events])
        return buffer.sync()

    def published(self, signed: Signed) -> tuple[DirectoryPublished, bytes]:
        raw = codec.encode(signed)
        version = unverified(Directory, signed, limits.DIRECTORY_BYTES_MAX).version
        return DirectoryPublished(version, Digest(hashlib.sha256(raw).digest()), len(raw)), raw


def journal_of(buffer: Buffer, after: int = 0) -> list[Event]:
    """What the hub reads out of the cabin's log."""
    events: list[Event] = []
    key: bytes | None = None
    for entry in buffer.log.read(after, 1 << 30, 1 << 20):
        event = entries.read(entry.payload, key, entry.epoch, entry.number)
        if isinstance(event, entries.EpochOpened):
            key = unwrap_key(event.wrapped_key, JOURNAL)
        events.append(event)
    return events


def manifest_of(buffer: Buffer, entry: int) -> Signed:
    event = journal_of(buffer, buffer.log.first() - 1)[entry - buffer.log.first()]
    assert isinstance(event, entries.DocumentSealed)
    return event.manifest


def receipt(
    follows: Signed, happening: Happening, *, by: str = "", key: Ed25519PrivateKey | None = None, text: str = ""
) -> ReceiptGiven:
    """The event after `follows`, which is a manifest or the receipt before."""
    stored = happening is Happening.STORED
    try:
        envelope = unverified(Manifest, follows).envelope
    except Refused:
        envelope = unverified(Receipt, follows).envelope
    noun = Receipt(
        1,
        envelope,
        happening,
        by or ("hub" if stored else AGENCY),
        BEGAN,
        digest_of(follows),
        "unreadable" if text else "",
        text,
    )
    return ReceiptGiven(sign(noun, key or (HUB if stored else OFFICE)))
