"""The cabin's own log: what it tells the hub, numbered, chained, and sealed with a key that it forgets when it stops.

So a cabin can forward its journal and never read it back. Every process start is a new epoch with a new key, and so is what follows
limits.EPOCH_ENTRIES_MAX entries of one. What is forgotten are whole epochs: a hub that came back from an older copy can read all that is still here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from edge.storage.database import Database
from protocol import entries, limits
from protocol.entries import Entry, EpochOpened, Event, Mark
from protocol.errors import Mistake
from protocol.randomness import Random, draw
from protocol.recipients import HybridRecipient, wrap_key

KEY_BYTES: Final = 32
_FORGET_STEP: Final = 50  # entries are deleted so many at a time, not one with every acknowledgement


class Journal:
    """Appends within a turn of `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key = b""
        self._epoch = 0
        self._began = 0  # number of its first entry
        self._beginnings: list[int] = []  # of all epochs that are here from their first entry on
        self._wrapped_key: Callable[[], tuple[bytes, datetime]] | None = None

    def open_epoch(self, epoch: int, recipient: HybridRecipient, random: Random, now: Callable[[], datetime]) -> None:
        """Begin `epoch` with a key of its own, wrapped for the hub; within a turn. Later ones begin by themselves."""

        def wrapped_key() -> tuple[bytes, datetime]:
            self._key = draw(random, KEY_BYTES)
            return wrap_key(self._key, recipient), now()

        self._wrapped_key = wrapped_key
        base = self._database.place.base
        rows = self._database.rows("SELECT min(number), epoch FROM entry GROUP BY epoch ORDER BY 1")
        self._beginnings = [number for number, of in rows if of != base.epoch]
        self._open(epoch)

    def _open(self, epoch: int) -> None:
        assert self._wrapped_key is not None
        wrapped_key, at = self._wrapped_key()
        self._epoch = epoch
        event = EpochOpened(wrapped_key, self._database.place.last, at)
        self._began = self._append(entries.clear(event)).number
        del self._beginnings[bisect_left(self._beginnings, self._began) :]  # of turns that were given up
        self._beginnings.append(self._began)

    def append(self, event: Event) -> Entry:
        """Seal `event` and write it behind the last entry; within a turn."""
        if not self._key:
            raise Mistake("The journal was written before its epoch was opened.")
        last = self._database.place.last
        # Of another epoch it is when the turn that had opened this one was given up.
        if last.epoch != self._epoch or last.number - self._began >= limits.EPOCH_ENTRIES_MAX - 1:
            self._open(self._epoch + 1)
        return self._append(entries.sealed(event, self._key, self._epoch, self._database.place.last.number + 1))

    def _append(self, payload: bytes) -> Entry:
        entry = entries.following(self._database.place.last, self._epoch, payload)
        self._database.execute(
            "INSERT INTO entry (number, epoch, payload, hash) VALUES (?, ?, ?, ?)",
            (entry.number, entry.epoch, entry.payload, entry.hash),
        )
        mark = Mark(entry.epoch, entry.number, entry.hash)
        self._database.place = msgspec.structs.replace(self._database.place, last=mark)
        return entry

    def read(self, after: int, bytes_max: int, count_max: int) -> list[Entry]:
        """As `protocol.runtime.store.Log.read`. Raises Unavailable when an entry is not what was written, Mistake when it is long forgotten."""
        place = self._database.place
        if after < place.base.number:
            raise Mistake(f"Entry {after + 1} was asked for; the oldest here is {place.base.number + 1}.")
        found: list[Entry] = []
        previous, size_bytes = self._hash_of(after), 0
        query = "SELECT epoch, number, payload, hash FROM entry WHERE number > ? ORDER BY number LIMIT ?"
        for row in self._database.each(query, (after, count_max)):
            entry = Entry(*row)
            size_bytes += len(entry.payload)
            if found and size_bytes > bytes_max:
                break
            number = after + len(found) + 1
            if (entry.number, entry.hash) != (number, entries.chain(previous, entry.epoch, number, entry.payload)):
                raise self._database.damaged(f"entry {number} is not what was written.")
            previous = entry.hash
            found.append(entry)
        return found

    def _hash_of(self, number: int) -> bytes:
        place = self._database.place
        for mark in (place.base, place.last):
            if mark.number == number:
                return mark.hash
        rows = self._database.rows("SELECT hash FROM entry WHERE number = ?", (number,))
        return bytes(rows[0][0]) if rows else b""

    def forget(self, needed: int) -> None:
        """Delete what was acknowledged, but the last limits.ENTRIES_KEPT and what is `needed`: entries from this number on. Whole epochs, within a
        turn."""
        place = self._database.place
        number = min(place.acknowledged, place.last.number) - limits.ENTRIES_KEPT
        number = min(number, needed - 1)
        if number < place.base.number + _FORGET_STEP:
            return
        at = bisect_right(self._beginnings, number + 1)
        if not at or self._beginnings[at - 1] <= place.base.number + 1:
            return
        number = self._beginnings[at - 1] - 1
        del self._beginnings[: at - 1]
        epoch, digest = self._database.rows("SELECT epoch, hash FROM entry WHERE number = ?", (number,))[0]
        self._database.execute("DELETE FROM entry WHERE number <= ?", (number,))
        self._database.place = msgspec.structs.replace(place, base=Mark(epoch, number, digest))

    def fault(self, known: Mark) -> str:
        """What is wrong with the log, empty when nothing: every row must continue the one before, up to `known` at least. Reads every row."""
        place = self._database.place
        at = place.base
        for row in self._database.each("SELECT epoch, number, payload, hash FROM entry ORDER BY number"):
            entry = Entry(*row)
            if (entry.number, entry.hash) != (
                at.number + 1,
                entries.chain(at.hash, entry.epoch, entry.number, entry.payload),
            ):
                return f"Entry {at.number + 1} is not what was written."
            at = Mark(entry.epoch, entry.number, entry.hash)
            if at.number == known.number and at != known:
                return f"Entry {at.number} is not the one that was written."
        if at != place.last:
            return f"The log ends at entry {at.number}; it went on to {place.last.number}."
        if at.number < known.number:
            return f"The log ends at entry {at.number}; it had come to {known.number}."
        return ""
