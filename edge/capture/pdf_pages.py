"""Pages out of a PDF, drawn as finely as they are of use; a PDF of which something is missing is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pymupdf

from edge.capture.delivered import Delivered, damaged, too_many_pixels
from edge.capture.page import DPI, WORKING_PIXELS_MAX, Page
from hardware.scanner import Scan
from protocol import limits
from protocol.errors import Code, Refused

COARSE_DPI_MIN: Final = 100.0  # a sheet that would have to be kept coarser than this is refused
# What MuPDF says when bytes of a page are missing; it draws the rest and goes on, we do not.
_MISSING: Final = (
    "premature end",
    "ignoring error",  # a picture that cannot be decoded is left out, and its page is empty
    "failed to read",
    "failed to decode",
    "truncated",
    "zlib error",
    "unexpected end",
    "cannot find object",
    "object out of range",
)

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)


def count(what: Delivered) -> int:
    """How many pages it holds. Raises Refused(BAD_FILE)."""
    with _open(what) as document:
        return int(document.page_count)


def _open(what: Delivered) -> Any:
    try:
        document: Any = (
            pymupdf.open(stream=what.image, filetype="pdf")
            if isinstance(what, Scan)
            else pymupdf.open(what, filetype="pdf")
        )
        pages = int(document.page_count) if not document.needs_pass else 0
    except Exception as error:
        raise damaged(what, "PDF") from error
    if document.needs_pass:
        document.close()
        raise Refused(
            Code.BAD_FILE,
            f"“{what.name}” is locked with a password.",
            "Save it without a password and hand in that one.",
        )
    # MuPDF mends a PDF that breaks off and silently drops what is gone.
    if document.is_repaired or pages == 0:
        document.close()
        raise damaged(what, "PDF")
    try:
        _expect_content_on_pages(document, what)
    except BaseException:
        document.close()
        raise
    return document


def _expect_content_on_pages(document: Any, what: Delivered) -> None:
    """Two kinds of PDF hold one page that says “open this with another program”, and what is handed in elsewhere. Raises Refused."""
    catalog = document.pdf_catalog()
    if document.xref_get_key(catalog, "Collection")[0] != "null":
        raise Refused(
            Code.BAD_FILE,
            f"“{what.name}” is a collection of files in the shape of a PDF (portfolio).",
            "Save the files in it one by one and hand in those.",
        )
    if document.xref_get_key(catalog, "NeedsRendering")[1] == "true":
        raise Refused(
            Code.BAD_FILE,
            f"“{what.name}” is a form that only Adobe Reader can show (XFA).",
            "Print it there, on paper or as a PDF, and hand in that one.",
        )


def pages(what: Delivered) -> Iterator[Page]:
    """Each drawn when it is asked for. Raises Refused(BAD_FILE)."""
    with _open(what) as document:
        for number in range(document.page_count):
            try:
                yield _whole(document, number, what)
            except (Refused, MemoryError):
                raise
            except Exception as error:
                raise damaged(what, "PDF") from error


def _whole(document: Any, number: int, what: Delivered) -> Page:
    pymupdf.TOOLS.reset_mupdf_warnings()
    try:
        page = _render(document[number], what)
    finally:
        pymupdf.TOOLS.store_shrink(100)
    said = pymupdf.TOOLS.mupdf_warnings(reset=True).lower()
    if document.is_repaired or any(sign in said for sign in _MISSING):
        raise damaged(what, "PDF")
    return page


def _render(sheet: Any, what: Delivered) -> Page:
    for picture in sheet.get_images(full=True):
        if picture[2] * picture[3] > limits.PAGE_PIXELS_MAX:
            raise too_many_pixels(what)
    width_inches, height_inches = sheet.rect.width / 72, sheet.rect.height / 72
    if width_inches <= 0 or height_inches <= 0:
        raise damaged(what, "PDF")
    dpi = min(_scan_dpi(sheet), math.sqrt(WORKING_PIXELS_MAX / (width_inches * height_inches)))
    if dpi < min(COARSE_DPI_MIN, _scan_dpi(sheet)):
        raise Refused(
            Code.BAD_FILE,
            f"A page of “{what.name}” measures {width_inches * 2.54:.0f} × {height_inches * 2.54:.0f} cm.",
            "Hand in a copy of at most 1 × 1 m.",
        )
    pixmap: Any = sheet.get_pixmap(matrix=pymupdf.Matrix(dpi / 72, dpi / 72), colorspace=pymupdf.csRGB, alpha=False)
    pymupdf.TOOLS.store_shrink(100)  # the decoded picture, which would lie beside its own copy
    return Page(np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3), dpi)


def _scan_dpi(sheet: Any) -> float:
    """300, or the resolution of the one picture that fills the page: drawing it finer adds bytes and no detail."""
    pictures = sheet.get_image_info()
    if len(pictures) != 1:
        return float(DPI)
    left, top, right, bottom = pictures[0]["bbox"]
    if (right - left) * (bottom - top) < 0.9 * sheet.rect.width * sheet.rect.height:
        return float(DPI)
    turned = (pictures[0]["width"] > pictures[0]["height"]) != (right - left > bottom - top)
    across = pictures[0]["height"] if turned else pictures[0]["width"]
    return float(min(DPI, max(50.0, across * 72 / (right - left))))
