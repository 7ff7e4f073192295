"""Edges of strokes, made as straight as the print was: bumps and notches one pixel deep are noise of paper, toner and sensor, and a coder
of pixels pays more for them than for the letters.

Only on edges that are straight on both sides of the spot; and only where strokes are thick, or where the page was so near to the limit
that a pixel might as well have been ink as paper. In small print the bar of a t or the dot of an i sticks out by one pixel too: without
this, OCR took one word in eight for another. Bits are handled as words of 64 pixels, which costs a fortieth.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture.jbig2 import Bits

RUN_PIXELS_MAX: Final = 3  # longer bumps may be serifs
DEEP_PIXELS: Final = 2  # of ink behind the edge, and of paper before it: thinner strokes and gaps stay as they are
STROKE_PIXELS_MIN: Final = (
    3.9  # mean thickness near by: at 300 dpi the text of a magazine has 4 to 5, print of 6 points has 3
)
_WORD: Final = 64
_PAD: Final = RUN_PIXELS_MAX + 1  # rows of paper around the page, so that every neighbour is a slice
_Words = npt.NDArray[
    np.uint64
]  # [_PAD + height + _PAD, 1 + columns of words + 1], the leftmost pixel of a word in its lowest bit


def smoothed(ink: Bits, doubtful: Bits) -> Bits:
    """`ink` with straight edges where its strokes are thick, or where it is `doubtful` whether it is ink."""
    height, width = ink.shape
    words = _packed(ink)
    free = _where_thick(words) | _packed(doubtful)
    words &= ~(_sticking_out(words) & free)
    words |= _sticking_out(~words) & free  # a notch is a bump of the paper
    inner = np.ascontiguousarray(words[_PAD : _PAD + height, 1:-1])
    return np.unpackbits(inner.view(np.uint8), axis=1, bitorder="little")[:, :width].view(np.bool_)


def _packed(ink: Bits) -> _Words:
    height, width = ink.shape
    words = np.zeros((height + 2 * _PAD, -(-width // _WORD) + 2), np.dtype("<u8"))
    packed = np.packbits(ink, axis=1, bitorder="little")
    words.view(np.uint8)[_PAD : _PAD + height, 8 : 8 + packed.shape[1]] = packed
    return words


def _where_thick(words: _Words) -> _Words:
    """All ones in the cells of 64 × 64 pixels around which strokes are thick: twice their area by the length of their edges."""
    below = np.vstack((words[1:], words[-1:]))
    area, upright, level = (
        cv2.blur(_counted(plane), (3, 3)) for plane in (words, words ^ _from_right(words, 1), words ^ below)
    )
    thick = 2 * area >= STROKE_PIXELS_MIN * np.maximum(np.hypot(upright, level), 1e-3)
    cells = np.where(thick, np.uint64(0xFFFF_FFFF_FFFF_FFFF), np.uint64(0))
    laid: _Words = np.repeat(cells, _WORD, axis=0)[: words.shape[0]]
    return laid


def _counted(words: _Words) -> npt.NDArray[np.float32]:
    """Ones in each cell."""
    starts = np.arange(0, words.shape[0], _WORD)
    return np.add.reduceat(np.bitwise_count(words), starts, axis=0, dtype=np.float32)


def _sticking_out(words: _Words) -> _Words:
    """Pixels of runs of up to RUN_PIXELS_MAX that stick out of a straight edge by one, in any of four directions."""
    across = {x: _from_right(words, x) for x in range(-DEEP_PIXELS, _PAD)}
    rows = words.shape[0] - 2 * _PAD
    found = np.zeros_like(words)
    inner = found[_PAD : _PAD + rows]

    def at(x: int, y: int) -> _Words:
        return across[x][_PAD + y : _PAD + y + rows]

    lying = _runs(at, lambda along, out: at(along, -out))
    standing = _runs(lambda along, out: at(out, along), lambda along, out: at(-out, along))
    for step, (one, other) in enumerate(zip(lying, standing, strict=True)):
        inner |= _from_right(one, -step)
        found[_PAD + step : _PAD + step + rows] |= other
    return found


def _runs(*ways: Callable[[int, int], _Words]) -> list[_Words]:
    """For each step the first pixels of all runs that are longer, seen in any of these `ways`."""
    lengths = [functools.reduce(np.bitwise_or, alike) for alike in zip(*map(_first_pixels, ways), strict=True)]
    return list(itertools.accumulate(reversed(lengths), np.bitwise_or))[::-1]


def _first_pixels(at: Callable[[int, int], _Words]) -> Iterator[_Words]:
    """Of runs of 1, 2 … pixels: ink `along` the edge and behind it, paper at both ends and `out` before it."""
    bump, paper = at(0, 0).copy(), at(-1, 0).copy()
    for along in range(-1, RUN_PIXELS_MAX + 1):
        for deep in range(1, DEEP_PIXELS + 1):
            bump &= at(along, -deep)
            paper |= at(along, deep)
        if along > 0:
            yield bump & ~(paper | at(along, 0))
            bump &= at(along, 0)


def _from_right(words: _Words, pixels: int) -> _Words:
    """Each pixel as the one so many to its right; to its left where `pixels` is less than 0. Beyond the edge there is paper."""
    if not pixels:
        return words
    near, far = np.uint64(abs(pixels)), np.uint64(_WORD - abs(pixels))
    if pixels > 0:
        moved = words >> near
        moved[:, :-1] |= words[:, 1:] << far
    else:
        moved = words << near
        moved[:, 1:] |= words[:, :-1] >> far
    return moved
