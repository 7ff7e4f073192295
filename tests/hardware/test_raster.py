"""Pages as raster, read back by somebody else: libcups, which printers and print servers use."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from hardware.devices.raster import pwg_raster, urf
from hardware.simulated.paper import draw_page

CUPS = "libcups.so.2"  # of Debian's libcups2, which cups-ipp-utils needs
HEADER_BYTES = 1796


def read(path: Path) -> list[tuple[bytes, np.ndarray]]:
    """Header and pixels of every page, by cupsRasterOpen and cupsRasterReadPixels."""
    cups = ctypes.CDLL(CUPS)
    cups.cupsRasterOpen.restype = ctypes.c_void_p
    cups.cupsRasterOpen.argtypes = [ctypes.c_int, ctypes.c_int]
    cups.cupsRasterReadHeader2.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    cups.cupsRasterReadPixels.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint]
    cups.cupsRasterReadPixels.restype = ctypes.c_uint
    cups.cupsRasterClose.argtypes = [ctypes.c_void_p]
    pages = []
    with path.open("rb") as file:
        raster = cups.cupsRasterOpen(file.fileno(), 0)
        header = ctypes.create_string_buffer(HEADER_BYTES)
        while raster and cups.cupsRasterReadHeader2(raster, header):
            numbers = np.frombuffer(header.raw, np.uint32)
            width, height = int(numbers[372 // 4]), int(numbers[376 // 4])
            rows = []
            row = ctypes.create_string_buffer(width)
            for _ in range(height):
                assert cups.cupsRasterReadPixels(raster, row, width) == width
                rows.append(np.frombuffer(row.raw, np.uint8).copy())
            pages.append((header.raw, np.array(rows)))
        cups.cupsRasterClose(raster)
    return pages


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A page of text, a page that is a photograph of one, and an empty one."""
    picture = tmp_path_factory.mktemp("pages") / "page.png"
    draw_page(3, dpi=60).save(picture)
    with pymupdf.open() as document:
        page = document.new_page(width=595, height=842)
        page.insert_text((72, 200), "Wohngeldbescheid", fontsize=30)
        document.new_page(width=595, height=842).insert_image((0, 0, 595, 842), filename=picture)
        document.new_page(width=595, height=842)
        made: bytes = document.tobytes()
    return made


@pytest.mark.parametrize("encode", [pwg_raster, urf])
def test_what_another_reader_sees_are_our_pixels(encode: Callable[..., bytes], pdf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "pages"
    path.write_bytes(encode(pdf, dpi=150))
    read_back = read(path)
    with pymupdf.open("pdf", pdf) as document:
        pixmaps = [page.get_pixmap(dpi=150, colorspace=pymupdf.csGRAY) for page in document]
    assert len(read_back) == len(pixmaps) == 3
    for (header, pixels), pixmap in zip(read_back, pixmaps, strict=True):
        assert tuple(np.frombuffer(header, np.uint32)[276 // 4 : 284 // 4]) == (150, 150)
        wanted = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.stride)[:, : pixmap.width]
        assert np.array_equal(pixels, wanted)
    assert path.stat().st_size < sum(pixmap.height * pixmap.width for pixmap in pixmaps)
