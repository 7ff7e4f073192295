"""Open a folder with the real code, as the next start of the process would, and name every promise that it breaks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from cloud.ledger import Ledger
from edge.buffer import Buffer, State
from edge.storage.opening import FILE
from protocol import entries, limits
from protocol.entries import DocumentSealed, EpochOpened, Event
from protocol.ids import Digest
from protocol.manifest import Manifest, unverified
from protocol.recipients import unwrap_key
from tools.simulator.district import HUB_FILE
from tools.torture.pair import BLOBS, Keys
from tools.torture.promises import Promised
from tools.torture.report import luck

_EVERYTHING: Final = 1 << 30
_PIECES: Final = (
    "SELECT segment, position_bytes, length_bytes FROM piece JOIN blob ON blob.id = piece.blob "
    "WHERE digest = ? ORDER BY offset_bytes"
)
_AFTER_STORED: Final = frozenset({State.SECURED, State.FETCHED, State.ACCEPTED, State.RETURNED})


class Judges:
    """Of both kinds of folder. `raws`: every document that was ever handed in."""

    def __init__(self, keys: Keys, raws: dict[Digest, bytes], now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._raws = raws
        self._now = now
        self._journal_keys: dict[bytes, bytes] = {}

    # --- the cabin ---------------------------------------------------------------------------------------------------
    def cabin(self, folder: Path, promised: Promised) -> list[str]:
        """What is broken in this cabin's folder."""
        try:
            # With the same luck each time: what is reckoned from it is reckoned once.
            buffer = self._keys.buffer(folder, luck("judge"), self._now)
        except Exception as error:
            return [f"The cabin does not open: {type(error).__name__}: {error}"]
        try:
            with looking_on(folder / FILE, buffer.close):
                return list(self.promises_of_cabin(buffer, promised))
        except Exception as error:
            return [f"The cabin's buffer fails: {type(error).__name__}: {error}"]

    def promises_of_cabin(self, buffer: Buffer, promised: Promised) -> Iterator[str]:
        """What is broken of them in this open buffer."""
        yield from (f"After a power cut the cabin says: {trouble}" for trouble in buffer.troubles)
        rows = {row.receipt: row for row in buffer.documents(100_000)}
        for digest, accepted in promised.accepted.items():
            row = rows.get(accepted.receipt)  # type: ignore[call-overload]
            if row is None:
                yield f"The accepted document {accepted.receipt} is gone."
            elif row.state is State.WAITING and buffer.read(digest, 0, _EVERYTHING) != self._raws[digest]:
                yield f"The accepted document {accepted.receipt} is not what was handed in."
            elif accepted.envelope in promised.secured and row.state not in _AFTER_STORED:
                yield f"The document {accepted.receipt} was „gesichert“ and is {row.state} now."
        with buffer._database.reading():
            held = {receipt for (receipt,) in buffer._database.rows("SELECT receipt FROM number")}
        yield from (f"The receipt number {number} may be given twice." for number in promised.numbers - held)
        if buffer.log.theirs().number < promised.cabin_holds:
            yield f"Entry {promised.cabin_holds} of the hub was acknowledged and is not held."
        yield from self._log(buffer, promised)

    def _log(self, buffer: Buffer, promised: Promised) -> Iterator[str]:
        found = buffer.log.read(buffer.log.first() - 1, _EVERYTHING, 1 << 20)
        hashes = {entry.number: entry.hash for entry in found}
        written = promised.written
        if written.number >= buffer.log.first() and hashes.get(written.number) != written.hash:
            yield f"Entry {written.number} was written and is not there."
        sealed = [event for event in self._events(found) if isinstance(event, DocumentSealed)]
        manifests = [unverified(Manifest, event.manifest) for event in sealed]
        for agency in self._keys.agencies:
            counters = [manifest.counter for manifest in manifests if manifest.agency == agency]
            if counters and counters != list(range(counters[0], counters[0] + len(counters))):
                yield f"The cabin counts its documents to {agency} as {counters}."
        receipts = [manifest.receipt for manifest in manifests]
        if len(set(receipts)) < len(receipts):
            yield "Two documents bear one receipt number."

    def _events(self, found: Any) -> Iterator[Event]:
        key: bytes | None = None
        for entry in found:
            event = entries.read(entry.payload, key, entry.epoch, entry.number)
            if isinstance(event, EpochOpened):
                key = self._journal_keys.get(event.wrapped_key)
                if key is None:
                    key = unwrap_key(event.wrapped_key, self._keys.district.journal)
                    self._journal_keys[event.wrapped_key] = key
            yield event

    # --- the hub -----------------------------------------------------------------------------------------------------
    def hub(self, folder: Path, promised: Promised) -> list[str]:
        """What is broken in this hub's folder; with it, whether it can go on: the cabin sends again what is missing."""
        try:
            ledger = self._keys.ledger(folder, self._now)
        except Exception as error:
            return [f"The hub does not open: {type(error).__name__}: {error}"]
        try:
            with looking_on(folder / HUB_FILE, ledger.close, ledger.database.close) as looking:
                broken = list(self._hub(ledger, looking, folder / BLOBS, promised))
                return broken + list(self._goes_on(ledger, looking))
        except Exception as error:
            return [f"The hub's ledger fails: {type(error).__name__}: {error}"]

    def _hub(self, ledger: Ledger, looking: Looking, blobs: Path, promised: Promised) -> Iterator[str]:
        yield from (f"After a power cut the hub misses bytes in {path.name}." for path in ledger.blobs.damaged)
        site = self._keys.site
        up = looking.up_chain(site)
        down = looking.down_chain(site)
        for what, chain, number, digest in (
            ("acknowledged", up, promised.hub_holds.number, promised.hub_holds.hash),
            ("sent", down, promised.hub_sent.number, promised.hub_sent.hash),
        ):
            if number and chain.get(number) != digest:
                yield f"Entry {number} was {what} and is not there."
        if ledger.log(site).theirs().number < promised.hub_holds.number:
            yield f"The hub no longer knows that it acknowledged entry {promised.hub_holds.number}."
        for agency in self._keys.agencies:
            places = looking.rows(
                "SELECT place FROM document WHERE agency = ? AND place IS NOT NULL ORDER BY place", agency
            )
            if [place for (place,) in places] != list(range(1, len(places) + 1)):
                yield f"The inbox of {agency} has the places {places}."
        told = set(
            looking.rows("SELECT envelope, happening FROM receipt JOIN document ON document.id = receipt.document")
        )
        yield from (f"The hub forgot that a document was {what[1]}." for what in promised.told - told)
        for envelope, digest, freed in looking.rows(
            "SELECT envelope, digest, freed_at FROM document JOIN blob USING (id) WHERE place IS NOT NULL AND stored_at IS NOT NULL"
        ):
            if freed is None and looking.bytes_of(digest, blobs) != self._raws[digest]:
                yield f"The secured document {envelope.hex()} is not what was handed in."
        stored = {
            envelope
            for (envelope,) in looking.rows(
                "SELECT envelope FROM document WHERE place IS NOT NULL AND stored_at IS NOT NULL"
            )
        }
        yield from (
            f"A document is no longer in its inbox ({envelope.hex()})." for envelope in promised.stored.keys() - stored
        )
        # „Gesichert“ on a screen in the town holds whatever happens at the hub.
        yield from (
            f"A document was „gesichert“ and is nowhere ({envelope.hex()})." for envelope in promised.secured - stored
        )

    def _goes_on(self, ledger: Ledger, looking: Looking) -> Iterator[str]:
        """Every document that was announced arrives, once."""
        for wanted in ledger.wanted(self._keys.site):
            raw, have = self._raws[wanted.digest], wanted.have_bytes
            while have < len(raw):
                part = raw[have : have + limits.CHUNK_BYTES_MAX]
                ledger.keep(wanted.digest, have, part)
                have += len(part)
        ledger.settle(everything=True)
        for (digest,) in looking.rows(
            "SELECT digest FROM document JOIN blob USING (id) WHERE place IS NULL OR stored_at IS NULL"
        ):
            yield f"The document {digest.hex()} does not arrive any more."


class Looking:
    """At a database from outside, as what is committed."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def rows(self, sql: str, *values: object) -> list[Any]:
        """All."""
        return self._connection.execute(sql, values).fetchall()

    def up_chain(self, site: str) -> dict[int, bytes]:
        """Hash of every entry of the cabin by number, reckoned from what is held of it."""
        found: dict[int, bytes] = {}
        rows = self.rows("SELECT first, epoch, before, payloads FROM up_run WHERE site = ? ORDER BY first", site)
        for first, epoch, before, payloads in rows:
            hash_ = before
            for number, payload in enumerate(msgspec.msgpack.decode(payloads, type=list[bytes]), first):
                hash_ = found[number] = entries.chain(hash_, epoch, number, payload)
        return found

    def down_chain(self, site: str) -> dict[int, bytes]:
        """Hash of every entry of the hub for this cabin by number."""
        return dict(self.rows("SELECT number, hash FROM down_entry WHERE site = ?", site))

    def bytes_of(self, digest: bytes, folder: Path) -> bytes:
        """What the segment files hold of this blob."""
        parts = []
        for segment, position, length in self.rows(_PIECES, digest):
            with (folder / f"{segment:06}.segment").open("rb") as file:
                file.seek(position)
                parts.append(file.read(length))
        return b"".join(parts)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()


@contextmanager
def looking_on(path: Path, *closes: Callable[[], None]) -> Iterator[Looking]:
    """At a database that is thrown away after this block. Its node closes it first: whoever closes it last puts its WAL away, for nothing."""
    with ExitStack() as ends:
        looking = Looking(path)
        ends.callback(looking.close)
        for close in reversed(closes):
            ends.callback(close)
        looking.rows("PRAGMA schema_version")  # only who has read holds the file
        yield looking
