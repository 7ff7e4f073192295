"""Faults of our own in the hub's parts. What each would do to people stands in its docstring; planted.py says where they go."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from cloud import damage, hearing
from cloud.admission import Admission, Guest
from cloud.awaited import Awaited
from cloud.damage import Held
from cloud.delivery import Delivery
from cloud.hub import Connection, Hub
from cloud.ingest import Ingest, Run
from cloud.ledger import Ledger
from cloud.lost import Recalled
from cloud.owing import Owing
from cloud.proofreading import Found, Proofreading
from cloud.site_log import Place, SiteLog
from cloud.storage.blobs.files import End, SegmentFiles
from cloud.storage.blobs.segments import Segments
from cloud.storage.blobs.sums import Sums
from cloud.turn import LOST, News, Turn, Wanted
from protocol import frames
from protocol.entries import DocumentSealed, Entry, EpochOpened, Mark
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import Digest, SiteId
from protocol.manifest import Manifest
from protocol.runtime.wires import Message
from tools.simulator.slip import slip

_CLOCK_SECONDS_MAX = 3600.0


class AckBeforeCommit(Hub):
    """A cabin forgets an entry that a power cut then takes from the hub."""

    def _hear_cabin(self, *args: Any) -> Connection | None:
        connection = super()._hear_cabin(*args)
        if connection is not None:
            connection.pump.settled()
        return connection


class AnswerBeforeSettle(Hub):
    """An agency is told „done“, and the visitor never learns that the document was accepted."""

    def _hear(self, message: Message) -> Connection | None:
        connection = super()._hear(message)
        self._desks.answer()
        return connection


class HelloBeforeSettle(Hub):
    """As with an acknowledgement: a Hello says how far the hub holds the log."""

    def _messages(self, heard: dict[bytes, Connection]) -> Iterator[Message]:
        """All at once."""
        return self.listener.receive(hearing.MESSAGES_MAX, hearing.BYTES_MAX)


class OlderStays(Hub):
    """A connection that was given up goes on beside its successor."""

    def _open(self, *args: Any) -> Connection:
        by_site, self._by_site = self._by_site, {}
        try:
            return super()._open(*args)
        finally:
            self._by_site = {**by_site, **self._by_site}


class NoBlobSync(Segments):
    """A document is secured whose bytes are still in memory."""

    def sync(self) -> None:
        """Nothing."""


class NoDigestCheck(Delivery):
    """Altered bytes lie in an inbox."""

    def consider(self, turn: Turn, place: Place, awaited: Awaited, sums: Sums) -> bool:
        """Believe them."""
        believed = Sums()
        believed.__class__ = type("Believed", (Sums,), {"__slots__": (), "digest": lambda _sums: awaited.digest})
        believed.size_bytes = sums.size_bytes
        believed.header_sha256, believed.payload_bytes = awaited.header_sha256, awaited.length_bytes
        believed._payload = type("Payload", (), {"digest": lambda _self: awaited.payload_sha256})()
        return super().consider(turn, place, awaited, believed)


class SkipPlace(Delivery):
    """A connector that counts places believes that a document was withheld."""

    def consider(self, turn: Turn, place: Place, awaited: Awaited, sums: Sums) -> bool:
        """Take two places."""
        if sums.size_bytes == awaited.size_bytes and awaited.digest[0] < 64:
            self._known.next_place(turn.connection, awaited.agency)
        return super().consider(turn, place, awaited, sums)


class ReceiptWithoutInbox(Delivery):
    """„Gesichert“ on the screen, and nothing in the inbox."""

    def consider(self, turn: Turn, place: Place, awaited: Awaited, sums: Sums) -> bool:
        """Forget the row."""
        done = super().consider(turn, place, awaited, sums)
        if done:
            turn._stored.clear()
        return done


class SkipEntry(Ledger):
    """An entry is acknowledged and held nowhere."""

    def _arrive(self, place: Place, before: Mark, previous: bytes, run: Sequence[Entry]) -> None:
        kept = list(itertools.takewhile(lambda entry: entry.number % 11, run))
        if kept:
            super()._arrive(place, before, previous, kept)


class NeverAskedAgain(Ledger):
    """What was under way when the line was cut stays in the cabin for ever."""

    def wanted(self, site: SiteId) -> list[Wanted]:
        """Nothing."""
        super().wanted(site)
        return []


class ForgetWhenSent(SiteLog):
    """A receipt that a cut swallowed is never sent again."""

    sent: dict[Place, int]

    def first(self) -> int:
        """What was sent is no longer here."""
        return max(super().first(), self.sent.get(self._place, 0) + 1)

    def read(self, after: int, bytes_max: int, count_max: int) -> Sequence[Entry]:
        """And let go."""
        found = super().read(after, bytes_max, count_max)
        if found:
            self.sent[self._place] = found[-1].number
        return found


class ForgetfulLedger(Ledger):
    """Gives out logs that forget."""

    def log(self, site: SiteId) -> SiteLog:
        """One of them."""
        log = super().log(site)
        slip(log, ForgetWhenSent)
        assert isinstance(log, ForgetWhenSent)
        log.sent = self.__dict__.setdefault("sent", {})
        return log


class FreeWhenFetched(Ledger):
    """A document is let go of before its agency has accepted it."""

    def settle(self, *, everything: bool = False) -> Any:
        """Free what lies in an inbox."""
        for told in self._gathered.told:
            with self.database.reading() as connection:
                row = connection.exec_driver_sql(
                    "SELECT digest FROM document JOIN blob USING (id) WHERE envelope = ?", (told.envelope,)
                ).first()
            if row is not None:
                self.blobs.forget(row.digest)
        return super().settle(everything=everything)


class BelievesTheKernel(SegmentFiles):
    """After a failed fsync the hub asks once more, and is told that all is well."""

    def sync(self) -> None:
        """Twice."""
        try:
            super().sync()
        except Unavailable:
            self._broken = ""
            super().sync()


class DeafToErrors(SegmentFiles):
    """A disk that fails is no reason to stop."""

    def sync(self) -> None:
        """Whatever comes."""
        try:
            super().sync()
        except Unavailable:
            self._broken = ""
            self._touched.clear()


class NoFolderSync(SegmentFiles):
    """A file whose name was never fsynced is gone with the power, bytes and all."""

    def sync(self) -> None:
        """Bytes only."""
        self._folder_touched = False
        super().sync()


class AcknowledgesWhenFull(Ledger):
    """The disk is full, and the cabin is told that the hub holds what it said."""

    def settle(self, *, everything: bool = False) -> Any:
        """Never fails."""
        try:
            return super().settle(everything=everything)
        except Unavailable:
            self._broken = False
            return News()


class RestoreUnnoticed(Ledger):
    """A hub came back from a backup, and cabins that have heard more from it refuse it for ever."""

    def reopens(self, site: SiteId, hello: frames.Hello) -> bool:
        """Never."""
        return False


class RotUnread(Proofreading):
    """A bit flips in a document that its agency does not fetch for a week; then no cabin has it any more."""

    def step(self, now: float) -> Found:
        """Read nothing."""
        return Found([], [])


class LossUntold(Ledger):
    """A document went with a hub that came back from a backup, and the administrator reads that it is on its way."""

    def gone(self, site: SiteId, digest: Digest) -> None:
        """Nobody is told."""


class LostUnasked(Ledger):
    """A visitor reads that papers are lost, and the agency is working on them."""

    def gone(self, site: SiteId, digest: Digest) -> None:
        """Told before anybody has asked."""
        expected = self.owing.awaited.get(digest)
        super().gone(site, digest)
        if expected is not None:
            self.recall(Recalled(site, expected.id, expected.envelope, expected.manifest_digest, ()))


class RevocationUnnoticed(Admission):
    """Who was revoked speaks on until the hub is started again."""

    def replace(self, guests: list[Guest]) -> None:
        """Nobody is ever forgotten."""
        self._by_key |= {guest.key: guest for guest in guests}
        self._by_user |= {guest.user: guest for guest in guests}


def clock_believed(check: Callable[..., None], now: Callable[[], datetime]) -> Callable[..., None]:
    """A document from a cabin whose clock is wrong is set aside: the visitor has a number, and nobody a document."""

    def checked(manifest: Manifest, event: DocumentSealed, site: SiteId) -> None:
        check(manifest, event, site)
        if abs((manifest.captured_at - now()).total_seconds()) > _CLOCK_SECONDS_MAX:
            raise Refused(Code.MALFORMED, "A document from another time.")

    return checked


def gap_untold(self: Ingest, run: Run, at: int, event: EpochOpened) -> None:
    """Entries were lost with a damaged buffer, and the administrator reads that everything has arrived."""


def unmarked(self: SegmentFiles) -> End:
    """Beside an older database the documents of today are cut off."""
    return End(0, 0)


def set_aside_empty(self: SegmentFiles, segment: int, *, known: bool) -> None:
    """A person is told that they are kept aside, and brings the newer database back for nothing."""
    if not known:
        self._path(segment).unlink()
    self._aside(segment).touch()


def untold(alarm: Callable[..., None], kind: str) -> Callable[..., None]:
    """Nobody looks after the disk, or for the newer database."""

    def alarmed(self: object, site: SiteId | None, found: str, text: str) -> None:
        if found != kind:
            alarm(self, site, found, text)

    return alarmed


def rot_unasked(turn: Turn, blobs: Segments, owing: Owing, one: Held, digest: Digest) -> None:
    """A person is called because of the disk, and the cabin, which could give the document again, is not asked."""


def rot_called_lost(turn: Turn, blobs: Segments, owing: Owing, one: Held, digest: Digest) -> None:
    """A visitor reads that papers are lost, and they lie in the cabin."""
    damage.sent_for(turn.connection, [one.document])
    blobs.forget(digest)
    turn.trouble(one.document, "Its bytes are gone.", LOST)
    turn.unsay(one.document)
    owing.lacking.add(one.site)


def nothing_sent_for(connection: Any, documents: Iterable[int]) -> int:
    """What the disk has lost stays in its inbox, where nobody can open it, and its cabin keeps it for days and is not asked."""
    return 0
