"""Running SHA-256 of a sealed document that is arriving: of the whole, and of age header and payload apart, as manifests name them."""

from __future__ import annotations

import hashlib
from typing import Final

from protocol.age import Splitter
from protocol.errors import Refused

_HEAD_BYTES: Final = 4096  # where a header of one post-quantum recipient ends: the rest of a chunk need not be searched, nor copied


class Sums:
    """Fed from the front. What is no age file has no parts, and still a sum of the whole."""

    __slots__ = ("_payload", "_splitter", "_whole", "header_sha256", "payload_bytes", "size_bytes")

    def __init__(self) -> None:
        self.size_bytes = 0
        self.header_sha256 = b""  # empty until the header is whole, and for ever when it is none
        self.payload_bytes = 0
        self._whole = hashlib.sha256()
        self._payload = hashlib.sha256()
        self._splitter: Splitter | None = Splitter()

    def update(self, chunk: bytes | memoryview) -> None:
        """The bytes that follow."""
        rest = memoryview(chunk)
        self.size_bytes += len(rest)
        self._whole.update(rest)
        while self._splitter is not None and len(rest):
            self._payload_is(self._split(self._splitter, bytes(rest[:_HEAD_BYTES])))
            rest = rest[_HEAD_BYTES:]
        if self.header_sha256:
            self._payload_is(rest)

    def digest(self) -> bytes:
        """SHA-256 of all bytes so far."""
        return self._whole.digest()

    def payload_sha256(self) -> bytes:
        """SHA-256 of the bytes after the header."""
        return self._payload.digest()

    def _payload_is(self, piece: bytes | memoryview) -> None:
        self._payload.update(piece)
        self.payload_bytes += len(piece)

    def _split(self, splitter: Splitter, chunk: bytes) -> bytes:
        try:
            payload = splitter.update(chunk)
        except Refused:
            self._splitter = None
            return b""
        # Armor is refused too: a manifest speaks of the bytes that travel.
        if splitter.header is not None and not splitter.armored:
            self.header_sha256 = hashlib.sha256(splitter.header.raw).digest()
        if splitter.header is not None:
            self._splitter = None
        return payload
