"""The directory in force in this cabin, and the newer one that the hub has announced."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from edge.storage.blobs import CHUNK_BYTES, BlobRow, Blobs
from edge.storage.database import Database
from protocol import codec, limits
from protocol.directory import Directory
from protocol.entries import DirectoryPublished
from protocol.errors import Code, Refused
from protocol.ids import Digest
from protocol.manifest import Signed
from protocol.publication import verify_first, verify_successor

_ATTEMPTS_MAX = 3
_SIGNED_BYTES_MAX = limits.DIRECTORY_BYTES_MAX + limits.KIB  # with its signature


class Wanted(NamedTuple):
    """A blob to fetch from the hub, of which `have_bytes` are here."""

    digest: Digest
    size_bytes: int
    have_bytes: int


class DirectoryInForce:
    """`signed` and `directory`: None before the first. `refused`: why the hub's newest was not taken, in words; empty when it was. Writes happen
    within a turn of `database`."""

    def __init__(self, database: Database, blobs: Blobs, authority_key: bytes) -> None:
        self._database = database
        self._blobs = blobs
        self._authority_key = authority_key
        self._attempts = 0
        self.signed: Signed | None = None
        self.directory: Directory | None = None
        self.refused = ""

    @contextmanager
    def or_as_before(self) -> Iterator[None]:
        """Around a turn: when it fails, what was in force before is so again."""
        before = self.signed, self.directory, self.refused
        try:
            yield
        except BaseException:
            self.signed, self.directory, self.refused = before
            raise

    def load(self) -> str:
        """Read it from the file, within a turn. What is wrong with it, empty when nothing; it is fetched from the hub again then."""
        place = self._database.place
        digest, self.signed, self.directory = Digest(place.directory), None, None
        if not digest:
            return ""
        size_bytes = self._blobs.have(digest)
        try:
            self.signed = self._spelled(digest)
            self.directory = verify_first(self.signed, self._authority_key)
            return ""
        except Refused as refused:
            self.signed = None
            wanted = place.wanted or DirectoryPublished(0, digest, size_bytes)
            self._blobs.free(digest)
            self._place(directory=b"", wanted=wanted)
            return f"The directory on this cabin's disk is not what was written: {refused.what}"

    def take(self, signed: Signed) -> Directory:
        """Put `signed` in force. Raises Refused when it may not take the place of the one here."""
        directory = self._verified(signed)
        raw = codec.encode(signed)
        digest = Digest(hashlib.sha256(raw).digest())
        if digest == self._database.place.directory:
            return directory
        id = self._blobs.begin()
        chunks = [raw[start : start + CHUNK_BYTES] for start in range(0, len(raw), CHUNK_BYTES)]
        pieces = b"".join([self._blobs.write(id, place, chunk) for place, chunk in enumerate(chunks)])
        self._blobs.free(digest)  # part of it may have come from the hub before
        self._blobs.adopt(BlobRow(digest, id, len(raw), pieces))
        self._enforce(digest, signed, directory)
        return directory

    def announced(self, event: DirectoryPublished) -> None:
        """The hub has a newer one. Raises Refused(TOO_LARGE)."""
        if event.size_bytes > _SIGNED_BYTES_MAX:
            raise Refused(Code.TOO_LARGE, f"Directory {event.version} would have {event.size_bytes} bytes.")
        place = self._database.place
        if event.version == self.version() and event.digest != place.directory:
            self._refuse(event, f"There are two different directories with the version {event.version}.")
        newest = max(self.version(), place.wanted.version if place.wanted else 0)
        if event.version > newest:
            self._give_up()
            self._place(wanted=event)
            self._attempts = 0

    def wanted(self) -> list[Wanted]:
        """What is to be fetched."""
        event = self._database.place.wanted
        return [Wanted(event.digest, event.size_bytes, self._blobs.have(event.digest))] if event else []

    def arrived(self) -> tuple[int | None, str, bool]:
        """If the wanted one is complete, put it in force: its version; what was wrong; whether to ask for it again.

        That is when its bytes were altered on the way or on the disk; it is given up when it may not be in force."""
        event = self._database.place.wanted
        if event is None or self._blobs.have(event.digest) < event.size_bytes:
            return None, "", False
        if self._blobs.have(event.digest) != event.size_bytes or not self._blobs.check(event.digest):
            self._blobs.free(event.digest)
            self._attempts += 1
            if self._attempts < _ATTEMPTS_MAX:
                return None, "", True
            return None, f"Directory {event.version} of the hub came altered {self._attempts} times.", False
        try:
            signed = self._spelled(event.digest)
            directory = self._verified(signed)
        except Refused as refused:
            self._give_up()
            self._refuse(event, refused.what)
            return None, "", False
        self._enforce(event.digest, signed, directory)
        return directory.version, "", False

    def version(self) -> int:
        """Of the directory in force, 0 without one."""
        return self.directory.version if self.directory else 0

    def _verified(self, signed: Signed) -> Directory:
        if self.signed is None:
            return verify_first(signed, self._authority_key)
        return verify_successor(self.signed, signed, self._authority_key)

    def _spelled(self, digest: Digest) -> Signed:
        if not self._blobs.check(digest):
            raise Refused(Code.BAD_FILE, "Its bytes are not those that its digest names.")
        raw = self._blobs.read(digest, 0, _SIGNED_BYTES_MAX)
        return codec.decode_canonical(Signed, raw or b"", _SIGNED_BYTES_MAX)

    def _enforce(self, digest: Digest, signed: Signed, directory: Directory) -> None:
        before = Digest(self._database.place.directory)
        if before and before != digest:
            self._blobs.free(before)
        wanted = self._database.place.wanted
        if wanted and wanted.version <= directory.version:
            if wanted.digest != digest:
                self._blobs.free(wanted.digest)
            wanted = None
        self._place(directory=digest, wanted=wanted)
        self.signed, self.directory, self.refused = signed, directory, ""

    def _refuse(self, event: DirectoryPublished, why: str) -> None:
        self.refused = f"Directory {event.version} of the hub was refused: {why}"

    def _give_up(self) -> None:
        wanted = self._database.place.wanted
        if wanted:
            self._blobs.free(wanted.digest)
            self._place(wanted=None)

    def _place(self, **changes: object) -> None:
        self._database.place = msgspec.structs.replace(self._database.place, **changes)
