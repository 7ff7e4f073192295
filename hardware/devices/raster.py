"""Pages as grey raster for printers that do not read PDF: PWG raster (PWG 5102.4) and URF, which AirPrint printers take.

Both compress alike: a line says how often it is repeated, and within a line runs of equal pixels are counted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
import pymupdf
from numpy.typing import NDArray

_SGRAY: Final = 18  # PWG 5102.4, table 11: sGray
_RUN_MAX: Final = 128
_REPEAT_MAX: Final = 256


def pwg_raster(pdf: bytes, *, dpi: int) -> bytes:
    """The pages of a PDF as PWG raster, sgray_8. PWG 5102.4, section 4.3."""
    parts = [b"RaS2"]
    with pymupdf.open("pdf", pdf) as document:
        for page in document:
            pixels = _grey(page, dpi)
            height, width = pixels.shape
            header = bytearray(1796)
            header[0:10] = b"PwgRaster\0"
            numbers = {
                276: dpi,
                280: dpi,
                340: 1,
                352: round(page.rect.width),
                356: round(page.rect.height),
                372: width,
                376: height,
                384: 8,
                388: 8,
                392: width,
                400: _SGRAY,
                420: 1,
                452: document.page_count,
                456: 1,
                460: 1,
                480: 0xFFFFFF,
            }
            for at, number in numbers.items():
                struct.pack_into(">I", header, at, number)
            parts += [bytes(header), *_lines(pixels)]
    return b"".join(parts)


def urf(pdf: bytes, *, dpi: int) -> bytes:
    """The pages of a PDF as URF, W8, one-sided. Apple publishes no text; as CUPS reads it (cups/raster-stream.c)."""
    with pymupdf.open("pdf", pdf) as document:
        parts = [b"UNIRAST\0", struct.pack(">I", document.page_count)]
        for page in document:
            pixels = _grey(page, dpi)
            height, width = pixels.shape
            parts.append(struct.pack(">BBBBBB6xIII8x", 8, 0, 1, 4, 0, 0, width, height, dpi))
            parts += _lines(pixels)
    return b"".join(parts)


def _grey(page: pymupdf.Page, dpi: int) -> NDArray[np.uint8]:
    pixmap = page.get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY, alpha=False)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.stride)[:, : pixmap.width]


def _lines(pixels: NDArray[np.uint8]) -> Iterator[bytes]:
    """PWG 5102.4, section 4.3.2: how often a line comes, less one; then the line."""
    changes = np.flatnonzero((pixels[1:] != pixels[:-1]).any(axis=1)) + 1
    starts = [0, *changes.tolist()]
    for start, end in zip(starts, [*starts[1:], len(pixels)], strict=True):
        line = _line(pixels[start])
        for left in range(end - start, 0, -_REPEAT_MAX):
            yield bytes([min(left, _REPEAT_MAX) - 1]) + line


def _line(line: NDArray[np.uint8]) -> bytes:
    """0…127: the next pixel so often, and once more; 129…255: 257 less that many pixels as they stand."""
    starts = np.flatnonzero(np.diff(line, prepend=line[0] ^ 1))
    lengths = np.diff(starts, append=len(line)).tolist()
    values = line[starts].tolist()
    parts = bytearray()
    single = bytearray()

    def flush() -> None:
        for at in range(0, len(single), _RUN_MAX):
            some = single[at : at + _RUN_MAX]
            # One pixel by itself is a run of one: a length of 256 cannot be said.
            parts.append(257 - len(some) if len(some) > 1 else 0)
            parts.extend(some)
        single.clear()

    for value, length in zip(values, lengths, strict=True):
        if length == 1:
            single.append(value)
            continue
        flush()
        for left in range(length, 0, -_RUN_MAX):
            parts += bytes([min(left, _RUN_MAX) - 1, value])
    flush()
    return bytes(parts)
