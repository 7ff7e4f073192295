"""Looks whether a PDF has the shape of PDF/A-2b (ISO 19005-2), as far as a document of pictures and stencils can depart from it.

Not a validator of every PDF: it knows what `pdf` writes and names everything else. So it also shows that no stream of JBIG2
holds symbols (BSI TR-03138): only page information and generic regions are let through.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

import pymupdf
from PIL import ImageCms

from edge.capture import jbig2
from protocol.errors import Mistake

# What a page of pictures has no use for, and PDF/A-2b partly forbids.
FORBIDDEN: Final = (b"/JavaScript", b"/JS", b"/Launch", b"/AA", b"/OpenAction", b"/EmbeddedFiles", b"/Encrypt", b"/LZWDecode", b"/SMask",
                    b"/Group", b"/OPI", b"/Alternates", b"/TR", b"/AcroForm", b"/XFA", b"/Annots", b"/Font", b"/JBIG2Globals", b"/Ref")  # fmt: skip
FILTERS: Final = ("/CCITTFaxDecode", "/JBIG2Decode", "/DCTDecode")
SPACES: Final = ("/DeviceGray", "/DeviceRGB")


def faults(raw: bytes) -> list[str]:
    """What keeps `raw` from being PDF/A-2b, one plain sentence each; empty when nothing does."""
    found: list[str] = []
    if not re.match(rb"%PDF-1\.[4-7]\n%[\x80-\xff]{4}", raw):
        found.append("The file does not begin with a header and a comment of four bytes above 127.")
    if not raw.endswith(b"%%EOF\n"):
        found.append("Something follows the end of the file.")
    try:
        document: Any = pymupdf.open(stream=raw, filetype="pdf")
    except Exception as error:
        return [*found, f"The file cannot be opened: {error}."]
    with document:
        if document.is_repaired:
            found.append("The file had to be repaired.")
        found += _trailer(document)
        found += _metadata(document)
        found += _intent(document)
        for number in range(1, document.xref_length()):
            found += _object(document, number)
    return found


def _trailer(document: Any) -> list[str]:
    identifier = document.xref_get_key(-1, "ID")
    if identifier[0] != "array" or len(re.findall(r"<[0-9A-Fa-f]{32}>", identifier[1])) != 2:
        return ["The trailer has no file identifier of two strings of 16 bytes."]
    return []


def _metadata(document: Any) -> list[str]:
    kind, place = document.xref_get_key(document.pdf_catalog(), "Metadata")
    if kind != "xref":
        return ["The catalog has no metadata."]
    number = int(place.split()[0])
    if document.xref_get_key(number, "Filter")[0] != "null":
        return ["The metadata are compressed."]
    xmp = document.xref_stream_raw(number).decode("utf-8", "replace")
    said = dict(re.findall(r'(\w+:\w+)="([^"]*)"', xmp))
    found = []
    if (said.get("pdfaid:part"), said.get("pdfaid:conformance")) != ("2", "B"):
        found.append("The metadata do not claim PDF/A-2b.")
    info = {key: value for key, value in document.metadata.items() if value}
    made = re.sub(r"\D", "", said.get("xmp:CreateDate", ""))
    if made != re.sub(r"\D", "", info.get("creationDate", "")):
        found.append("Metadata and Info dictionary disagree about the date of creation.")
    if said.get("pdf:Producer") != info.get("producer"):
        found.append("Metadata and Info dictionary disagree about the producer.")
    if unsaid := sorted(set(info) - {"format", "producer", "creationDate"}):
        found.append(f"The Info dictionary has {', '.join(unsaid)}, the metadata have not.")
    return found


def _intent(document: Any) -> list[str]:
    intents = document.xref_get_key(document.pdf_catalog(), "OutputIntents")[1]
    place = re.search(r"/DestOutputProfile (\d+) 0 R", intents)
    if "/GTS_PDFA1" not in intents or "/OutputConditionIdentifier" not in intents or place is None:
        return ["There is no output intent with a profile."]
    number = int(place[1])
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(document.xref_stream(number))).profile
    except (OSError, TypeError):
        return ["The output intent's profile cannot be read."]
    found = []
    if profile.xcolor_space.strip() != "RGB" or document.xref_get_key(number, "N")[1] != "3":
        found.append("The output intent's profile is not for RGB.")
    if profile.device_class not in ("mntr", "prtr"):
        found.append("The output intent's profile is neither for a screen nor for a printer.")
    return found


def _object(document: Any, number: int) -> list[str]:
    text = document.xref_object(number, compressed=True).encode("latin-1", "replace")
    found = [
        f"Object {number} has {word.decode()}."
        for word in FORBIDDEN
        if re.search(re.escape(word) + rb"(?![A-Za-z0-9])", text)
    ]
    if document.xref_get_key(number, "Subtype")[1] == "/Image":
        found += _image(document, number)
    return found


def _image(document: Any, number: int) -> list[str]:
    found = []
    coding = document.xref_get_key(number, "Filter")[1]
    if coding not in FILTERS:
        found.append(f"Picture {number} is coded as {coding}.")
    if document.xref_get_key(number, "Interpolate")[1] == "true":
        found.append(f"Picture {number} asks for interpolation.")
    mask, space = document.xref_get_key(number, "ImageMask")[1] == "true", document.xref_get_key(number, "ColorSpace")
    if mask == (space[0] != "null") or (not mask and space[1] not in SPACES):
        found.append(f"Picture {number} is neither a stencil nor in grey or RGB.")
    if coding == "/JBIG2Decode":
        try:
            kinds = jbig2.segment_types(document.xref_stream_raw(number))
        except Mistake as error:
            return [*found, f"Picture {number}: {error.what}"]
        if kinds != [jbig2.PAGE_INFORMATION, jbig2.GENERIC_REGION]:
            found.append(f"Picture {number} has segments of JBIG2 other than one generic region: {kinds}.")
    return found
