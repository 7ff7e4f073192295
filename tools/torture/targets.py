"""Everything that decodes what comes from outside, each with examples that are sound. Only Refused may come out, soon, and from little memory.

Where a checksum, a signature or a seal stands before a decoder, the hostile bytes are given one: whoever holds a key may be hostile too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import cloud.config
import edge.config
from edge import orders
from protocol import asking, cards, codec, contacts, directory, entries, frames, inner, keys, manifest, publication
from protocol.age import Header
from protocol.bech32 import decode as bech32_decode
from protocol.enrolment import Claim, Invitation, make_claim, read_claim, read_invitation
from protocol.entries import Mark
from protocol.envelope import Opener
from protocol.events import Connected, Heard
from protocol.hours import Hours, Span, Week, holidays_of, is_open
from protocol.ids import AgencyId, AreaId, Digest, EnvelopeId, ReceiptNumber, SiteId, key_text, receipt_number
from protocol.keys import CurvePair, SigningPair
from protocol.link import Link
from protocol.manifest import Happening, Manifest, Receipt, Signed
from protocol.recipients import HybridIdentity
from protocol.runtime.config import parse_config
from tools.armor import Dearmor
from tools.inspection import inspect
from tools.key_files import identities_in, recipients_in
from tools.torture.report import luck

T = TypeVar("T")
_AT: Final = datetime(2026, 7, 31, 9, 30, tzinfo=UTC)
Raw = bytes
SWIFT: Final = 40.0  # times as many inputs for what takes some microseconds …
QUICK: Final = 10.0  # … and so many for what takes some tens of them …
SLOW: Final = 0.25  # … and so many times for what takes some hundreds: whole directories, long cards, configurations


@dataclass(frozen=True)
class Target:
    """`call` is given hostile bytes; `examples` are sound ones. Of all inputs it has a share by its `weight`."""

    call: Callable[[bytes], object]
    examples: tuple[bytes, ...]
    weight: float = 1.0


@cache
def _keys() -> tuple[SigningPair, CurvePair, HybridIdentity]:
    dice = luck("targets")
    identity = HybridIdentity.generate(dice.randbytes)
    return SigningPair.generate(dice.randbytes), CurvePair.generate(dice.randbytes), identity


def _signed(kind: type[manifest.Signable], body: bytes) -> Signed:
    """These bytes, whatever they are, signed as a `kind`."""
    return Signed(body, _private().sign(kind.context + b"\0" + body))


@cache
def _private() -> Ed25519PrivateKey:
    return _keys()[0].private()


@cache
def _current() -> Signed:
    """The directory in force."""
    return manifest.sign(_directory(), _private())


def _text(read: Callable[[str], T]) -> Callable[[bytes], T]:
    return lambda raw: read(raw.decode("utf-8", "replace"))


def _card(kind: str, read: Callable[[str], object]) -> Callable[[bytes], object]:
    """A card with a good checksum around hostile bytes, or hostile text: the first byte says which."""
    return lambda raw: read(raw[1:].decode("utf-8", "replace") if raw[:1] == b"t" else cards.write(kind, raw[1:]))


# --- examples -------------------------------------------------------------------------------------------------------
def _manifest() -> Manifest:
    digest = hashlib.sha256(b"x").digest()
    return Manifest(
        version=1,
        suite=manifest.SUITE,
        envelope=EnvelopeId(bytes(16)),
        receipt=ReceiptNumber("7K2-481"),
        agency=AgencyId("sozialamt"),
        epoch=1,
        cabin=SiteId("templin"),
        captured_at=_AT,
        length_bytes=1000,
        header_sha256=digest,
        payload_sha256=digest,
        counter=1,
        previous=manifest.NO_MANIFEST,
    )


def _receipt() -> Receipt:
    return Receipt(
        1, EnvelopeId(bytes(16)), Happening.RETURNED, "sozialamt", _AT, bytes(32), "unreadable", "Bitte neu."
    )


def _frames() -> tuple[bytes, ...]:
    mark, digest = Mark(1, 7, bytes(32)), Digest(bytes(32))
    signed = manifest.sign(_receipt(), _keys()[0].private())
    said: list[frames.Frame] = [
        frames.Hello((1,), "templin", bytes(16), 1, mark, 3, 1, "kabine 0.1", _AT),
        frames.Entries(1, 4, (b"abc", b"def"), bytes(32)),
        frames.Ack(7),
        frames.Want(digest, 0, 8192),
        frames.Chunk(digest, 0, 10_000),
        frames.Gone(digest),
        frames.Whisper("visit", "page", b"payload"),
        frames.Beat(1, _AT, 0, 0.0, mark, frames.Vitals(1, 2, 3.0, 4)),
        frames.Refused("malformed", "No."),
        asking.Ask(1, asking.Tell(signed)),
        asking.Ask(2, asking.ListInbox(0, 50, everything=True)),
        asking.Ask(3, asking.MakeClaim(signed)),
        asking.Answer(1, asking.Listing((asking.Delivered(1, signed, b"summary", digest, 10, (signed,)),), more=False)),
    ]
    return tuple((b"\2" if isinstance(frame, frames.Chunk) else b"\1") + frames.encode(frame) for frame in said)


def _invitation() -> Invitation:
    signing, curve, _ = _keys()
    return Invitation(
        *(SiteId("templin"), "Templin", "7K2", AreaId("120730572572"), "tcp://127.0.0.1:7400"),
        *(curve.public, signing.public, bytes(range(32)), _AT + timedelta(days=1)),
    )


def _directory() -> directory.Directory:
    signing, curve, identity = _keys()
    hours = Hours((Week(((Span(480, 960),),) * 5 + ((), ())),))
    office = directory.Agency(
        *(AgencyId("sozialamt"), "Sozialamt", "Amt", hours),
        inboxes=(directory.InboxKey(1, str(identity.recipient())),),
        signing_key=signing.public,
        dispatcher=True,
    )
    row = directory.CabinRow(
        *(SiteId("templin"), "Templin", "7K2", AreaId("120730572572"), "", signing.public, curve.public)
    )
    hub = directory.HubRow("Uckermark", "tcp://127.0.0.1:7400", curve.public, signing.public, str(identity.recipient()))
    return directory.Directory(1, directory.NO_DIRECTORY, _AT, hub, (office,), (), (), (row,), "DE-BB")


def _inner() -> bytes:
    pdf = b"%PDF-1.7 a document"
    file = inner.File(inner.DOCUMENT, len(pdf), hashlib.sha256(pdf).hexdigest())
    noun = inner.Inner(
        version=1,
        envelope=bytes(16).hex(),
        receipt="7K2-481",
        agency="sozialamt",
        epoch=1,
        service="",
        title="Antrag",
        kind="",
        language="de",
        remark="",
        pages=1,
        captured_at=_AT,
        files=(file,),
        verdicts=(),
    )
    return b"".join(inner.pack(noun, [pdf]))


def _sealed() -> bytes:
    """What `_inner` makes, sealed once for our identity. No two envelopes are alike, whatever the seed: one that is kept makes the same hostile
    bytes each time."""
    return resources.files("tools.torture").joinpath("envelope.age").read_bytes()


# --- calls ----------------------------------------------------------------------------------------------------------
def _frame(raw: bytes) -> object:
    return frames.decode(raw[1:], raw[0] % 4 if raw else 1)


def _conversation(raw: bytes) -> object:
    """A link that is up hears frame after frame; whatever a peer says, our side makes no mistake of its own."""
    link = Link("templin")
    link.step(_connected(), 0.0)
    said = 0
    for number, part in enumerate(raw.split(b"\xff\xff")):
        for effect in link.step(_heard(part), number * 0.1):
            said += 1
            if type(effect).__name__ == "End":
                return said
    return said


def _connected() -> Connected:
    """Both logs have some entries."""
    return Connected(1, Mark(1, 7, bytes(32)), Mark(1, 3, bytes(32)))


def _heard(part: bytes) -> Heard:
    """What the pump would make of one message."""
    frame = frames.decode(part[1:], 2 if part[:1] == b"\2" else 1)
    return Heard(frame, part[:64] if isinstance(frame, frames.Chunk) else b"")


def _entry(raw: bytes) -> object:
    entries.leap(raw, 1, 9)
    return entries.read(raw, bytes(32), 1, 9)


def _sealed_entry(raw: bytes) -> object:
    nonce = entries._nonce(1, 9)
    return entries.read(entries.SEALED + ChaCha20Poly1305(bytes(32)).encrypt(nonce, raw, None), bytes(32), 1, 9)


def _directory_read(raw: bytes) -> object:
    noun = publication.verify_first(_signed(directory.Directory, raw), _keys()[0].public)
    return [is_open(agency.hours, _AT, holidays_of(noun.holidays_region)) for agency in noun.agencies]


def _successor(raw: bytes) -> object:
    return publication.verify_successor(_current(), _signed(directory.Directory, raw), _keys()[0].public)


def _envelope(raw: bytes) -> object:
    opener = Opener([_keys()[2]])
    half = len(raw) // 2
    return opener.update(raw[:half]) + opener.update(raw[half:]) + opener.finish()


def _unpacked(raw: bytes) -> object:
    unpacker = inner.Unpacker()
    half = len(raw) // 3
    return unpacker.update(raw[:half]) + unpacker.update(raw[half:]), unpacker.finish()


def _armoured(raw: bytes) -> object:
    dearmor = Dearmor()
    return dearmor.update(raw), dearmor.finish()


def _claim(raw: bytes) -> object:
    return read_claim(_signed(Claim, raw), _keys()[1])


@cache
def targets() -> dict[str, Target]:
    """All, by name."""
    signing, curve, identity = _keys()
    claim = make_claim(_invitation(), curve, signing, bytes(16), "kabine")
    sealed = _sealed()
    event: entries.Event = entries.DocumentSealed(
        manifest.sign(_manifest(), signing.private()), b"s", Digest(bytes(32)), 9
    )
    visit = entries.VisitEnded(bytes(16), _AT, _AT, "left", 0, "de")
    return {
        "frames": Target(_frame, _frames(), weight=SWIFT),
        "conversation": Target(
            _conversation, (b"\xff\xff".join(_frames()[:1] + _frames()[3:4] + _frames()[7:8]),), weight=QUICK
        ),
        "entries": Target(_entry, (entries.clear(visit), entries.sealed(event, bytes(32), 1, 9)), weight=SWIFT),
        "sealed-entries": Target(_sealed_entry, (codec.encode(event), codec.encode(visit)), weight=QUICK),
        "manifests": Target(
            lambda raw: manifest.verify(Manifest, _signed(Manifest, raw), signing.public), (codec.encode(_manifest()),)
        ),
        "receipts": Target(
            lambda raw: manifest.verify(Receipt, _signed(Receipt, raw), signing.public), (codec.encode(_receipt()),)
        ),
        "claims": Target(_claim, (claim.body,)),
        "invitations": Target(_card("invite", read_invitation), (b"b" + codec.encode(_invitation()),)),
        "hub-cards": Target(
            _card("hub", contacts.read_hub_card),
            (b"b" + codec.encode(contacts.HubCard("tcp://127.0.0.1:7400", curve.public, signing.public)),),
        ),
        "inbox-cards": Target(_card("inbox", contacts.read_inbox_card), (_inbox_card(),), weight=SLOW),
        "directories": Target(_directory_read, (codec.encode(_directory()),), weight=SLOW),
        "successors": Target(_successor, (codec.encode(_directory()),), weight=SLOW),
        "envelopes": Target(_envelope, (sealed,), weight=SLOW),
        "headers": Target(lambda raw: inspect([raw[:40], raw[40:]]), (sealed[:2000],), weight=QUICK),
        "inner": Target(_unpacked, (_inner(),), weight=QUICK),
        "summaries": Target(
            inner.read_summary,
            (
                inner.summary_bytes(
                    inner.Summary(
                        title="Antrag", kind="", service="", pages=2, language="de", remark="", captured_at=_AT, bytes=9
                    )
                ),
            ),
            weight=SWIFT,
        ),
        "armour": Target(
            _armoured, (b"-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n",), weight=SWIFT
        ),
        "recipients": Target(_text(recipients_in), (f"# a\n{identity.recipient()}\n".encode(),), weight=SLOW),
        "identities": Target(_text(identities_in), (f"{identity}\n".encode(),), weight=SLOW),
        "bech32": Target(_text(bech32_decode), (str(identity).encode(),), weight=SWIFT),
        "receipt-numbers": Target(
            _text(_spoken), (b"7K2-481", " ".join(keys.receipt_words(ReceiptNumber("7K2-481"))).encode()), weight=SWIFT
        ),
        "hatch": Target(
            lambda raw: orders.request(raw),  # noqa: PLW0108  # looked up each time: a fault may be planted there
            (orders.line(orders.Submit("sozialamt", "", ("/papers/a.jpg",))), orders.line(orders.Watch())),
            weight=SWIFT,
        ),
        "hatch-answers": Target(
            orders.told, (orders.line(orders.Failed("mistake", "What.", "Remedy.")),), weight=SWIFT
        ),
        "cabin-config": Target(
            _text(lambda text: parse_config(text, edge.config.EdgeConfig)), (_cabin_config().encode(),), weight=SLOW
        ),
        "hub-config": Target(
            _text(lambda text: parse_config(text, cloud.config.HubConfig)), (b'name = "Uckermark"\n[disk]\n',)
        ),
        "age-headers": Target(
            Header.parse, (sealed[: sealed.index(b"\n", sealed.index(b"\n--- ") + 1) + 1],), weight=QUICK
        ),
    }


def _cabin_config() -> str:
    signing, curve, _ = _keys()
    key, authority = key_text(curve.public), key_text(signing.public)
    return (
        '[cabin]\nsite = "templin"\nname = "Templin"\ncode = "7K2"\narea = "120730572572"\n'
        f'[hub]\naddress = "tcp://127.0.0.1:7400"\ncurve_key = "{key}"\nauthority_key = "{authority}"\n'
    )


def _inbox_card() -> bytes:
    signing, curve, identity = _keys()
    card = contacts.InboxCard(AgencyId("sozialamt"), 1, str(identity.recipient()), signing.public, curve.public)
    return b"b" + codec.encode(manifest.sign(card, signing.private()))


def _spoken(text: str) -> object:
    return keys.receipt_from_words(text.split()) if " " in text else receipt_number(text)
