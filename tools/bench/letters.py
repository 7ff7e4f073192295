"""Documents for workloads without a buffer: sealed for real, announced and signed as a cabin would."""

from __future__ import annotations

import hashlib
import os

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.entries import DocumentSealed
from protocol.envelope import Sealer, seal_bytes
from protocol.ids import AgencyId, Digest, EnvelopeId, ReceiptNumber, SiteId
from protocol.inner import Summary, summary_bytes
from protocol.manifest import NO_MANIFEST, SUITE, Manifest, digest_of, sign
from protocol.recipients import HybridRecipient
from protocol.runtime.world import REAL


class Letter(msgspec.Struct, frozen=True):
    """One sealed document of bytes that nobody can compress: an age file, and what a manifest says about it."""

    data: bytes
    payload_bytes: int
    header_sha256: bytes
    payload_sha256: bytes

    @property
    def digest(self) -> Digest:
        """Its name as a blob."""
        return Digest(hashlib.sha256(self.data).digest())


def letter(recipient: HybridRecipient, size_bytes: int) -> Letter:
    """Seal `size_bytes` of chance."""
    sealer = Sealer([recipient], REAL.random)
    header = sealer.header()
    payload = sealer.update(os.urandom(size_bytes)) + sealer.finish()
    return Letter(header + payload, len(payload), hashlib.sha256(header).digest(), hashlib.sha256(payload).digest())


def like(pattern: Letter, payload: bytes) -> Letter:
    """The header of `pattern` before other bytes: thousands of them are made while one is sealed."""
    header = pattern.data[: -pattern.payload_bytes]
    return Letter(header + payload, len(payload), pattern.header_sha256, hashlib.sha256(payload).digest())


def summary(recipient: HybridRecipient, size_bytes: int) -> bytes:
    """What lies beside every document for its inbox."""
    said = Summary(
        title="Benchmark",
        kind="letter",
        service="",
        pages=1,
        language="de",
        remark="",
        captured_at=REAL.utc(),
        bytes=size_bytes,
    )
    return seal_bytes(summary_bytes(said), [recipient], REAL.random)


class Sender:
    """One cabin's row of manifests to one agency."""

    def __init__(
        self, site: SiteId, code: str, key: Ed25519PrivateKey, agency: AgencyId, epoch: int, summary: bytes
    ) -> None:
        self._site = site
        self._code = code
        self._key = key
        self._agency = agency
        self._epoch = epoch
        self._summary = summary
        self._counter = 0
        self._previous = NO_MANIFEST

    def announce(self, sent: Letter) -> DocumentSealed:
        """The entry that says this letter waits."""
        self._counter += 1
        manifest = Manifest(
            version=1,
            suite=SUITE,
            envelope=EnvelopeId(os.urandom(16)),
            receipt=ReceiptNumber(f"{self._code}-{self._counter:03}"),
            agency=self._agency,
            epoch=self._epoch,
            cabin=self._site,
            captured_at=REAL.utc(),
            length_bytes=sent.payload_bytes,
            header_sha256=sent.header_sha256,
            payload_sha256=sent.payload_sha256,
            counter=self._counter,
            previous=self._previous,
        )
        signed = sign(manifest, self._key)
        self._previous = digest_of(signed)
        return DocumentSealed(signed, self._summary, sent.digest, len(sent.data))
