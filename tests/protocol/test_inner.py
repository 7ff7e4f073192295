"""What lies inside a sealed document: written in a stream, read in any portions, refused in every other layout."""

import hashlib
import io
import tarfile
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import inner, limits
from protocol.errors import Code, Mistake, Refused
from protocol.inner import File, Inner, Summary, Unpacker, Verdict

AT = datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 9


def described(pdf: bytes = PDF, **other) -> Inner:
    fields = {
        "envelope": "00" * 16,
        "receipt": "7K2-418",
        "version": inner.VERSION,
        "agency": "sozialamt-uckermark",
        "epoch": 1,
        "service": "99107023017000",
        "title": "Wohngeldbescheid",
        "kind": "letter",
        "language": "de",
        "remark": "Bitte an Frau Lüdtke",
        "pages": 1,
        "captured_at": AT,
        "files": (File("document.pdf", len(pdf), hashlib.sha256(pdf).hexdigest()),),
        "verdicts": (Verdict(1, "g4", 300.0, 1.2, False),),
    }
    return Inner(**{**fields, **other})


def packed(pdf: bytes = PDF) -> bytes:
    return b"".join(inner.pack(described(pdf), [pdf]))


def unpack(raw: bytes, portion: int = 1000) -> tuple[Inner, bytes]:
    unpacker = Unpacker()
    pdf = b"".join(unpacker.update(raw[at : at + portion]) for at in range(0, len(raw), portion))
    return unpacker.finish(), pdf


def refusal(raw: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        unpack(raw)
    return caught.value


@given(st.binary(max_size=3000), st.integers(1, 4000))
def test_what_was_packed_comes_back_in_any_portions(pdf, portion):
    assert unpack(packed(pdf), portion) == (described(pdf), pdf)


def test_tar_alone_opens_it():
    with tarfile.open(fileobj=io.BytesIO(packed())) as tar:
        assert tar.getnames() == ["manifest.json", "document.pdf"]
        document = tar.extractfile("document.pdf")
        assert document is not None
        assert document.read() == PDF
        member = tar.getmember("document.pdf")
        assert (member.mtime, member.mode, member.uid, member.uname) == (int(AT.timestamp()), 0o600, 0, "")


def test_the_manifest_is_there_before_the_document_has_arrived():
    raw, unpacker = packed(), Unpacker()
    assert unpacker.update(raw[:511]) == b""
    assert unpacker.inner is None
    assert unpacker.update(raw[511:2048]) != b""
    assert unpacker.inner == described()


@given(st.integers(0, len(packed()) - 1), st.integers(0, 7))
def test_no_flipped_bit_is_taken_for_the_document(place, bit):
    raw = bytearray(packed())
    raw[place] ^= 1 << bit
    try:
        manifest, pdf = unpack(bytes(raw))
    except Refused:
        return
    # A bit within the text of the manifest changes what it says; whoever seals it protects it.
    assert pdf == PDF
    assert manifest != described()


@given(st.integers(0, len(packed()) - 1))
def test_a_piece_of_it_is_refused(length):
    assert refusal(packed()[:length]).code == Code.MALFORMED


def test_what_follows_the_document_is_refused():
    assert "follows" in refusal(packed() + b"\0").what
    raw = bytearray(packed())
    raw[-1] = 1
    assert "follows" in refusal(bytes(raw)).what


def test_another_document_is_refused():
    raw = packed().replace(PDF, PDF[::-1])
    assert "not the one" in refusal(raw).what


def test_another_layout_is_refused():
    assert "begin with a manifest" in refusal(b"x" * 4096).what
    assert "begin with a manifest" in refusal(bytes(4096)).what
    raw = packed()
    assert "laid out" in refusal(raw.replace(b"manifest.json", b"../manifest.j")).what


def with_manifest(change: dict[str, object]) -> bytes:
    """A tar whose manifest says something that `pack` would not."""
    told = msgspec.json.decode(msgspec.json.encode(described())) | change
    raw = msgspec.json.encode(told)
    header = tarfile.TarInfo("manifest.json")
    header.size, header.mtime, header.mode = len(raw), int(AT.timestamp()), 0o600
    return header.tobuf(tarfile.USTAR_FORMAT) + raw + bytes(-len(raw) % 512) + packed()[-4096:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"files": []}, "exactly one"),
        ({"files": [{"name": "other.pdf", "bytes": 1, "sha256": ""}]}, "exactly one"),
        ({"files": [{"name": "document.pdf", "bytes": -1, "sha256": ""}]}, "spells no manifest"),
        ({"files": [{"name": "document.pdf", "bytes": limits.DOCUMENT_BYTES_MAX + 1, "sha256": ""}]}, "at most"),
        ({"captured_at": "1900-01-01T00:00:00Z"}, "dated"),
        ({"captured_at": "2026-01-01T00:00:00"}, "spells no manifest"),
        ({"captured_at": "2026-01-01T00:00:00Z"}, "laid out"),
        ({"epoch": "one"}, "spells no manifest"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(change, words):
    assert words in refusal(with_manifest(change)).what


def test_fields_of_a_later_version_are_passed_over():
    raw = with_manifest({"colour": "green"})
    unpacker = Unpacker()
    unpacker.update(raw[:2048])
    assert unpacker.inner == described()


def test_packing_what_the_manifest_does_not_describe_is_our_mistake():
    with pytest.raises(Mistake, match="not the one"):
        list(inner.pack(described(), [PDF, b"more"]))
    with pytest.raises(Mistake, match="0 files"):
        list(inner.pack(described(files=()), [PDF]))
    with pytest.raises(Mistake, match="allowed"):
        list(inner.pack(described(remark="x" * inner.MANIFEST_BYTES_MAX), [PDF]))


def summary(**other) -> Summary:
    fields = {
        "title": "Bescheid",
        "kind": "letter",
        "service": "",
        "pages": 3,
        "language": "de",
        "remark": "",
        "captured_at": AT.astimezone(timezone(timedelta(hours=2))),
        "bytes": 4711,
    }
    return Summary(**{**fields, **other})


def test_a_summary_comes_back():
    assert inner.read_summary(inner.summary_bytes(summary())) == summary()


def test_a_summary_that_is_too_long_or_none_is_refused():
    with pytest.raises(Mistake, match="at most"):
        inner.summary_bytes(summary(remark="x" * limits.SUMMARY_BYTES_MAX))
    with pytest.raises(Refused, match="at most"):
        inner.read_summary(bytes(limits.SUMMARY_BYTES_MAX + 1))
    for raw in (b"", b"{}", b"\xff", b'{"title": "\xff"}'):
        with pytest.raises(Refused, match="spells no summary"):
            inner.read_summary(raw)
