"""A cabin numbers its documents to an agency 1, 2, 3 …, each manifest naming the one before: so nobody on the way can drop one unnoticed.

Documents overtake each other on the line, small ones large ones. A number that is not here yet is a gap; what comes later fills it, and a gap that
stays is a document that somebody holds back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from protocol.manifest import NO_MANIFEST, Manifest

LATE_SECONDS: Final = (
    3600.0  # the largest document takes seven minutes on a slow line; longer means that the line was cut, or worse
)


class Gap(msgspec.Struct, frozen=True):
    """Numbers `first` to `last` have not come. SHA-256 (hex) of manifests: `previous` must be named by the first, `digest` is that of the last.
    `before`: receipt number of the document behind the gap. `since`: aware UTC."""

    first: int
    last: int
    since: datetime
    previous: str
    digest: str
    before: str

    @property
    def count(self) -> int:
        """How many documents are missing."""
        return self.last - self.first + 1

    def late(self, now: datetime) -> bool:
        """Has it been open for longer than a document can be on its way?"""
        return now - self.since > timedelta(seconds=LATE_SECONDS)


class Row(msgspec.Struct, frozen=True):
    """Where the numbering of one machine stands: its highest number, SHA-256 (hex) of that manifest, and what is missing below, in order."""

    site: str
    counter: int = 0
    manifest: str = NO_MANIFEST.hex()
    gaps: tuple[Gap, ...] = ()


def missing(row: Row, number: int) -> bool:
    """Has this number not come yet, though later ones have?"""
    return any(gap.first <= number <= gap.last for gap in row.gaps)


def counted(row: Row, manifest: Manifest, digest: bytes, now: datetime) -> tuple[Row, Gap | None, bool]:
    """The row with this manifest (`digest`: SHA-256 of its body) counted; the gap that it opened, if any; and whether it fits: a number that was
    there already, or that is not chained to its neighbours, does not."""
    number, previous = manifest.counter, manifest.previous.hex()
    if number <= row.counter:
        return _filled(row, number, previous, digest.hex())
    gap = None
    if number > row.counter + 1:
        gap = Gap(row.counter + 1, number - 1, now, row.manifest, previous, manifest.receipt)
    fits = gap is not None or previous == row.manifest
    return Row(row.site, number, digest.hex(), (*row.gaps, *([gap] if gap else []))), gap, fits


def _filled(row: Row, number: int, previous: str, digest: str) -> tuple[Row, None, bool]:
    gap = next((gap for gap in row.gaps if gap.first <= number <= gap.last), None)
    if gap is None:
        return row, None, False
    fits = (number > gap.first or previous == gap.previous) and (number < gap.last or digest == gap.digest)
    left = msgspec.structs.replace(gap, last=number - 1, digest=previous)
    right = msgspec.structs.replace(gap, first=number + 1, previous=digest)
    rest = [each for each in (left, right) if each.count > 0]
    at = row.gaps.index(gap)
    return msgspec.structs.replace(row, gaps=(*row.gaps[:at], *rest, *row.gaps[at + 1 :])), None, fits
