"""A hub's ledger on a real folder, and cabins that write real entries for it."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Table, insert, select, update

from cloud.ledger import Ledger
from cloud.storage import schema
from cloud.storage.database import Database, sqlite_url
from protocol import codec, entries, manifest
from protocol.age import Header, Stanza, unpadded
from protocol.directory import Agency, Directory, HubRow, InboxKey
from protocol.entries import DocumentSealed, EpochOpened, Mark
from protocol.hours import Hours
from protocol.ids import AgencyId, Digest, EnvelopeId, ReceiptNumber, SiteId
from protocol.manifest import Happening, Manifest, Receipt, Signed
from protocol.recipients import HybridIdentity, wrap_key

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AGENCIES = ("sozialamt-uckermark", "wohngeldstelle-uckermark")


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


class Document:
    """What a cabin has sealed: the event, and the bytes of its blob."""

    def __init__(self, event: DocumentSealed, manifest: Manifest, blob: bytes) -> None:
        self.event = event
        self.manifest = manifest
        self.blob = blob
        self.digest = event.digest


class Cabin:
    """Writes a log as a cabin does. `journal`: the hub's identity, for which journal keys are wrapped."""

    def __init__(self, site: str, journal: HybridIdentity, seed: int = 1, machine: str = "") -> None:
        self.site = SiteId(site)
        self.key = key_of(site + machine)
        self.random = random.Random(f"{site}{machine}{seed}")
        self.mark = Mark()
        self.epoch = 0
        self.journal = journal
        self.journal_key = b""
        self.rows: dict[str, tuple[int, bytes]] = {}
        self.log: list[entries.Entry] = []

    def write(self, payload: bytes) -> entries.Entry:
        entry = entries.following(self.mark, self.epoch, payload)
        self.mark = Mark(entry.epoch, entry.number, entry.hash)
        self.log.append(entry)
        return entry

    def open_epoch(self, follows: Mark | None = None, wrapped: bytes | None = None) -> entries.Entry:
        self.epoch += 1
        self.journal_key = self.random.randbytes(32)
        wrapped = wrapped or wrap_key(self.journal_key, self.journal.recipient())
        return self.write(entries.clear(EpochOpened(wrapped, follows or self.mark, NOON)))

    def event(self, event: Any) -> entries.Entry:
        return self.write(entries.sealed(event, self.journal_key, self.epoch, self.mark.number + 1))

    def document(self, agency: str = AGENCIES[0], size: int = 5000, **changes: Any) -> Document:
        """A document, not yet written: `changes` alter the manifest before it is signed."""
        stanza = Stanza("mlkem768x25519", (unpadded(self.random.randbytes(32)),), self.random.randbytes(32))
        header = Header.make([stanza], self.random.randbytes(16)).raw
        payload = self.random.randbytes(size - len(header))
        counter, previous = self.rows.get(agency, (0, manifest.NO_MANIFEST))
        made = Manifest(
            version=1,
            suite=manifest.SUITE,
            envelope=EnvelopeId(self.random.randbytes(16)),
            receipt=ReceiptNumber(f"ABC-{100 + len(self.log)}"),
            agency=AgencyId(agency),
            epoch=1,
            cabin=self.site,
            captured_at=NOON,
            length_bytes=len(payload),
            header_sha256=hashlib.sha256(header).digest(),
            payload_sha256=hashlib.sha256(payload).digest(),
            counter=counter + 1,
            previous=previous,
        )
        for name, value in changes.items():
            made = _with(made, name, value)
        signed = manifest.sign(made, self.key)
        self.rows[agency] = (made.counter, manifest.digest_of(signed))
        blob = header + payload
        event = DocumentSealed(signed, b"summary", Digest(hashlib.sha256(blob).digest()), len(blob))
        return Document(event, made, blob)


def _with(made: Manifest, name: str, value: Any) -> Manifest:
    fields = {field: getattr(made, field) for field in made.__struct_fields__}
    return Manifest(**{**fields, name: value})


class Town:
    """A hub's folder with its ledger, cabins and agencies."""

    def __init__(self, folder: Path, journal: HybridIdentity, now: datetime = NOON) -> None:
        self.folder = folder
        self.journal = journal
        self.now = now
        self.hub_key = key_of("hub")
        self.open()

    def open(self) -> None:
        self.database = Database(sqlite_url(self.folder / "hub.sqlite"))
        self.ledger = Ledger(
            self.database, self.folder / "blobs", self.hub_key, self.journal, lambda: self.now, "kabine 0.1.0"
        )

    def close(self) -> None:
        self.ledger.close()
        self.database.close()

    def power_cut(self, folder: Path) -> Town:
        """The same hub, from what the disk holds at this moment."""
        shutil.copytree(self.folder, folder)
        for shared in folder.glob("*-shm"):
            shared.unlink()
        return Town(folder, self.journal, self.now)

    def cabin(self, site: str = "templin", machine: str = "") -> Cabin:
        """Confirmed, its first epoch open."""
        cabin = Cabin(site, self.journal, machine=machine)
        self.confirm(cabin)
        cabin.open_epoch()
        return cabin

    def confirm(self, cabin: Cabin) -> None:
        public = cabin.key.public_key().public_bytes_raw()
        with self.database.turn() as connection:
            if connection.execute(select(schema.cabin).where(schema.cabin.c.site == cabin.site)).first():
                connection.execute(
                    update(schema.cabin).where(schema.cabin.c.site == cabin.site).values(signing_key=public)
                )
            else:
                row = {"site": cabin.site, "name": cabin.site, "code": cabin.site[:3].upper(), "area": "12073"}
                connection.execute(insert(schema.cabin), [{**row, "state": "confirmed", "signing_key": public}])
        self.ledger.reload()

    def publish(self, *agencies: str, epochs: int = 1) -> None:
        version = self.ledger.directory_version() + 1
        directory = Directory(
            version=version,
            previous=bytes(32),
            published_at=self.now,
            hub=HubRow("hub", "tcp://127.0.0.1:1", bytes(32), bytes(32), str(self.journal.recipient())),
            agencies=tuple(
                Agency(
                    AgencyId(name),
                    name,
                    name,
                    Hours(()),
                    inboxes=tuple(InboxKey(epoch, "age1pq1…") for epoch in range(1, epochs + 1)),
                    signing_key=key_of(name).public_key().public_bytes_raw(),
                )
                for name in agencies
            ),
            services=(),
            routes=(),
            cabins=(),
            holidays_region="DE-BB",
        )
        raw = codec.encode(manifest.sign(directory, key_of("authority")))
        digest = hashlib.sha256(raw).digest()
        with self.database.turn() as connection:
            row = {"version": version, "digest": digest, "signed": raw, "published_at": self.now}
            connection.execute(insert(schema.published), [row])
        self.ledger.reload()

    def rows(self, table: Table) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(select(table)))

    def commit(self, cabin: Cabin) -> None:
        """Everything that the cabin has written and the hub does not hold."""
        log = self.ledger.log(cabin.site)
        log.commit([entry for entry in cabin.log if entry.number > log.theirs().number])

    def send(self, document: Document, chunk_bytes: int = 3000, upto: int | None = None) -> None:
        """The bytes of its blob, from where the hub is."""
        end = len(document.blob) if upto is None else upto
        start = self.ledger.blobs.have(document.digest)
        for offset in range(start, end, chunk_bytes):
            self.ledger.keep(
                document.digest, offset, memoryview(document.blob)[offset : min(end, offset + chunk_bytes)]
            )

    def deliver(self, cabin: Cabin, **changes: Any) -> Document:
        """A document, all the way into its inbox."""
        document = cabin.document(**changes)
        cabin.event(document.event)
        self.commit(cabin)
        self.ledger.settle()
        self.send(document)
        assert self.ledger.settle().delivered == {document.manifest.agency}
        return document

    def events(self, cabin: Cabin) -> list[entries.Event]:
        """What the cabin reads in the hub's log."""
        found = self.ledger.log(cabin.site).read(0, 1 << 20, 1000)
        return [entries.read(entry.payload, None, entry.epoch, entry.number) for entry in found]

    def receipt(self, document: Document, happening: Happening, previous: Signed, **changes: Any) -> Signed:
        """What the agency signs."""
        agency = document.manifest.agency
        fields = {
            "version": 1,
            "envelope": document.manifest.envelope,
            "happening": happening,
            "by": agency,
            "at": self.now,
            "previous": manifest.digest_of(previous),
        }
        return manifest.sign(Receipt(**{**fields, **changes}), key_of(agency))  # type: ignore[arg-type]

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture(scope="session")
def journal() -> HybridIdentity:
    return HybridIdentity(hashlib.sha256(b"journal").digest())


@pytest.fixture
def town(tmp_path: Path, journal: HybridIdentity) -> Iterator[Town]:
    """A hub with two agencies in its directory."""
    folder = tmp_path / "hub"
    folder.mkdir()
    made = Town(folder, journal)
    made.publish(*AGENCIES)
    yield made
    made.close()


@pytest.fixture
def another(journal: HybridIdentity) -> Callable[..., Cabin]:
    """Cabins that nobody confirmed."""
    return lambda site, machine="": Cabin(site, journal, machine=machine)
