"""The cabin's buffer: both logs, the sealed documents that wait, the directory and the receipts, in one SQLite file.

It is the cabin's `Blobs`, its `log` the cabin's `Log` (protocol.runtime.store), and it answers what the rest of the cabin asks: room, a receipt
number, a staging for an envelope, what waits. `log.commit`, `log.acknowledge`, `keep` and `forget` only collect; `sync` makes all of it
durable and applies it in one transaction. Everything may be called from any thread; one process at a time, which the lock on the
folder sees to.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.storage import opening
from edge.storage.blobs import Blobs, DamageError
from edge.storage.cabin_log import CabinLog
from edge.storage.database import CHECKPOINT_BYTES
from edge.storage.directory import DirectoryInForce, Wanted
from edge.storage.documents import Document, Documents, State, Waiting
from edge.storage.durably import Durably
from edge.storage.high_water import HighWaterFile
from edge.storage.inlet import Inlet, News
from edge.storage.journal import Journal
from edge.storage.kept import Kept
from edge.storage.numbers import Numbers
from edge.storage.outbox import Facts, Outbox, Put, Staging
from edge.storage.receipts import Receipts
from edge.storage.room import Room
from protocol import codec, limits
from protocol.directory import Directory
from protocol.entries import Event
from protocol.errors import Code, Refused
from protocol.ids import Digest, EnvelopeId, ReceiptNumber, SiteId
from protocol.manifest import Signed
from protocol.randomness import Random
from protocol.recipients import HybridRecipient, parse_recipient
from protocol.runtime.ballast import Ballast

__all__ = ["Buffer", "Document", "Facts", "News", "Put", "Staging", "State", "Waiting", "Wanted"]

HIGH_WATER: Final = "high-water"
LEAVING_MAX: Final = 1000  # blobs that may wait to be deleted; beyond, every turn deletes some
_QUIET: Final = News()


class Buffer:
    """Owns the files in `folder`. Every method raises Unavailable once the disk has failed: then nothing more was acknowledged or accepted, and
    the process must end and open it anew."""

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime],
        random: Random,
        site: SiteId,
        code: str,
        signing_key: Ed25519PrivateKey,
        journal_recipient: str,
        authority_key: bytes,
        disk_free_bytes_min: int = limits.DISK_FREE_BYTES_MIN,
        bytes_max: int = limits.BUFFER_BYTES_MAX,
        keep_seconds: float = limits.KEPT_SECONDS,
        keep_bytes_max: int = limits.KEPT_BYTES_MAX,
    ) -> None:
        """Open, verify and begin a new epoch. `code`: the three letters of the cabin's receipt numbers; `journal_recipient`: age1pq… of the
        hub; `authority_key`: Ed25519, 32 bytes, pinned. A damaged file is moved aside (`troubles` says so). What the hub has secured stays for
        `keep_seconds` of being in touch with it, and at most `keep_bytes_max` of it, a quarter of `bytes_max` too.

        Raises Unavailable when the disk does not let us, Refused(BAD_KEY) for a recipient that is not post-quantum."""
        recipient = parse_recipient(journal_recipient)
        if not isinstance(recipient, HybridRecipient):
            raise Refused(Code.BAD_KEY, "The hub's journal recipient is not post-quantum (age1pq1…).")
        self._folder = folder
        self._now = now
        self._random = random
        self._troubles: dict[str, None] = {}
        ballast = Ballast(folder, free_bytes_min=disk_free_bytes_min)
        ballast.take()
        self._high_water = HighWaterFile(folder / HIGH_WATER)
        with opening.or_closed(self._high_water):
            opened = opening.open_file(folder, self._high_water.found, now(), bytes_max=bytes_max)
        self._database = opened.database
        self._durably = Durably(self._database, self._high_water, ballast)
        self._journal = Journal(self._database)
        self._blobs = Blobs(self._database)
        self._documents = Documents(self._database)
        self._room = Room(
            folder, self._database, self._documents, free_bytes_min=disk_free_bytes_min, bytes_max=bytes_max
        )
        self._kept = Kept(
            self._database,
            self._blobs,
            self._room.shortage_bytes,
            keep_seconds=keep_seconds,
            bytes_max=min(keep_bytes_max, bytes_max // 4),
        )
        self._receipts = Receipts(self._database, self._documents, self._kept)
        self._numbers = Numbers(self._database, code)
        self._directory = DirectoryInForce(self._database, self._blobs, authority_key)
        self._outbox = Outbox(
            self._database,
            self._blobs,
            self._documents,
            self._journal,
            self._numbers,
            site=site,
            signing_key=signing_key,
            now=now,
        )
        self.log = CabinLog(self._database, self._journal)
        self._inlet = Inlet(
            self._database,
            self.log,
            self._journal,
            self._blobs,
            self._receipts,
            self._directory,
            self.trouble,
        )
        with opening.or_closed(self._high_water, self._database):
            self._begin(opened, recipient)

    def _begin(self, opened: opening.Opened, recipient: HybridRecipient) -> None:
        for name in opening.set_aside(self._folder):
            self.trouble(
                f"A damaged buffer lies aside as {name}: keep it until what it holds is known to have arrived."
            )
        if opened.fault:
            self.trouble(opened.fault)
        found = self._high_water.found
        # With one entry it may be blank: in a first start the power goes between the first commit and the first mark.
        if self._high_water.damaged or (found is None and self._database.place.last.number > 1):
            self.trouble("The high-water mark beside the cabin's buffer was gone or damaged; it is written anew.")
        known = found.mark.epoch if found else 0
        epoch = max(known, self._database.place.last.epoch) + 1

        def begin() -> str:
            self._journal.open_epoch(epoch, recipient, self._random, self._now)
            return self._directory.load()

        fault = self._durably(begin)
        if fault:
            self.trouble(fault)
        if opened.directory:
            try:
                self.set_directory(codec.decode(Signed, opened.directory, limits.DIRECTORY_BYTES_MAX + limits.KIB))
            except Refused as refused:
                self.trouble(f"The directory in the damaged buffer is of no use: {refused.what}")
        self._sweep()

    def close(self) -> None:
        """Give the files back. What was collected and not synced is gone."""
        with self._database.lock:
            self._database.close()
            self._high_water.close()

    # --- Blobs ---------------------------------------------------------------------------------------------------
    def have(self, digest: Digest) -> int:
        """How many bytes from the front are here, with what is collected; 0 for a stranger."""
        with self._database.reading():
            return self._inlet.have(digest)

    def wants(self, digest: Digest) -> bool:
        """Is it the directory that is to be fetched? A newer one may have been announced since its bytes were asked for."""
        return self._inlet.wants(digest)

    def keep(self, digest: Digest, offset_bytes: int, chunk: bytes | memoryview) -> None:
        """Collect the next bytes of a blob from the hub. Raises Mistake unless `offset_bytes` is `have(digest)`, Refused(TOO_LARGE)."""
        with self._database.reading():
            self._inlet.keep(digest, offset_bytes, chunk)

    def read(
        self, digest: Digest, offset_bytes: int, length_bytes: int, *, checked_later: bool = False
    ) -> bytes | None:
        """These bytes, fewer at the end; None for a stranger, and for what is no longer what was written (a trouble tells).

        `checked_later`: the reader checks the whole by itself, and asks again where it does not fit; what is asked for again is checked here."""
        with self._database.reading():
            try:
                return self._inlet.read(digest, offset_bytes, length_bytes, checked_later=checked_later)
            except DamageError:
                self._damaged(digest)
                return None

    def forget(self, digest: Digest) -> None:
        """Free the space with the next `sync`; a stranger is no error."""
        with self._database.lock:
            self._inlet.forget(digest)

    def _damaged(self, digest: Digest) -> None:
        row = self._documents.by_digest(digest)
        self.trouble(f"The document {row.receipt if row else digest.hex()[:16]} was altered on this cabin's disk.")
        if row and row.state == State.WAITING:
            with self._database.turn():
                self._documents.damaged(row, self._now())

    # --- the hub's word ------------------------------------------------------------------------------------------
    def sync(self, *, quiet: bool = True) -> News:
        """Make durable and apply all that was collected; costs nothing when there is nothing. Raises Unavailable, and nothing of it happened.

        `quiet`: nobody waits for anything, so some space may be overwritten and given back."""
        with self._database.lock:
            if self._database.broken:
                raise self._database.broken
            pending = self._inlet.pending(quiet=quiet)
            if not pending and not (quiet and (self.leaving() or self._let_go_due())):
                return _QUIET
            with self._directory.or_as_before():
                news = self._durably(lambda: self._settle(idle=not pending))
            self._inlet.settled()
            self._database.checkpoint(CHECKPOINT_BYTES)
            return news

    def _settle(self, *, idle: bool) -> News:
        # Space is overwritten and given back when the line is quiet: whoever waits for *gesichert* does not wait for that.
        quiet = idle or self._blobs.leaving_count() > LEAVING_MAX
        news = self._inlet.settle()
        if idle:
            self._kept.let_go()
        if quiet:
            self._blobs.sweep(self._outbox.stagings)
        return news

    def _let_go_due(self) -> bool:
        with self._database.reading():
            return self._kept.due()

    def in_touch(self, seconds: float) -> None:
        """So long the hub was heard since the last call: by this, what it has secured becomes old enough to be let go of."""
        with self._database.lock:
            self._kept.in_touch(seconds)

    def leaving(self) -> bool:
        """Is there space to give back? A `sync` that has nothing else to do gives some."""
        return self._blobs.leaving_count() > len(self._outbox.stagings)

    def wanted(self) -> list[Wanted]:
        """Blobs to ask the hub for, when a link opens."""
        with self._database.reading():
            return self._directory.wanted()

    def directory(self) -> Signed | None:
        """The one in force, as the authority signed it; None before the first."""
        return self._directory.signed

    def directory_in_force(self) -> Directory | None:
        """The same, read and verified."""
        return self._directory.directory

    def directory_version(self) -> int:
        """Of the one in force, 0 without one."""
        return self._directory.version()

    def set_directory(self, signed: Signed) -> Directory:
        """Put a directory in force that came another way (enrolment). Raises Refused when it may not take the place of the one here."""

        def take() -> Directory:
            directory = self._directory.take(signed)
            self._inlet.unpark(News())
            return directory

        with self._directory.or_as_before():
            return self._durably(take)

    # --- handing in ----------------------------------------------------------------------------------------------
    def room_for(self, size_bytes: int) -> None:
        """Ask before pages are taken. Raises Unavailable, in words for a screen, when a document of `size_bytes` might not find room."""
        with self._database.reading():
            if self._database.broken:
                raise self._database.broken
            missing_bytes = self._room.missing_bytes(size_bytes)
        if missing_bytes:  # nobody is refused for what is only kept
            self._durably(lambda: self._kept.make_room(missing_bytes))
            self._sweep()
        with self._database.reading():
            self._room.check(size_bytes)

    def issue_number(self, random: Random | None = None) -> ReceiptNumber:
        """A receipt number that was never given out here; durable on return, also when no document comes to bear it."""
        return self._durably(lambda: self._numbers.issue(random or self._random))

    def stage(self) -> Staging:
        """Begin to write an envelope."""
        return Staging(self._outbox, self._durably, self._wipe)

    def append(self, event: Event) -> int:
        """Write an event into the cabin's journal; its number. Durable on return."""
        return self._durably(lambda: self._journal.append(event).number)

    # --- for the screen ------------------------------------------------------------------------------------------
    def waiting(self) -> Waiting:
        """What the hub has not secured yet."""
        with self._database.reading():
            return self._documents.waiting()

    def documents(self, count_max: int = 100) -> list[Document]:
        """What was handed in here: first what waits or is lost, then the newest; at most `count_max`."""
        with self._database.reading():
            return self._documents.newest(count_max)

    def document(self, receipt: str) -> Document | None:
        """The one with this number; None: nothing that is remembered here has it."""
        with self._database.reading():
            return self._documents.by_receipt(receipt)

    def receipts(self, envelope: EnvelopeId) -> list[Signed]:
        """The signed events of one envelope, oldest first."""
        with self._database.reading():
            return self._receipts.of(envelope)

    def kept(self) -> tuple[int, int]:
        """Secured documents whose sealed bytes are still here, should the hub come back from an older copy: how many, and their bytes."""
        with self._database.lock:
            return len(self._kept.rows), self._kept.bytes

    def disk_free_bytes(self) -> int:
        """On the disk below the folder."""
        return self._room.disk_free_bytes()

    @property
    def troubles(self) -> tuple[str, ...]:
        """What somebody must look at, oldest first."""
        broken = (self._database.broken.what,) if self._database.broken else ()
        return (*self._troubles, *broken, *self._inlet.troubles())

    def trouble(self, what: str) -> None:
        """Note that something is wrong. The oldest is dropped when there are too many."""
        self._troubles.setdefault(what[: limits.TEXT_CHARS_MAX])
        if len(self._troubles) > limits.TROUBLES_MAX:
            self._troubles.pop(next(iter(self._troubles)))

    # --- making room ---------------------------------------------------------------------------------------------
    def _sweep(self) -> None:
        """Delete all that is leaving, in short turns."""
        while self.leaving():
            self._durably(lambda: self._blobs.sweep(self._outbox.stagings))
            self._database.checkpoint(CHECKPOINT_BYTES)

    def _wipe(self, id: int) -> None:
        with self._database.lock:
            self._outbox.stagings.discard(id)
        self._sweep()
