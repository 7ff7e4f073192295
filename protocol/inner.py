"""What lies inside a sealed document: a tar of `manifest.json` and `document.pdf`; and the summary beside it. SPEC.md section 9.

So `age -d FILE | tar x` opens it with nobody's program but age and tar. Written and read as a stream: memory does not grow with
the document. There is one layout: two plain files in ustar form, owned by nobody, dated at the capture, zeros where nothing
stands; a reader refuses every other. Times are aware UTC, digests are hexadecimal, sizes are bytes.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

import msgspec

from protocol import limits
from protocol.codec import Moment, Number
from protocol.errors import Code, Mistake, Refused

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
DOCUMENT: Final = "document.pdf"
BLOCK: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * BLOCK)
MANIFEST_BYTES_MAX: Final = 256 * limits.KIB  # 300 verdicts of 200 bytes, a remark, and room

_Noun = TypeVar("_Noun", bound=msgspec.Struct)


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What capture found out about a page, counted from 1. `skew_degrees`: how far it had been turned counter-clockwise;
    `turned_degrees` (0, 90, 180, 270): how far it was turned counter-clockwise to stand upright. `faults`: what the visitor was told and
    handed in nevertheless, the gravest first: empty, too-dark, too-coarse, blurred, glare, corner-missing, edge-cut, unsure-way-up."""

    page: int
    encoding: str
    dpi: float
    skew_degrees: float
    blank: bool
    turned_degrees: int = 0
    faults: tuple[str, ...] = ()


class File(msgspec.Struct, frozen=True):
    """One file of the tar besides the manifest. `sha256`: 64 hexadecimal digits."""

    name: str
    bytes: Number
    sha256: str


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    """The inner manifest: what only the agency reads. `envelope`: 32 hexadecimal digits, the same as in the signed manifest outside."""

    version: int
    envelope: str
    receipt: str
    agency: str
    epoch: int
    service: str
    title: str
    kind: str
    language: str
    remark: str
    pages: int
    captured_at: Moment
    files: tuple[File, ...]
    verdicts: tuple[Verdict, ...]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What an agency's list shows without fetching the document. `bytes`: size of the PDF."""

    title: str
    kind: str
    service: str
    pages: int
    language: str
    remark: str
    captured_at: Moment
    bytes: Number


def summary_bytes(summary: Summary) -> bytes:
    """JSON of a summary, to be sealed. Raises Mistake when it is longer than a summary may be."""
    raw = msgspec.json.encode(summary)
    if len(raw) > limits.SUMMARY_BYTES_MAX:
        raise Mistake(f"A summary of {len(raw)} bytes; at most {limits.SUMMARY_BYTES_MAX} are allowed.")
    return raw


def read_summary(raw: bytes) -> Summary:
    """Inverse of `summary_bytes`. Raises Refused(MALFORMED)."""
    if len(raw) > limits.SUMMARY_BYTES_MAX:
        raise Refused(Code.MALFORMED, f"A summary of {len(raw)} bytes; at most {limits.SUMMARY_BYTES_MAX} are allowed.")
    return _decode(Summary, raw, "summary")


def pack(inner: Inner, pdf: Iterable[bytes]) -> Iterator[bytes]:
    """The tar, piece by piece. Raises Mistake when `pdf` is not the one document that `inner` describes."""
    yield _front(inner)
    hasher, size_bytes = hashlib.sha256(), 0
    for piece in pdf:
        hasher.update(piece)
        size_bytes += len(piece)
        yield piece
    if (size_bytes, hasher.hexdigest()) != (inner.files[0].bytes, inner.files[0].sha256):
        raise Mistake(f"The document has {size_bytes} bytes and is not the one that its manifest describes.")
    yield bytes(_padded(size_bytes) - size_bytes) + END


class Unpacker:
    """Takes a tar in pieces of any size, gives the document's bytes. `inner` is there as soon as it has been read.

    Nothing counts before `finish` has returned: the caller keeps the bytes aside until then."""

    def __init__(self) -> None:
        self.inner: Inner | None = None
        self._waiting = bytearray()
        self._document = File(DOCUMENT, 0, "")
        self._hasher = hashlib.sha256()
        self._document_bytes = 0
        self._rest_bytes = 0

    def update(self, piece: bytes) -> bytes:
        """The document's bytes in `piece`. Raises Refused(MALFORMED) where it departs from the one spelling."""
        if self.inner is None:
            self._waiting += piece
            if not self._read_front():
                return b""
            piece = bytes(self._waiting)
            self._waiting.clear()
        wanted = self._document.bytes - self._document_bytes
        document, rest = piece[:wanted], piece[wanted:]
        self._hasher.update(document)
        self._document_bytes += len(document)
        self._rest_bytes += len(rest)
        if rest.strip(b"\0") or self._rest_bytes > self._tail_bytes():
            raise Refused(Code.MALFORMED, "Something follows the document that does not belong to it.")
        return document

    def finish(self) -> Inner:
        """The manifest, when the document was whole and is the one described. Raises Refused(MALFORMED)."""
        if self.inner is None or self._rest_bytes != self._tail_bytes():
            raise Refused(Code.MALFORMED, "The document breaks off.")
        if self._hasher.hexdigest() != self._document.sha256:
            raise Refused(Code.MALFORMED, "The document is not the one that its manifest describes.")
        return self.inner

    def _tail_bytes(self) -> int:
        return _padded(self._document.bytes) - self._document.bytes + len(END)

    def _read_front(self) -> bool:
        """Whether everything before the document has arrived; takes it off what waits."""
        if len(self._waiting) < BLOCK:
            return False
        raw_bytes = _manifest_size(self._waiting)
        front_bytes = BLOCK + _padded(raw_bytes) + BLOCK
        if len(self._waiting) < front_bytes:
            return False
        raw, front = bytes(self._waiting[BLOCK : BLOCK + raw_bytes]), bytes(self._waiting[:front_bytes])
        inner = _decode(Inner, raw, "manifest")
        if not _describes_one(inner):
            raise Refused(Code.MALFORMED, "The manifest does not describe exactly one document.")
        if inner.files[0].bytes > limits.DOCUMENT_BYTES_MAX:
            raise Refused(
                Code.TOO_LARGE,
                f"A document of {inner.files[0].bytes} bytes; at most {limits.DOCUMENT_BYTES_MAX} are allowed.",
            )
        try:
            expected = _front_of(raw, inner)
        except ValueError as error:
            raise Refused(Code.MALFORMED, "The manifest is dated outside of what a tar can say.") from error
        if front != expected:
            raise Refused(Code.MALFORMED, "The files inside are not laid out as they should be.")
        del self._waiting[:front_bytes]
        self.inner, self._document = inner, inner.files[0]
        return True


def _front(inner: Inner) -> bytes:
    """Everything before the bytes of the document."""
    raw = msgspec.json.encode(inner)
    if len(raw) > MANIFEST_BYTES_MAX or not _describes_one(inner):
        raise Mistake(
            f"An inner manifest of {len(raw)} bytes and {len(inner.files)} files; {MANIFEST_BYTES_MAX} and 1 are allowed."
        )
    return _front_of(raw, inner)


def _front_of(raw: bytes, inner: Inner) -> bytes:
    at = int(inner.captured_at.timestamp())
    padding = bytes(_padded(len(raw)) - len(raw))
    return _header(MANIFEST, len(raw), at) + raw + padding + _header(DOCUMENT, inner.files[0].bytes, at)


def _header(name: str, size_bytes: int, at: int) -> bytes:
    """Raises ValueError for a time before 1970 or after 2242."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size_bytes, at, 0o600
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _manifest_size(header: bytes | bytearray) -> int:
    try:
        size_bytes = int(header[124:135], 8)
    except ValueError:
        size_bytes = 0
    if not 0 < size_bytes <= MANIFEST_BYTES_MAX:
        raise Refused(Code.MALFORMED, "This is no document of Kabine: it does not begin with a manifest.")
    return size_bytes


def _describes_one(inner: Inner) -> bool:
    return len(inner.files) == 1 and inner.files[0].name == DOCUMENT


def _padded(size_bytes: int) -> int:
    return size_bytes + -size_bytes % BLOCK


def _decode(kind: type[_Noun], raw: bytes, name: str) -> _Noun:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Code.MALFORMED, f"JSON that spells no {name}: {error}.") from error
