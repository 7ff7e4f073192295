"""The document cannot lie: every example and every bound in SPEC.md is computed anew here, every section cited in the code exists."""

from __future__ import annotations

import re
import tarfile
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol import (
    asking,
    contacts,
    directory,
    enrolment,
    entries,
    errors,
    frames,
    hours,
    inner,
    keys,
    limits,
    manifest,
)
from protocol.codec import encode
from protocol.entries import DirectoryPublished, DocumentSealed, EpochOpened, Mark, ReceiptGiven, VisitEnded
from protocol.ids import AgencyId, AreaId, Digest, EnvelopeId, LanguageTag, ReceiptNumber, ServiceId, SiteId
from protocol.keys import CurvePair, SigningPair
from protocol.manifest import NO_MANIFEST, SUITE, Happening, Manifest, Receipt, Signable, Signed
from protocol.recipients import HybridIdentity, unwrap_key

PROTOCOL = Path(__file__).parents[2] / "protocol"
TEXT = (PROTOCOL / "SPEC.md").read_text("utf-8")

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
SEED = bytes(range(32))
BLOB = Digest(bytes(range(32, 64)))
ENVELOPE = EnvelopeId(bytes(range(16)))
VISIT = VisitEnded(ENVELOPE, NOON, NOON, "left", 0, "de")
FIRST = entries.following(Mark(), 1, entries.clear(VISIT))
MANIFEST = Manifest(
    1, SUITE, ENVELOPE, ReceiptNumber("7K2-418"), AgencyId("sozialamt-uckermark"), 1, SiteId("templin"), NOON, 50_000,
    b"h" * 32, b"p" * 32, 1, NO_MANIFEST,
)  # fmt: skip
CABIN = SigningPair(SEED)
CABIN_CURVE = CurvePair(bytes(range(64, 96)))
HUB = SigningPair(bytes(range(1, 33)))
HUB_CURVE = CurvePair(bytes(range(96, 128)))
SIGNED = manifest.sign(MANIFEST, CABIN.private())
STORED = manifest.sign(Receipt(1, ENVELOPE, Happening.STORED, "hub", NOON, manifest.digest_of(SIGNED)), HUB.private())
ONE_TIME = bytes(range(128, 160))
INVITATION = enrolment.Invitation(
    SiteId("templin"), "Templin", "7K2", AreaId("120730572572"), "tcp://hub.example:7400", HUB_CURVE.public,
    HUB.public, ONE_TIME, NOON,
)  # fmt: skip
CLAIM = enrolment.make_claim(INVITATION, CABIN_CURVE, CABIN, b"boot", "0.1")
INNER = inner.Inner(
    version=inner.VERSION,
    envelope=ENVELOPE.hex(), receipt="7K2-418", agency="sozialamt-uckermark", epoch=1, service="99107023017000",
    title="Wohngeld", kind="application", language="de", remark="", pages=1, captured_at=NOON,
    files=(inner.File("document.pdf", 40_000, "00" * 32),), verdicts=(inner.Verdict(1, "g4", 300.0, 0.4, blank=False),),
)  # fmt: skip
SUMMARY = inner.Summary(
    title="Wohngeld", kind="application", service="99107023017000", pages=1, language="de", remark="", captured_at=NOON,
    bytes=40_000,
)  # fmt: skip

SERVICE = directory.Service(
    ServiceId("99107023017000"), "Wohngeld", "Zuschuss zur Miete", ("Miete",), ("Mietvertrag",),
    (directory.ServiceTexts(LanguageTag("pl"), "Dopłata do czynszu", ("umowa najmu",)),),
)  # fmt: skip


def tar_header() -> bytes:
    whole = next(iter(inner.pack(INNER, [])))
    assert tarfile.TarInfo.frombuf(whole[:512], "ascii", "strict").name == "manifest.json"
    return whole[:160]


HEX: dict[str, bytes] = {
    "moment": encode(NOON),
    "moment with microseconds": encode(NOON.replace(microsecond=250)),
    "hello": frames.encode(frames.Hello((1,), "templin", b"boot", 1, Mark(1, 1, FIRST.hash), 0, 0, "0.1", NOON)),
    "entries": frames.encode(frames.Entries(1, 1, (FIRST.payload,), FIRST.hash)),
    "ack": frames.encode(frames.Ack(1)),
    "want": frames.encode(frames.Want(BLOB, 65_536, 32_768)),
    "chunk": frames.encode(frames.Chunk(BLOB, 65_536, 300_000)),
    "gone": frames.encode(frames.Gone(BLOB)),
    "whisper": frames.encode(frames.Whisper("sozialamt-uckermark", "delivered")),
    "beat": frames.encode(frames.Beat(1, NOON, 0, 0.0, Mark(1, 1, FIRST.hash), frames.Vitals(devices={"scanner": "ready"}))),
    "refused": frames.encode(frames.Refused("revoked", "No.", 2.5)),
    "ask": frames.encode(asking.Ask(1, asking.ListInbox(0, 50))),
    "answer": frames.encode(asking.Answer(1, asking.CurrentDirectory(3, BLOB, 5000))),
    "payload": FIRST.payload,
    "hash of entry 1": FIRST.hash,
    "sealed payload": entries.sealed(VISIT, SEED, 3, 9),
    "manifest body": SIGNED.body,
    "manifest signature": SIGNED.signature,
    "manifest digest": manifest.digest_of(SIGNED),
    "receipt body": STORED.body,
    "receipt signature": STORED.signature,
    "claim body": CLAIM.body,
    "fingerprint": enrolment.cabin_fingerprint(INVITATION.site, CABIN_CURVE.public, CABIN.public),
    "tar header": tar_header(),
    "service": encode(SERVICE),
}  # fmt: skip
SAID: dict[str, str] = {
    "hub card": contacts.write_hub_card(contacts.HubCard("tcp://hub.example:7400", HUB_CURVE.public, HUB.public)),
    "fingerprint words": " ".join(keys.words(HEX["fingerprint"])),
    "receipt words": " ".join(keys.receipt_words(ReceiptNumber("7K2-418"))),
    "four words": " ".join(keys.receipt_words(ReceiptNumber("7K2-04181"))),
    "manifest.json": next(iter(inner.pack(INNER, [])))[512:].split(b"\0")[0].decode(),
    "summary": inner.summary_bytes(SUMMARY).decode(),
}


NOUNS: list[Any] = [
    *frames.Frame.__args__, frames.Vitals, frames.Echoed, Mark, Signed, Manifest, Receipt, enrolment.Invitation, enrolment.Claim,
    *asking.Question.__args__, *asking.Reply.__args__, asking.Delivered, contacts.HubCard, contacts.InboxCard,
    EpochOpened, DocumentSealed, VisitEnded, ReceiptGiven, DirectoryPublished,
    directory.Directory, directory.Agency, directory.AgencyTexts, directory.InboxKey, directory.FormerKey,
    directory.Service, directory.ServiceTexts, directory.Route, directory.CabinRow, directory.HubRow,
    hours.Hours, hours.Week, hours.Exceptional, hours.Span,
]  # fmt: skip
WRAPPED = "wrapped journal key"  # other bytes each time: it is opened, not made anew


def blocks(kind: str) -> dict[str, str]:
    found = re.findall(rf"^```{kind} ([^\n]+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len({name for name, _ in found}) == len(found), "an example stands there twice"
    return {name: "".join(body.split("\n")) for name, body in found}


def test_every_example_has_its_block_and_every_block_its_example():
    assert set(blocks("hex")) == {*HEX, WRAPPED}
    assert set(blocks("text")) == set(SAID)


@pytest.mark.parametrize("name", HEX)
def test_bytes_in_the_document_are_those_of_the_code(name):
    assert blocks("hex")[name].replace(" ", "") == HEX[name].hex()


@pytest.mark.parametrize("name", SAID)
def test_texts_in_the_document_are_those_of_the_code(name):
    assert blocks("text")[name] == SAID[name]


def test_every_bound_in_the_document_is_that_of_the_code():
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([0-9.]+) \|", TEXT, re.MULTILINE)
    assert len(rows) >= 20
    assert {name: float(value) for name, value in rows} == {name: float(getattr(limits, name)) for name, _ in rows}


def test_the_numbers_of_sockets_and_of_dialling_are_those_of_the_code():
    section = TEXT.split("## 8 CurveZMQ")[1].split("\n## ")[0]
    for words in (
        f"`MAXMSGSIZE` {limits.MESSAGE_BYTES_MAX // limits.MIB} MiB (at the hub `HEARD_BYTES_MAX`:",
        f"`SNDHWM` {limits.SEND_HIGH_WATER_MESSAGES}, `RCVHWM` {limits.HIGH_WATER_MESSAGES},",
        f"`HANDSHAKE_IVL` {limits.HANDSHAKE_MILLISECONDS} at the hub",
        f"`HEARTBEAT_IVL` {limits.BEAT_SECONDS * 1000:.0f} at a connector",
        f"`HEARTBEAT_TIMEOUT` {limits.BEAT_SECONDS * limits.BEATS_MISSED_MAX * 1000:.0f}",
        f"`ROUTER_MANDATORY` 1, `TCP_MAXRT` {limits.STALL_SECONDS * 1000:.0f}",
        f"`TCP_KEEPALIVE` 1 with `IDLE` {limits.KEEPALIVE_SECONDS} and `INTVL` {limits.KEEPALIVE_AGAIN_SECONDS},",
        f"`HANDSHAKE_IVL` and `TCP_MAXRT` {limits.HELLO_SECONDS * 1000:.0f}",
        f"`TCP_USER_TIMEOUT` {limits.STALL_SECONDS * 1000:.0f}",
        f"chance × {limits.RECONNECT_SECONDS_SOON} s before each of the first {limits.RECONNECT_SOON} attempts",
        f"min({limits.RECONNECT_SECONDS_MAX:.0f} s, {limits.RECONNECT_SECONDS_LATER:.0f} s × {limits.RECONNECT_GROWTH}^",
        f"min({limits.RECONNECT_SECONDS_MAX:.0f} s, {limits.RECONNECT_BUSY_SECONDS:.0f} s × {limits.RECONNECT_BUSY_GROWTH:.0f}^",
    ):
        assert words in section, words


def test_every_code_of_refusal_stands_in_the_document():
    section = TEXT.split("### 3.6")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z-]+)`", section)) >= {code.value for code in errors.Code}


def test_the_wrapped_key_in_the_document_opens():
    assert unwrap_key(bytes.fromhex(blocks("hex")[WRAPPED]), HybridIdentity(SEED)) == SEED


def test_the_keys_of_the_examples_are_those_in_the_document():
    made = re.findall(r"^\| [^|]+ \| `([0-9a-f]{2}) [0-9a-f ]+… ([0-9a-f]{2})` \|$", TEXT, re.MULTILINE)
    spelled = [bytes(range(int(first, 16), int(last, 16) + 1)) for first, last in made]
    assert spelled == [CABIN.seed, CABIN_CURVE.secret, HUB.seed, HUB_CURVE.secret, ONE_TIME, SEED]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_the_fields_of_every_noun_stand_in_the_document_in_their_order(noun):
    fields = ", ".join(noun.__struct_fields__) or "–"
    tag = noun.__struct_config__.tag
    row = f"| {noun.__name__} | `{tag}` | {fields} |" if tag else f"| {noun.__name__} | {fields} |"
    assert row in TEXT


def types() -> dict[str, list[str]]:
    """Section 2: what is of which type, in the order of the rows. A field in brackets belongs to the one before."""
    table = TEXT.split("Types follow from names")[1].split("\nOnly these")[0]
    rows = re.findall(r"^\| ([a-zM-S][^|]+) \| ([^|]*) \|$", table, re.MULTILINE)
    return {kind: re.findall(r"`([a-z0-9_*]+)`", words) for kind, words in rows if kind != "type"}


def told(noun: type, field: str) -> str:
    """The type of a field, as the document tells it."""
    if (noun, field) in {(Manifest, "receipt"), (asking.Listing, "documents")}:
        return "text" if noun is Manifest else "other array"
    rows = types()
    rows["other array"].remove("documents")  # those of a Listing
    return next((kind for kind, names in rows.items() if any(fnmatchcase(field, name) for name in names)), "text")


def built(kind: msgspec.inspect.Type) -> tuple[str, bool]:
    """The type of a field, as the code has it, and whether it may be nil."""
    inspect = msgspec.inspect
    match kind:
        case inspect.UnionType(types=every):
            some = [one for one in every if not isinstance(one, inspect.NoneType)]
            return built(some[0])[0], len(some) < len(every)
        case inspect.StructType(cls=cls):
            return {Mark: "Mark", Signed: "Signed"}.get(cls, "noun of that name"), False
        case inspect.VarTupleType(item_type=inspect.StrType()):
            return "array of text", False
        case inspect.DictType():
            return "map of text to text", False
    names: dict[type, str] = {
        inspect.BytesType: "bytes", inspect.DateTimeType: "moment", inspect.BoolType: "truth", inspect.FloatType: "length of time",
        inspect.IntType: "whole number", inspect.VarTupleType: "other array",
    }  # fmt: skip
    return names.get(type(kind), "text"), False


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_types_follow_from_names_as_the_document_says(noun):
    nil = set(re.findall(r"`([a-z_]+)`", TEXT.split("\nOnly these may be nil:")[1].split("\n")[0]))
    for field in msgspec.structs.fields(noun):
        kind, optional = built(msgspec.inspect.type_info(field.type))
        assert kind == told(noun, field.name), field.name
        assert not optional or field.name in nil, field.name


def test_bytes_are_as_many_as_the_document_says():
    row = next(words for words in TEXT.splitlines() if words.startswith("| bytes |"))
    said = re.findall(r"`([a-z0-9_*]+)`(?: \((\d+)(?: to (\d+))?\))?", row)
    for noun in NOUNS:
        for field in msgspec.structs.fields(noun):
            kind = msgspec.inspect.type_info(field.type)
            if isinstance(kind, msgspec.inspect.BytesType):
                least, most = next(
                    (least, most or least) for name, least, most in said if fnmatchcase(field.name, name)
                )
                if least:
                    assert (kind.min_length, kind.max_length) == (int(least), int(most)), (
                        f"{noun.__name__}.{field.name}"
                    )


def test_every_whole_number_has_the_bound_of_the_document():
    for noun in NOUNS:
        for field in msgspec.structs.fields(noun):
            kind = msgspec.inspect.type_info(field.type)
            if isinstance(kind, msgspec.inspect.IntType):
                assert 0 <= kind.ge < kind.le <= limits.NUMBER_MAX, f"{noun.__name__}.{field.name}"


def test_the_document_says_which_fields_may_be_missing_and_what_they_are_then():
    words = TEXT.split("Defaults have, each from this field to the last:")[1].split("A default is")[0]
    first, others = {}, {}
    for noun in NOUNS:
        if issubclass(noun, Signable) and not noun.grows:
            continue  # canonical: nothing may be missing
        for field in msgspec.structs.fields(noun):
            if field.required:
                assert noun not in first, "a default before a field without one"
                continue
            first.setdefault(noun, f"{noun.__name__}.{field.name}")
            default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            if default and default not in (Mark(), entries.GENESIS):
                others[field.name] = default
    assert re.findall(r"`([A-Za-z]+\.[a-z_]+)`", words) == sorted(first.values(), key=words.index)
    assert others == {"chunk_bytes_max": limits.CHUNK_BYTES_MAX, "count": 50, "kind": hours.Kind.OPEN}
    assert "but `chunk_bytes_max` is `CHUNK_BYTES_MAX`, `count` 50, the `kind` of a Span `open`" in TEXT


def test_every_context_of_a_signature_stands_in_the_document():
    for kind in (Manifest, Receipt, enrolment.Claim, contacts.InboxCard, directory.Directory):
        assert f"`{kind.context.decode()}`" in TEXT


def test_every_section_that_a_module_cites_exists():
    headings = set(re.findall(r"^#{2,3} ([0-9]+(?:\.[0-9]+)?)", TEXT, re.MULTILINE))
    cited = {
        (path.name, number)
        for path in PROTOCOL.rglob("*.py")
        for words in re.findall(
            r"SPEC\.md,? sections? ((?:[0-9.]+[0-9]|[0-9]+)(?:(?:, | and | to )[0-9.]*[0-9])*)", path.read_text("utf-8")
        )
        for number in re.findall(r"[0-9]+(?:\.[0-9]+)?", words)
    }
    assert len(cited) > 20
    assert {number for _, number in cited} <= headings
