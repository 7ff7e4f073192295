"""What was promised, and whether it holds: looked at after every step, from outside.

Each promise is one method that raises `BrokenPromise`. The witness reads what is committed in the nodes' files (hub_watch.py and cabin_watch.py, with
readers.py) and hears every message as it is said (earshot.py); it asks no code that it judges. What may be missing, because a disk was altered or a
person has brought an older one back, it forgives only where somebody was told.
"""

from __future__ import annotations

import hashlib
from collections import Counter

from protocol.asking import Delivered
from protocol.errors import Refused
from protocol.ids import AgencyId
from protocol.manifest import Manifest, unverified, verify
from tools.simulator.cabin_node import CabinNode
from tools.simulator.cabin_watch import CabinWatch
from tools.simulator.earshot import Earshot
from tools.simulator.hub_node import HubNode
from tools.simulator.hub_watch import SEGMENT_DAMAGED, SEGMENT_UNKNOWN, HubWatch
from tools.simulator.promise import BrokenPromise, expect
from tools.simulator.record import Copy, Notebook, Piece, Record


class Witness:
    """Of the whole simulation: of its hub, of every machine that ever stood in a cabin (`cabins`, by name), and of what agencies are given."""

    def __init__(self, hub: HubNode, recoveries: Counter[str]) -> None:
        self.notebook = Notebook(recoveries)
        self.hub = HubWatch(hub, self.notebook)
        self.cabins: dict[str, CabinWatch] = {}
        self._earshot = Earshot(self.hub, self.cabins, self.notebook)
        hub.port.spoken = self._earshot.spoken

    def meet(self, cabin: CabinNode) -> None:
        """Another machine; a clone has the keys, and so the user, of its original."""
        self.cabins[cabin.name] = CabinWatch(cabin, self.notebook, self.hub)

    def hub_restored(self, before: Record) -> None:
        """It knows again what it knew then."""
        notebook = self.notebook
        notebook.lost |= notebook.record.stored.keys() - before.stored.keys()
        notebook.record = before.copy()
        for of_its_disk in (notebook.kept, notebook.owed, notebook.losses):
            of_its_disk.clear()
        self._earshot.forget()

    def database_exchanged(self, before: Copy | None, other: Copy) -> None:
        """The hub's database is another, and its documents are those that were there: what it knew before it knows again, and what only the `other`
        one knew must not go. With None nobody has looked what is in it."""
        notebook = self.notebook
        kept, losses = {**notebook.kept, **other.lies}, list(notebook.losses)
        before = before or self.hub.alone()
        self.hub_restored(before.record)
        notebook.losses = losses
        notebook.exchanged += 1
        notebook.lacking |= self._hurt(before.lies)
        notebook.rotten |= notebook.lacking
        known = before.lies.keys() | notebook.rotten
        notebook.kept = {digest: pieces for digest, pieces in kept.items() if digest not in known}
        if notebook.kept.keys() & other.lies.keys():
            notebook.owed.add(SEGMENT_UNKNOWN)

    def segment_lost(self, segment: int, end_bytes: int) -> None:
        """The hub's disk has lost what lies in this segment behind `end_bytes`. The hub runs, for the last time before that."""
        notebook = self.notebook
        notebook.losses.append((segment, end_bytes))
        notebook.lacking |= self.hub.beyond(segment, end_bytes) | self._hurt(notebook.kept)
        notebook.rotten |= notebook.lacking
        notebook.owed.add(SEGMENT_DAMAGED)

    def _hurt(self, lies: dict[bytes, list[Piece]]) -> set[bytes]:
        """Digests of which some bytes lie where they are gone."""
        ends = dict(sorted(self.notebook.losses, reverse=True))  # of several in one segment the first
        return {
            digest
            for digest, pieces in lies.items()
            if any(position + length > ends.get(segment, position + length) for segment, position, length in pieces)
        }

    def fetched(self, agency: AgencyId, delivered: Delivered, raw: bytes) -> bool:
        """What a connector was given. False when it must notice by itself that the bytes are not those that were signed."""
        manifest = self._signed_by_a_cabin(delivered)
        document = self.notebook.tried.get(delivered.digest)
        expect(manifest.agency == agency, f"{agency} was given a document for {manifest.agency}")
        whole = document is not None and document.raw == raw
        if delivered.digest in self.notebook.rotten and not whole:
            return False
        expect(whole, f"{agency} was given other bytes than were handed in")
        expect(hashlib.sha256(raw).digest() == delivered.digest, f"{agency} was given an altered document")
        self.notebook.at_agency.add(manifest.envelope)
        return True

    def _signed_by_a_cabin(self, delivered: Delivered) -> Manifest:
        claimed = unverified(Manifest, delivered.manifest)
        for custody in self.notebook.custody.values():
            if custody.cabin.site == claimed.cabin:
                try:
                    return verify(Manifest, delivered.manifest, custody.cabin.keys.signing.public)
                except Refused:
                    continue
        raise BrokenPromise(f"an inbox has a document that no machine of {claimed.cabin} has signed")

    def close(self) -> None:
        """Look no more."""
        self.hub.close()
        for watch in self.cabins.values():
            watch.close()
