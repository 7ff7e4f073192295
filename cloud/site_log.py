"""Both logs of one cabin, as the hub holds them: where they end, and what of the hub's own is not acknowledged yet.

`Place` is all that is kept in memory of a cabin (a few hundred bytes); `SiteLog` is `protocol.runtime.store.Log` over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlalchemy import bindparam, select

from cloud.storage import runs
from cloud.storage.database import Database
from cloud.storage.schema import down_entry
from protocol import entries, limits
from protocol.entries import Entry, Mark
from protocol.errors import Code, Mistake, Refused
from protocol.ids import SiteId

TAIL_MAX: Final = 16  # own entries per cabin kept in memory until acknowledged: what is sent at once is not read back
NUMBER_MAX: Final = 2**63 - 1  # what a database column holds

_ONE = select(down_entry.c.hash, down_entry.c.payload).where(
    down_entry.c.site == bindparam("at"), down_entry.c.number == bindparam("number")
)
_READ = (
    select(down_entry.c.number, down_entry.c.payload, down_entry.c.hash)
    .where(down_entry.c.site == bindparam("at"), down_entry.c.number > bindparam("after"))
    .order_by(down_entry.c.number)
    .limit(bindparam("count"))
)


class Place:
    """Where the two logs of one cabin's machine stand. `down` is durable; `up` may be ahead of the disk until `settle`. `first` is where the
    present epoch of `down` begins. `restored`: entries of the cabin up to this number may have been here before an older copy was brought back."""

    __slots__ = (
        "acknowledged",
        "directory_version",
        "down",
        "first",
        "machine",
        "missing",
        "restored",
        "signing_key",
        "site",
        "tail",
        "up",
    )

    def __init__(self, site: SiteId, machine: int = 1, signing_key: bytes | None = None) -> None:
        self.site = site
        self.machine = machine
        self.signing_key = signing_key
        self.begin()

    def begin(self) -> None:
        """Nothing was said to this machine yet, and nothing heard from it."""
        self.up, self.down = Mark(), Mark()
        self.first = 1
        self.acknowledged = 0
        self.directory_version = 0
        self.missing = 0
        self.restored = 0
        self.tail: tuple[Entry, ...] = ()

    def follow(self, heard: Mark, up_number: int) -> None:
        """A new epoch of `down` goes on behind `heard`; the cabin's own log ends at `up_number`."""
        self.down, self.tail = heard, ()
        self.first = heard.number + 1
        self.acknowledged = heard.number
        self.restored = up_number

    def appended(self, fresh: Sequence[Entry]) -> None:
        """These entries of the hub's own log are durable now."""
        last = fresh[-1]
        self.down = Mark(last.epoch, last.number, last.hash)
        self.tail = (*self.tail, *fresh)[-TAIL_MAX:]


class SiteLog:
    """`protocol.runtime.store.Log` of one cabin. `commit` and `acknowledge` only collect; `Ledger.settle` makes them durable."""

    def __init__(
        self,
        place: Place,
        database: Database,
        arrived: Callable[[Place, Mark, bytes, Sequence[Entry]], None],
        acknowledged: Callable[[Place], None],
    ) -> None:
        self._place = place
        self._database = database
        self._arrived = arrived
        self._acknowledged = acknowledged

    def last(self) -> Mark:
        """Last durable entry of the hub's own log for this cabin."""
        return self._place.down

    def first(self) -> int:
        """Acknowledged entries are kept for a while: a cabin whose disk lost its last turn asks for them again."""
        return max(self._place.first, self._place.acknowledged + 1 - limits.ENTRIES_KEPT)

    def wrote(self, mark: Mark) -> bool:
        """Is this a place in the hub's own log, as it is here? What a cabin was told before an older copy came back is not."""
        place = self._place
        if mark.number == place.down.number:
            return mark == place.down
        if mark.number < place.first - 1:
            return False
        before = mark.number == place.first - 1  # this epoch: then it must be what it follows
        if before and not place.down.epoch:
            return mark == Mark()
        with self._database.reading() as connection:
            row = connection.execute(_ONE, {"at": place.site, "number": mark.number + before}).first()
        if row is None:
            return False
        if before:
            return mark == entries.leap(row.payload, place.down.epoch, place.first)
        return mark == Mark(place.down.epoch, mark.number, row.hash)

    def read(self, after: int, bytes_max: int, count_max: int) -> Sequence[Entry]:
        """Own entries from `after` + 1 on: at least one if there is one, together at most `bytes_max` otherwise."""
        place = self._place
        if after >= place.down.number:
            return ()
        tail = place.tail
        if tail and tail[0].number <= after + 1:
            return _fitting(tail[after + 1 - tail[0].number :], bytes_max, count_max)
        with self._database.reading() as connection:
            rows = connection.execute(_READ, {"at": place.site, "after": after, "count": min(count_max, 256)}).all()
        found = [Entry(place.down.epoch, number, payload, hash_) for number, payload, hash_ in rows]
        return _fitting([entry for entry in found if entry.number <= place.down.number], bytes_max, count_max)

    def acknowledge(self, number: int) -> None:
        """The cabin holds the entries up to `number`. Raises Mistake when there are not so many."""
        place = self._place
        if number > place.down.number:
            raise Mistake(f"{place.site} acknowledged entry {number}; the log ends at {place.down.number}.")
        if number > place.acknowledged:
            place.acknowledged = number
            place.tail = tuple(entry for entry in place.tail if entry.number > number)
            self._acknowledged(place)

    def acknowledged(self) -> int:
        """Highest number given to `acknowledge`."""
        return self._place.acknowledged

    def theirs(self) -> Mark:
        """How far the cabin's log is held; what was committed in this turn counts already."""
        return self._place.up

    def commit(self, entries_: Sequence[Entry]) -> None:
        """Hold these entries, each chained to the one before (the link has reckoned that). What is held already is passed over; raises Mistake at
        a gap that no entry explains (entries.leap), Refused at numbers out of bounds."""
        place = self._place
        fresh = [entry for entry in entries_ if entry.number > place.up.number]
        for start, end in _runs(fresh):
            run, held = fresh[start:end], place.up
            first, last = run[0], run[-1]
            if not (0 <= first.epoch <= NUMBER_MAX and last.number <= NUMBER_MAX):
                raise Refused(Code.MALFORMED, f"An entry of {place.site} in epoch {first.epoch}, out of bounds.")
            previous = held
            if first.number != held.number + 1:
                follows = entries.leap(first.payload, first.epoch, first.number)
                if follows is None:
                    raise Mistake(f"Entry {first.number} of {place.site} committed; {held.number + 1} was next.")
                previous = follows
            if first.hash != entries.chain(previous.hash, first.epoch, first.number, first.payload):
                raise Mistake(f"Entry {first.number} of {place.site} does not continue entry {previous.number}.")
            place.up = Mark(last.epoch, last.number, last.hash)
            self._arrived(place, held, previous.hash, run)


def _runs(fresh: Sequence[Entry]) -> Iterator[tuple[int, int]]:
    """Where the entries of one epoch begin and end, without a gap between them."""
    start = 0
    for at in range(1, len(fresh) + 1):
        if (
            at == len(fresh)
            or fresh[at].epoch != fresh[start].epoch
            or fresh[at].number != fresh[at - 1].number + 1
            or at - start == runs.ENTRIES_MAX
        ):
            yield start, at
            start = at


def _fitting(found: Sequence[Entry], bytes_max: int, count_max: int) -> Sequence[Entry]:
    fitting: list[Entry] = []
    for entry in found[:count_max]:
        bytes_max -= len(entry.payload)
        if bytes_max < 0 and fitting:
            break
        fitting.append(entry)
    return fitting
