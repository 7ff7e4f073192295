"""What the hub's disk has lost, altered or hidden of documents: a person is called, and their cabins are asked for them once more.

Segments find what is missing when they are opened, `proofreading` what is altered or hidden. That it was found and what is done about it are written
in one transaction: behind it nothing is missing any more, and nobody would find it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from cloud.gathered import Gathered
from cloud.owing import Owing
from cloud.proofreading import Hidden
from cloud.storage.blobs.segments import Segments
from cloud.storage.database import Database
from cloud.storage.schema import IN_INBOX, blob, document, link, named_document, receipt
from cloud.turn import ANNOUNCED, LOST, News, Turn
from protocol.ids import Digest, SiteId

# Kinds of alarm.
SEGMENT_DAMAGED: Final = "segment-damaged"
SEGMENT_UNKNOWN: Final = "segment-unknown"
DATABASE_DAMAGED: Final = "database-damaged"

_UNKNOWN: Final = (
    "The database is older than the documents beside it. What it does not know is kept in {} and not used. If the newer database "
    "(hub.sqlite and what begins with its name) is still somewhere, stop the hub and bring it back; otherwise docs/when.md."
)
_HIDDEN: Final = (
    "Indexes of the hub's database led past documents that are in it: {}. They were made anew from the rows. A bit has flipped on its disk: look "
    "after it (`dmesg`)."
)
_HIDDEN_NAMED: Final = 10  # documents in that alarm
_SENT_FOR = (
    update(document)
    .where(document.c.id == bindparam("of"), IN_INBOX, document.c.closed_at.is_(None))
    .values(
        state=ANNOUNCED,
        stored_at=None,
        trouble="The hub's disk has lost its bytes; the cabin is asked for them.",
    )
)
_HELD = (
    select(document.c.id, document.c.receipt, document.c.site, document.c.closed_at)
    .select_from(named_document)
    .where(blob.c.digest == bindparam("named"), IN_INBOX, document.c.freed_at.is_(None))
)
_OF_NOBODY = (
    update(document)
    .where(
        document.c.id == bindparam("of"),
        document.c.state == ANNOUNCED,
        document.c.machine != select(link.c.machine).where(link.c.site == document.c.site).scalar_subquery(),
    )
    .values(state=LOST, trouble="The hub's disk has lost its bytes, and the machine that had sent it was replaced.")
)


class Held(NamedTuple):
    """A document in an inbox. `document`: its number in the tables."""

    document: int
    receipt: str
    site: SiteId
    closed: bool


def at_start(database: Database, blobs: Segments, now: datetime) -> None:
    """What is not in the segments any more comes from its cabin, if that keeps it. All that is to be told is told in one transaction: the next start
    finds the database as new as the segments. Raises Unavailable."""
    if not blobs.lacking and not blobs.aside:
        return
    blobs.sync()  # the names of what lies aside: with this turn nothing says any more that the database is older
    with database.turn() as connection:
        turn = Turn(connection, now, News())
        if blobs.aside:
            turn.alarm(None, SEGMENT_UNKNOWN, _UNKNOWN.format(", ".join(path.name for path in blobs.aside)))
        for path in blobs.damaged:
            words = f"{path.name} lacks bytes that were stored in it. Look after the disk."
            turn.alarm(None, SEGMENT_DAMAGED, words)
        count = sent_for(connection, [id for id, _ in blobs.lacking])
        if count:
            plural = "documents are" if count > 1 else "document is"
            words = f"{count} {plural} not there any more; their cabins are asked for them."
            turn.alarm(None, SEGMENT_DAMAGED, words)
        for _, digest in blobs.lacking:
            blobs.forget(digest)
        turn.write()
        blobs.record(connection)
    blobs.committed()


def hidden(found: Sequence[Hidden]) -> str:
    """For a person, where indexes were made anew."""
    return _HIDDEN.format(", ".join(each.receipt for each in found[:_HIDDEN_NAMED]))


def altered(turn: Turn, blobs: Segments, owing: Owing, gathered: Gathered) -> None:
    """The disk gives other bytes of what is `spoiled` than were stored, or none: cabins are asked at once, where they are connected. Not for what an
    agency speaks of in this turn: it has it."""
    told = {each.document for each in gathered.told}
    for digest in sorted(gathered.spoiled):
        one = held(turn.connection, digest)
        if one is None or one.document in gathered.freed or blobs.digest(digest) == digest:
            continue
        at_agency = one.closed or one.document in told
        then = "Its agency has it already." if at_agency else "Its cabin is asked for it again."
        where = f"the hub's disk ({', '.join(blobs.lies_in(digest))})"
        words = f"Document {one.receipt} of {one.site} was altered on {where}. {then} Look after the disk."
        turn.alarm(None, SEGMENT_DAMAGED, words)
        if not at_agency:
            send_again(turn, blobs, owing, one, digest)


def send_again(turn: Turn, blobs: Segments, owing: Owing, one: Held, digest: Digest) -> None:
    """This document is not in its inbox any more, and its cabin is asked for it."""
    sent_for(turn.connection, [one.document])
    blobs.forget(digest)
    wanted = owing.sent_for(turn.connection, one.document, one.site)
    turn.news.wanted += [wanted] if wanted else []


def sent_for(connection: Connection, documents: Iterable[int]) -> int:
    """The hub's disk has lost the bytes of these. Those that no agency has accepted or returned their cabins are asked for once more; what was signed
    about them stays, and their place, unless the cabin has none (restored.gone). Of a machine that was replaced they are lost at once."""
    count = 0
    for id in documents:
        count += connection.execute(_SENT_FOR, {"of": id}).rowcount
        if connection.execute(_OF_NOBODY, {"of": id}).rowcount:
            connection.execute(delete(receipt).where(receipt.c.document == id))
    return count


def held(connection: Connection, digest: Digest) -> Held | None:
    """The document with these bytes, which lies in an inbox; None where it does not, or the hub has let go of its bytes."""
    row = connection.execute(_HELD, {"named": digest}).first()
    return None if row is None else Held(row.id, row.receipt, SiteId(row.site), row.closed_at is not None)
