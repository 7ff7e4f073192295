"""Where pages wait until the visitor has confirmed: on disk, but only as noise, and gone with the process.

One unlinked file, each page sealed with ChaCha20-Poly1305 under a key that exists in this process's memory alone. So 300 pages need
no memory, and a stolen disk or a power cut leaves nothing that anybody could read.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from edge.capture.encoded import Encoded
from protocol import limits
from protocol.errors import Code, Refused, Unavailable

OVERHEAD_BYTES_MAX: Final = 8 * limits.KIB  # what a PDF adds to the streams of a page, generously
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Encoded)


class Spool:
    """Owns one unlinked file. Pages are numbered 0, 1, 2 … in the order of `add`."""

    def __init__(self, folder: Path) -> None:
        """Raises Unavailable when `folder` cannot be written."""
        try:
            self._file = _unlinked(folder)
        except OSError as error:
            raise Unavailable(
                f"Pages cannot be kept in “{folder}”: {error.strerror}.",
                "Give the cabin a folder that it may write to.",
            ) from error
        self._places: list[tuple[int, int]] = []  # where it begins, and its nonce
        self._end_bytes = 0
        self._attempts = 0
        self._box = ChaCha20Poly1305(ChaCha20Poly1305.generate_key())

    def __len__(self) -> int:
        return len(self._places)

    def add(self, page: Encoded) -> None:
        """Raises Refused(TOO_LARGE) when the document would exceed 300 pages or 100 MB, Unavailable when the disk is full."""
        if len(self._places) >= limits.DOCUMENT_PAGES_MAX:
            raise Refused(
                Code.TOO_LARGE,
                f"The document has more than {limits.DOCUMENT_PAGES_MAX} pages.",
                "Hand it in as several documents.",
            )
        # A nonce counts attempts, not pages: after a write that failed the next one must not repeat it.
        self._attempts += 1
        box = self._box.encrypt(self._attempts.to_bytes(12, "big"), _encoder.encode(page), None)
        if self._end_bytes + len(box) + OVERHEAD_BYTES_MAX > limits.DOCUMENT_BYTES_MAX:
            raise Refused(
                Code.TOO_LARGE,
                f"The document is larger than {limits.DOCUMENT_BYTES_MAX // 1_000_000} MB.",
                "Hand it in as several documents.",
            )
        try:
            offset = 0
            while offset < len(box):
                offset += os.pwrite(self._file, memoryview(box)[offset:], self._end_bytes + offset)
        except OSError as error:
            raise Unavailable(
                f"A page cannot be kept: {error.strerror}.", "Free space on the cabin's disk, then take the page again."
            ) from error
        self._places.append((self._end_bytes, self._attempts))
        self._end_bytes += len(box)

    def read(self, index: int) -> Encoded:
        """Page `index` from 0. Raises Unavailable when the disk gives back something else than it was given."""
        offset, nonce = self._places[index]
        end = self._places[index + 1][0] if index + 1 < len(self._places) else self._end_bytes
        box = os.pread(self._file, end - offset, offset)
        try:
            return _decoder.decode(self._box.decrypt(nonce.to_bytes(12, "big"), box, None))
        except InvalidTag as error:
            raise Unavailable(
                f"Page {index + 1} came back damaged from the disk.", "Take the pages again; have the disk checked."
            ) from error

    def clear(self) -> None:
        """Forget all pages and the key they were sealed with."""
        self._places.clear()
        self._end_bytes = 0
        self._attempts = 0
        os.ftruncate(self._file, 0)
        self._box = ChaCha20Poly1305(ChaCha20Poly1305.generate_key())

    def close(self) -> None:
        """The space is free at once: the file has no name."""
        os.close(self._file)


def _unlinked(folder: Path) -> int:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC | os.O_EXCL, 0o600)
    except OSError:
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise
    # A file system without O_TMPFILE: a name for the blink of an eye, and nothing in the file yet.
    descriptor, name = tempfile.mkstemp(prefix="spool-", dir=folder)
    os.unlink(name)
    return descriptor
