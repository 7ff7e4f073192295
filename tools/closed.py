"""What an agency has written out, accepted or returned: the signed events of each document, kept beside its keys wherever its papers have gone.

A hub that came back from an older copy shows documents a second time, or has lost what it had delivered. By this the connector knows them, hands no
document out twice, and can prove what it has. What is to be told is kept before it is told: a hub may hear it and be gone before it has answered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from protocol import codec, limits
from protocol.errors import Refused
from protocol.ids import EnvelopeId
from protocol.manifest import Happening, Receipt, Signed, unverified
from protocol.runtime.folder import make_folder, write_file
from tools.letter import writing

FOLDER: Final = "closed"
DOCUMENTS_MAX: Final = 20_000  # a year of a busy office; a copy of the hub is never as old
SLACK: Final = 500  # so many more, and the oldest are forgotten


class Chain(msgspec.Struct, frozen=True, array_like=True):
    """All signed events of one document, the hub's first. `heard`: the hub has said that it knows them."""

    receipts: tuple[Signed, ...]
    heard: bool = True

    @property
    def last(self) -> Receipt:
        """What the agency has said in the end."""
        return unverified(Receipt, self.receipts[-1])


class Closed:
    """Owns the folder `closed` in the folder of an inbox's keys: one small file for each document, named by its envelope. It is there before any of
    the document's papers is."""

    def __init__(self, keys: Path) -> None:
        self._folder = keys / FOLDER
        self._count: int | None = None

    def get(self, envelope: EnvelopeId) -> Chain | None:
        """None for a document that was never closed here, and for a file that cannot be read."""
        try:
            chain = codec.decode(Chain, self._path(envelope).read_bytes(), limits.MESSAGE_BYTES_MAX)
        except (OSError, Refused):
            return None
        return chain if chain.last.happening in (Happening.ACCEPTED, Happening.RETURNED) else None

    def begun(self, envelope: EnvelopeId) -> bool:
        """May its papers have stood somewhere under their names?"""
        return self._path(envelope).exists()

    def put(self, envelope: EnvelopeId, receipts: tuple[Signed, ...], *, heard: bool = True) -> None:
        """Keep these events, in place of those before. Raises Unavailable."""
        with writing(self._folder):
            make_folder(self._folder, 0o700)
        fresh = not self.begun(envelope)
        write_file(self._path(envelope), codec.encode(Chain(receipts, heard)), 0o600)
        self._count = len(list(self._folder.iterdir())) if self._count is None else self._count + fresh
        if self._count > DOCUMENTS_MAX + SLACK:
            self._forget()

    def _forget(self) -> None:
        oldest_first = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in oldest_first[:-DOCUMENTS_MAX]:
            path.unlink(missing_ok=True)
        self._count = DOCUMENTS_MAX

    def _path(self, envelope: EnvelopeId) -> Path:
        return self._folder / envelope.hex()
