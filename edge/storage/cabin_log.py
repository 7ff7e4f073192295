"""Both directions of the cabin's link as protocol.runtime.store.Log: its own journal, and how far it holds the hub's log."""

from __future__ import annotations

from collections.abc import Sequence

from edge.storage.database import Database
from edge.storage.journal import Journal
from protocol import entries
from protocol.entries import Entry, Mark
from protocol.errors import Mistake


class CabinLog:
    """`commit` and `acknowledge` only collect; `Buffer.sync` makes them durable."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self.arrived: list[Entry] = []  # of the hub, not applied yet
        self.told = 0  # acknowledged by the hub, not durable yet; 0: nothing new

    def last(self) -> Mark:
        """Last entry of my own log."""
        with self._database.lock:
            return self._database.place.last

    def first(self) -> int:
        """Number of the oldest entry of my own log that is still here; `last().number + 1` when none is."""
        with self._database.lock:
            return self._database.place.base.number + 1

    def read(self, after: int, bytes_max: int, count_max: int) -> Sequence[Entry]:
        """My own entries from number `after` + 1 on: at least one if there is one, together at most `bytes_max` otherwise.

        Raises Unavailable when one is not what was written, Mistake when it is long forgotten."""
        with self._database.reading():
            return self._journal.read(after, bytes_max, count_max)

    def acknowledge(self, number: int) -> None:
        """The hub holds my entries up to `number`; most of them are forgotten. Raises Mistake for entries that there are not."""
        with self._database.lock:
            if number > self._database.place.last.number:
                raise Mistake(f"Entry {number} was acknowledged; the log ends at {self._database.place.last.number}.")
            if number > self.acknowledged():
                self.told = number

    def acknowledged(self) -> int:
        """Highest number given to `acknowledge`."""
        with self._database.lock:
            return max(self.told, self._database.place.acknowledged)

    def theirs(self) -> Mark:
        """How far I hold the hub's log, with what is collected."""
        with self._database.lock:
            if not self.arrived:
                return self._database.place.theirs
            last = self.arrived[-1]
            return Mark(last.epoch, last.number, last.hash)

    def commit(self, batch: Sequence[Entry]) -> None:
        """Collect these entries of the hub. Raises Mistake when they do not follow `theirs()`; what is here already counts once."""
        with self._database.lock:
            at = self.theirs()
            fresh: list[Entry] = []
            for entry in batch:
                if entry.number <= at.number and not fresh:
                    continue
                follows = entries.chain(at.hash, entry.epoch, entry.number, entry.payload)
                if (entry.number, entry.hash) != (at.number + 1, follows):
                    raise Mistake(f"Entry {entry.number} of the hub does not follow {at.number}.")
                at = Mark(entry.epoch, entry.number, entry.hash)
                fresh.append(entry)
            self.arrived += fresh
