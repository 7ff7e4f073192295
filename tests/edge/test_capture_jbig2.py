"""JBIG2 generic regions: bit for bit what went in, in other people's decoders, and never a symbol."""

import shutil
import struct
import subprocess
from datetime import UTC, datetime

import numpy as np
import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge.capture import bits, jbig2, pdf, pdfa
from edge.capture.encoded import BLACK, Codec, Encoded, Encoding, Layer
from edge.capture.flatten import divided, paper
from hardware.simulated.paper import draw_sheet
from protocol.errors import Mistake

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def seen(ink: np.ndarray, stream: bytes) -> np.ndarray:
    """What MuPDF makes of it, from a PDF, pixel by pixel."""
    height, width = ink.shape
    layer = Layer(Codec.JBIG2, width, height, (0, 0, width, height), BLACK, stream)
    raw = b"".join(pdf.write([Encoded(Encoding.JBIG2, width, height, 72.0, False, (layer,))], AT))
    with pymupdf.open(stream=raw, filetype="pdf") as document:
        pixmap = pymupdf.Pixmap(document, document[0].get_images()[0][0])
        rows = np.frombuffer(pixmap.samples, np.uint8).reshape(height, pixmap.stride)
        return rows[:, :width] < 128


def standalone(stream: bytes) -> bytes:
    """A stream as a file of its own (.jb2), for programs that read no PDF."""
    ends = struct.pack(">IBBBI", 2, 49, 0, 1, 0) + struct.pack(">IBBBI", 3, 51, 0, 0, 0)
    return b"\x97JB2\r\n\x1a\n\x01" + struct.pack(">I", 1) + stream + ends


def made(shape: tuple[int, int], seed: int, density: float) -> np.ndarray:
    """Noise, shapes and repeated rows."""
    generator = np.random.default_rng(seed)
    ink = generator.random(shape) < density
    ink[shape[0] // 3 : shape[0] // 2] = ink[shape[0] // 3]
    ink[: shape[0] // 4, shape[1] // 2 :] = bool(seed % 2)
    return ink


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 90), st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.5, 0.97, 1.0]))
def test_what_goes_in_comes_out(height, width, seed, density):
    ink = made((height, width), seed, density)
    stream = jbig2.encode(ink)
    assert np.array_equal(seen(ink, stream), ink)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 90), st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.5, 1.0]))
def test_the_plain_loop_gives_the_same_bytes_as_the_compiled_one(height, width, seed, density):
    ink = made((height, width), seed, density)
    assert jbig2.encode(ink).endswith(jbig2.coded_plainly(ink))


def test_the_plain_loop_is_read_by_mupdf_too(monkeypatch):
    monkeypatch.setattr(jbig2, "_library", lambda: None)
    assert not jbig2.fast()
    ink = made((120, 333), 4, 0.2)
    assert np.array_equal(seen(ink, jbig2.encode(ink)), ink)


def test_a_letter_comes_out_bit_for_bit_and_is_smaller_than_g4(tmp_path):
    sheet = draw_sheet(3, 200)
    plain = np.asarray(sheet.image.convert("L"))
    field = paper(plain, 200)
    ink, _ = bits.ink(plain, divided(plain, field), 200, field)
    stream = jbig2.encode(ink)
    assert np.array_equal(seen(ink, stream), ink)
    assert len(stream) < 0.8 * len(bits.group4(ink))
    if shutil.which("jbig2dec"):
        (tmp_path / "page.jb2").write_bytes(standalone(stream))
        subprocess.run(["jbig2dec", "-t", "pbm", "-o", tmp_path / "page.pbm", tmp_path / "page.jb2"], check=True)
        with Image.open(tmp_path / "page.pbm") as picture:
            assert np.array_equal(np.asarray(picture) == 0, ink)


def test_there_are_two_segments_and_none_of_symbols():
    stream = jbig2.encode(made((50, 60), 1, 0.1))
    assert jbig2.segment_types(stream) == [48, 39]


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"\0" * 20, lambda raw: raw[:20]])
def test_a_stream_that_is_not_ours_is_told(change):
    with pytest.raises(Mistake):
        jbig2.segment_types(change(jbig2.encode(made((50, 60), 1, 0.1))))


def test_a_symbol_dictionary_in_a_file_is_found():
    ink = made((30, 30), 1, 0.1)
    stream = bytearray(jbig2.encode(ink))
    stream[11 + 19 + 4] = 6  # the region becomes one of text made of symbols
    layer = Layer(Codec.JBIG2, 30, 30, (0, 0, 30, 30), BLACK, bytes(stream))
    raw = b"".join(pdf.write([Encoded(Encoding.JBIG2, 30, 30, 72.0, False, (layer,))], AT))
    assert any("generic region" in fault for fault in pdfa.faults(raw))


def test_where_g4_is_asked_for_it_is_g4():
    ink = made((40, 50), 2, 0.1)
    assert bits.stencil(ink, (0, 0, 50, 40), BLACK, g4_strict=True).codec == Codec.G4
    assert bits.stencil(ink, (0, 0, 50, 40), BLACK, g4_strict=False).codec == (
        Codec.JBIG2 if jbig2.fast() else Codec.G4
    )
