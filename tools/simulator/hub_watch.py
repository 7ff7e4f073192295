"""The hub, looked at from outside: nothing that was ever committed there goes, order holds, inboxes are whole, and nobody is called for nothing."""

from __future__ import annotations

from cloud.delivery import DAMAGED
from cloud.ingest import MISSING
from protocol.errors import Code
from protocol.ids import AgencyId, SiteId
from protocol.manifest import Happening, Receipt
from tools.simulator.hub_node import HubNode
from tools.simulator.promise import BrokenPromise, expect
from tools.simulator.readers import BEGINNING, HubReader
from tools.simulator.record import Copy, Machine, Notebook, Piece, Record

_PROVEN = (Happening.FETCHED, Happening.ACCEPTED, Happening.RETURNED)
_TOLD_MAX = 50  # of the newest; the older ones have been looked at often enough
# Alarms by which the nodes themselves say that a promise was broken, unless something explains them.
_GRAVE = (
    "chain-broken",
    "entries-missing",
    "log-gap",
    "log-fork",
    "segment-damaged",
    "segment-unknown",
    "machine-replaced",
    "out-of-order",
    "blob-gone",
    "hub-restored",
)
SEGMENT_DAMAGED, SEGMENT_UNKNOWN = "segment-damaged", "segment-unknown"
# … and those that a hub calls which came back from a backup. No cabin is refused because of it.
_OF_A_BACKUP = ("hub-restored", "entries-missing", "chain-broken")


class HubWatch:
    """Looks when the hub starts, and after every turn."""

    def __init__(self, hub: HubNode, notebook: Notebook) -> None:
        self._reader = HubReader()
        self._hub = hub
        self._notebook = notebook
        hub.checked, hub.looked, hub.gone = lambda _hub: self.opened(), self.turned, self._reader.close

    def opened(self) -> None:
        """After every start: all that was ever committed is still there, byte for byte."""
        self._reader.at(self._hub.disk)
        self.look()
        record = self._notebook.record
        record.final |= {at: record.marks[at].number for at in record.finished}
        record.finished.clear()
        for (site, machine), mark in record.marks.items():
            held = self._reader.held(site, machine)
            expect(held >= mark.number, f"the hub no longer holds entry {mark.number} of {site}")
        notebook = self._notebook
        freed = notebook.freed | self._freed()
        for digest in record.stored.values():
            well = digest in freed or digest in notebook.rotten or self._reader.sound(digest)
            expect(well, "a secured document is not what it was")
        if SEGMENT_DAMAGED in notebook.owed:
            for digest in notebook.lacking.intersection(self.open_digests()):
                expect(self._reader.sound(digest), "an inbox shows a document whose bytes the disk has lost")
        for digest, pieces in notebook.kept.items():
            well = digest in notebook.rotten or self._reader.kept(digest, pieces)
            expect(well, "a document that only a newer database knows is gone")
        self._receipts()

    def turned(self) -> None:
        """After every turn: of what was wrong with its disk when it started it has told a person."""
        self.look()
        notebook = self._notebook
        for kind in sorted(notebook.owed):
            expect(self._reader.called(None, kind), f"nobody is told of a {kind}")
            notebook.recoveries[f"{kind}-was-told"] += 1
        notebook.owed.clear()

    def copy(self) -> Copy:
        """Of its database, while it runs."""
        self.look()
        self._notebook.freed |= self._freed()
        return Copy(self._notebook.record.copy(), self._lies())

    def alone(self) -> Copy:
        """What a database says that lies there without its WAL, as though nothing had ever been known of it. No hub runs."""
        notebook, known = self._notebook, self._notebook.record
        record = notebook.record = Record()
        self._reader.at(self._hub.disk, alone=True)
        try:
            self.look()
            self._sent_for()  # what it had sent for already
            held = self._held_receipts()
            record.told = [
                told
                for told in known.told
                if told.envelope in record.stored and (told.envelope, told.happening.value) in held
            ]
            return Copy(record, self._lies())
        finally:
            notebook.record = known
            self._reader.close()

    def segments(self) -> list[tuple[int, ...]]:
        """Segments of which its database speaks, and up to which byte. The hub runs."""
        self._reader.at(self._hub.disk)
        return self._reader.segments()

    def beyond(self, segment: int, end_bytes: int) -> set[bytes]:
        """Digests of documents of which bytes lie there. The hub runs."""
        return self._reader.beyond(segment, end_bytes)

    def _lies(self) -> dict[bytes, list[Piece]]:
        digests = set(self._notebook.record.stored.values()) - self._notebook.freed
        return {digest: self._reader.pieces(digest) for digest in sorted(digests)}

    def _freed(self) -> set[bytes]:
        sql = "SELECT digest FROM document JOIN blob USING (id) WHERE freed_at IS NOT NULL"
        return {row[0] for row in self._reader.rows(sql)}

    def look(self) -> None:
        """After every turn."""
        self._reader.at(self._hub.disk)
        if not self._reader.changed():
            return
        record = self._notebook.record
        documents = record.documents
        for site, machine, last, newest in self._reader.ends():
            if (last or 0) > record.marks.get((site, machine), BEGINNING).number:
                self._entries((site, machine))
            if newest != documents:
                record.documents = newest
                self._announced((site, machine))
        self._inboxes()
        for site, kind, text in self._reader.rows(
            f"SELECT site, kind, text FROM alarm WHERE kind IN ({','.join('?' * len(_GRAVE))})",  # noqa: S608
            *_GRAVE,
        ):
            explained = site in self._notebook.excused or (site in self._notebook.restored and kind in _OF_A_BACKUP)
            # An older database believes that what a newer one has let go of, and with it whole segments, is still there.
            let_go = self._notebook.freed if self._notebook.exchanged else set()
            explained |= kind == SEGMENT_DAMAGED and bool(self._notebook.rotten or let_go)
            explained |= kind == SEGMENT_UNKNOWN and bool(self._notebook.exchanged)
            expect(explained, f"the hub calls a person: {kind}: {text}")

    def _entries(self, at: Machine) -> None:
        """Order holds: no entry is missing, none is altered, and none comes from a machine that was revoked."""
        record = self._notebook.record
        try:
            for mark, leapt in self._reader.new_entries(*at, record.marks.get(at, BEGINNING)):
                expect(
                    not leapt or self._reader.called(at[0], MISSING),
                    f"entries of {at[0]} before {mark.number} are missing, and nobody is told",
                )
                record.marks[at] = mark
                expect(
                    mark.number <= record.final.get(at, mark.number),
                    f"the hub takes entry {mark.number} of {at[0]}, which was revoked",
                )
        except ValueError as error:
            raise BrokenPromise(f"the hub's copy of the log of {at[0]} has a gap: {error}") from error

    def _announced(self, at: Machine) -> None:
        """Manifests of one machine to one agency are counted 1, 2, 3 … in the order in which the hub took them: that of its log, but for those to
        agencies that it did not know."""
        notebook, record = self._notebook, self._notebook.record
        for id, agency, counter, digest in self._reader.rows(
            "SELECT id, agency, counter, digest FROM document JOIN blob USING (id) "
            "WHERE site = ? AND machine = ? AND id > ? ORDER BY id",
            *at,
            record.announced.get(at, 0),
        ):
            record.announced[at] = id
            record.counters[at, agency] += 1
            was = record.counters[at, agency]
            expect(
                counter == was or at[0] in notebook.excused | notebook.restored,
                f"document {counter} of {at[0]} to {agency} came as number {was}",
            )
            record.counters[at, agency] = counter
            expect(digest in notebook.tried, f"the hub holds a document that nobody handed in at {at[0]}")

    def _inboxes(self) -> None:
        """Places of an inbox are 1, 2, 3 …, but for what was vacated; nothing lies there twice; what lies there is whole."""
        notebook = self._notebook
        places, stored = notebook.record.places, notebook.record.stored
        if notebook.rotten:
            self._sent_for()
        ends = dict.fromkeys(places, 0)
        ends |= self._reader.rows("SELECT agency, max(place) FROM document WHERE place IS NOT NULL GROUP BY agency")
        for agency, last in ends.items():
            if last < places[agency]:
                expect(
                    places[agency] - last <= self._vacant(agency), f"the newest documents of {agency} left its inbox"
                )
                places[agency] = last
        for agency in [agency for agency, last in ends.items() if last > places[agency]]:
            for place, envelope, digest in self._reader.rows(
                "SELECT place, envelope, digest FROM document JOIN blob USING (id) WHERE agency = ? AND place > ? ORDER BY place",
                agency,
                places[agency],
            ):
                follows = place == places[agency] + 1 or place - places[agency] - 1 <= self._vacant(agency)
                expect(follows, f"place {place} of {agency} came after {places[agency]}")
                places[agency] = place
                expect(envelope not in stored, f"an envelope lies twice in the inbox of {agency}")
                expect(
                    digest in notebook.rotten or digest in notebook.freed or self._reader.sound(digest),
                    f"a document in the inbox of {agency} is not what was handed in",
                )
                stored[envelope] = digest
                notebook.recoveries["document-was-given-back-to-a-hub-from-a-backup"] += envelope in notebook.lost

    def _vacant(self, agency: str) -> int:
        """How many documents lie there no more because their agency has proven to have what the hub had lost."""
        sql = "SELECT count(*) FROM document WHERE agency = ? AND place IS NULL AND stored_at IS NOT NULL"
        return int(self._reader.rows(sql, agency)[0][0])

    def _sent_for(self) -> None:
        """What lay in an inbox and lies there no more was altered on the disk: its cabin is asked for it, and it comes back to its place, or it is
        lost and its agency is asked."""
        notebook, record = self._notebook, self._notebook.record
        lost = set()
        for site, envelope, digest, state, there in self._reader.rows(
            "SELECT site, envelope, digest, state, place IS NOT NULL AND stored_at IS NOT NULL FROM document JOIN blob USING (id)"
        ):
            lost |= {envelope} if state == "lost" else set()
            if there and record.sent_for.pop(envelope, b""):
                expect(self._reader.sound(digest), "what was given back is not what was handed in")
                record.stored[envelope] = digest
                why = "its-bytes-were-lost" if digest in notebook.lacking else "a-flipped-bit"
                notebook.recoveries[f"document-was-given-back-after-{why}"] += 1
            elif not there and record.stored.pop(envelope, b""):
                # An older database believes that what a newer one has let go of is still there.
                gone = digest in notebook.rotten or (bool(notebook.exchanged) and digest in notebook.freed)
                expect(gone, "a document that nobody has altered was taken out of its inbox")
                record.sent_for[envelope] = digest
                notebook.lost.add(envelope)
                notebook.asked_again.add(SiteId(site))
        if lost:  # its chain begins anew, with what its agency proves or the hub signs
            record.told = [receipt for receipt in record.told if receipt.envelope not in lost]

    def stored(self) -> dict[bytes, bytes]:
        """Envelope → digest of what lies in an inbox now; as it was when the hub ended, while it does not run."""
        if self._hub.runs:
            self.look()
        return self._notebook.record.stored

    def told(self, receipt: Receipt) -> None:
        """The hub has answered an agency with Done."""
        self.look()
        self._notebook.record.told.append(receipt)
        self._receipts()

    def _receipts(self) -> None:
        """What the hub has told an agency is done, is done."""
        held = self._held_receipts()
        away = self._notebook.record.sent_for.keys()  # of what is lost the agency is asked once more
        for receipt in self._notebook.record.told[-_TOLD_MAX:]:
            expect(
                (receipt.envelope, receipt.happening.value) in held or receipt.envelope in away,
                f"the hub forgot that a document was {receipt.happening}",
            )

    def _held_receipts(self) -> set[tuple[bytes, str]]:
        sql = "SELECT envelope, happening FROM receipt JOIN document ON document.id = receipt.document"
        return {(envelope, happening) for envelope, happening in self._reader.rows(sql)}

    def held(self, site: SiteId) -> int:
        """Up to which entry it durably holds the log of the machine that stands at this site."""
        self._reader.at(self._hub.disk)
        return self._reader.held(site, self._reader.machine(site))

    def secured(self, envelope: bytes) -> bool:
        """Is this document in an inbox, or did its agency prove to a hub which had lost it that it is there?"""
        rows = self._reader.rows(
            "SELECT place, state FROM document WHERE envelope = ? AND stored_at IS NOT NULL", envelope
        )
        place, state = rows[0] if rows else (None, "")
        return place is not None or (state in _PROVEN and envelope in self._notebook.at_agency)

    @property
    def runs(self) -> bool:
        """Is there a hub to be asked?"""
        return self._hub.runs

    def called_lost(self) -> tuple[set[bytes], set[bytes]]:
        """Envelopes that the hub says went with it when it came back from a backup; and those that it had lost, and whose agency has proven them."""
        self._reader.at(self._hub.disk)
        named = {row[0] for row in self._reader.rows("SELECT envelope FROM document WHERE state = 'lost'")}
        again = "SELECT envelope FROM document WHERE place IS NULL AND stored_at IS NOT NULL"
        return named, {row[0] for row in self._reader.rows(again)} & self._notebook.at_agency

    # --- what people ask it ---------------------------------------------------------------------------------------
    def called_for(self, site: SiteId) -> bool:
        """Has the hub called a person because of altered documents of this cabin?"""
        self._reader.at(self._hub.disk)
        return self._reader.called(site, DAMAGED)

    def forked(self) -> list[SiteId]:
        """Sites of which the hub says that there are two histories, or one with a hole."""
        self._reader.at(self._hub.disk)
        return [
            SiteId(row[0])
            for row in self._reader.rows(
                "SELECT DISTINCT site FROM alarm WHERE kind IN ('log-fork', 'log-gap') AND cleared_at IS NULL AND site IS NOT NULL ORDER BY 1"
            )
        ]

    def held_back_for(self) -> list[AgencyId]:
        """Agencies of which the hub says that it does not know the key, and holds their documents back. The hub runs."""
        self._reader.at(self._hub.disk)
        sql = "SELECT DISTINCT agency FROM quarantine WHERE reason = ? AND agency IS NOT NULL ORDER BY 1"
        return [AgencyId(row[0]) for row in self._reader.rows(sql, Code.UNKNOWN_AGENCY.value)]

    def newest(self, site: SiteId) -> Machine | None:
        """The machine of this site that has spoken last; None before the first. The hub runs."""
        self.look()
        return max((at for at in self._notebook.record.marks if at[0] == site), default=None)

    def revoked(self, machine: Machine) -> None:
        """From now on the hub takes nothing more from this machine. What it took before it ended is seen when it is started again."""
        record = self._notebook.record
        if self._hub.runs:
            self.look()
            record.final[machine] = record.marks[machine].number
        else:
            record.finished.add(machine)

    def stored_digests(self) -> list[bytes]:
        """Of documents whose bytes are in the hub's segments."""
        self._reader.at(self._hub.disk)
        rows = self._reader.rows(
            "SELECT digest FROM document JOIN blob USING (id) WHERE place IS NOT NULL AND stored_at IS NOT NULL AND freed_at IS NULL "
            "AND blob.id IN (SELECT blob FROM piece) ORDER BY agency, place"
        )
        return [row[0] for row in rows]

    def open_digests(self) -> list[bytes]:
        """Of those that their agencies have not closed."""
        self._reader.at(self._hub.disk)
        rows = self._reader.rows(
            "SELECT digest FROM document JOIN blob USING (id) WHERE place IS NOT NULL AND stored_at IS NOT NULL AND closed_at IS NULL "
            "ORDER BY agency, place"
        )
        return [row[0] for row in rows]

    def directory(self) -> tuple[int, bytes]:
        """Version and digest of the one in force; 0 and empty where the hub does not run."""
        current = None if self._hub.ledger is None else self._hub.ledger.known.current
        return (0, b"") if current is None else (current.version, current.digest or b"")

    def unreadable(self) -> int:
        """So many documents lie open in an inbox and are not what was handed in. The hub runs."""
        return sum(not self._reader.sound(digest) for digest in self.open_digests())

    def lies_at(self, digest: bytes) -> tuple[str, int, int]:
        """Name of a segment file, position and length of a piece of this blob."""
        return self._reader.first_piece(digest)

    def close(self) -> None:
        """Look no more."""
        self._reader.close()
