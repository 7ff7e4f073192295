"""Pages wait on disk as noise, in a file without a name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.capture import spool as spool_file
from edge.capture.encoded import Codec, Encoded, Encoding, Layer
from edge.capture.spool import Spool
from protocol import limits
from protocol.errors import Code, Refused, Unavailable

MARK = b"KANARIE-Anneliese-Petznick"


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path)
    yield spool
    spool.close()


def page(stream: bytes) -> Encoded:
    return Encoded(
        Encoding.GREY_JPEG, 10, 20, 300.0, False, (Layer(Codec.GREY_JPEG, 10, 20, (0, 0, 10, 20), None, stream),)
    )


def on_disk(spool) -> bytes:
    """The file as the kernel shows it to somebody who looks from outside."""
    return Path(f"/proc/{os.getpid()}/fd/{spool._file}").read_bytes()


def test_pages_come_back_in_any_order(spool):
    pages = [page(bytes([number]) * (number * 1000)) for number in range(5)]
    for each in pages:
        spool.add(each)
    assert len(spool) == 5
    assert [spool.read(index) for index in (4, 0, 2, 2)] == [pages[4], pages[0], pages[2], pages[2]]


def test_nothing_readable_touches_the_disk_and_nothing_has_a_name(spool, tmp_path):
    for _ in range(3):
        spool.add(page(MARK * 100))
    seen = on_disk(spool)
    assert len(seen) > 3 * 100 * len(MARK)
    assert MARK not in seen
    assert MARK[:8] not in seen
    assert os.listdir(tmp_path) == []
    assert len({seen[start : start + 2600] for start in range(0, 7800, 2600)}) == 3


def test_clearing_frees_the_space_and_forgets_the_key(spool):
    spool.add(page(b"first"))
    before = on_disk(spool)
    spool.clear()
    assert len(spool) == 0
    assert on_disk(spool) == b""
    spool.add(page(b"first"))
    assert on_disk(spool) != before
    assert spool.read(0).layers[0].stream == b"first"


def test_a_damaged_page_is_noticed(spool):
    spool.add(page(b"x" * 100))
    os.pwrite(spool._file, b"\0\0\0\0", 20)
    with pytest.raises(Unavailable, match="damaged"):
        spool.read(0)


def test_a_document_has_at_most_300_pages(spool):
    for _ in range(limits.DOCUMENT_PAGES_MAX):
        spool.add(page(b""))
    with pytest.raises(Refused, match="300 pages") as caught:
        spool.add(page(b""))
    assert caught.value.code == Code.TOO_LARGE


def test_a_document_has_at_most_100_mb(spool):
    tens = page(bytes(10_000_000))
    for _ in range(9):
        spool.add(tens)
    with pytest.raises(Refused, match="100 MB"):
        spool.add(tens)
    assert len(spool) == 9


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Unavailable, match="cannot be kept"):
        Spool(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be kept"):
        Spool(tmp_path / "file")


def test_a_file_system_without_nameless_files_does_too(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_file.os, "O_TMPFILE", os.O_DIRECTORY)  # an old kernel takes it for this
    spool = Spool(tmp_path)
    spool.add(page(MARK))
    assert os.listdir(tmp_path) == []
    assert spool.read(0).layers[0].stream == MARK
    spool.close()


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path):
    """In a process of its own, whose files may not grow beyond 64 KiB: as with a full disk, a write comes to an end."""
    script = """
import resource, signal, sys
from pathlib import Path
from edge.capture.encoded import Codec, Encoded, Encoding, Layer
from edge.capture.spool import Spool
from protocol.errors import Unavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
spool = Spool(Path(sys.argv[1]))
def page(stream):
    return Encoded(Encoding.G4, 1, 1, 300.0, False, (Layer(Codec.G4, 1, 1, (0, 0, 1, 1), None, stream),))
small = page(b"small")
spool.add(small)
try:
    spool.add(page(bytes(100_000)))
except Unavailable as error:
    print(error)
spool.add(small)
assert spool.read(0) == spool.read(1) == small
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert "cannot be kept" in done.stdout
