"""`kabine capture` on pictures, as a person calls it."""

import json
import os
import struct
import subprocess
import sys
import zlib

import pymupdf
import pytest
from click.testing import CliRunner
from PIL import Image

from edge.capture import pdfa
from hardware.simulated.paper import draw_sheet
from protocol.errors import Refused
from tests.journeys.kiosk import children
from tests.journeys.waiting import until
from tools.capture import capture


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    for seed, kind in enumerate(("letter", "form")):
        draw_sheet(seed, 150, kind).image.save(folder / f"{kind}.png", dpi=(150, 150))
    return [str(folder / "letter.png"), str(folder / "form.png")]


def test_files_become_one_document(scans, tmp_path):
    out = tmp_path / "out.pdf"
    done = CliRunner().invoke(capture, [*scans, "--out", str(out), "--json", "--check"], catch_exceptions=False)
    found = json.loads(done.output)
    assert found["bytes"] == out.stat().st_size
    fields = {"encoding", "bytes", "dpi", "skew_deg", "turned_deg", "verdict", "advice", "seconds"}
    assert [set(page) for page in found["pages"]] == [fields, fields]
    assert all(page["verdict"] == "good" for page in found["pages"])
    assert pdfa.faults(out.read_bytes()) == []
    with pymupdf.open(out) as document:
        assert len(document) == 2


def test_g4_strict_knows_no_jbig2(scans, tmp_path):
    out = tmp_path / "out.pdf"
    CliRunner().invoke(capture, [*scans, "--out", str(out), "--g4-strict"], catch_exceptions=False)
    assert b"/JBIG2Decode" not in out.read_bytes()
    assert b"/CCITTFaxDecode" in out.read_bytes()


def test_a_document_on_standard_output_is_nothing_else(scans):
    done = CliRunner().invoke(capture, [scans[0], "--out", "-"], catch_exceptions=False)
    assert done.stdout_bytes.startswith(b"%PDF-")
    assert done.stdout_bytes.rstrip().endswith(b"%%EOF")
    assert done.stderr.startswith("page 1: ")
    assert "\n1 page, " in done.stderr


def test_a_scan_is_not_written_over(scans):
    with pytest.raises(Refused, match="read and written at once"):
        CliRunner().invoke(capture, [*scans, "--out", scans[1]], catch_exceptions=False)


def test_what_is_wrong_is_said_in_plain_words(tmp_path):
    Image.new("L", (1240, 1754), 244).save(tmp_path / "empty.png", dpi=(150, 150))
    done = CliRunner().invoke(capture, [str(tmp_path / "empty.png")], catch_exceptions=False)
    assert "empty" in done.output
    assert "drehen Sie das Blatt um" in done.output


def test_what_is_no_page_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(Refused, match="neither a picture nor a PDF"):
        CliRunner().invoke(capture, [str(tmp_path / "notes.txt")], catch_exceptions=False)


def test_what_would_burst_a_cabin_is_refused_in_plain_words_by_a_worker_with_bounds(tmp_path):
    """A picture of 400 million pixels, a bomb of zeros, and more pages than a document may have."""
    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))  # noqa: E731
    bomb = zlib.compress(bytes(20_000_000), 9)
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", bomb) + chunk(b"IEND", b"")
    (tmp_path / "plakat.png").write_bytes(huge)
    with pymupdf.open() as document:
        for _ in range(1_000):
            document.new_page(width=100, height=100)
        document.save(tmp_path / "buch.pdf")
    for name, words in (("plakat.png", "120 million pixels"), ("buch.pdf", "1000 pages")):
        with pytest.raises(Refused, match=words) as caught:
            CliRunner().invoke(capture, [str(tmp_path / name)], catch_exceptions=False)
        assert caught.value.remedy.endswith(".")


def test_killed_in_the_midst_it_leaves_nothing_behind(scans, tmp_path):
    command = [sys.executable, "-m", "tools", "capture", *map(str, scans), "--out", str(tmp_path / "never.pdf")]
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")}) as process:
        until(lambda: any(children(child) for child in children(process.pid)), "its worker is there")
        process.kill()
    assert list(tmp_path.rglob("*")) == [tmp_path / "tmp"]
