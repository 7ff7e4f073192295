"""What a scanner or a person delivered, as yet unread: its first bytes, its size, and in which words it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hardware.scanner import Scan
from protocol import limits
from protocol.errors import Code, Refused

KINDS: Final = "Hand in JPEG, PNG, TIFF, WebP or PDF."
AGAIN: Final = "Scan the page again, or copy the file anew from where it came from."
HEAD_BYTES: Final = 1024
# What people bring that is whole and still cannot be read: its first bytes, what it is, and what to do. `ftyp` of HEIC and AVIF stands 4 bytes in.
_KNOWN: Final = (
    (4, (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1", b"ftypavif"), "picture in a telephone's own format (HEIC, AVIF)",
     "Save it as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible), or scan the paper."),
    (0, (b"GIF8", b"BM", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), "picture in a format that is not read", "Save it as PNG, JPEG or PDF."),
    (0, (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), "text of an office program", "Save it as PDF."),
)  # fmt: skip

Delivered = Path | Scan


def look_at(what: Delivered) -> tuple[bytes, int]:
    """Its first bytes, and how many it has. Raises Refused(BAD_FILE) when it cannot be read."""
    if isinstance(what, Scan):
        return what.image[:HEAD_BYTES], len(what.image)
    return _begins(what)


def unread(what: Delivered) -> Refused:
    """Of what is neither a picture nor a PDF: in the words of whoever brings it, where we know what it is."""
    head, _ = look_at(what)
    for at, signs, kind, remedy in _KNOWN:
        if head[at:].startswith(signs):
            return Refused(Code.BAD_FILE, f"“{what.name}” is a {kind}.", remedy)
    return Refused(Code.BAD_FILE, f"“{what.name}” is neither a picture nor a PDF.", KINDS)


def too_many_pixels(what: Delivered) -> Refused:
    """Of a page that would not fit into the memory of a cabin."""
    return Refused(
        Code.BAD_FILE,
        f"A page of “{what.name}” has more than {limits.PAGE_PIXELS_MAX // 1_000_000} million pixels.",
        "Scan at 300 dpi.",
    )


def too_heavy(name: str, size_bytes: int) -> Refused:
    """Of a file that is larger than any that is read."""
    return Refused(
        Code.BAD_FILE,
        f"“{name}” has {size_bytes // 1_000_000} MB; at most {limits.INPUT_BYTES_MAX // 1_000_000} MB are read.",
        "Scan at 300 dpi, or hand it in as several documents.",
    )


def damaged(what: Delivered, kind: str) -> Refused:
    """Of a file of this `kind` of which something is missing."""
    return Refused(Code.BAD_FILE, f"“{what.name}” is damaged or incomplete: the {kind} breaks off.", AGAIN)


def not_there(name: str) -> Refused:
    """Of a file that nobody finds."""
    return Refused(Code.BAD_FILE, f"There is no file “{name}”.", "Check the name.")


def too_many(pages: int) -> Refused:
    """What a visitor reads who brings more than a document may hold."""
    return Refused(
        Code.TOO_LARGE,
        f"The document has {pages} pages; at most {limits.DOCUMENT_PAGES_MAX} fit in one.",
        "Hand it in as several documents.",
    )


def _begins(path: Path) -> tuple[bytes, int]:
    """The beginning and the size of a file."""
    try:
        if path.is_dir():
            raise Refused(Code.BAD_FILE, f"“{path.name}” is a folder, not a file.", "Name the files in it.")
        if not path.exists():
            raise not_there(path.name)
        if not path.is_file():
            raise Refused(Code.BAD_FILE, f"“{path.name}” is no ordinary file.", KINDS)
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            return file.read(HEAD_BYTES), size_bytes
    except OSError as error:
        raise Refused(
            Code.BAD_FILE, f"“{path.name}” cannot be read: {error.strerror}.", "Check that this user may read the file."
        ) from error
