"""One cabin's real buffer and one hub's real ledger, coupled without a line: what one end acknowledges, the other is told.

Whoever drives a pair is told of everything that either node says to somebody (`promises`), at the moment at which it is said.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cloud import inbox
from cloud.ledger import Ledger
from cloud.storage.database import Database, sqlite_url
from edge.buffer import Buffer
from edge.storage import disk
from protocol import limits
from protocol.entries import Entry, VisitEnded
from protocol.ids import AgencyId, Digest, SiteId
from protocol.manifest import Happening, Manifest, Receipt, Signed, digest_of, sign, unverified
from tools.simulator import district, paper
from tools.simulator.district import HUB_FILE, District
from tools.torture import promises as said
from tools.torture.promises import Promise
from tools.torture.report import luck

BLOBS: Final = "blobs"
NO_BALLAST: Final = 1 << 60  # asks for more room than there is: it would only be copied a million times
_ENTRIES_BYTES: Final = 1 << 20
_LATER: Final = timedelta(days=400)


class Keys:
    """A district with one confirmed cabin, and the folder of its hub as it was founded. From the seed. `keeps`: the cabin keeps what is secured."""

    def __init__(self, place: Path, seed: str, *, keeps: bool = False) -> None:
        self._keeps = keeps
        self.district = District(luck(seed, "keys"))
        self.founded = place
        place.mkdir(parents=True)
        self.directory = self.district.found(place, 1)
        self.cabin = self.district.cabins[0]
        self.agencies = [AgencyId(id) for id in self.district.agencies]
        # Reckoned once, because thousands of starts ask for it.
        self._journal_recipient = str(self.district.journal.recipient())
        self._authority_key = self.district.authority.public
        self._hub_private, self._cabin_private = self.district.signing.private(), self.cabin.signing.private()
        self.cabin_key = self.cabin.signing.public

    @property
    def site(self) -> SiteId:
        """Of the cabin."""
        return self.cabin.site.id

    def lay_out(self, folder: Path) -> None:
        """The hub's folder as it was founded, on the disk for certain."""
        folder.mkdir()
        shutil.copyfile(self.founded / HUB_FILE, folder / HUB_FILE)
        with (folder / HUB_FILE).open("r+b") as file:
            os.fsync(file.fileno())
        for each in (folder, folder.parent):
            disk.sync_folder(each)

    def buffer(self, folder: Path, dice: random.Random, now: Callable[[], datetime]) -> Buffer:
        """The cabin's buffer in `folder`, as edge/app.py opens it."""
        if self._keeps:
            (folder / "ballast").touch()  # it is there: none is laid by
        return Buffer(
            folder,
            now=now,
            random=dice.randbytes,
            site=self.site,
            code=self.cabin.invitation.code,
            signing_key=self._cabin_private,
            journal_recipient=self._journal_recipient,
            authority_key=self._authority_key,
            disk_free_bytes_min=0 if self._keeps else NO_BALLAST,
        )

    def ledger(self, folder: Path, now: Callable[[], datetime]) -> Ledger:
        """The hub's, as cloud/app.py opens it. Its database is the caller's to close too."""
        database = Database(sqlite_url(folder / HUB_FILE))
        return Ledger(database, folder / BLOBS, self._hub_private, self.district.journal, now)


class Pair:
    """Cabin in `folder`/cabin, hub in `folder`/hub. `say` hears every promise."""

    def __init__(self, keys: Keys, folder: Path, seed: str, say: Callable[[Promise], None]) -> None:
        self.keys = keys
        self.say = say
        self.dice = luck(seed, "pair")
        self.seconds = 0.0
        self.cabin_folder, self.hub_folder = folder / "cabin", folder / "hub"
        keys.lay_out(self.hub_folder)
        self.cabin_folder.mkdir()
        disk.sync_folder(folder)
        say(said.Began())
        self.buffer = self._open_buffer()
        self.ledger = self._open_ledger()
        self.raws: dict[Digest, bytes] = {}

    def now(self) -> datetime:
        """Every look at the clock takes a while."""
        self.seconds += 0.01
        return district.at(self.seconds)

    # --- processes ---------------------------------------------------------------------------------------------------
    def _open_buffer(self) -> Buffer:
        buffer = self.keys.buffer(self.cabin_folder, self.dice, self.now)
        if not buffer.directory_version():
            buffer.set_directory(self.keys.directory)
        return buffer

    def _open_ledger(self) -> Ledger:
        return self.keys.ledger(self.hub_folder, self.now)

    def restart_cabin(self) -> None:
        """The cabin's process ends and begins again."""
        self.buffer.close()
        self.buffer = self._open_buffer()

    def restart_hub(self) -> None:
        """The hub's."""
        self._close_hub()
        self.ledger = self._open_ledger()

    def close(self) -> None:
        """Both end."""
        self.buffer.close()
        self._close_hub()

    def _close_hub(self) -> None:
        self.ledger.close()
        self.ledger.database.close()

    # --- people ------------------------------------------------------------------------------------------------------
    def hand_in(self, payload_bytes: int | None = None) -> None:
        """A visitor hands in a document."""
        document = paper.draw(self.dice, self.keys.agencies)
        if payload_bytes is not None:
            document = paper.Document(
                document.envelope, document.agency, document.header, self.dice.randbytes(payload_bytes)
            )
        staging = self.buffer.stage()
        receipt = self.buffer.issue_number()
        self.say(said.NumberGiven(receipt))
        raw = document.raw
        self.raws[document.digest] = raw
        for start in range(0, len(raw), 200_000):
            staging.write(raw[start : start + 200_000])
        put = staging.put(document.facts(receipt, self.now()))
        self.say(said.Accepted(put.digest, put.envelope, put.receipt, len(raw)))
        self._tell_end()

    def visit(self) -> None:
        """Somebody was there and left."""
        now = self.now()
        self.buffer.append(VisitEnded(self.dice.randbytes(16), now, now, "left", 0, "de"))
        self._tell_end()

    def number(self) -> None:
        """A receipt number is given out, and no document comes to bear it."""
        self.say(said.NumberGiven(self.buffer.issue_number()))

    def _tell_end(self) -> None:
        mark = self.buffer.log.last()
        self.say(said.Written(mark.number, mark.hash))

    # --- the way up --------------------------------------------------------------------------------------------------
    def announce(self) -> None:
        """Entries go up and are acknowledged."""
        log = self.ledger.log(self.keys.site)
        held = log.theirs().number
        if held < self.buffer.log.last().number:
            log.commit(self.buffer.log.read(held, _ENTRIES_BYTES, 100))
        self._settle()

    def send(self, bytes_max: int = 1 << 30) -> None:
        """Bytes of documents that the hub asks for go up."""
        for wanted in self.ledger.wanted(self.keys.site):
            have = wanted.have_bytes
            while have < wanted.size_bytes and bytes_max > 0:
                part = self.buffer.read(wanted.digest, have, min(limits.CHUNK_BYTES_MAX, bytes_max))
                assert part, "the cabin no longer has what the hub lacks"
                self.ledger.keep(wanted.digest, have, part)
                have += len(part)
                bytes_max -= len(part)
        self._settle()

    def _settle(self) -> None:
        self.ledger.settle(everything=True)
        up = self.ledger.log(self.keys.site).theirs()
        self.say(said.HubHolds(up.number, up.hash))
        self.buffer.log.acknowledge(up.number)

    # --- the way down ------------------------------------------------------------------------------------------------
    def answer(self) -> None:
        """The hub's log goes down, with directories that it announces, and is acknowledged."""
        log = self.ledger.log(self.keys.site)
        self.ledger.settle(everything=True)
        self._fetch()
        while fresh := log.read(self.buffer.log.theirs().number, _ENTRIES_BYTES, 100):
            self._hear(fresh)
            self._fetch()
        log.acknowledge(self.buffer.log.theirs().number)

    def _hear(self, fresh: Sequence[Entry]) -> None:
        last = fresh[-1]
        self.say(said.HubSent(last.number, last.hash))
        self.buffer.log.commit(fresh)
        news = self.buffer.sync(quiet=False)
        self.say(said.CabinHolds(self.buffer.log.theirs().number))
        for receipt in news.receipts:
            if receipt.happening is Happening.STORED:
                self.say(said.Secured(receipt.envelope))

    def _fetch(self) -> None:
        for wanted in self.buffer.wanted():
            have = self.buffer.have(wanted.digest)
            while have < wanted.size_bytes:
                found = self.ledger.read_directory(wanted.digest, have, limits.CHUNK_BYTES_MAX)
                assert found is not None
                self.buffer.keep(wanted.digest, have, found[0])
                have += len(found[0])
            self.buffer.sync(quiet=False)

    # --- the agency, the operator ------------------------------------------------------------------------------------
    def take(self) -> None:
        """Agencies fetch and accept what lies in their inboxes."""
        for agency in self.keys.agencies:
            for delivered in inbox.listing(self.ledger, agency, 0, 50, everything=False).documents:
                last = delivered.receipts[-1]
                manifest = unverified(Manifest, delivered.manifest)
                self.say(said.Stored(manifest.envelope, delivered.digest))
                events = {unverified(Receipt, each).happening for each in delivered.receipts[1:]}
                for happening in (Happening.FETCHED, Happening.ACCEPTED):
                    if happening not in events:
                        last = self._tell(agency, manifest, happening, last)

    def _tell(self, agency: AgencyId, manifest: Manifest, happening: Happening, follows: Signed) -> Signed:
        key = self.keys.district.agencies[agency][0].private()
        receipt = Receipt(1, manifest.envelope, happening, agency, self.now(), digest_of(follows))
        signed = sign(receipt, key)
        inbox.tell(self.ledger, agency, signed)
        self.ledger.settle(everything=True)
        self.say(said.AgencyTold(manifest.envelope, happening.value))
        return signed

    def expire(self) -> None:
        """Documents that are long closed lose their bytes."""
        self.ledger.expire(self.now() + _LATER, 1)
        self.ledger.settle(everything=True)

    def publish(self) -> None:
        """A new directory, by the operator's command in a process of its own."""
        beside = Database(sqlite_url(self.hub_folder / HUB_FILE))
        try:
            with beside.turn() as connection:
                self.keys.district.publish(connection, self.now())
        finally:
            beside.close()
        self.ledger.announce_directory([self.keys.site])

    def tidy(self) -> None:
        """The line is quiet: space is given back."""
        while self.buffer.leaving():
            self.buffer.sync()
