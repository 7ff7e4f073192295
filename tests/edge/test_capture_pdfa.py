"""The document is PDF/A-2b, and the checker sees it when it is not."""

import io
from datetime import UTC, datetime

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageCms

from edge.capture import jbig2, pdf, pdfa, pipeline
from edge.capture.mode import Mode
from edge.capture.page import Page
from hardware.simulated.paper import draw_sheet

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def document() -> bytes:
    shade = Image.fromarray(
        np.add.outer(np.linspace(40, 220, 300), np.linspace(-30, 30, 200)).clip(0, 255).astype(np.uint8)
    )
    sheets = [draw_sheet(2, 150).image.convert("L"), shade, Image.merge("RGB", [shade, shade.rotate(180), shade])]
    taken = pipeline.take([Page(np.asarray(sheet), 150) for sheet in sheets], Mode.COPY)
    return b"".join(pdf.write([each.page for each in taken], AT))


def test_what_we_write_is_pdf_a_2b_and_holds_no_symbols(document):
    assert pdfa.faults(document) == []
    with pymupdf.open(stream=document, filetype="pdf") as opened:
        streams = [
            opened.xref_stream_raw(number)
            for number in range(1, opened.xref_length())
            if opened.xref_get_key(number, "Filter")[1] == "/JBIG2Decode"
        ]
    assert bool(streams) == jbig2.fast()
    assert {kind for stream in streams for kind in jbig2.segment_types(stream)} <= {48, 39}


def test_the_profile_is_srgb(document):
    with pymupdf.open(stream=document, filetype="pdf") as opened:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(opened.xref_stream(pdf.PROFILE)))
    colours = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    seen = ImageCms.profileToProfile(Image.fromarray(colours), profile, ImageCms.createProfile("sRGB"))
    assert np.abs(np.asarray(seen, np.int16) - colours).max() <= 1


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (b"%\xe2\xe3\xcf\xd3", b"%abcd", "comment"),
        (b"/ID [", b"/IX [", "identifier"),
        (b"/Metadata 4 0 R", b"/Metadatb 4 0 R", "no metadata"),
        (b'pdfaid:part="2', b'pdfaid:part="3', "claim"),
        (b'xmp:CreateDate="2026', b'xmp:CreateDate="2025', "date"),
        (b'pdf:Producer="Kabine', b'pdf:Producer="Cabins', "producer"),
        (b"/GTS_PDFA1", b"/GTS_PDFX1", "output intent"),
        (b"/N 3 ", b"/N 1 ", "RGB"),
        (b"/Type /Page ", b"/Type /Page/AA 2 0 R ", "/AA"),
        (b"/BitsPerComponent 8 ", b"/Interpolate true ", "interpolation"),
        (b"/ColorSpace /DeviceGray", b"/ColorSpace /DeviceCMYK", "neither"),
        (b"/DeviceRGB", b"/DeviceCMYK", "neither"),
        (b"%%EOF\n", b"%%EOF\nmore", "follows"),
    ],
)
def test_a_departure_is_named(document, old, new, word):
    assert old in document
    changed = document.replace(old, new)
    assert any(word in fault for fault in pdfa.faults(changed)), pdfa.faults(changed)


def test_what_is_no_pdf_is_told():
    assert "cannot be opened" in pdfa.faults(b"nothing")[-1]
