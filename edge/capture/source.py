"""Opens what a scanner or a person delivered and gives its pages one by one; refuses in plain words what is no whole document.

A reader runs it, and may break over it (edge.capture.reader). Sizes are checked from headers before anything is decoded. At most one page is in
memory: 4 bytes per pixel while it is decoded (480 MB for the largest that is let in), at most 3 bytes for each of `WORKING_PIXELS_MAX` afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge.capture import pdf_pages, pictures
from edge.capture.delivered import AGAIN, Delivered, look_at, too_heavy, too_many
from edge.capture.page import Page
from protocol import limits
from protocol.errors import Code, Refused


def count(what: Delivered) -> int:
    """How many pages `what` holds, from headers only. Raises Refused(BAD_FILE), or TOO_LARGE when these are more than a document may have."""
    pages = pdf_pages.count(what) if _is_pdf(what) else pictures.count(what)
    if pages > limits.DOCUMENT_PAGES_MAX:
        raise too_many(pages)
    return pages


def pages(what: Delivered) -> Iterator[Page]:
    """The pages of a file, or of a scan that never was one, in order, each decoded when it is asked for. Raises Refused(BAD_FILE), also
    for a page that is too large: the visitor is told about that sheet, and not that there are too many of them."""
    return pdf_pages.pages(what) if _is_pdf(what) else pictures.pages(what)


def _is_pdf(what: Delivered) -> bool:
    head, size_bytes = look_at(what)
    if size_bytes == 0:
        raise Refused(Code.BAD_FILE, f"“{what.name}” is empty (0 bytes).", AGAIN)
    if size_bytes > limits.INPUT_BYTES_MAX:
        raise too_heavy(what.name, size_bytes)
    return b"%PDF-" in head
