"""What was promised, and whether it holds: looked at after every step, from outside.

Each promise is one method that raises `BrokenPromise`. The witness reads what is committed in the nodes' files (readers.py) and hears
every message as it is said; it asks no code that it judges. What may be missing, because a disk was altered or a person has brought an older one
back, it forgives only where somebody was told.
"""

from __future__ import annotations

import hashlib
from collections import Counter

from cloud.delivery import DAMAGED
from cloud.ingest import MISSING
from edge.buffer import News
from edge.storage import opening
from protocol import entries, frames
from protocol.asking import Answer, Ask, Delivered, Done, Tell
from protocol.entries import Mark, ReceiptGiven
from protocol.errors import Refused
from protocol.ids import AgencyId, SiteId
from protocol.manifest import Happening, Manifest, Receipt, unverified, verify
from tools.simulator.cabin_node import CabinNode
from tools.simulator.hub_node import HubNode
from tools.simulator.line import Strand, Way
from tools.simulator.paper import Document
from tools.simulator.readers import BEGINNING, CabinReader, HubReader
from tools.simulator.record import Custody, Machine, Record

_HEARD = (b"\xa3ack", b"\xa4want", b"\xa5hello", b"\xa7entries", b"\xa3ask", b"\xa6answer")
_SLACK_SECONDS = 2.0  # the cabin counts whole seconds
_LONG_SECONDS = 120.0  # what is to be kept for less is gone by then
PROVEN = (Happening.FETCHED, Happening.ACCEPTED, Happening.RETURNED)
_TOLD_MAX = 50  # of the newest; the older ones have been looked at often enough
# Alarms by which the nodes themselves say that a promise was broken, unless something explains them.
GRAVE = (
    "chain-broken",
    "entries-missing",
    "log-gap",
    "log-fork",
    "segment-damaged",
    "machine-replaced",
    "out-of-order",
    "blob-gone",
    "hub-restored",
)
# … and those that a hub calls which came back from a backup. No cabin is refused because of it.
OF_A_BACKUP = ("hub-restored", "entries-missing", "chain-broken")


class BrokenPromise(Exception):  # noqa: N818  (a noun of this house, not a suffix)
    """A violation: what, where and when."""


class Witness:
    """Of the whole simulation. `excused`: sites for which the hub may call a person."""

    def __init__(self, hub: HubNode, recoveries: Counter[str]) -> None:
        self._hub = hub
        self._recoveries = recoveries
        self._at_hub = HubReader()
        self._at_cabin: dict[str, CabinReader] = {}
        self.custody: dict[str, Custody] = {}  # by the machine's name
        self.tried: dict[bytes, Document] = {}  # by digest
        self.record = Record()
        self.excused: set[SiteId] = set()
        self.restored: set[SiteId] = set()  # that have known a hub which came back from a backup since
        self.lost: set[bytes] = set()  # envelopes that went with a hub that was brought back from a backup
        self.at_agency: set[bytes] = set()  # envelopes that a connector was given whole
        self.rotten: set[bytes] = set()  # digests whose bytes were altered on the hub's disk
        self._users: dict[str, CabinNode] = {}
        self._telling: dict[tuple[bytes, int], Receipt] = {}  # asked, and not yet answered
        self._lacking: dict[Machine, int] = {}  # entries that a machine lost with its buffer, as the hub counts them
        hub.checked, hub.looked, hub.gone = self.hub_opened, self.look_at_hub, self._at_hub.close
        hub.port.spoken = self.spoken

    def meet(self, cabin: CabinNode) -> None:
        """Another machine; a clone has the keys, and so the user, of its original."""
        reader = self._at_cabin[cabin.name] = CabinReader()
        self.custody[cabin.name] = Custody(cabin)
        self._users.setdefault(cabin.user, cabin)
        cabin.tried, cabin.accepted, cabin.secured = self._tried, self._accepted, self._secured
        cabin.checked, cabin.looked = self.cabin_opened, lambda: self.look_at_cabin(cabin)
        cabin.gone = reader.close

    # --- what visitors were told ---------------------------------------------------------------------------------
    def _tried(self, cabin: CabinNode, document: Document) -> None:
        self.tried[document.digest] = document

    def _accepted(self, cabin: CabinNode, document: Document) -> None:
        self.custody[cabin.name].accepted[document.digest] = document

    def _secured(self, cabin: CabinNode, news: News) -> None:
        """*gesichert* on a cabin's screen."""
        for receipt in news.receipts:
            if receipt.happening is Happening.STORED:
                self.custody[cabin.name].secured[receipt.envelope] = cabin.clock()
                if receipt.envelope not in self.lost:
                    self._expect(
                        receipt.envelope in self._stored_now(), f"{cabin.name} shows “gesichert” for what the hub lacks"
                    )

    # --- the hub -------------------------------------------------------------------------------------------------
    def hub_opened(self, hub: HubNode) -> None:
        """After every start: all that was ever committed is still there, byte for byte."""
        self._at_hub.at(hub.disk)
        self.look_at_hub()
        for (site, machine), mark in self.record.marks.items():
            held = self._at_hub.held(site, machine)
            self._expect(held >= mark.number, f"the hub no longer holds entry {mark.number} of {site}")
        freed = {row[0] for row in self._at_hub.rows("SELECT digest FROM document WHERE freed_at IS NOT NULL")}
        for digest in self.record.stored.values():
            well = digest in freed or digest in self.rotten or self._at_hub.sound(digest)
            self._expect(well, "a secured document is not what it was")
        self._look_at_told()

    def look_at_hub(self) -> None:
        """After every turn."""
        self._at_hub.at(self._hub.disk)
        if not self._at_hub.changed():
            return
        documents = self.record.documents
        for site, machine, missing, last, newest in self._at_hub.ends():
            self._lacking[site, machine] = missing
            if (last or 0) > self.record.marks.get((site, machine), BEGINNING).number:
                self._look_at_entries((site, machine))
            if newest != documents:
                self.record.documents = newest
                self._look_at_announced((site, machine))
        self._look_at_inboxes()
        for site, kind, text in self._at_hub.rows(
            f"SELECT site, kind, text FROM alarm WHERE kind IN ({','.join('?' * len(GRAVE))})",  # noqa: S608
            *GRAVE,
        ):
            explained = site in self.excused or (site in self.restored and kind in OF_A_BACKUP)
            self._expect(explained, f"the hub calls a person: {kind}: {text}")

    def _look_at_entries(self, at: Machine) -> None:
        """Order holds: no entry is missing, none is altered, and none comes from a machine that was revoked."""
        try:
            for mark, leapt in self._at_hub.new_entries(*at, self.record.marks.get(at, BEGINNING)):
                self._expect(
                    not leapt or self._at_hub.called(at[0], MISSING),
                    f"entries of {at[0]} before {mark.number} are missing, and nobody is told",
                )
                self.record.marks[at] = mark
                self._expect(
                    mark.number <= self.record.final.get(at, mark.number),
                    f"the hub takes entry {mark.number} of {at[0]}, which was revoked",
                )
        except ValueError as error:
            raise BrokenPromise(f"the hub's copy of the log of {at[0]} has a gap: {error}") from error

    def _look_at_announced(self, at: Machine) -> None:
        """Manifests of one machine to one agency are counted 1, 2, 3 … in the order of its log."""
        for number, agency, counter, digest in self._at_hub.rows(
            "SELECT number, agency, counter, digest FROM document WHERE site = ? AND machine = ? AND number > ? ORDER BY number",
            *at,
            self.record.announced.get(at, 0),
        ):
            self.record.announced[at] = number
            self.record.counters[at, agency] += 1
            was = self.record.counters[at, agency]
            self._expect(
                counter == was or at[0] in self.excused | self.restored,
                f"document {counter} of {at[0]} to {agency} came as number {was}",
            )
            self.record.counters[at, agency] = counter
            self._expect(digest in self.tried, f"the hub holds a document that nobody handed in at {at[0]}")

    def _look_at_inboxes(self) -> None:
        """Places of an inbox are 1, 2, 3 …; nothing lies there twice; what lies there is whole."""
        places, stored = self.record.places, self.record.stored
        ends = self._at_hub.rows("SELECT agency, max(place) FROM document WHERE place IS NOT NULL GROUP BY agency")
        for agency in (agency for agency, last in ends if last > places[agency]):
            for place, envelope, digest in self._at_hub.rows(
                "SELECT place, envelope, digest FROM document WHERE agency = ? AND place > ? ORDER BY place",
                agency,
                places[agency],
            ):
                places[agency] += 1
                self._expect(place == places[agency], f"place {place} of {agency} came after {places[agency] - 1}")
                self._expect(envelope not in stored, f"an envelope lies twice in the inbox of {agency}")
                self._expect(
                    digest in self.rotten or self._at_hub.sound(digest),
                    f"a document in the inbox of {agency} is not what was handed in",
                )
                stored[envelope] = digest
                self._recoveries["document-was-given-back-to-a-hub-from-a-backup"] += envelope in self.lost

    def _look_at_told(self) -> None:
        """What the hub has told an agency is done, is done."""
        held = {tuple(row) for row in self._at_hub.rows("SELECT envelope, happening FROM receipt")}
        for receipt in self.record.told[-_TOLD_MAX:]:
            self._expect(
                (receipt.envelope, receipt.happening.value) in held,
                f"the hub forgot that a document was {receipt.happening}",
            )

    def _stored_now(self) -> dict[bytes, bytes]:
        if self._hub.runs:
            self.look_at_hub()
        return self.record.stored

    # --- cabins --------------------------------------------------------------------------------------------------
    def cabin_opened(self, cabin: CabinNode) -> None:
        """After every start: all that was accepted is here, or at the hub."""
        assert cabin.buffer is not None
        custody = self.custody[cabin.name]
        troubles = cabin.buffer.troubles
        self._expect(bool(custody.spoiled) or not troubles, f"{cabin.name} says after a start: {troubles}")
        self.look_at_cabin(cabin)
        for digest, document in custody.waiting().items():
            here = cabin.holds(document.digest)
            if here == document.raw:
                continue
            self._expect(here is None, f"{cabin.name} gives out other bytes than were handed in")
            told = bool(custody.spoiled and cabin.buffer.troubles)
            self._expect(told, f"an accepted document is gone from {cabin.name}, and nobody is told")
            self._forgive(custody, digest)

    def look_at_cabin(self, cabin: CabinNode) -> None:
        """After every turn: whatever has left the cabin is secured."""
        custody, reader = self.custody[cabin.name], self._at_cabin[cabin.name]
        reader.at(cabin.disk)
        if not reader.changed():
            return
        here = reader.blobs()
        for digest, document in custody.waiting().items():
            if digest in here:
                continue
            if document.envelope not in self.lost and document.envelope not in self._stored_now():
                told = bool(custody.spoiled) and bool(opening.set_aside(cabin.disk.folder))
                self._expect(told, f"an accepted document is neither in {cabin.name} nor at the hub")
                self._forgive(custody, digest)
                continue
            told = reader.stored(document.envelope) or bool(custody.spoiled)
            self._expect(told, f"{cabin.name} let go of a document before its receipt was here")
            self._expect(self._old_enough(custody, document), f"{cabin.name} let go early of what it was to keep")
            custody.freed.add(digest)

    def _old_enough(self, custody: Custody, document: Document) -> bool:
        """Was it kept for as long as a hub from a backup may ask for it again? A disk that was short excuses."""
        cabin = custody.cabin
        secured_at = custody.secured.get(document.envelope)  # None: the cabin died before it could say so
        if secured_at is None or custody.short or custody.spoiled:
            return True
        return cabin.clock() - secured_at > cabin.keep_seconds - _SLACK_SECONDS

    def _forgive(self, custody: Custody, digest: bytes) -> None:
        """It is lost, and somebody was told."""
        self._recoveries["loss-was-told"] += 1
        custody.freed.add(digest)

    # --- what is said --------------------------------------------------------------------------------------------
    def spoken(self, strand: Strand, way: Way, first: bytes) -> None:
        """Nothing is acknowledged that is not durable. Whoever acknowledges is asked for it as the words leave."""
        if not first[1:].startswith(_HEARD):
            return
        match frames.decode(first, 1):
            case frames.Want() as want:
                self._count_resumed(strand, want)
            case frames.Ack(committed) | frames.Hello(committed=committed):
                self._acknowledges(strand, way, committed)
            case frames.Entries(epoch, number, payloads) if way == "down":
                for offset, payload in enumerate(payloads):
                    event = entries.read(payload, None, epoch, number + offset)
                    if isinstance(event, ReceiptGiven):
                        self._promises(event)
            case Ask(number, Tell(signed)):
                self._telling[strand.route, number] = unverified(Receipt, signed)
            case Answer(number, Done()) if (strand.route, number) in self._telling:
                self.record.told.append(self._telling.pop((strand.route, number)))
                self._at_hub.at(self._hub.disk)
                self._look_at_told()
            case _:
                pass

    def _acknowledges(self, strand: Strand, way: Way, committed: int) -> None:
        if way == "up":
            cabin = strand.cabin
            assert isinstance(cabin, CabinNode)
            reader = self._at_cabin[cabin.name]
            reader.at(cabin.disk)
            held = reader.place().theirs.number
            self._expect(committed <= held, f"{cabin.name} acknowledges entry {committed}; {held} are durable")
            return
        self._at_hub.at(self._hub.disk)
        site = SiteId(strand.user.split(":")[1])
        machine = self._at_hub.machine(site)
        held = self._at_hub.held(site, machine)
        self._expect(committed <= held, f"the hub acknowledges entry {committed} of {site}; {held} are durable")

    def _promises(self, event: ReceiptGiven) -> None:
        receipt = unverified(Receipt, event.receipt)
        if receipt.happening is Happening.LOST:
            self._expect(
                receipt.envelope not in self.at_agency, "a visitor is told that papers are lost which the agency has"
            )
        if receipt.happening is Happening.STORED and receipt.envelope not in self.record.stored:
            rows = self._at_hub.rows("SELECT place, state FROM document WHERE envelope = ?", receipt.envelope)
            place, state = rows[0] if rows else (None, "")
            proven = state in PROVEN and receipt.envelope in self.at_agency  # the hub had lost it, and knows again
            self._expect(place is not None or proven, "a receipt leaves the hub before its document is in the inbox")

    def _count_resumed(self, strand: Strand, want: frames.Want) -> None:
        if want.digest not in strand.wanted:
            strand.wanted.add(want.digest)
            self._recoveries["document-went-on-where-it-was"] += want.offset_bytes > 0

    # --- agencies ------------------------------------------------------------------------------------------------
    def fetched(self, agency: AgencyId, delivered: Delivered, raw: bytes) -> bool:
        """What a connector was given. False when it must notice by itself that the bytes are not those that were signed."""
        manifest = self._signed_by_a_cabin(delivered)
        document = self.tried.get(delivered.digest)
        self._expect(manifest.agency == agency, f"{agency} was given a document for {manifest.agency}")
        if delivered.digest in self.rotten:
            return document is not None and document.raw == raw
        self._expect(
            document is not None and document.raw == raw, f"{agency} was given other bytes than were handed in"
        )
        self._expect(hashlib.sha256(raw).digest() == delivered.digest, f"{agency} was given an altered document")
        self.at_agency.add(manifest.envelope)
        return True

    def _signed_by_a_cabin(self, delivered: Delivered) -> Manifest:
        claimed = unverified(Manifest, delivered.manifest)
        for custody in self.custody.values():
            if custody.cabin.site == claimed.cabin:
                try:
                    return verify(Manifest, delivered.manifest, custody.cabin.keys.signing.public)
                except Refused:
                    continue
        raise BrokenPromise(f"an inbox has a document that no machine of {claimed.cabin} has signed")

    # --- what people do ------------------------------------------------------------------------------------------
    def called_for(self, site: SiteId) -> bool:
        """Has the hub called a person because of altered documents of this cabin?"""
        self._at_hub.at(self._hub.disk)
        return self._at_hub.called(site, DAMAGED)

    def forked(self) -> list[SiteId]:
        """Sites of which the hub says that there are two histories, or one with a hole."""
        self._at_hub.at(self._hub.disk)
        return [
            SiteId(row[0])
            for row in self._at_hub.rows(
                "SELECT DISTINCT site FROM alarm WHERE kind IN ('log-fork', 'log-gap') AND cleared_at IS NULL AND site IS NOT NULL ORDER BY 1"
            )
        ]

    def revoked(self, site: SiteId) -> None:
        """From now on the hub takes nothing more from the machine of this site."""
        if self._hub.runs:
            self.look_at_hub()
        machines = [at for at in self.record.marks if at[0] == site]
        if machines:
            newest = max(machines)
            self.record.final[newest] = self.record.marks[newest].number

    def stored_digests(self) -> list[bytes]:
        """Of documents whose bytes are in the hub's segments."""
        self._at_hub.at(self._hub.disk)
        rows = self._at_hub.rows(
            "SELECT digest FROM document WHERE place IS NOT NULL AND freed_at IS NULL ORDER BY agency, place"
        )
        return [row[0] for row in rows]

    def lies_at(self, digest: bytes) -> tuple[str, int, int]:
        """Name of a segment file, position and length of a piece of this blob."""
        return self._at_hub.first_piece(digest)

    def hub_restored(self, before: Record) -> None:
        """It knows again what it knew then."""
        self.lost |= self.record.stored.keys() - before.stored.keys()
        self.record = before.copy()
        self._telling.clear()

    # --- the end -------------------------------------------------------------------------------------------------
    def unfinished(self, cabin: CabinNode) -> list[str]:
        """What has not come to its end though nothing stands in the way any more."""
        found = []
        custody = self.custody[cabin.name]
        missing = [document for document in custody.waiting().values() if document.envelope not in self.record.stored]
        missing = [document for document in missing if document.envelope not in self.lost]
        if missing:
            found.append(f"{len(missing)} accepted documents of {cabin.name} are not secured")
        if cabin.buffer is None or cabin.connection is None:
            found.append(f"{cabin.name} has no connection")
        elif cabin.buffer.waiting().documents:
            found.append(f"{cabin.buffer.waiting().documents} documents wait in {cabin.name}")
        elif cabin.buffer.log.acknowledged() < cabin.buffer.log.last().number:
            found.append(f"entries of {cabin.name} are not acknowledged")
        for_ever = self._kept_for_ever(cabin)
        if for_ever:
            found.append(f"{cabin.name} keeps {for_ever} documents for ever")
        untold = self._untold(cabin)
        if untold:
            found.append(f"{untold} documents of {cabin.name} were lost with a hub from a backup, and nobody is told")
        return found

    def _untold(self, cabin: CabinNode) -> int:
        """How many were secured, are at neither end, and have no name at the hub."""
        if cabin.site in self.excused or not self._hub.runs:
            return 0
        self._at_hub.at(self._hub.disk)
        named = {row[0] for row in self._at_hub.rows("SELECT envelope FROM document WHERE state = 'lost'")}
        accepted = {document.envelope for document in self.custody[cabin.name].accepted.values()}
        here = {document.envelope for document in self.custody[cabin.name].waiting().values()}
        self._expect(not named & here, f"the hub says lost for what {cabin.name} still has")
        self._recoveries["document-was-lost-with-a-hub-from-a-backup"] += bool(accepted & named)
        again = "SELECT envelope FROM document WHERE place IS NULL AND stored_at IS NOT NULL"  # proven by its agency
        proven = {row[0] for row in self._at_hub.rows(again)} & self.at_agency
        return len((accepted & self.lost) - self.record.stored.keys() - named - proven)

    def _kept_for_ever(self, cabin: CabinNode) -> int:
        """How many are still here that were secured long ago, where they are to be kept for seconds."""
        if cabin.keep_seconds > _LONG_SECONDS or cabin.buffer is None:
            return 0
        custody = self.custody[cabin.name]
        waiting, now = custody.waiting().values(), cabin.clock()
        return sum(now - custody.secured.get(one.envelope, now) > _LONG_SECONDS for one in waiting)

    def close(self) -> None:
        """Look no more."""
        self._at_hub.close()
        for reader in self._at_cabin.values():
            reader.close()

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            raise BrokenPromise(what)


__all__ = ["BrokenPromise", "Mark", "Witness"]
