"""Writes a PDF of pictures, one a page, as a stream: nothing is kept but one offset for each object.

PDF 1.7, plain objects, streams untouched (MuPDF's own writer keeps a whole document in memory and re-encodes G4 when asked the easy way).
The same pages give the same bytes. It says nothing about anybody: the only date is that of the capture, there is no title and no name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from edge.capture.encode import Encoded, Encoding

HEAD = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"  # four bytes above 127: programs see that this is no text
CATALOG, PAGES, INFO, FIRST_PAGE = 1, 2, 3, 4  # object numbers; each page then has three: page, drawing, picture
OBJECTS_PER_PAGE = 3


def write(pages: Iterable[Encoded], captured_at: datetime) -> Iterator[bytes]:
    """The bytes of the document, in pieces of at most one page. `captured_at`: aware UTC."""
    offsets: dict[int, int] = {}
    at = 0

    def put(piece: bytes) -> bytes:
        nonlocal at
        at += len(piece)
        return piece

    yield put(HEAD)
    offsets[CATALOG] = at
    yield put(_object(CATALOG, b"<< /Type /Catalog /Pages %d 0 R >>" % PAGES))
    offsets[INFO] = at
    made = captured_at.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ").encode()
    yield put(_object(INFO, b"<< /Producer (Kabine) /CreationDate (%s) >>" % made))
    count = 0
    for page in pages:
        number = FIRST_PAGE + count * OBJECTS_PER_PAGE
        for place, piece in enumerate(_page(number, page)):
            offsets[number + place] = at
            yield put(piece)
        count += 1
    offsets[PAGES] = at
    kids = b" ".join(b"%d 0 R" % (FIRST_PAGE + index * OBJECTS_PER_PAGE) for index in range(count))
    yield put(_object(PAGES, b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, kids)))
    yield _tail(offsets, at)


def size_and_digest(pages: Iterable[Encoded], captured_at: datetime) -> tuple[int, bytes]:
    """How many bytes `write` would give for these pages, and their SHA-256."""
    hasher, size_bytes = hashlib.sha256(), 0
    for piece in write(pages, captured_at):
        hasher.update(piece)
        size_bytes += len(piece)
    return size_bytes, hasher.digest()


def _page(number: int, page: Encoded) -> tuple[bytes, bytes, bytes]:
    width, height = page.width * 72 / page.dpi, page.height * 72 / page.dpi
    sheet = (
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.2f %.2f] /Contents %d 0 R "
        b"/Resources << /XObject << /P %d 0 R >> >> >>" % (PAGES, width, height, number + 1, number + 2)
    )
    drawing = b"q %.2f 0 0 %.2f 0 0 cm /P Do Q" % (width, height)
    head = b"<< /Type /XObject /Subtype /Image /Width %d /Height %d " % (page.width, page.height)
    if page.encoding == Encoding.G4:
        head += (
            b"/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /CCITTFaxDecode "
            b"/DecodeParms << /K -1 /Columns %d /Rows %d /BlackIs1 false >> " % (page.width, page.height)
        )
    else:
        space = b"DeviceGray" if page.encoding == Encoding.GREY_JPEG else b"DeviceRGB"
        head += b"/ColorSpace /%s /BitsPerComponent 8 /Filter /DCTDecode " % space
    return (
        _object(number, sheet),
        _object(number + 1, _stream(b"<< ", drawing)),
        _object(number + 2, _stream(head, page.stream)),
    )


def _object(number: int, body: bytes) -> bytes:
    return b"%d 0 obj\n%s\nendobj\n" % (number, body)


def _stream(head: bytes, body: bytes) -> bytes:
    return b"%s/Length %d >>\nstream\n%s\nendstream" % (head, len(body), body)


def _tail(offsets: dict[int, int], at: int) -> bytes:
    rows = b"".join(b"%010d 00000 n \n" % offsets[number] for number in sorted(offsets))
    size = len(offsets) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, rows)
    name = hashlib.sha256(table).hexdigest()[:32].encode()
    trailer = b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /ID [<%s> <%s>] >>\n" % (size, CATALOG, INFO, name, name)
    return table + trailer + b"startxref\n%d\n%%%%EOF\n" % at
