"""What was promised, and whether it holds: looked at after every step, from outside.

Each promise is one method that raises `BrokenPromise`. The witness reads what is committed in the nodes' files (readers.py) and hears
every message as it is said; it asks no code that it judges.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from cloud.delivery import DAMAGED
from edge.buffer import News
from protocol import entries, frames
from protocol.asking import Answer, Ask, Delivered, Done, Tell
from protocol.entries import Mark, ReceiptGiven
from protocol.ids import AgencyId, SiteId
from protocol.manifest import Happening, Manifest, Receipt, unverified, verify
from tools.simulator.cabin_node import CabinNode
from tools.simulator.hub_node import HubNode
from tools.simulator.line import Strand, Way
from tools.simulator.paper import Document
from tools.simulator.readers import BEGINNING, CabinReader, HubReader

_HEARD = (b"\xa3ack", b"\xa4want", b"\xa5hello", b"\xa7entries", b"\xa3ask", b"\xa6answer")
_TOLD_MAX = 50  # of the newest; the older ones have been looked at often enough
# Alarms that no fault in the table can explain: the nodes themselves say that a promise was broken.
GRAVE = ("chain-broken", "entries-missing", "log-gap", "log-fork", "segment-damaged", "machine-replaced")


class BrokenPromise(Exception):  # noqa: N818  (a noun of this house, not a suffix)
    """A violation: what, where and when."""


class Witness:
    """Of the whole simulation."""

    def __init__(self, hub: HubNode, cabins: Sequence[CabinNode], recoveries: Counter[str]) -> None:
        self._hub = hub
        self._cabins = {cabin.site: cabin for cabin in cabins}
        self._recoveries = recoveries
        self._at_hub = HubReader()
        self._at_cabin = {cabin.site: CabinReader() for cabin in cabins}
        self.tried: dict[bytes, Document] = {}  # by digest
        self.accepted: dict[SiteId, dict[bytes, Document]] = {cabin.site: {} for cabin in cabins}
        self.stored: dict[bytes, bytes] = {}  # envelope → digest, in an inbox and committed
        self._freed: set[bytes] = set()  # digests that a cabin has let go
        self._told: list[Receipt] = []  # agencies' receipts that the hub has answered with Done
        self._telling: dict[tuple[bytes, int], Receipt] = {}  # asked, and not yet answered
        self._marks: dict[SiteId, Mark] = dict.fromkeys(self.accepted, BEGINNING)
        self._announced: dict[SiteId, int] = dict.fromkeys(self.accepted, 0)
        self._counters: Counter[tuple[SiteId, str]] = Counter()
        self._places: Counter[str] = Counter()
        for cabin in cabins:
            cabin.tried, cabin.accepted, cabin.secured = self._tried, self._accepted, self._secured
            cabin.checked, cabin.looked = self.cabin_opened, lambda c=cabin: self.look_at_cabin(c)  # type: ignore[misc]
            cabin.gone = self._at_cabin[cabin.site].close
        hub.checked, hub.looked, hub.gone = self.hub_opened, self.look_at_hub, self._at_hub.close
        hub.port.spoken = self.spoken

    # --- what visitors were told ---------------------------------------------------------------------------------
    def _tried(self, cabin: CabinNode, document: Document) -> None:
        self.tried[document.digest] = document

    def _accepted(self, cabin: CabinNode, document: Document) -> None:
        self.accepted[cabin.site][document.digest] = document

    def _secured(self, cabin: CabinNode, news: News) -> None:
        """*gesichert* on a cabin's screen."""
        for receipt in news.receipts:
            if receipt.happening is Happening.STORED:
                self._expect(
                    receipt.envelope in self._stored_now(), f"{cabin.site} shows “gesichert” for what the hub lacks"
                )

    # --- the hub -------------------------------------------------------------------------------------------------
    def hub_opened(self, hub: HubNode) -> None:
        """After every start: all that was ever committed is still there, byte for byte."""
        self._at_hub.at(hub.disk.folder)
        self.look_at_hub()
        for site, mark in self._marks.items():
            self._expect(
                self._at_hub.held(site) >= mark.number, f"the hub no longer holds entry {mark.number} of {site}"
            )
        freed = {row[0] for row in self._at_hub.rows("SELECT digest FROM document WHERE freed_at IS NOT NULL")}
        for digest in self.stored.values():
            self._expect(digest in freed or self._at_hub.sound(digest), "a secured document is not what it was")
        self._look_at_told()

    def look_at_hub(self) -> None:
        """After every turn."""
        self._at_hub.at(self._hub.disk.folder)
        if not self._at_hub.changed():
            return
        for site in self._cabins:
            self._look_at_entries(site)
            self._look_at_announced(site)
        self._look_at_inboxes()
        for kind, text in self._at_hub.rows("SELECT kind, text FROM alarm WHERE kind IN (?, ?, ?, ?, ?, ?)", *GRAVE):
            raise BrokenPromise(f"the hub calls a person: {kind}: {text}")

    def _look_at_entries(self, site: SiteId) -> None:
        """Order holds: no entry is missing, none is altered."""
        try:
            for mark in self._at_hub.new_entries(site, self._marks[site]):
                self._marks[site] = mark
        except ValueError as error:
            raise BrokenPromise(f"the hub's copy of the log of {site} has a gap: {error}") from error

    def _look_at_announced(self, site: SiteId) -> None:
        """Manifests of one cabin to one agency are counted 1, 2, 3 … in the order of its log."""
        for number, agency, counter, digest in self._at_hub.rows(
            "SELECT number, agency, counter, digest FROM document WHERE site = ? AND number > ? ORDER BY number",
            site,
            self._announced[site],
        ):
            self._announced[site] = number
            self._counters[site, agency] += 1
            self._expect(
                counter == self._counters[site, agency],
                f"document {counter} of {site} to {agency} came as number {self._counters[site, agency]}",
            )
            self._expect(digest in self.tried, f"the hub holds a document that nobody handed in at {site}")

    def _look_at_inboxes(self) -> None:
        """Places of an inbox are 1, 2, 3 …; nothing lies there twice; what lies there is whole."""
        for (agency,) in self._at_hub.rows("SELECT DISTINCT agency FROM document WHERE place IS NOT NULL"):
            for place, envelope, digest in self._at_hub.rows(
                "SELECT place, envelope, digest FROM document WHERE agency = ? AND place > ? ORDER BY place",
                agency,
                self._places[agency],
            ):
                self._places[agency] += 1
                self._expect(
                    place == self._places[agency], f"place {place} of {agency} came after {self._places[agency] - 1}"
                )
                self._expect(envelope not in self.stored, f"an envelope lies twice in the inbox of {agency}")
                self._expect(
                    self._at_hub.sound(digest), f"a document in the inbox of {agency} is not what was handed in"
                )
                self.stored[envelope] = digest

    def _look_at_told(self) -> None:
        """What the hub has told an agency is done, is done."""
        held = {tuple(row) for row in self._at_hub.rows("SELECT envelope, happening FROM receipt")}
        for receipt in self._told[-_TOLD_MAX:]:
            self._expect(
                (receipt.envelope, receipt.happening.value) in held,
                f"the hub forgot that a document was {receipt.happening}",
            )

    def _stored_now(self) -> dict[bytes, bytes]:
        if self._hub.runs:
            self.look_at_hub()
        return self.stored

    # --- cabins --------------------------------------------------------------------------------------------------
    def cabin_opened(self, cabin: CabinNode) -> None:
        """After every start: all that was accepted is here, or at the hub."""
        assert cabin.buffer is not None
        self._expect(not cabin.buffer.troubles, f"{cabin.site} says after a start: {cabin.buffer.troubles}")
        self.look_at_cabin(cabin)
        for digest, document in self.accepted[cabin.site].items():
            if digest not in self._freed:
                self._expect(
                    cabin.holds(document.digest) == document.raw, f"an accepted document is gone from {cabin.site}"
                )

    def look_at_cabin(self, cabin: CabinNode) -> None:
        """After every turn: whatever has left the cabin is secured."""
        reader = self._at_cabin[cabin.site]
        reader.at(cabin.disk.folder)
        if not reader.changed():
            return
        here = reader.blobs()
        for digest, document in self.accepted[cabin.site].items():
            if digest in here or digest in self._freed:
                continue
            self._expect(
                document.envelope in self._stored_now(),
                f"an accepted document is neither in {cabin.site} nor at the hub",
            )
            self._expect(
                reader.stored(document.envelope), f"{cabin.site} let go of a document before its receipt was here"
            )
            self._freed.add(digest)

    # --- what is said --------------------------------------------------------------------------------------------
    def spoken(self, strand: Strand, way: Way, first: bytes) -> None:
        """Nothing is acknowledged that is not durable. Whoever acknowledges is asked for it as the words leave."""
        if not first[1:].startswith(_HEARD):
            return
        name = strand.user.split(":")[1]
        match frames.decode(first, 1):
            case frames.Want() as want:
                self._count_resumed(strand, want)
            case frames.Ack(committed) | frames.Hello(committed=committed):
                self._acknowledges(SiteId(name), way, committed)
            case frames.Entries(epoch, number, payloads) if way == "down":
                for offset, payload in enumerate(payloads):
                    event = entries.read(payload, None, epoch, number + offset)
                    if isinstance(event, ReceiptGiven):
                        self._promises(event)
            case Ask(number, Tell(signed)):
                self._telling[strand.route, number] = unverified(Receipt, signed)
            case Answer(number, Done()):
                self._told.append(self._telling.pop((strand.route, number)))
                self._at_hub.at(self._hub.disk.folder)
                self._look_at_told()
            case _:
                pass

    def _acknowledges(self, site: SiteId, way: Way, committed: int) -> None:
        if way == "down":
            self._at_hub.at(self._hub.disk.folder)
            held = self._at_hub.held(site)
            self._expect(committed <= held, f"the hub acknowledges entry {committed} of {site}; {held} are durable")
        else:
            reader = self._at_cabin[site]
            reader.at(self._cabins[site].disk.folder)
            held = reader.place().theirs.number
            self._expect(committed <= held, f"{site} acknowledges entry {committed}; {held} are durable")

    def _promises(self, event: ReceiptGiven) -> None:
        receipt = unverified(Receipt, event.receipt)
        if receipt.happening is Happening.STORED and receipt.envelope not in self.stored:
            rows = self._at_hub.rows("SELECT place FROM document WHERE envelope = ?", receipt.envelope)
            self._expect(
                bool(rows) and rows[0][0] is not None, "a receipt leaves the hub before its document is in the inbox"
            )

    def _count_resumed(self, strand: Strand, want: frames.Want) -> None:
        if want.digest not in strand.wanted:
            strand.wanted.add(want.digest)
            self._recoveries["document-went-on-where-it-was"] += want.offset_bytes > 0

    # --- agencies ------------------------------------------------------------------------------------------------
    def fetched(self, agency: AgencyId, delivered: Delivered, raw: bytes) -> None:
        """What a connector was given."""
        claimed = unverified(Manifest, delivered.manifest)
        manifest = verify(Manifest, delivered.manifest, self._cabins[claimed.cabin].keys.signing.public)
        document = self.tried.get(delivered.digest)
        self._expect(
            document is not None and document.raw == raw, f"{agency} was given other bytes than were handed in"
        )
        self._expect(manifest.agency == agency, f"{agency} was given a document for {manifest.agency}")
        self._expect(hashlib.sha256(raw).digest() == delivered.digest, f"{agency} was given an altered document")

    def called_for(self, site: SiteId) -> bool:
        """Has the hub called a person because of altered documents of this cabin?"""
        rows = self._at_hub.rows("SELECT 1 FROM alarm WHERE site = ? AND kind = ?", site, DAMAGED)
        return bool(rows)

    # --- the end -------------------------------------------------------------------------------------------------
    def unfinished(self) -> list[str]:
        """What has not come to its end though nothing stands in the way any more."""
        found = []
        for site, cabin in self._cabins.items():
            waiting = [document for document in self.accepted[site].values() if document.envelope not in self.stored]
            if waiting:
                found.append(f"{len(waiting)} accepted documents of {site} are not secured")
            if cabin.buffer is None or cabin.connection is None:
                found.append(f"{site} has no connection")
            elif cabin.buffer.waiting().documents:
                found.append(f"{cabin.buffer.waiting().documents} documents wait in {site}")
            elif cabin.buffer.log.acknowledged() < cabin.buffer.log.last().number:
                found.append(f"entries of {site} are not acknowledged")
        return found

    def close(self) -> None:
        """Look no more."""
        self._at_hub.close()
        for reader in self._at_cabin.values():
            reader.close()

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            raise BrokenPromise(what)
