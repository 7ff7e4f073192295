from datetime import UTC, datetime
from typing import ClassVar

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol import codec, manifest
from protocol.errors import Code, Refused
from protocol.ids import AgencyId, EnvelopeId, ReceiptNumber, SiteId
from protocol.manifest import NO_MANIFEST, SUITE, Happening, Manifest, Receipt, Signed

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
ENVELOPE = EnvelopeId(bytes(range(16)))
MANIFEST = Manifest(
    1, SUITE, ENVELOPE, ReceiptNumber("7K2-418"), AgencyId("sozialamt-uckermark"), 1, SiteId("templin"), NOON, 4711,
    b"h" * 32, b"p" * 32, 1, NO_MANIFEST,
)  # fmt: skip
RECEIPT = Receipt(1, ENVELOPE, Happening.STORED, "hub", NOON, bytes(32))


def test_what_was_signed_is_read():
    assert manifest.verify(Manifest, manifest.sign(MANIFEST, KEY), PUBLIC) == MANIFEST
    assert manifest.unverified(Manifest, manifest.sign(MANIFEST, OTHER)) == MANIFEST


@given(st.data())
def test_whatever_was_altered_is_refused(data):
    signed = manifest.sign(MANIFEST, KEY)
    whole = bytearray(signed.body + signed.signature)
    where = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[where // 8] ^= 1 << where % 8
    altered = Signed(bytes(whole[:-64]), bytes(whole[-64:]))
    with pytest.raises(Refused, match="signature of this manifest is not valid") as caught:
        manifest.verify(Manifest, altered, PUBLIC)
    assert caught.value.code is Code.BAD_SIGNATURE


@pytest.mark.parametrize("key", [OTHER.public_key().public_bytes_raw(), b"", bytes(31), b"\xff" * 32])
def test_another_key_or_none_is_refused(key):
    with pytest.raises(Refused, match="not valid"):
        manifest.verify(Manifest, manifest.sign(MANIFEST, KEY), key)


class Twin(manifest.Signable, frozen=True, array_like=True):
    """Spelled like a Receipt, for another purpose."""

    context = b"kabine/twin/1"

    version: int
    envelope: bytes
    happening: str
    by: str
    at: datetime
    previous: bytes
    reason: str = ""
    text: str = ""


def test_a_signature_for_one_purpose_never_verifies_for_another():
    twin = Twin(1, ENVELOPE, "stored", "hub", NOON, bytes(32))
    signed = manifest.sign(twin, KEY)
    assert signed.body == manifest.sign(RECEIPT, KEY).body
    assert manifest.verify(Twin, signed, PUBLIC) == twin
    with pytest.raises(Refused) as caught:
        manifest.verify(Receipt, signed, PUBLIC)
    assert caught.value.code is Code.BAD_SIGNATURE


def test_no_context_is_the_beginning_of_another():
    contexts = [kind.context + b"\0" for kind in manifest.Signable.__subclasses__()]
    assert len(contexts) >= 3
    assert not [(a, b) for a in contexts for b in contexts if a != b and b.startswith(a)]


def test_what_is_signed_but_not_canonical_is_refused():
    body = codec.encode(RECEIPT)
    body = body[:1] + b"\xcc\x01" + body[2:]
    signed = Signed(body, KEY.sign(Receipt.context + b"\0" + body))
    with pytest.raises(Refused, match="not canonical"):
        manifest.verify(Receipt, signed, PUBLIC)


def test_of_several_keys_one_is_enough_and_what_it_signed_must_be_sound():
    other = OTHER.public_key().public_bytes_raw()
    signed = manifest.sign(RECEIPT, OTHER)
    for keys in ((other,), (PUBLIC, other), (other, PUBLIC)):
        assert manifest.verify_by_one(Receipt, signed, keys) == RECEIPT
    with pytest.raises(Refused) as caught:
        manifest.verify_by_one(Receipt, signed, (PUBLIC, PUBLIC))
    assert caught.value.code is Code.BAD_SIGNATURE
    body = b"\xc0"
    with pytest.raises(Refused) as caught:
        manifest.verify_by_one(Receipt, Signed(body, KEY.sign(Receipt.context + b"\0" + body)), (PUBLIC, other))
    assert caught.value.code is Code.MALFORMED


# --- versions of a directory ---------------------------------------------------------------------------------------
class Row(msgspec.Struct, frozen=True, array_like=True):
    name: str
    papers: tuple[str, ...] = ()


class Book(manifest.Signable, frozen=True, array_like=True):
    context: ClassVar[bytes] = b"test/book/1"
    grows: ClassVar[bool] = True

    version: int
    rows: tuple[Row, ...]
    region: str = ""


@pytest.mark.parametrize(
    "body",
    [
        [7, [["Wohngeld", ["Mietvertrag"]]], "DE-BB"],
        [7, [["Wohngeld", ["Mietvertrag"], 5]], "DE-BB", {"of": "a later version"}],
    ],
)
def test_a_book_of_another_version_is_read(body):
    raw = codec.encode(body)
    book = manifest.verify(Book, Signed(raw, KEY.sign(Book.context + b"\0" + raw)), PUBLIC)
    assert book == Book(7, (Row("Wohngeld", ("Mietvertrag",)),), "DE-BB")


def test_a_book_of_an_earlier_version_is_read():
    raw = codec.encode([7, [["Wohngeld"], ["Pflege"]]])
    book = manifest.verify(Book, Signed(raw, KEY.sign(Book.context + b"\0" + raw)), PUBLIC)
    assert book == Book(7, (Row("Wohngeld"), Row("Pflege")))


def test_a_book_of_another_version_has_one_spelling_too():
    raw = codec.encode([7, [["Wohngeld"]]])
    raw = raw[:1] + b"\xcc\x07" + raw[2:]
    with pytest.raises(Refused, match="not canonical"):
        manifest.verify(Book, Signed(raw, KEY.sign(Book.context + b"\0" + raw)), PUBLIC)


# --- chains of receipts --------------------------------------------------------------------------------------------
def chain(*happenings: Happening, signed_manifest: Signed | None = None) -> tuple[Signed, list[Signed]]:
    first = signed_manifest or manifest.sign(MANIFEST, KEY)
    previous, receipts = first, []
    for happening in happenings:
        by = "hub" if happening in manifest.BY_HUB else "sozialamt-uckermark"
        receipt = Receipt(1, ENVELOPE, happening, by, NOON, manifest.digest_of(previous))
        previous = manifest.sign(receipt, KEY)
        receipts.append(previous)
    return first, receipts


STORED, FETCHED, ACCEPTED, RETURNED, FORWARDED, LOST = Happening


@pytest.mark.parametrize(
    "happenings",
    [
        (),
        (STORED,),
        (LOST,),
        (STORED, FETCHED, ACCEPTED),
        (STORED, FETCHED, RETURNED),
        (STORED, FORWARDED, FORWARDED, FETCHED, ACCEPTED),
        (STORED, FETCHED, FORWARDED, FETCHED, RETURNED),
    ],
)
def test_ways_an_envelope_may_go(happenings):
    assert [event.happening for event in manifest.check_chain(*chain(*happenings))] == list(happenings)


@pytest.mark.parametrize(
    "happenings",
    [
        (FETCHED,),
        (STORED, STORED),
        (STORED, LOST),
        (LOST, STORED),
        (STORED, ACCEPTED),
        (STORED, RETURNED),
        (STORED, FETCHED, FETCHED),
        (STORED, FETCHED, ACCEPTED, RETURNED),
        (STORED, FETCHED, RETURNED, FORWARDED),
    ],
)
def test_ways_it_may_not_go(happenings):
    with pytest.raises(Refused, match="does not follow") as caught:
        manifest.check_chain(*chain(*happenings))
    assert caught.value.code is Code.OUT_OF_ORDER


def test_an_event_that_is_left_out_or_moved_is_noticed():
    first, receipts = chain(STORED, FORWARDED, FORWARDED, FETCHED)
    for broken in (receipts[1:], [*receipts[:1], *receipts[2:]], [receipts[0], receipts[2], receipts[1], receipts[3]]):
        with pytest.raises(Refused, match="does not follow"):
            manifest.check_chain(first, broken)
    assert len(manifest.check_chain(first, receipts[:2])) == 2


def test_events_of_another_envelope_are_not_its_chain():
    other = msgspec.structs.replace(MANIFEST, counter=2)
    _, receipts = chain(STORED)
    with pytest.raises(Refused, match="does not follow “handed in”"):
        manifest.check_chain(manifest.sign(other, KEY), receipts)


def test_an_event_that_names_another_envelope_is_refused_though_its_place_is_right():
    first = manifest.sign(MANIFEST, KEY)
    event = Receipt(1, EnvelopeId(bytes(16)), STORED, "hub", NOON, manifest.digest_of(first))
    with pytest.raises(Refused, match="does not follow"):
        manifest.check_chain(first, [manifest.sign(event, KEY)])
