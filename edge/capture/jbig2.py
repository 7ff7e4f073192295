"""JBIG2 (ITU-T T.88) for one bit per pixel: one generic region, lossless, and nothing else.

It can only say "this pixel is black": there are no symbols that could stand for one another, which BSI TR-03138 forbids. A page becomes
two segments, page information (type 48) and an immediate lossless generic region (type 39), as a PDF embeds them: template 0, its
adaptive pixels at their nominal places, typical prediction. Where tools/setup.sh found a C compiler the inner loop is jbig2_fast.c;
otherwise it is the one below, which gives the same bytes and takes seconds a page: ask `fast` before choosing it.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from protocol.errors import Mistake

Bits = npt.NDArray[np.bool_]  # [height, width], True where there is ink

PAGE_INFORMATION: Final = 48
GENERIC_REGION: Final = 39  # immediate and lossless
LIBRARY: Final = Path(sys.prefix) / "lib" / "kabine" / "jbig2_fast.so"
TYPICAL_CONTEXT: Final = 0x9B25
NOMINAL: Final = struct.pack(">8b", 3, -1, -3, -1, 2, -2, -2, -2)  # A1 to A4, figure 3 of T.88
TEMPLATE_0_TYPICAL: Final = 0b0000_1000

# Table E.1: probability, next state after the likelier and after the other symbol, whether they change places.
_ROWS: Final = (
    "5601 01 01 1,3401 02 06 0,1801 03 09 0,0AC1 04 12 0,0521 05 29 0,0221 38 33 0,5601 07 06 1,5401 08 14 0,"
    "4801 09 14 0,3801 10 14 0,3001 11 17 0,2401 12 18 0,1C01 13 20 0,1601 29 21 0,5601 15 14 1,5401 16 14 0,"
    "5101 17 15 0,4801 18 16 0,3801 19 17 0,3401 20 18 0,3001 21 19 0,2801 22 19 0,2401 23 20 0,2201 24 21 0,"
    "1C01 25 22 0,1801 26 23 0,1601 27 24 0,1401 28 25 0,1201 29 26 0,1101 30 27 0,0AC1 31 28 0,09C1 32 29 0,"
    "08A1 33 30 0,0521 34 31 0,0441 35 32 0,02A1 36 33 0,0221 37 34 0,0141 38 35 0,0111 39 36 0,0085 40 37 0,"
    "0049 41 38 0,0025 42 39 0,0015 43 40 0,0009 44 41 0,0005 45 42 0,0001 45 43 0,5601 46 46 0"
)
_TABLE: Final = tuple((int(row[:4], 16), int(row[5:7]), int(row[8:10]), int(row[11])) for row in _ROWS.split(","))


def fast() -> bool:
    """Whether the compiled loop is there."""
    return _library() is not None


def encode(ink: Bits) -> bytes:
    """The segments of a page, as a PDF holds them under /JBIG2Decode. Black is 1."""
    height, width = ink.shape
    region = struct.pack(">IIIIB", width, height, 0, 0, 0) + bytes([TEMPLATE_0_TYPICAL]) + NOMINAL + _coded(ink)
    page = struct.pack(">IIIIBH", width, height, 0, 0, 0b0000_0001, 0)
    return _segment(0, PAGE_INFORMATION, page) + _segment(1, GENERIC_REGION, region)


def segment_types(stream: bytes) -> list[int]:
    """The types of all segments in what `encode` gave, in order. Raises Mistake for anything else."""
    types, at = [], 0
    while at + 11 <= len(stream):
        types.append(stream[at + 4] & 0x3F)
        if stream[at + 5] or stream[at + 6] != 1:
            raise Mistake("This stream of JBIG2 refers to other segments or other pages.")
        at += 11 + int.from_bytes(stream[at + 7 : at + 11], "big")
    if at != len(stream):
        raise Mistake("This stream of JBIG2 breaks off.")
    return types


def _segment(number: int, kind: int, body: bytes) -> bytes:
    return struct.pack(">IBBBI", number, kind, 0, 1, len(body)) + body


def _coded(ink: Bits) -> bytes:
    library = _library()
    if library is None:
        return coded_plainly(ink)
    height, width = ink.shape
    pixels = np.ascontiguousarray(ink).view(np.uint8)
    capacity = max(4096, width * height // 16)
    while True:
        out = ctypes.create_string_buffer(capacity)
        size = library.kabine_jbig2_generic(pixels.ctypes.data, width, height, out, capacity)
        if size >= 0:
            return out.raw[:size]
        if size == -2:
            raise MemoryError
        capacity *= 4


@functools.cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(str(LIBRARY))
        call = library.kabine_jbig2_generic
    except (OSError, AttributeError):
        return None
    call.restype = ctypes.c_long
    call.argtypes = (ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_char_p, ctypes.c_long)
    return library


# --- without a compiler -----------------------------------------------------------------------------------------------


def coded_plainly(ink: Bits) -> bytes:
    """The region's data. Contexts are found for whole rows at once, and equal decisions in a row are taken in one step."""
    height, width = ink.shape
    padded = np.zeros((height + 2, width + 8), np.uint16)
    padded[2:, 4:-4] = ink
    coder, typical = _Coder(), 0
    for y in range(height):
        two, one, now = padded[y], padded[y + 1], padded[y + 2]
        same = int(np.array_equal(one, now))
        coder.code(TYPICAL_CONTEXT, same ^ typical, 1)
        typical = same
        if same:
            continue
        context = np.zeros(width, np.int64)
        for row, places in ((two, range(-2, 3)), (one, range(-3, 4)), (now, range(-4, 0))):
            for place in places:
                context = context << 1 | row[4 + place : 4 + place + width]
        decision = context << 1 | now[4 : 4 + width]
        starts = np.flatnonzero(np.diff(decision, prepend=-1))
        lengths = np.diff(starts, append=width)
        for what, count in zip(decision[starts].tolist(), lengths.tolist(), strict=True):
            coder.code(what >> 1, what & 1, count)
    return coder.finish()


class _Coder:
    """The arithmetic coder of Annex E. Its registers keep the names of the standard."""

    def __init__(self) -> None:
        self._a, self._c, self._ct = 0x8000, 0, 12
        self._out = bytearray(1)  # the byte before the first: a carry may reach it, nobody reads it
        self._state = bytearray(65536)
        self._likely = bytearray(65536)

    def code(self, context: int, bit: int, count: int) -> None:
        """The same decision `count` times."""
        state, likely = self._state, self._likely
        while count:
            qe, after_likely, after_other, flip = _TABLE[state[context]]
            if bit == likely[context]:
                steps = min(count, (self._a - 0x8000) // qe)
                if steps:  # these change nothing but the interval
                    self._a -= steps * qe
                    self._c += steps * qe
                    count -= steps
                    continue
                self._a -= qe
                if self._a < qe:
                    self._a = qe
                else:
                    self._c += qe
                state[context] = after_likely
            else:
                self._a -= qe
                if self._a < qe:
                    self._c += qe
                else:
                    self._a = qe
                if flip:
                    likely[context] ^= 1
                state[context] = after_other
            count -= 1
            self._renormalise()

    def _renormalise(self) -> None:
        while True:
            self._a <<= 1
            self._c <<= 1
            self._ct -= 1
            if self._ct == 0:
                self._byte_out()
            if self._a & 0x8000:
                return

    def _byte_out(self) -> None:
        out = self._out
        if out[-1] != 0xFF and self._c >= 0x8000000:
            out[-1] += 1
            if out[-1] == 0xFF:
                self._c &= 0x7FFFFFF
        if out[-1] == 0xFF:
            out.append(self._c >> 20 & 0xFF)
            self._c &= 0xFFFFF
            self._ct = 7
        else:
            out.append(self._c >> 19 & 0xFF)
            self._c &= 0x7FFFF
            self._ct = 8

    def finish(self) -> bytes:
        """All bytes, with the marker that ends them."""
        top = self._c + self._a
        self._c |= 0xFFFF
        if self._c >= top:
            self._c -= 0x8000
        for _ in range(2):
            self._c = self._c << self._ct & 0xFFFFFFFF
            self._byte_out()
        if self._out[-1] == 0xFF:
            self._out.pop()
        return bytes(self._out[1:]) + b"\xff\xac"
