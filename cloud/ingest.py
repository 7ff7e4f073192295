"""Entries that arrived from a cabin, by kind: check, store, hand on. One table {event type: function}.

A bad entry is never lost and never blocks the log: it is committed like any other, set aside in `quarantine` with the reason in words,
and a person is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, select

from cloud.awaited import Awaited, awaited, check
from cloud.known import Known
from cloud.site_log import NUMBER_MAX, Place
from cloud.storage import runs
from cloud.storage.blobs.segments import Segments
from cloud.storage.database import upsert
from cloud.storage.schema import blob, document, epoch, named_document, quarantine, up_run
from cloud.turn import ANNOUNCED, Turn, Wanted
from cloud.visits import VisitCounts
from protocol import entries
from protocol.entries import DirectoryPublished, DocumentSealed, EpochOpened, Event, Mark, ReceiptGiven, VisitEnded
from protocol.errors import Code, Refused
from protocol.ids import Digest, EnvelopeId, SiteId
from protocol.manifest import Manifest, digest_of, unverified, verify
from protocol.soundness import printable

# What a new directory or a confirmation may heal.
CURABLE: Final = (Code.UNKNOWN_AGENCY, Code.NOT_CONFIRMED)
# Kinds of alarm beside the codes of Refused.
CHAIN: Final = "chain-broken"
MISSING: Final = "entries-missing"
_ASKED_MAX: Final = 500  # values in one question; databases bound them
_BY_ENVELOPE, _BY_DIGEST = (
    select(document.c.envelope, blob.c.digest)
    .select_from(named_document)
    .where(column.in_(bindparam("asked", expanding=True)))
    for column in (document.c.envelope, blob.c.digest)
)


class Run(NamedTuple):
    """Entries of one epoch that came together. `before` is the place in the log of this machine before them, `previous` the hash that the first
    one follows: another one where entries were lost."""

    place: Place
    machine: int
    before: Mark
    previous: bytes
    entries: Sequence[entries.Entry]

    def before_entry(self, at: int) -> Mark:
        """The place in the log before the entry at this index."""
        if not at:
            return self.before
        entry = self.entries[at - 1]
        return Mark(entry.epoch, entry.number, entry.hash)


class Ingest:
    """Applies entries within one turn. `awaited` gains every document that is accepted."""

    def __init__(self, turn: Turn, known: Known, awaited: dict[Digest, Awaited], blobs: Segments) -> None:
        self.turn = turn
        self.known = known
        self.awaited = awaited
        self._blobs = blobs
        self._visits = VisitCounts()
        self._by_envelope: dict[EnvelopeId, tuple[EnvelopeId, Digest]] = {}  # of those in this turn: announced before
        self._by_digest: dict[Digest, tuple[EnvelopeId, Digest]] = {}

    def take(self, arrived: Sequence[Run]) -> None:
        """Hold these entries, and do what they say where they are sound."""
        opened = [(run, self._opened(run)) for run in arrived]
        self._look_up([event for _, events in opened for event in events if isinstance(event, DocumentSealed)])
        for run, events in opened:
            self.turn.insert(up_run, runs.row(run.place.site, run.machine, run.previous, run.entries))
            self.turn.places.add(run.place)
            visits: list[VisitEnded] = []  # counted together; their entries stay sealed
            for at, event in enumerate(events):
                if isinstance(event, VisitEnded):
                    visits.append(event)
                    continue
                try:
                    if isinstance(event, Refused):
                        raise event
                    APPLY[type(event)](self, run, at, event)
                except Refused as refused:
                    self._set_aside(run, at, event, refused)
            self._visits.add(run.place.site, visits)
        self._visits.write(self.turn.connection)

    def reconsider(self, places: Callable[[SiteId], Place]) -> None:
        """Take up again what a new directory may have healed."""
        rows = self.turn.connection.execute(
            select(quarantine.c.site, quarantine.c.machine, quarantine.c.number)
            .where(quarantine.c.reason.in_(CURABLE))
            .order_by(quarantine.c.site, quarantine.c.machine, quarantine.c.number)
        ).all()
        for row in rows:
            place = places(row.site)
            if row.machine != place.machine:
                continue  # signed with keys that are no longer in force
            entry = runs.entry(self.turn.connection, row.site, row.machine, row.number)
            if entry is None:
                continue
            run = Run(place, row.machine, Mark(), b"", [entry])
            (event,) = self._opened(run)
            if not isinstance(event, DocumentSealed):
                continue  # nothing else is set aside for such a reason
            try:
                self._look_up([event])
                self.document_sealed(run, 0, event)
            except Refused:
                continue
            self.turn.connection.execute(
                delete(quarantine).where(
                    quarantine.c.site == row.site,
                    quarantine.c.machine == row.machine,
                    quarantine.c.number == row.number,
                )
            )

    # --- inside ---------------------------------------------------------------------------------------------------
    def _opened(self, run: Run) -> list[Event | Refused]:
        """What each entry says, or why it cannot be read. The key of an epoch is there for the entries that follow."""
        place, machine, epoch = run.place, run.machine, run.entries[0].epoch
        read, has_key = entries.reader(None, epoch), False
        found: list[Event | Refused] = []
        for entry in run.entries:
            payload = entry.payload
            try:
                if not has_key and entries.is_sealed(payload):
                    key = self.known.journal_key(self.turn.connection, place.site, machine, epoch)
                    read, has_key = entries.reader(key, epoch), key is not None
                event = read(payload, entry.number)
                if isinstance(event, EpochOpened):
                    self._open_epoch(place, machine, entry, event)
                found.append(event)
            except Refused as refused:
                found.append(refused)
        return found

    def _open_epoch(self, place: Place, machine: int, entry: entries.Entry, event: EpochOpened) -> None:
        connection = self.turn.connection
        if self.known.journal_key(connection, place.site, machine, entry.epoch) is not None:
            raise Refused(Code.MALFORMED, f"Epoch {entry.epoch} is opened a second time.")
        upsert(
            connection,
            epoch,
            [{"site": place.site, "machine": machine, "epoch": entry.epoch, "number": entry.number}],
        )
        self.known.open_epoch(place.site, machine, entry.epoch, event)

    def _look_up(self, events: list[DocumentSealed]) -> None:
        """Which envelopes and blobs were announced in earlier turns: two questions for all of them."""
        envelopes: list[bytes] = []
        for event in events:
            try:
                envelopes.append(unverified(Manifest, event.manifest).envelope)
            except Refused:
                pass  # said when it is applied
        digests = [event.digest for event in events]
        for statement, wanted in ((_BY_ENVELOPE, envelopes), (_BY_DIGEST, digests)):
            for start in range(0, len(wanted), _ASKED_MAX):
                asked = {"asked": wanted[start : start + _ASKED_MAX]}
                for row in self.turn.connection.execute(statement, asked):
                    self._heard_of(EnvelopeId(row.envelope), Digest(row.digest))

    def _heard_of(self, envelope: EnvelopeId, digest: Digest) -> None:
        self._by_envelope[envelope] = self._by_digest[digest] = (envelope, digest)

    def _set_aside(self, run: Run, at: int, event: Event | Refused, refused: Refused) -> None:
        claims: dict[str, Any] = {"envelope": None, "agency": None, "size_bytes": None}
        if isinstance(event, DocumentSealed):
            try:
                claimed = unverified(Manifest, event.manifest)
            except Refused:
                pass
            else:
                claims = {
                    "envelope": claimed.envelope[:64],
                    "agency": printable(claimed.agency[:63]),
                    "size_bytes": min(event.size_bytes, NUMBER_MAX),
                }
        site, number = run.place.site, run.entries[at].number
        self.turn.insert(
            quarantine,
            {
                "site": site,
                "machine": run.machine,
                "number": number,
                "reason": refused.code.value,
                "trouble": printable(str(refused)),
                "quarantined_at": self.turn.now,
                **claims,
            },
        )
        self.turn.alarm(site, refused.code.value, f"Entry {number} was set aside: {refused}")

    def epoch_opened(self, run: Run, at: int, event: EpochOpened) -> None:
        """A process start of the cabin; its key was taken when the entry was read. Were entries lost before it?"""
        place, before, entry = run.place, run.before_entry(at), run.entries[at]
        if event.follows != before:
            missing = min(max(0, event.follows.number - before.number), NUMBER_MAX - place.missing)
            place.missing += missing
            if event.follows.number <= place.restored:
                why = "were here before an older copy of the hub was brought back, and the cabin no longer keeps them. "
                why += "Ask its agencies what they have fetched."
            else:
                why = "were lost with a damaged buffer. Keep its folder; look at `kabine edge doctor`."
            self.turn.alarm(
                place.site,
                MISSING,
                f"The cabin wrote up to entry {event.follows.number} before it started anew at entry {entry.number}; "
                f"{missing or 'some'} of them {why}",
            )

    def document_sealed(self, run: Run, at: int, event: DocumentSealed) -> None:
        """A document waits in the cabin: is it sound, whom is it for, was it ever seen before?"""
        place, machine = run.place, run.machine
        connection = self.turn.connection
        key = self.known.signing_key(connection, place.site)
        if key is None:
            raise Refused(Code.NOT_CONFIRMED, f"No machine of {place.site} is confirmed.")
        manifest = verify(Manifest, event.manifest, key)
        check(manifest, event, place.site)
        addressee = self.known.addressee(manifest.agency)
        if addressee is None:
            raise Refused(Code.UNKNOWN_AGENCY, f"No agency {manifest.agency} is in the directory.")
        if manifest.epoch not in addressee.epochs:
            raise Refused(
                Code.UNKNOWN_AGENCY, f"For {manifest.agency} the directory has no inbox key of epoch {manifest.epoch}."
            )
        if self._seen(manifest, event):
            return
        self._check_chain(run, manifest, digest_of(event.manifest))
        self._heard_of(manifest.envelope, event.digest)
        id = self._blobs.announced(event.digest)
        self.turn.insert(
            document,
            {
                "id": id,
                "envelope": manifest.envelope,
                "receipt": manifest.receipt,
                "site": place.site,
                "machine": machine,
                "number": run.entries[at].number,
                "agency": manifest.agency,
                "epoch": manifest.epoch,
                "counter": manifest.counter,
                "size_bytes": event.size_bytes,
                "manifest_body": event.manifest.body,
                "manifest_signature": event.manifest.signature,
                "summary": event.summary,
                "state": ANNOUNCED,
                "announced_at": self.turn.now,
            },
        )
        self.awaited[event.digest] = awaited(id, manifest, digest_of(event.manifest), event.digest, event.size_bytes)
        self.turn.news.wanted.append(Wanted(place.site, event.digest, event.size_bytes, 0))

    def not_a_cabins(self, run: Run, at: int, event: Event) -> None:
        """What only the hub says."""
        raise Refused(Code.MALFORMED, f"A cabin wrote {type(event).__name__}, which only the hub says.")

    def _seen(self, manifest: Manifest, event: DocumentSealed) -> bool:
        """Announced before, the same in every byte? Raises Refused when only a part is the same."""
        found = {self._by_envelope.get(manifest.envelope), self._by_digest.get(event.digest)} - {None}
        if not found:
            return False
        if found != {(manifest.envelope, event.digest)}:
            raise Refused(
                Code.OUT_OF_ORDER,
                f"Envelope {manifest.envelope.hex()} or its bytes were announced before, as something else.",
                "Look at both entries: the cabin was cloned, or somebody replays its documents.",
            )
        return True

    def _check_chain(self, run: Run, manifest: Manifest, digest: bytes) -> None:
        site, machine, agency = run.place.site, run.machine, manifest.agency
        counter, previous = self.known.chain(self.turn.connection, site, machine, agency)
        if manifest.counter != counter + 1 or manifest.previous != previous:
            self.turn.alarm(
                site,
                CHAIN,
                f"Document {manifest.receipt} for {agency} is number {manifest.counter} of its row; {counter + 1} was next, "
                "or it does not name the one before. It was delivered all the same; look at `kabine edge doctor`.",
            )
        if manifest.counter > counter:
            self.known.chained(site, machine, agency, manifest.counter, digest)


APPLY: Final[dict[type[msgspec.Struct], Callable[[Ingest, Run, int, Any], None]]] = {
    EpochOpened: Ingest.epoch_opened,
    DocumentSealed: Ingest.document_sealed,
    ReceiptGiven: Ingest.not_a_cabins,
    DirectoryPublished: Ingest.not_a_cabins,
}
