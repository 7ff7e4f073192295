"""The hub's durable half of all links. A turn of the hub's loop tells it everything, and then settles:

    log = ledger.log(site); log.commit(entries); log.acknowledge(7)      only collected
    ledger.keep(digest, offset, chunk)                                   written, not yet safe
    news = ledger.settle()                                               blobs synced, then one transaction

On return of `settle` all of it is durable, entries are applied, complete documents lie in their inboxes, signed for. When it raises,
nothing of the turn may be acknowledged: the process exits, and opens again what the disk holds. One thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, select, update

from cloud import damage, lost, restored
from cloud.contacts import Contacts
from cloud.delivery import Delivery
from cloud.gathered import Gathered, Told
from cloud.ingest import Ingest, Run
from cloud.known import Known, Recent
from cloud.owing import Owing
from cloud.places import Places
from cloud.proofreading import ROUND_SECONDS, Proofreading
from cloud.site_log import Place, SiteLog
from cloud.storage import bulk
from cloud.storage.blobs.segments import Segments
from cloud.storage.database import Database, upsert
from cloud.storage.retention import expired
from cloud.storage.schema import IN_INBOX, blob, document, hub, link, named_document, published
from cloud.turn import News, Turn, Wanted
from protocol import entries
from protocol.entries import DirectoryPublished, Entry, Mark, ReceiptGiven
from protocol.errors import Unavailable
from protocol.frames import Beat, Hello
from protocol.ids import Digest, EnvelopeId, SiteId
from protocol.manifest import Signed
from protocol.recipients import HybridIdentity

BYTES_WAITING_MAX: Final = (
    8 * 1024 * 1024
)  # of documents that are not complete; a process that is killed fetches them again
_BYTES_WAIT: Final = timedelta(seconds=0.25)
ALIVE_SECONDS: Final = 5.0  # how often the hub says in its own row that it lives; three missed are an alert
_ALIVE = update(hub).where(hub.c.id == 1).values(alive_at=bindparam("now"))
_SIZE = select(document.c.size_bytes).select_from(named_document).where(blob.c.digest == bindparam("named"), IN_INBOX)


class Ledger:
    """Of all cabins. Raises Unavailable when database or disk fail, and then for ever."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        signing_key: Ed25519PrivateKey,
        journal: HybridIdentity,
        now: Callable[[], datetime],
        software: str = "",
        *,
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self.database = database
        self.blobs = Segments(folder, database)
        self.known = Known(journal)
        self._now = now
        self._software = software
        self._key = signing_key
        self._delivery = Delivery(self.known, self.blobs, signing_key)
        self._contacts = Contacts()
        self._places = Places(database, self.known)
        damage.at_start(database, self.blobs, now())
        self.owing = Owing(database, self.blobs)
        self._proofreading = Proofreading(database, self.blobs, round_seconds)
        self._sizes: Recent[Digest, int] = Recent()
        self._told_again: set[tuple[SiteId, int]] = set()  # of which version which cabin
        self._alive_at: datetime | None = None
        self._broken = False
        self._gathered = Gathered()
        self.reload()
        self._places.load()
        with database.reading() as connection:
            # Cabins that may still give back what went with the hub when it came back from an older copy.
            self._healing = restored.healing(connection)

    # --- what the loop tells ----------------------------------------------------------------------------------------
    def log(self, site: SiteId) -> SiteLog:
        """Both logs of this cabin. A cabin that does not know the directory in force finds it in the next turn."""
        place = self._places.at(site)
        self._announce(place)
        return SiteLog(place, self.database, self._arrive, self._places.acknowledged)

    def reopens(self, site: SiteId, hello: Hello) -> bool:
        """Does this Hello show that the hub was brought back from an older copy? Then the next `settle` begins a new epoch of its log for this
        cabin, and the Hello is to be heard once more; as is one that comes meanwhile."""
        if site in self._gathered.reopening:
            return True
        place = self._places.at(site)
        reopens = restored.remembers_more(hello, place, self.log(site))
        if reopens:
            self._gathered.reopening[site] = hello
        return reopens

    def gone(self, site: SiteId, digest: Digest) -> None:
        """This cabin has nothing to send for a document that it has announced."""
        if digest in self.owing.awaited:
            self._gathered.gone[digest] = site

    def keep(self, digest: Digest, offset_bytes: int, chunk: bytes | memoryview) -> None:
        """Bytes of a document that is awaited; of others nothing is kept. Raises Mistake when they do not follow what is here."""
        if digest in self.owing.awaited:
            self.blobs.keep(digest, offset_bytes, chunk)

    def wanted(self, site: SiteId) -> list[Wanted]:
        """What this cabin has announced and not delivered: asked for when its link opens."""
        owed = self.owing.of(self._places.at(site))
        self._gathered.recheck.update(one.digest for one in owed if one.have_bytes >= one.size_bytes)
        return [one for one in owed if one.have_bytes < one.size_bytes]

    def tell(self, told: Told) -> None:
        """An agency's event, checked (inbox.tell). The cabin learns it through its log."""
        self._gathered.told.append(told)

    def told(self, envelope: EnvelopeId) -> list[Signed]:
        """Events about this envelope that wait for `settle`."""
        return [told.signed for told in self._gathered.told if told.envelope == envelope]

    def recall(self, recalled: lost.Recalled) -> None:
        """An agency's answer about a lost document, checked (inbox.recall). The cabin learns it through its log."""
        self._gathered.recalled[recalled.envelope] = recalled

    def recalled(self, envelope: EnvelopeId) -> bool:
        """Does an answer about this envelope wait for `settle`?"""
        return envelope in self._gathered.recalled

    @property
    def signing_key(self) -> bytes:
        """With which the hub's own receipts are verified."""
        return self._key.public_key().public_bytes_raw()

    def append(self, site: SiteId, event: entries.Event) -> None:
        """One more entry for this cabin."""
        self._gathered.appending.append((self._places.at(site), event))

    def expire(self, now: datetime, keep_days: float) -> int:
        """Let go of the bytes of documents that were closed more than `keep_days` ago; how many. Free after `settle`."""
        with self.database.reading() as connection:
            due = expired(connection, now, keep_days)
        for id, digest in due:
            self.blobs.forget(digest)
            self._gathered.freed.append(id)
        return len(due)

    def alarm(self, site: SiteId | None, kind: str, text: str) -> None:
        """Call a person."""
        self._gathered.alarms.append((site, kind, text))

    def observe(self, site: SiteId, frame: Hello | Beat, round_trip_seconds: float, now: datetime) -> None:
        """A sign of life of this cabin; `round_trip_seconds` is negative when unknown. Written within contacts.LIFE_SECONDS."""
        place = self._places.at(site)
        self._contacts.heard(site, frame, round_trip_seconds, now)
        if isinstance(frame, Hello) and frame.directory_version < place.directory_version:
            self._tell_again(place, frame.directory_version)

    def disconnected(self, site: SiteId, now: datetime) -> None:
        """Its link is gone."""
        self._contacts.lost(site, now)

    # --- the hub itself ---------------------------------------------------------------------------------------------
    def started(self, now: datetime) -> None:
        """A hub process begins: nobody is connected yet. Raises Unavailable."""
        self.database.write_out()
        with self.database.turn() as connection:
            connection.execute(update(link).where(link.c.connected).values(connected=False, since=now))
            upsert(
                connection,
                hub,
                [{"id": 1, "pid": os.getpid(), "software": self._software, "started_at": now, "alive_at": now}],
            )
        self._alive_at = now

    def alive(self, now: datetime) -> None:
        """The loop turns. Written with the next `settle`, every ALIVE_SECONDS, and at once when the clock was set."""
        if self._alive_at is None or abs(now - self._alive_at) >= timedelta(seconds=ALIVE_SECONDS):
            self._alive_at = now
            self._gathered.alive = True

    def reload(self) -> None:
        """Another process has committed: keys, confirmations, directory. What was set aside for want of them is taken up again."""
        with self.database.reading() as connection:
            self.known.reload(connection)
            self._places.renew(connection)
        self._gathered.reconsider = True

    # --- directories and documents to read --------------------------------------------------------------------------
    def directory_version(self) -> int:
        """Of the directory in force; 0 when none was published."""
        return self.known.current.version

    def announce_directory(self, sites: Iterable[SiteId]) -> None:
        """Look for a new directory, and tell these cabins in their logs, unless they were told before."""
        self.reload()
        for site in sites:
            self._announce(self._places.at(site))

    def read_directory(self, digest: Digest, offset_bytes: int, length_bytes: int) -> tuple[bytes, int] | None:
        """Bytes of a published directory, and its size; None for a stranger."""
        raw: bytes | None = self.known.current.raw if digest == self.known.current.digest else None
        if raw is None:
            with self.database.reading() as connection:
                raw = connection.execute(select(published.c.signed).where(published.c.digest == digest)).scalar()
        return None if raw is None else (raw[offset_bytes : offset_bytes + length_bytes], len(raw))

    def read_blob(self, digest: Digest, offset_bytes: int, length_bytes: int) -> tuple[bytes, int] | None:
        """Bytes of a delivered document or of a directory, and the size of the whole; None for a stranger. Ask inbox.may_read first."""
        size_bytes = self._sizes.get(digest)
        if size_bytes is None:
            with self.database.reading() as connection:
                size_bytes = connection.execute(_SIZE, {"named": digest}).scalar()
            if size_bytes is None:
                return self.read_directory(digest, offset_bytes, length_bytes)
            self._sizes.put(digest, size_bytes)
            self._sizes.trim()
        found = self.blobs.read(digest, offset_bytes, length_bytes)
        if self._proofreading.served(digest, size_bytes, offset_bytes, found):
            self._gathered.spoiled.add(digest)
        return None if found is None else (found, size_bytes)

    @property
    def proofread_at(self) -> float:
        """When `proofread` has something to do; monotonic seconds."""
        return self._proofreading.due_at

    def proofread(self, now_seconds: float) -> None:
        """Nobody says anything: read on in what lies in inboxes, a bounded number of bytes. What is found, `settle` acts upon."""
        found = self._proofreading.step(now_seconds)
        self._gathered.spoiled.update(found.spoiled)
        if found.hidden:
            self._gathered.hidden.update(each.site for each in found.hidden)
            self.alarm(None, damage.DATABASE_DAMAGED, damage.hidden(found.hidden))

    # --- settle -----------------------------------------------------------------------------------------------------
    def settle(self, *, everything: bool = False) -> News:
        """Make this turn durable and apply it. No transaction when there is nothing to write. Raises Unavailable.

        Bytes of documents that are not complete may wait for a later turn, unless `everything` is asked for: nobody was promised anything
        about them, and on a slow line every chunk would cost an fsync of its own."""
        if self._broken:
            raise Unavailable("The last turn could not be made durable.", "Start the hub again.")
        news, now = News(), self._now()
        if not self._pending(now, everything):
            return news
        self._broken = True  # until this turn is durable: after a failure nobody knows what the disk holds
        self.blobs.sync()
        with self.database.turn() as connection:
            turn = Turn(connection, now, news)
            self._apply(turn)
            turn.write()
            healed = restored.healed(turn, self._healing)
            self._places.write(turn)
            self._contacts.write(connection, now)
            if self._gathered.alive:
                bulk.write(connection, _ALIVE, [{"now": now}])
            self.blobs.record(connection)
        turn.committed()
        self.known.committed()
        self._healing -= healed
        self.owing.asked(wanted.site for wanted in news.wanted)
        self._places.committed()
        self.blobs.committed()
        hidden, self._gathered = self._gathered.hidden, Gathered()
        self.owing.asked(hidden)
        news.wanted += [wanted for site in sorted(hidden) for wanted in self.wanted(site)]
        self._broken = False
        return news

    def close(self) -> None:
        """Let go of the blobs' files; the database belongs to the caller."""
        self.blobs.close()

    # --- inside -----------------------------------------------------------------------------------------------------
    def _pending(self, now: datetime, everything: bool) -> bool:
        return bool(
            self._gathered
            or self._places.pending
            or self._contacts.due(now)
            or (self.blobs.pending and (everything or self._bytes_due(now)))
        )

    def _bytes_due(self, now: datetime) -> bool:
        """Is a document complete, or have bytes waited long enough to be worth a transaction?"""
        if self._gathered.since is None:
            self._gathered.since = now
        if abs(now - self._gathered.since) >= _BYTES_WAIT or self.blobs.waiting_bytes >= BYTES_WAITING_MAX:
            return True
        return self.blobs.forgetting or any(
            (found := self.owing.awaited.get(digest)) is None or sums.size_bytes >= found.size_bytes
            for digest, sums in self.blobs.grown()
        )

    def _apply(self, turn: Turn) -> None:
        gathered = self._gathered
        if gathered.hidden:
            self.database.index_anew(turn.connection, document)
        for raised in gathered.alarms:
            turn.alarm(*raised)
        for site, hello in gathered.reopening.items():
            restored.reopen(turn, self._places.at(site), hello)
            self._healing.add(site)
        ingest = Ingest(turn, self.known, self.owing.awaited, self.blobs)
        if gathered.reconsider:
            ingest.reconsider(self._places.at)
        if gathered.arrived:
            ingest.take(gathered.arrived)
        for told in gathered.told:
            turn.happened(told.document, told.number, told.receipt.happening, told.receipt.at, told.signed)
            turn.state(told.document, told.receipt.happening)
            turn.append(self._places.at(told.site), ReceiptGiven(told.signed))
        delivered: set[int] = set()
        for digest in dict.fromkeys([*(digest for digest, _ in self.blobs.grown()), *sorted(gathered.recheck)]):
            expected = self.owing.awaited.get(digest)
            if expected is not None and self._delivery.consider(
                turn, self._places.at(expected.site), expected, self.blobs.sums(digest)
            ):
                del self.owing.awaited[digest]
                delivered.add(expected.id)
        damage.altered(turn, self.blobs, self.owing, gathered)
        for recalled in gathered.recalled.values():
            if recalled.document not in delivered:
                lost.answered(turn, self._places.at(recalled.site), recalled, self._key)
                self.owing.recalled(recalled)
        for digest, site in gathered.gone.items():
            self.owing.awaited.pop(digest, None)
            if restored.gone(turn, self._places.at(site), digest):
                self.owing.lacking.add(site)
        for id in gathered.freed:
            turn.freed(id)
        for place, event in gathered.appending:
            turn.append(place, event)
        current = self.known.current
        for place in sorted(gathered.announcing, key=lambda place: place.site):
            if current.digest is not None and place.directory_version < current.version:
                turn.append(place, DirectoryPublished(current.version, current.digest, len(current.raw)))
                place.directory_version = current.version
        self._places.bury(turn)  # last: whoever was asked for above may have been replaced since this process began

    def _arrive(self, place: Place, before: Mark, previous: bytes, run: Sequence[Entry]) -> None:
        self._gathered.arrived.append(Run(place, place.machine, before, previous, run))

    def _tell_again(self, place: Place, held_version: int) -> None:
        """A cabin that was told of a newer directory holds this one: its disk may have lost what it had heard. Once per process: it may be fetching
        the newer one just now, or have refused it."""
        again = place.site, place.directory_version
        if again not in self._told_again:
            self._told_again.add(again)
            place.directory_version = held_version
            self._announce(place)

    def _announce(self, place: Place) -> None:
        if place.directory_version < self.known.current.version:
            self._gathered.announcing.add(place)
