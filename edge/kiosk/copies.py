"""Pictures of pages as a PDF for the printer: each JPEG as it is, as large as A4 allows. Nothing is decoded here: the worker made the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from protocol.errors import Mistake

A4_POINTS: Final = (595, 842)
_FRAMES: Final = (0xC0, 0xC1, 0xC2)  # markers after which a JPEG says how large it is
_COLOURS: Final = {1: b"/DeviceGray", 3: b"/DeviceRGB"}


class Frame(NamedTuple):
    """What a JPEG says about itself, in pixels; `channels` 1 or 3."""

    width: int
    height: int
    channels: int


def frame(jpeg: bytes) -> Frame:
    """The size of a picture. Raises Mistake for what is no JPEG."""
    at = 2
    while jpeg[:2] == b"\xff\xd8" and at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] in _FRAMES:
            height, width = int.from_bytes(jpeg[at + 5 : at + 7], "big"), int.from_bytes(jpeg[at + 7 : at + 9], "big")
            return Frame(width, height, jpeg[at + 9])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    raise Mistake("The picture of a page is no JPEG.")


def copies(jpegs: Sequence[bytes]) -> bytes:
    """One A4 page for each picture, upright or lying as the picture is. Nothing in it says when or where it was made."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for jpeg in jpegs:
        number = len(objects) + 1
        objects += _page(number, jpeg)
        kids.append(b"%d 0 R" % number)
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _page(number: int, jpeg: bytes) -> tuple[bytes, bytes, bytes]:
    seen = frame(jpeg)
    colours = _COLOURS.get(seen.channels)
    if colours is None:
        raise Mistake(f"The picture of a page has {seen.channels} channels.")
    across, down = A4_POINTS if seen.height >= seen.width else A4_POINTS[::-1]
    scale = min(across / seen.width, down / seen.height)
    width, height = seen.width * scale, seen.height * scale
    drawn = b"q %.2f 0 0 %.2f %.2f %.2f cm /P Do Q" % (width, height, (across - width) / 2, (down - height) / 2)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R /Resources << /XObject << /P %d 0 R >> >> >>"
    picture = b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %s /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>"
    return (
        page % (across, down, number + 1, number + 2),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        picture % (seen.width, seen.height, colours, len(jpeg)) + b"\nstream\n" + jpeg + b"\nendstream",
    )
