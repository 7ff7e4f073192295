"""Which numbers are present: sets of intervals, for bytes of a blob (from 0) as for entries of a log (from 1).

Spans are half-open `(begin, end)`, sorted, neither empty nor touching: one set has one form, so equal sets are equal bytes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from protocol.errors import Mistake

Span = tuple[int, int]


class Ranges(msgspec.Struct, frozen=True, array_like=True):
    """A set of integers >= 0. Decoding refuses spans that are empty, unsorted, touching or overlapping."""

    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        end = -1
        for begin, span_end in self.spans:
            # ValueError, not Refused: msgspec turns it into the decoding error that the codec reports.
            if begin <= end or span_end <= begin:
                raise ValueError(f"the span {begin}..{span_end} is empty, out of order or touches the one before")
            end = span_end

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.spans, number, key=_begin) - 1
        return place >= 0 and number < self.spans[place][1]

    def __len__(self) -> int:
        """How many numbers are present."""
        return sum(end - begin for begin, end in self.spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def numbers(self) -> Iterator[int]:
        """Every number that is present, in order."""
        for begin, end in self.spans:
            yield from range(begin, end)

    def add(self, begin: int, end: int) -> Ranges:
        """This set and the numbers `begin` … `end` - 1. Nothing is added when `end == begin`; raises Mistake for less or for begin < 0."""
        if begin < 0 or end < begin:
            raise Mistake(f"A span from {begin} to {end} has no numbers that could be present.")
        if begin == end:
            return self
        first = bisect_left(self.spans, begin, key=_end)
        after = bisect_right(self.spans, end, key=_begin)
        if first < after:
            begin, end = min(begin, self.spans[first][0]), max(end, self.spans[after - 1][1])
        return Ranges((*self.spans[:first], (begin, end), *self.spans[after:]))

    def missing(self, up_to: int, start: int = 0) -> tuple[Span, ...]:
        """Spans of `start` … `up_to` - 1 that are not present."""
        gaps: list[Span] = []
        for begin, end in self.spans:
            if begin >= up_to:
                break
            if start < begin:
                gaps.append((start, begin))
            start = max(start, end)
        if start < up_to:
            gaps.append((start, up_to))
        return tuple(gaps)


def of(spans: Iterable[Span]) -> Ranges:
    """The canonical set of spans in any order, overlapping or not. Raises Mistake like `Ranges.add`."""
    merged = Ranges()
    for begin, end in spans:
        merged = merged.add(begin, end)
    return merged


def _begin(span: Span) -> int:
    return span[0]


def _end(span: Span) -> int:
    return span[1]
