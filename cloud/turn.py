"""What one turn of the hub's loop writes: collected row by row while entries are applied, written table by table in one transaction.

A `document` is named here by its number in the tables (schema.document.id)."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Insert, Table, bindparam, delete, insert, select, update

from cloud.site_log import Place
from cloud.storage import bulk
from cloud.storage.schema import alarm, document, down_entry, receipt
from protocol import entries
from protocol.entries import Entry, Mark
from protocol.ids import AgencyId, Digest, SiteId
from protocol.manifest import Happening, Signed
from protocol.soundness import printable

# States of a document before its first receipt.
ANNOUNCED: Final = "announced"
QUARANTINED: Final = "quarantined"
# It was in its inbox before an older copy of the hub was brought back; neither end has its bytes any more.
LOST: Final = "lost"


class Wanted(NamedTuple):
    """A document that was announced and is not complete: ask `site` for it from `have_bytes` on."""

    site: SiteId
    digest: Digest
    size_bytes: int
    have_bytes: int


class Alarm(NamedTuple):
    """Something a person must look at. `kind` is one word for machines, `text` a sentence."""

    site: SiteId | None
    kind: str
    text: str


# A person is called so often at a time about one site and one kind of thing; a cabin may have thousands of entries that cannot be read.
OPEN_MAX: Final = 50
_MORE: Final = "More of this kind are not listed. When these are dealt with: kabine fleet clear"


@dataclass
class News:
    """What a turn made durable that concerns others: cabins whose down log grew, agencies whose inbox did, what to ask for."""

    appended: set[SiteId] = field(default_factory=set)
    delivered: set[AgencyId] = field(default_factory=set)
    wanted: list[Wanted] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)


_STATE = (
    update(document)
    .where(document.c.id == bindparam("of"))
    .values(state=bindparam("new_state"), closed_at=bindparam("closed"))
)
_STORED = (
    update(document)
    .where(document.c.id == bindparam("of"))
    .values(state=Happening.STORED.value, place=bindparam("new_place"), stored_at=bindparam("at"), trouble=None)
)
_BACK = (
    update(document)
    .where(document.c.id == bindparam("of"))
    .values(
        state=bindparam("new_state"),
        stored_at=select(receipt.c.at)
        .where(receipt.c.document == document.c.id, receipt.c.number == 1)
        .scalar_subquery(),
        trouble=None,
    )
)
_TROUBLE = (
    update(document)
    .where(document.c.id == bindparam("of"))
    .values(trouble=bindparam("words"), state=bindparam("new_state"))
)

_FREED = update(document).where(document.c.id == bindparam("of")).values(freed_at=bindparam("at"))


class Turn:
    """One transaction in the making. `now` is the time of everything in it."""

    def __init__(self, connection: Connection, now: datetime, news: News) -> None:
        self.connection = connection
        self.now = now
        self.news = news
        self._rows: defaultdict[Table, list[Mapping[str, Any]]] = defaultdict(list)
        self._states: list[dict[str, Any]] = []
        self._stored: list[dict[str, Any]] = []
        self._back: list[dict[str, Any]] = []
        self._troubles: list[dict[str, Any]] = []
        self._freed: list[dict[str, Any]] = []
        self._appended: dict[SiteId, tuple[Place, list[Entry]]] = {}
        self.places: set[Place] = set()  # whose row in `link` changes

    def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        """One more row; rows of one table have equal columns."""
        self._rows[table].append(row)

    def append(self, place: Place, event: entries.Event) -> None:
        """One more entry of the hub's own log for this cabin."""
        self.write_down(place, place.down.epoch, entries.clear(event))

    def write_down(self, place: Place, epoch: int, payload: bytes) -> None:
        """As `append`, in `epoch` where nothing has been appended in this turn yet."""
        _, fresh = self._appended.setdefault(place.site, (place, []))
        if fresh:
            epoch = fresh[-1].epoch
        mark = Mark(epoch, fresh[-1].number, fresh[-1].hash) if fresh else place.down
        entry = entries.following(mark, epoch, payload)
        fresh.append(entry)
        self.places.add(place)
        self.insert(
            down_entry, {"site": place.site, "number": entry.number, "hash": entry.hash, "payload": entry.payload}
        )

    def alarm(self, site: SiteId | None, kind: str, text: str) -> None:
        """Call a person."""
        self.news.alarms.append(Alarm(site, kind, printable(text)))

    def happened(self, document: int, number: int, happening: Happening, at: datetime, signed: Signed) -> None:
        """Event `number` in the chain of one document."""
        self.insert(
            receipt,
            {
                "document": document,
                "number": number,
                "happening": happening.value,
                "at": at,
                "body": signed.body,
                "signature": signed.signature,
            },
        )

    def unsay(self, document: int) -> None:
        """What was said of this document before this turn is no longer so: it was lost, and is found. Its chain begins anew."""
        self.connection.execute(delete(receipt).where(receipt.c.document == document))

    def state(self, document: int, happening: Happening) -> None:
        """The agency has said something about this document."""
        done = happening in (Happening.ACCEPTED, Happening.RETURNED)
        self._states.append({"of": document, "new_state": happening.value, "closed": self.now if done else None})

    def stored(self, document: int, place: int) -> None:
        """This document lies in its inbox."""
        self._stored.append({"of": document, "new_place": place, "at": self.now})

    def back(self, document: int, last: Happening) -> None:
        """The hub's disk had lost this document, and its cabin has given it again: it lies where it lay, and stands where it stood."""
        self._back.append({"of": document, "new_state": last.value})

    def trouble(self, document: int, words: str, state: str) -> None:
        """Why this document is stuck, and its state."""
        self._troubles.append({"of": document, "words": words, "new_state": state})

    def freed(self, document: int) -> None:
        """The bytes of this document were let go."""
        self._freed.append({"of": document, "at": self.now})

    def write(self) -> None:
        """Everything but the rows of `link`, which the ledger writes last."""
        self.news.alarms[:] = self._unknown(self.news.alarms)
        for raised in self.news.alarms:
            self.insert(alarm, {**raised._asdict(), "raised_at": self.now})
        for table, rows in self._rows.items():
            bulk.write(self.connection, _insert(table), rows)
        for statement, changes in (
            (_STORED, self._stored),
            (_BACK, self._back),
            (_STATE, self._states),
            (_TROUBLE, self._troubles),
            (_FREED, self._freed),
        ):
            bulk.write(self.connection, statement, changes)

    def _unknown(self, raised: Sequence[Alarm]) -> list[Alarm]:
        """Those of which a person was not told already: a cabin that is refused comes back every few seconds, for ever."""
        unknown: list[Alarm] = []
        open_: dict[tuple[SiteId | None, str], set[str]] = {}
        for each in dict.fromkeys(raised):
            about = (each.site, each.kind)
            known = open_.get(about)
            if known is None:
                known = open_[about] = self._open(*about)
            if each.text in known or len(known) >= OPEN_MAX:
                continue
            last = len(known) == OPEN_MAX - 1
            known.add(each.text)
            unknown.append(each._replace(text=_MORE) if last else each)
        return unknown

    def _open(self, site: SiteId | None, kind: str) -> set[str]:
        """What a person was called for and has not put away, about this site and of this kind."""
        at = alarm.c.site.is_not_distinct_from(site)
        rows = select(alarm.c.text).where(at, alarm.c.kind == kind, alarm.c.cleared_at.is_(None)).limit(OPEN_MAX)
        return set(self.connection.execute(rows).scalars())

    def ends(self) -> dict[SiteId, Mark]:
        """Where the hub's own logs end after this turn."""
        return {
            site: Mark(fresh[-1].epoch, fresh[-1].number, fresh[-1].hash) for site, (_, fresh) in self._appended.items()
        }

    def committed(self) -> None:
        """The transaction is durable: memory may follow."""
        for site, (place, fresh) in self._appended.items():
            place.appended(fresh)
            self.news.appended.add(site)


@functools.cache
def _insert(table: Table) -> Insert:
    return insert(table)
