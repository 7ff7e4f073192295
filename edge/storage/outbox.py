"""Put a sealed document and its entry together: one transaction, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.storage.blobs import CHUNK_BYTES, BlobRow, Blobs
from edge.storage.database import Database
from edge.storage.documents import DocumentRow, Documents, State, microseconds
from edge.storage.journal import Journal
from edge.storage.numbers import Numbers
from edge.storage.rows import Rows
from protocol import limits
from protocol.entries import DocumentSealed
from protocol.errors import Code, Mistake, Refused
from protocol.ids import AgencyId, Digest, EnvelopeId, ReceiptNumber, SiteId
from protocol.manifest import NO_MANIFEST, SUITE, Manifest, digest_of, sign

_WRITE_BYTES: Final = 4 * CHUNK_BYTES  # one short transaction


class AgencyRow(msgspec.Struct, frozen=True, array_like=True):
    """`counter` and `previous` of the next manifest follow from these of the last one to agency `id`."""

    id: str
    counter: int
    previous: bytes


class Facts(msgspec.Struct, frozen=True):
    """What the outbox must be told about a sealed document. `epoch`: of the inbox key. `length_bytes`: of the payload, what follows the age
    header. `summary`: a small age file for the inbox. `receipt`: from `Buffer.issue_number`."""

    envelope: EnvelopeId
    receipt: ReceiptNumber
    agency: AgencyId
    epoch: int
    captured_at: datetime
    length_bytes: int
    header_sha256: bytes
    payload_sha256: bytes
    summary: bytes


class Put(msgspec.Struct, frozen=True):
    """The document is accepted („angenommen“): on stable storage, with its entry."""

    receipt: ReceiptNumber
    envelope: EnvelopeId
    entry: int
    digest: Digest
    size_bytes: int


class Outbox:
    """Accepts documents."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        documents: Documents,
        journal: Journal,
        numbers: Numbers,
        *,
        site: SiteId,
        signing_key: Ed25519PrivateKey,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._documents = documents
        self._journal = journal
        self._numbers = numbers
        self._site = site
        self._signing_key = signing_key
        self._now = now
        self.agencies = Rows(database, "agency", AgencyRow)
        self.stagings: set[int] = set()  # blobs that are being written by this process

    def write(self, id: int, place: int, chunks: list[bytes]) -> tuple[int, list[bytes]]:
        """Chunks of a staging (`id` 0: begin one), durable on return; its id, and the SHA-256 of each."""
        with self._database.lock:  # until it is known as a staging, so that nobody sweeps it away
            with self._database.turn():
                id, hashes = self._write(id, place, chunks)
            self.stagings.add(id)
        return id, hashes

    def _write(self, id: int, place: int, chunks: list[bytes]) -> tuple[int, list[bytes]]:
        id = id or self._blobs.begin()
        return id, [self._blobs.write(id, place + number, chunk) for number, chunk in enumerate(chunks)]

    def put(
        self, facts: Facts, id: int, pieces: list[bytes], rest: list[bytes], digest: Digest, size_bytes: int
    ) -> Put:
        """The last chunks, the blob, the manifest, the entry and the row of the document, within a turn."""
        staged, hashes = self._write(id, len(pieces), rest)
        self._blobs.adopt(BlobRow(digest, staged, size_bytes, b"".join([*pieces, *hashes])))
        self._numbers.use(facts.receipt)
        row = self.agencies.get(facts.agency) or AgencyRow(facts.agency, 0, NO_MANIFEST)
        manifest = sign(self._manifest(facts, row), self._signing_key)
        self.agencies.put(AgencyRow(facts.agency, row.counter + 1, digest_of(manifest)))
        entry = self._journal.append(DocumentSealed(manifest, facts.summary, digest, size_bytes))
        at = microseconds(self._now())
        self._documents.rows.add(
            DocumentRow(
                facts.envelope,
                entry.number,
                facts.receipt,
                facts.agency,
                digest,
                size_bytes,
                at,
                State.WAITING.value,
                at,
                digest_of(manifest),
            )
        )
        return Put(facts.receipt, facts.envelope, entry.number, digest, size_bytes)

    def _manifest(self, facts: Facts, row: AgencyRow) -> Manifest:
        return Manifest(
            version=1,
            suite=SUITE,
            envelope=facts.envelope,
            receipt=facts.receipt,
            agency=facts.agency,
            epoch=facts.epoch,
            cabin=self._site,
            captured_at=facts.captured_at,
            length_bytes=facts.length_bytes,
            header_sha256=facts.header_sha256,
            payload_sha256=facts.payload_sha256,
            counter=row.counter + 1,
            previous=row.previous,
        )


class Staging:
    """An envelope on its way into the outbox. Nothing of it counts before `put`; what is left over is wiped when the buffer opens."""

    def __init__(
        self, outbox: Outbox, durably: Callable[[Callable[[], Put]], Put], wipe: Callable[[int], None]
    ) -> None:
        self._outbox = outbox
        self._durably = durably
        self._wipe = wipe
        self._hasher = hashlib.sha256()
        self._waiting = bytearray()
        self._id = 0
        self._pieces: list[bytes] = []
        self._over = False
        self.size_bytes = 0

    def write(self, part: bytes | memoryview) -> None:
        """The next bytes of the age file. Raises Refused(TOO_LARGE); Unavailable when the disk is full: `discard` then."""
        self._open()
        self.size_bytes += len(part)
        if self.size_bytes > limits.ENVELOPE_BYTES_MAX:
            raise Refused(
                Code.TOO_LARGE, f"This document is larger than {limits.ENVELOPE_BYTES_MAX // 1_000_000} megabytes."
            )
        self._hasher.update(part)
        self._waiting += part
        while len(self._waiting) >= _WRITE_BYTES:
            self._id, hashes = self._outbox.write(self._id, len(self._pieces), self._chunks(_WRITE_BYTES))
            self._pieces += hashes
            del self._waiting[:_WRITE_BYTES]

    def put(self, facts: Facts) -> Put:
        """Accept the document: durable on return, or Unavailable and nothing of it is there; then `discard`.

        Raises Refused when the facts cannot be those of this document, Mistake when the receipt number was not issued for it."""
        self._open()
        if not 0 < facts.length_bytes < self.size_bytes:
            raise Mistake(f"A payload of {facts.length_bytes} bytes in an envelope of {self.size_bytes}.")
        if len(facts.summary) > limits.SUMMARY_BYTES_MAX:
            raise Refused(Code.TOO_LARGE, f"A summary of {len(facts.summary)} bytes.", "Shorten the remark.")
        rest = self._chunks(len(self._waiting))
        digest = Digest(self._hasher.digest())
        put = self._durably(lambda: self._outbox.put(facts, self._id, self._pieces, rest, digest, self.size_bytes))
        self._outbox.stagings.discard(self._id)
        self._over = True
        self._waiting.clear()
        return put

    def discard(self) -> None:
        """Forget it; after `put`, or twice, nothing happens."""
        if not self._over:
            self._over = True
            self._waiting.clear()
            if self._id:
                self._wipe(self._id)

    def _chunks(self, size_bytes: int) -> list[bytes]:
        return [bytes(self._waiting[start : start + CHUNK_BYTES]) for start in range(0, size_bytes, CHUNK_BYTES)]

    def _open(self) -> None:
        if self._over:
            raise Mistake("A staging was used after it had ended.")
