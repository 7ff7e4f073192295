"""What came from the hub, made durable and applied in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from edge.storage.blobs import Blobs, DamageError
from edge.storage.cabin_log import CabinLog
from edge.storage.database import Database
from edge.storage.directory import DirectoryInForce, Wanted
from edge.storage.journal import Journal
from edge.storage.receipts import Receipts
from protocol import entries, limits
from protocol.entries import DirectoryPublished, Entry, EpochOpened, Mark, ReceiptGiven
from protocol.errors import Code, Mistake, Refused
from protocol.ids import Digest, ReceiptNumber
from protocol.manifest import Happening, Receipt, Signed

_FROM_HUB_BYTES_MAX: Final = limits.DIRECTORY_BYTES_MAX + limits.KIB  # a directory with its signature
_NO_SIGNER: Final = frozenset({Code.BAD_SIGNATURE, Code.UNKNOWN_AGENCY})


class News(msgspec.Struct, frozen=True):
    """What one `sync` brought; false when nothing. `secured`: documents that the hub has now; `receipts`: all events, those too;
    `directory`: version that came into force; `wanted`: blobs to ask the hub for; `restored`: the hub came back from an older copy."""

    secured: tuple[ReceiptNumber, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    directory: int | None = None
    wanted: tuple[Wanted, ...] = ()
    restored: bool = False

    def __bool__(self) -> bool:
        return bool(self.receipts or self.wanted or self.directory is not None or self.restored)


class Inlet:
    """Collects blobs beside `log`; `settle` within a turn of `database`, then `settled` once it is durable."""

    def __init__(
        self,
        database: Database,
        log: CabinLog,
        journal: Journal,
        blobs: Blobs,
        receipts: Receipts,
        directory: DirectoryInForce,
        trouble: Callable[[str], None],
    ) -> None:
        self._database = database
        self._log = log
        self._journal = journal
        self._blobs = blobs
        self._receipts = receipts
        self._directory = directory
        self._trouble = trouble
        self._kept: dict[Digest, bytearray] = {}  # bytes that follow what is durable
        self._forgotten: set[Digest] = set()

    def have(self, digest: Digest) -> int:
        """How many bytes from the front are here, durable or collected."""
        durable_bytes = 0 if digest in self._forgotten else self._blobs.have(digest)
        return durable_bytes + len(self._kept.get(digest, b""))

    def keep(self, digest: Digest, offset_bytes: int, chunk: bytes | memoryview) -> None:
        """Collect the next bytes of a blob. Raises Mistake unless `offset_bytes` is `have(digest)`, Refused(TOO_LARGE)."""
        have_bytes = self.have(digest)
        if offset_bytes != have_bytes:
            raise Mistake(f"Bytes from {offset_bytes} on were to be kept; {have_bytes} are here.")
        if offset_bytes + len(chunk) > _FROM_HUB_BYTES_MAX:
            raise Refused(Code.TOO_LARGE, f"A blob from the hub of more than {_FROM_HUB_BYTES_MAX} bytes.")
        self._kept.setdefault(digest, bytearray()).extend(chunk)

    def forget(self, digest: Digest) -> None:
        """Free its space; a stranger is no error."""
        self._kept.pop(digest, None)
        self._forgotten.add(digest)

    def read(
        self, digest: Digest, offset_bytes: int, length_bytes: int, *, checked_later: bool = False
    ) -> bytes | None:
        """As `Blobs.read`, with what is collected. Raises DamageError."""
        there = None
        if digest not in self._forgotten:
            there = self._blobs.read(digest, offset_bytes, length_bytes, checked_later=checked_later)
        kept = self._kept.get(digest)
        if kept is None:
            return there
        skip = max(0, offset_bytes - (self.have(digest) - len(kept)))
        there = there or b""
        return there + bytes(kept[skip : skip + length_bytes - len(there)])

    def pending(self, *, quiet: bool) -> bool:
        """Is there anything to settle? How far the hub holds our log is taken along, or waits until it is `quiet` or an epoch can be forgotten: were
        it not written at all, the hub's next Hello would tell it."""
        if self._log.arrived or self._kept or self._forgotten:
            return True
        told = self._log.told
        return bool(told) and (quiet or told - self._database.place.acknowledged >= limits.EPOCH_ENTRIES_MAX)

    def settle(self) -> News:
        """Apply everything that was collected; within a turn."""
        for digest in self._forgotten:
            self._blobs.free(digest)
        news = News()
        wanted_before = self._database.place.wanted
        for entry in self._log.arrived:
            news = self._apply(entry, news)
        if self._log.arrived:
            last = self._log.arrived[-1]
            self._place(theirs=Mark(last.epoch, last.number, last.hash))
        if self._log.told:
            self._place(acknowledged=self._log.told)
            self._journal.forget(self._receipts.oldest_needed())
        for digest, data in self._kept.items():
            if wanted_before is not None and digest == wanted_before.digest and not self.wants(digest):
                continue
            try:
                self._blobs.extend(digest, bytes(data))
            except DamageError:
                self._blobs.free(digest)  # and is fetched again from its first byte
                self._trouble(f"A blob from the hub ({digest.hex()[:16]}…) was altered on this cabin's disk.")
        news = self._new_directory(news, again=wanted_before != self._database.place.wanted)
        self._receipts.forget_old()
        return news

    def wants(self, digest: Digest) -> bool:
        """Is it the directory to be fetched? A newer one may have been announced since its bytes were asked for."""
        wanted = self._database.place.wanted
        return wanted is not None and wanted.digest == digest

    def settled(self) -> None:
        """It is durable: no longer to be collected."""
        self._log.arrived.clear()
        self._log.told = 0
        self._kept.clear()
        self._forgotten.clear()

    def _apply(self, entry: Entry, news: News) -> News:
        """One entry of the hub. A bad one is told as a trouble and never blocks those behind it."""
        try:
            event = entries.read(entry.payload, None, entry.epoch, entry.number)
            match event:
                case ReceiptGiven(signed):
                    return self._fold(entry, signed, news)
                case DirectoryPublished():
                    self._directory.announced(event)
                case EpochOpened():
                    return msgspec.structs.replace(news, restored=True)
                case _:
                    self._trouble(f"Entry {entry.number} of the hub is of a kind that is a cabin's to write.")
        except Refused as refused:
            self._trouble(f"Entry {entry.number} of the hub was refused: {refused.what}")
        return news

    def _fold(self, entry: Entry, signed: Signed, news: News) -> News:
        try:
            folded = self._receipts.fold(signed, self._directory.directory, restored=entry.epoch > 0)
        except Refused as refused:
            if refused.code not in _NO_SIGNER or not self._receipts.park(entry.number, signed):
                raise
            return news
        return news if folded is None else _with(news, *folded)

    def _new_directory(self, news: News, *, again: bool) -> News:
        version, fault, retry = self._directory.arrived()
        if fault:
            self._trouble(fault)
        if version is not None:
            news = self.unpark(msgspec.structs.replace(news, directory=version))
        if again or retry:
            news = msgspec.structs.replace(news, wanted=tuple(self._directory.wanted()))
        return news

    def unpark(self, news: News) -> News:
        """Try the receipts again that waited for a directory; those it still does not explain go on waiting."""
        for row in self._receipts.parked.where("ORDER BY number"):
            try:
                signed, restored = Signed(row.body, row.signature), self._database.place.theirs.epoch > 0
                folded = self._receipts.fold(signed, self._directory.directory, restored=restored)
            except Refused as refused:
                if refused.code in _NO_SIGNER:
                    continue
                self._trouble(f"Entry {row.number} of the hub was refused: {refused.what}")
                folded = None
            self._receipts.parked.drop(row.number)
            news = news if folded is None else _with(news, *folded)
        return news

    def troubles(self) -> tuple[str, ...]:
        """What is wrong as it stands now."""
        refused = (self._directory.refused,) if self._directory.refused else ()
        if not self._receipts.parked or self._database.place.wanted is not None:
            return refused
        return (*refused, "A receipt waits for a directory that names its signer, and none is on its way.")

    def _place(self, **changes: object) -> None:
        self._database.place = msgspec.structs.replace(self._database.place, **changes)


def _with(news: News, receipt: Receipt, number: ReceiptNumber) -> News:
    secured = (*news.secured, number) if receipt.happening is Happening.STORED else news.secured
    return msgspec.structs.replace(news, receipts=(*news.receipts, receipt), secured=secured)
