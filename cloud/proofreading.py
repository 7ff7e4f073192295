"""The hub reads what it holds. A bit that has flipped on its disk is found while the cabin can still give the document again, not by an agency alone.

What an agency fetches is summed up as it is served. What nobody fetches is read when the hub is quiet: after a start, and once a round, some bytes
at a time. A fetch that stops half-way is read to its end in the same way. And each document is looked for as others look for it: an index that a
flipped bit leads past its row hides it, and SQLite says nothing. Nothing here writes: what is found, `Ledger.settle` acts upon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, bindparam, func, or_, select

from cloud.storage.blobs.files import NoDescriptor
from cloud.storage.blobs.segments import Segments
from cloud.storage.database import Database
from cloud.storage.schema import IN_INBOX, blob, document, named_document
from protocol import limits
from protocol.ids import Digest, SiteId

ROUND_SECONDS: Final = 86_400.0  # cabins keep what is secured for three days
STEP_BYTES: Final = limits.MIB  # read in one go, before somebody may be heard again …
STEP_DOCUMENTS: Final = 16  # … and so many documents: each is looked up
READINGS_MAX: Final = 64  # that fetches may begin; a round reads what they do not
REFUSED_SECONDS: Final = 60.0  # a disk that was away for a moment has lost nothing
_WINDOW: Final = 500  # rows looked at in one go: most of them are closed
_LAST = select(func.max(document.c.id))
_OPEN = (
    select(document.c.id, blob.c.digest, document.c.size_bytes)
    .select_from(named_document)
    .where(
        document.c.id > bindparam("after"),
        document.c.id <= bindparam("up_to"),
        IN_INBOX,
        document.c.closed_at.is_(None),
    )
    .order_by(document.c.id)
    .limit(STEP_DOCUMENTS)
)
_THERE = document.alias("there")


def _leads_past(*columns: str, where: Sequence[ColumnElement[bool]] = ()) -> ColumnElement[bool]:
    """Does the index over these columns lead past this document?"""
    alike = (_THERE.c[name] == document.c[name] for name in columns)
    return select(_THERE.c.id).where(*alike, *where).scalar_subquery().is_distinct_from(document.c.id)


_HIDDEN = select(document.c.receipt, document.c.site).where(
    document.c.id > bindparam("after"),
    document.c.id <= bindparam("up_to"),
    or_(
        _leads_past("envelope"),
        document.c.place.is_not(None) & _leads_past("agency", "place"),
        document.c.stored_at.is_(None)
        & _leads_past("site", "machine", "number", where=(_THERE.c.stored_at.is_(None),)),
    ),
)


class Hidden(NamedTuple):
    """A document that nobody would find: its receipt number, and the cabin it came from."""

    receipt: str
    site: SiteId


class Found(NamedTuple):
    """`spoiled`: documents that are others than were stored, or that the disk refuses twice, REFUSED_SECONDS apart; `hidden`: by an index that leads
    past them."""

    spoiled: list[Digest]
    hidden: list[Hidden]


class _Reading:
    """One document, read from the front up to `read_bytes`. `again_at`: the disk has refused it, and is asked once more then."""

    __slots__ = ("again_at", "read_bytes", "sha256", "size_bytes")

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.read_bytes = 0
        self.sha256 = hashlib.sha256()
        self.again_at = 0.0

    def update(self, offset_bytes: int, part: bytes) -> bool:
        """What of these bytes comes next. True when that was the last of it."""
        skip = self.read_bytes - offset_bytes
        if not 0 <= skip < len(part):
            return False
        self.sha256.update(memoryview(part)[skip:])
        self.read_bytes, self.again_at = offset_bytes + len(part), 0.0
        return self.read_bytes >= self.size_bytes


class Proofreading:
    """Of what lies in the inboxes of one hub. `now`: monotonic seconds."""

    def __init__(self, database: Database, blobs: Segments, round_seconds: float) -> None:
        self._database = database
        self._blobs = blobs
        self._round_seconds = round_seconds
        self._readings: dict[Digest, _Reading] = {}
        self._after = 0  # the document up to which this round has come
        self._round_at = 0.0  # when the next step of a round is due: the first one at once

    @property
    def due_at(self) -> float:
        """When there is something to read: a round goes on when what was begun has come to its end."""
        return min((each.again_at for each in self._readings.values()), default=self._round_at)

    def served(self, digest: Digest, size_bytes: int, offset_bytes: int, part: bytes | None) -> bool:
        """An agency was given these bytes of a document in its inbox; None where the disk refused. True where the whole is now known to be another
        than was stored. Whoever reads on where a sum stands continues it: the bytes are the same for all."""
        reading = self._readings.get(digest)
        begins = part is None or (part and offset_bytes == 0)
        if reading is None and begins and len(self._readings) < READINGS_MAX:
            reading = self._readings[digest] = _Reading(size_bytes)
        if not part or reading is None or not reading.update(offset_bytes, part):
            return False
        del self._readings[digest]
        return reading.sha256.digest() != digest

    def step(self, now: float) -> Found:
        """Nobody says anything: read on."""
        found = Found([], [])
        left_bytes = STEP_BYTES
        if self._round_at <= now and not self._readings:
            found.hidden.extend(self._walk(now))
        due = [(digest, each) for digest, each in self._readings.items() if each.again_at <= now]
        for digest, reading in due[:STEP_DOCUMENTS]:
            while left_bytes and digest in self._readings:
                try:
                    part = self._blobs.read(digest, reading.read_bytes, min(left_bytes, reading.size_bytes))
                except NoDescriptor:
                    return found  # nothing was refused by the disk
                if part:
                    left_bytes -= len(part)
                    if self.served(digest, reading.size_bytes, reading.read_bytes, part):
                        found.spoiled.append(digest)
                elif reading.again_at:
                    del self._readings[digest]
                    found.spoiled.append(digest)
                else:
                    reading.again_at = now + REFUSED_SECONDS
                    break
        return found

    def _walk(self, now: float) -> list[Hidden]:
        """The next documents of this round; those of all that are hidden."""
        after, up_to = self._after, self._after + _WINDOW
        with self._database.reading() as connection:
            last = connection.execute(_LAST).scalar() or 0
            rows = connection.execute(_OPEN, {"after": after, "up_to": up_to}).all()
            self._after = rows[-1].id if len(rows) == STEP_DOCUMENTS else up_to
            hidden = connection.execute(_HIDDEN, {"after": after, "up_to": self._after}).all()
        for row in rows:
            self._readings[Digest(row.digest)] = _Reading(row.size_bytes)
        if self._after >= last:
            self._after, self._round_at = 0, now + self._round_seconds
        return [Hidden(row.receipt, SiteId(row.site)) for row in hidden]
