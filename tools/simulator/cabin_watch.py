"""One machine in a cabin, looked at from outside: what it has accepted is here or secured, and what has left it could leave."""

from __future__ import annotations

import hashlib

from edge.buffer import Buffer, News
from edge.storage import opening
from protocol import codec
from protocol.manifest import Happening
from tools.simulator.cabin_node import CabinNode
from tools.simulator.hub_watch import HubWatch
from tools.simulator.paper import Document
from tools.simulator.promise import expect
from tools.simulator.readers import CabinReader
from tools.simulator.record import Custody, Notebook, refuses_directory

_SLACK_SECONDS = 2.0  # the cabin counts whole seconds
_LONG_SECONDS = 120.0  # what is to be kept for less is gone by then


class CabinWatch:
    """Looks when the cabin starts, after every turn, and when its screen says something."""

    def __init__(self, cabin: CabinNode, notebook: Notebook, at_hub: HubWatch) -> None:
        self._reader = CabinReader()
        self.custody = notebook.custody[cabin.name] = Custody(cabin)
        self._cabin = cabin
        self._notebook = notebook
        self._at_hub = at_hub
        cabin.tried = lambda _cabin, document: self._tried(document)
        cabin.accepted = lambda _cabin, document: self._accepted(document)
        cabin.secured = lambda _cabin, news: self._secured(news)
        cabin.checked = lambda _cabin: self.opened()
        cabin.looked, cabin.gone = self.look, self._reader.close

    # --- what visitors were told ---------------------------------------------------------------------------------
    def _tried(self, document: Document) -> None:
        self._notebook.tried[document.digest] = document

    def _accepted(self, document: Document) -> None:
        self.custody.accepted[document.digest] = document

    def _secured(self, news: News) -> None:
        """*gesichert* on a cabin's screen."""
        for receipt in news.receipts:
            if receipt.happening is Happening.STORED:
                self.custody.secured[receipt.envelope] = self._cabin.clock()
                if receipt.envelope not in self._notebook.lost:
                    expect(
                        receipt.envelope in self._at_hub.stored(),
                        f"{self._cabin.name} shows “gesichert” for what the hub lacks",
                    )

    # --- what is in it -------------------------------------------------------------------------------------------
    def opened(self) -> None:
        """After every start: all that was accepted is here, or at the hub."""
        cabin, custody = self._cabin, self.custody
        assert cabin.buffer is not None
        two_histories = cabin.site in self._notebook.restored  # of directories, too: that it refuses one is the truth
        troubles = [one for one in cabin.buffer.troubles if not (two_histories and refuses_directory(one))]
        expect(bool(custody.spoiled) or not troubles, f"{cabin.name} says after a start: {troubles}")
        self.look()
        for digest, document in custody.waiting().items():
            here = cabin.holds(document.digest)
            if here == document.raw:
                continue
            expect(here is None, f"{cabin.name} gives out other bytes than were handed in")
            told = bool(custody.spoiled and cabin.buffer.troubles)
            expect(told, f"an accepted document is gone from {cabin.name}, and nobody is told")
            self._forgive(digest)

    def look(self) -> None:
        """After every turn: whatever has left the cabin is secured."""
        cabin, custody, reader = self._cabin, self.custody, self._reader
        reader.at(cabin.disk)
        if not reader.changed():
            return
        here = reader.blobs()
        for digest, document in custody.waiting().items():
            if digest in here:
                continue
            if document.envelope not in self._notebook.lost and document.envelope not in self._at_hub.stored():
                told = bool(custody.spoiled) and bool(opening.set_aside(cabin.disk.folder))
                expect(told, f"an accepted document is neither in {cabin.name} nor at the hub")
                self._forgive(digest)
                continue
            told = document.envelope in custody.secured or reader.stored(document.envelope)
            expect(told or bool(custody.spoiled), f"{cabin.name} let go of a document before its receipt was here")
            expect(self._old_enough(document), f"{cabin.name} let go early of what it was to keep")
            custody.freed.add(digest)

    def _old_enough(self, document: Document) -> bool:
        """Was it kept for as long as a hub from a backup may ask for it again? A disk that was short excuses."""
        cabin, custody = self._cabin, self.custody
        secured_at = custody.secured.get(document.envelope)  # None: the cabin died before it could say so
        if secured_at is None or custody.short or custody.spoiled:
            return True
        return cabin.clock() - secured_at > cabin.keep_seconds - _SLACK_SECONDS

    def _forgive(self, digest: bytes) -> None:
        """It is lost, and somebody was told."""
        self._notebook.recoveries["loss-was-told"] += 1
        self.custody.freed.add(digest)

    def held(self) -> int:
        """Up to which entry it durably holds the hub's log."""
        self._reader.at(self._cabin.disk)
        return self._reader.place().theirs.number

    # --- the end -------------------------------------------------------------------------------------------------
    def unfinished(self) -> list[str]:
        """What has not come to its end though nothing stands in the way any more."""
        found = []
        cabin = self._cabin
        stored, lost = self._notebook.record.stored, self._notebook.lost
        waiting = [document.envelope for document in self.custody.waiting().values()]
        missing = [envelope for envelope in waiting if envelope not in stored and envelope not in lost]
        if missing:
            found.append(f"{len(missing)} accepted documents of {cabin.name} are not secured")
        if cabin.buffer is None or cabin.connection is None:
            found.append(f"{cabin.name} has no connection")
        elif cabin.buffer.waiting().documents:
            found.append(f"{cabin.buffer.waiting().documents} documents wait in {cabin.name}")
        elif cabin.buffer.log.acknowledged() < cabin.buffer.log.last().number:
            found.append(f"entries of {cabin.name} are not acknowledged")
        else:
            found += self._another_directory(cabin.buffer)
        found += self._untidy()
        for_ever = self._kept_for_ever()
        if for_ever:
            found.append(f"{cabin.name} keeps {for_ever} documents for ever")
        untold = self._untold()
        if untold:
            found.append(f"{untold} documents of {cabin.name} were lost with a hub from a backup, and nobody is told")
        return found

    def _another_directory(self, buffer: Buffer) -> list[str]:
        """It may hold a newer one than a hub from a backup. An older one it must not, nor another of that number."""
        version, digest = self._at_hub.directory()
        signed = buffer.directory()
        held = b"" if signed is None else hashlib.sha256(codec.encode(signed)).digest()
        if buffer.directory_version() < version:
            return [f"{self._cabin.name} holds an older directory than the one in force"]
        if buffer.directory_version() == version and held != digest:
            return [f"{self._cabin.name} holds another directory of the number in force"]
        return []

    def _kept_for_ever(self) -> int:
        """How many are still here that were secured long ago, where they are to be kept for seconds."""
        cabin, custody = self._cabin, self.custody
        if cabin.keep_seconds > _LONG_SECONDS or cabin.buffer is None:
            return 0
        waiting, now = custody.waiting().values(), cabin.clock()
        return sum(now - custody.secured.get(one.envelope, now) > _LONG_SECONDS for one in waiting)

    def _untidy(self) -> list[str]:
        """Of what was freed, or begun and never accepted, nothing stays on the disk, and nobody waits for what is there."""
        if self._cabin.buffer is None or self.custody.spoiled:
            return []
        self._reader.at(self._cabin.disk)
        left, leaving = self._reader.left_over(), self._reader.leaving()
        parked, strangers = self._reader.parked(), self._reader.strangers()
        return [
            *([f"{left} chunks in {self._cabin.name} are of nothing that is there"] if left else []),
            *([f"{leaving} blobs never leave {self._cabin.name}"] if leaving else []),
            *([f"{strangers} blobs in {self._cabin.name} are no document and no directory"] if strangers else []),
            *([f"{parked} receipts in {self._cabin.name} wait for a directory that has come"] if parked else []),
        ]

    def _untold(self) -> int:
        """How many were secured, are at neither end, and have no name at the hub."""
        notebook, custody = self._notebook, self.custody
        if self._cabin.site in notebook.excused or not self._at_hub.runs:
            return 0
        named, proven = self._at_hub.called_lost()
        accepted = {document.envelope for document in custody.accepted.values()}
        here = {document.envelope for document in custody.waiting().values()}
        expect(not named & here, f"the hub says lost for what {self._cabin.name} still has")
        gone, rotten = accepted & named, notebook.record.sent_for.keys()
        notebook.recoveries["document-was-lost-to-a-flipped-bit"] += bool(gone & rotten)
        notebook.recoveries["document-was-lost-with-a-hub-from-a-backup"] += bool(gone - rotten)
        return len((accepted & notebook.lost) - notebook.record.stored.keys() - named - proven)

    def close(self) -> None:
        """Look no more."""
        self._reader.close()
