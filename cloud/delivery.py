"""A document is complete: check it against what was signed, and in one step put it in the agency's inbox and say so.

Promise of *gesichert*: inbox row, signed receipt and its entry in the cabin's log are one transaction, after the bytes are on the disk.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud.awaited import Awaited
from cloud.known import Known
from cloud.site_log import Place
from cloud.storage.blobs.segments import Segments
from cloud.storage.blobs.sums import Sums
from cloud.turn import ANNOUNCED, QUARANTINED, Turn, Wanted
from protocol.entries import ReceiptGiven
from protocol.ids import HUB_ID, Digest
from protocol.manifest import Happening, Receipt, sign

ATTEMPTS_MAX: Final = 3  # then a person is called, and it is asked for again only when the cabin connects anew
DAMAGED: Final = "blob-damaged"


class Delivery:
    """Of all documents, with what is needed to sign for them."""

    def __init__(self, known: Known, blobs: Segments, key: Ed25519PrivateKey) -> None:
        self._known = known
        self._blobs = blobs
        self._key = key
        self._attempts: dict[Digest, int] = {}

    def consider(self, turn: Turn, place: Place, awaited: Awaited, sums: Sums) -> bool:
        """Is this blob complete? Then it is delivered, or asked for again, or set aside; True when nothing more is awaited."""
        if sums.size_bytes < awaited.size_bytes:
            return False
        if (sums.header_sha256, sums.payload_sha256(), sums.payload_bytes, sums.size_bytes) != (
            awaited.header_sha256,
            awaited.payload_sha256,
            awaited.length_bytes,
            awaited.size_bytes,
        ):
            return self._unfit(turn, awaited)
        self._attempts.pop(awaited.digest, None)
        self._blobs.finished(awaited.digest)
        turn.news.delivered.add(awaited.agency)
        if awaited.place is not None and awaited.last not in (None, Happening.LOST):
            turn.back(awaited.id, awaited.last)  # at its place, and what was signed about it holds
            return True
        receipt = Receipt(1, awaited.envelope, Happening.STORED, HUB_ID, turn.now, awaited.manifest_digest)
        signed = sign(receipt, self._key)
        if awaited.last is not None:
            turn.unsay(awaited.id)
        turn.stored(awaited.id, awaited.place or self._known.next_place(turn.connection, awaited.agency))
        turn.happened(awaited.id, 1, Happening.STORED, turn.now, signed)
        turn.append(place, ReceiptGiven(signed))
        return True

    def _unfit(self, turn: Turn, awaited: Awaited) -> bool:
        """These bytes are not those that the manifest signs: were they altered on the way, or did the cabin sign others?"""
        if self._blobs.digest(awaited.digest) != awaited.digest:
            self._again(turn, awaited)
            return False
        self._attempts.pop(awaited.digest, None)
        self._set_aside(turn, awaited)
        return True

    def _again(self, turn: Turn, awaited: Awaited) -> None:
        self._blobs.forget(awaited.digest)
        attempts = self._attempts[awaited.digest] = self._attempts.get(awaited.digest, 0) + 1
        if attempts % ATTEMPTS_MAX:
            turn.news.wanted.append(Wanted(awaited.site, awaited.digest, awaited.size_bytes, 0))
            return
        words = f"Document {awaited.envelope.hex()} arrived {attempts} times with other bytes than announced."
        turn.alarm(awaited.site, DAMAGED, f"{words} Look at the cabin's disk; the document stays in the cabin.")
        turn.trouble(awaited.id, words, ANNOUNCED)

    def _set_aside(self, turn: Turn, awaited: Awaited) -> None:
        words = "Its bytes are those announced, but not those that the manifest signs."
        self._blobs.forget(awaited.digest)
        turn.alarm(awaited.site, DAMAGED, f"Document {awaited.envelope.hex()} was set aside. {words}")
        turn.trouble(awaited.id, words, QUARANTINED)
