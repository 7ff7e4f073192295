"""Running SHA-256 of a sealed document that is arriving: of age header and payload apart, as its manifest signs them.

One pass over the bytes, not two: that of the whole, its name, is only asked for when these do not fit (delivery.py).
"""

from __future__ import annotations

import hashlib
from typing import Final

from protocol.limits import KIB

# The last line of an age header begins so; nothing before it can hold this (protocol/age.py reads headers, here is only cut).
_MAC_MARK: Final = b"\n--- "
_HEADER_BYTES_MAX: Final = 16 * KIB  # a document has one recipient, and a header of 1.6 KB


class Sums:
    """Fed from the front. What has no age header of at most 16 KiB has no parts."""

    __slots__ = ("_head", "_payload", "header_sha256", "payload_bytes", "size_bytes")

    def __init__(self) -> None:
        self.size_bytes = 0
        self.header_sha256 = b""  # empty until the header is whole, and for ever when it is none
        self.payload_bytes = 0
        self._head: bytes | None = (
            b""  # what may be part of the header; None when its end was found, or cannot be any more
        )
        self._payload = hashlib.sha256()

    def update(self, chunk: bytes | memoryview) -> None:
        """The bytes that follow."""
        rest = memoryview(chunk)
        self.size_bytes += len(rest)
        if self._head is not None:
            rest = self._behead(self._head, rest)
        if self.header_sha256:
            self._payload.update(rest)
            self.payload_bytes += len(rest)

    def payload_sha256(self) -> bytes:
        """SHA-256 of the bytes after the header."""
        return self._payload.digest()

    def _behead(self, before: bytes, chunk: memoryview) -> memoryview:
        """What of `chunk` lies behind the header."""
        head = before + bytes(chunk[: _HEADER_BYTES_MAX - len(before)])
        mark = head.find(_MAC_MARK)
        end = head.find(b"\n", mark + 1) + 1 if mark >= 0 else 0
        if end:
            self._head = None
            self.header_sha256 = hashlib.sha256(head[:end]).digest()
            return chunk[end - len(before) :]
        self._head = head if len(head) < _HEADER_BYTES_MAX else None
        return chunk[len(chunk) :]
