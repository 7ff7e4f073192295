"""Writes a PDF/A-2b of pictures and stencils as a stream: nothing is kept but one offset for each object.

Plain objects, streams untouched (MuPDF's own writer keeps a whole document in memory and re-encodes G4 when asked the easy way).
The same pages give the same bytes. It says nothing about anybody: the only date is that of the capture, there is no title and no name.
ISO 19005-2 asks for: metadata in XMP that agree with the Info dictionary, an output intent with its ICC profile, a file identifier, no
encryption, no interpolation; `pdfa` looks whether all this is there.
"""

from __future__ import annotations

import functools
import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from edge.capture.encoded import BLACK, Codec, Encoded, Layer

HEAD: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"  # four bytes above 127: programs see that this is no text
CATALOG, PAGES, INFO, METADATA, PROFILE, FIRST_PAGE = 1, 2, 3, 4, 5, 6  # object numbers; then page, drawing, layers …
PRODUCER: Final = "Kabine"
SRGB_CURVE: Final = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1
D50: Final = (0.9642, 1.0, 0.8249)
SRGB_COLOURS: Final = (
    (0.4361, 0.2225, 0.0139),
    (0.3851, 0.7169, 0.0971),
    (0.1431, 0.0606, 0.7139),
)  # red, green, blue, seen under D50
D65_TO_D50: Final = (1.0479, 0.0229, -0.0502, 0.0296, 0.9904, -0.0171, -0.0092, 0.0151, 0.7517)
_XMP: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">\
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" \
xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="2" pdfaid:conformance="B" \
xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreateDate="{made}" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" pdf:Producer="{producer}"/>\
</rdf:RDF></x:xmpmeta><?xpacket end="r"?>"""


def write(pages: Iterable[Encoded], captured_at: datetime) -> Iterator[bytes]:
    """The bytes of the document, in pieces of at most one layer. `captured_at`: aware UTC."""
    offsets: dict[int, int] = {}
    at = 0

    def put(number: int, body: bytes) -> bytes:
        nonlocal at
        piece = b"%d 0 obj\n%s\nendobj\n" % (number, body)
        offsets[number] = at
        at += len(piece)
        return piece

    moment = captured_at.astimezone(UTC)
    at += len(HEAD)
    yield HEAD
    yield put(CATALOG, _catalog())
    made = moment.strftime("D:%Y%m%d%H%M%SZ").encode()
    yield put(INFO, b"<< /Producer (%s) /CreationDate (%s) >>" % (PRODUCER.encode(), made))
    xmp = _XMP.format(made=moment.strftime("%Y-%m-%dT%H:%M:%SZ"), producer=PRODUCER).encode()
    yield put(METADATA, _stream(b"<< /Type /Metadata /Subtype /XML ", xmp))
    yield put(PROFILE, _stream(b"<< /N 3 /Filter /FlateDecode ", _srgb()))
    kids: list[int] = []
    number = FIRST_PAGE
    for page in pages:
        kids.append(number)
        for body in _page(number, page):
            yield put(number, body)
            number += 1
    row = b" ".join(b"%d 0 R" % kid for kid in kids)
    yield put(PAGES, b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), row))
    yield _tail(offsets, at)


def size_and_digest(pages: Iterable[Encoded], captured_at: datetime) -> tuple[int, bytes]:
    """How many bytes `write` would give for these pages, and their SHA-256."""
    hasher, size_bytes = hashlib.sha256(), 0
    for piece in write(pages, captured_at):
        hasher.update(piece)
        size_bytes += len(piece)
    return size_bytes, hasher.digest()


def _catalog() -> bytes:
    return (
        b"<< /Type /Catalog /Pages %d 0 R /Metadata %d 0 R /OutputIntents [<< /Type /OutputIntent /S /GTS_PDFA1 "
        b"/OutputConditionIdentifier (sRGB) /Info (sRGB) /DestOutputProfile %d 0 R >>] >>" % (PAGES, METADATA, PROFILE)
    )


def _page(number: int, page: Encoded) -> Iterator[bytes]:
    """The page, its drawing, its layers; numbered `number` and on."""
    points = 72 / page.dpi
    names = b" ".join(b"/L%d %d 0 R" % (index, number + 2 + index) for index in range(len(page.layers)))
    turned = b"/Rotate %d " % (360 - page.turned_degrees) if page.turned_degrees else b""
    yield (
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.2f %.2f] %s/Contents %d 0 R /Resources << /XObject << %s >> >> >>"
        % (PAGES, page.width * points, page.height * points, turned, number + 1, names)
    )
    stencils = len(page.layers) > 1
    yield _stream(b"<< ", b"\n".join(_drawn(page, index, stencils) for index in range(len(page.layers))))
    for layer in page.layers:
        yield _stream(_head(layer, stencils), layer.stream)


def _drawn(page: Encoded, index: int, stencils: bool) -> bytes:
    layer, points = page.layers[index], 72 / page.dpi
    left, top, right, bottom = layer.place
    laid = b"%.3f %.3f %.3f rg " % tuple(part / 255 for part in layer.ink) if layer.ink and stencils else b""
    return b"q %s%.2f 0 0 %.2f %.2f %.2f cm /L%d Do Q" % (
        laid,
        (right - left) * points,
        (bottom - top) * points,
        left * points,
        (page.height - bottom) * points,
        index,
    )


def _head(layer: Layer, stencils: bool) -> bytes:
    head = b"<< /Type /XObject /Subtype /Image /Width %d /Height %d " % (layer.width, layer.height)
    if layer.codec == Codec.GREY_JPEG:
        return head + b"/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode "
    if layer.codec == Codec.COLOUR_JPEG:
        return head + b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode "
    # One black plane is an ordinary picture, which every program handles; only what lies above another must be see-through.
    head += (
        b"/ImageMask true /BitsPerComponent 1 "
        if stencils or layer.ink != BLACK
        else b"/ColorSpace /DeviceGray /BitsPerComponent 1 "
    )
    if layer.codec == Codec.JBIG2:
        return head + b"/Filter /JBIG2Decode "
    return head + (
        b"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns %d /Rows %d /BlackIs1 false >> "
        % (layer.width, layer.height)
    )


@functools.cache
def _srgb() -> bytes:
    """sRGB as a profile of ICC.1:2010, with nothing that may be left out."""
    curve = b"para" + struct.pack(">I2H5i", 0, 3, 0, *(round(value * 65536) for value in SRGB_CURVE))
    chad = b"sf32" + struct.pack(">I9i", 0, *(round(value * 65536) for value in D65_TO_D50))
    tags = [(b"desc", _said("sRGB")), (b"cprt", _said("CC0")), (b"wtpt", _xyz(D50)), (b"chad", chad)]
    tags += [(name, _xyz(colour)) for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), SRGB_COLOURS, strict=True)]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at = 132 + 12 * len(tags)
    places: dict[bytes, int] = {}
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags:
        if value not in places:
            places[value] = at + len(data)
            data += value + bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, places[value], len(value))
    made = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head = struct.pack(
        ">I4s4s4s4s4s12s4s", at + len(data), b"", b"\4\x20\0\0", b"mntr", b"RGB ", b"XYZ ", made, b"acsp"
    )
    head += bytes(28) + _xyz(D50)[8:] + bytes(48)
    return zlib.compress(head + table + data, 9)


def _xyz(colour: tuple[float, float, float]) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *(round(part * 65536) for part in colour))


def _said(words: str) -> bytes:
    text = words.encode("utf-16-be")
    return b"mluc" + struct.pack(">3I2s2s2I", 0, 1, 12, b"en", b"US", len(text), 28) + text


def _stream(head: bytes, body: bytes) -> bytes:
    return b"%s/Length %d >>\nstream\n%s\nendstream" % (head, len(body), body)


def _tail(offsets: dict[int, int], at: int) -> bytes:
    rows = b"".join(b"%010d 00000 n \n" % offsets[number] for number in sorted(offsets))
    size = len(offsets) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, rows)
    name = hashlib.sha256(table).hexdigest()[:32].encode()
    trailer = b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /ID [<%s> <%s>] >>\n" % (size, CATALOG, INFO, name, name)
    return table + trailer + b"startxref\n%d\n%%%%EOF\n" % at
