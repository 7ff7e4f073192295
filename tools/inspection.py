"""What anybody can see of a sealed file without a key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.age import Splitter
from protocol.envelope import CHUNK_BYTES, NONCE_BYTES, TAG_BYTES
from protocol.errors import Code, Refused
from tools.armor import Bared


@dataclass(frozen=True, slots=True)
class Inspection:
    """What anybody can see of a sealed file. `kinds`: one for each recipient, in the file's order; `document_bytes` is exact."""

    kinds: tuple[str, ...]
    armored: bool
    header_bytes: int
    payload_bytes: int
    document_bytes: int


def inspect(pieces: Iterable[bytes]) -> Inspection:
    """Look at a sealed file, given in portions, without a key. Raises Refused(BAD_FILE) when its shape is not that of one.

    That the shape is right does not mean that it opens: nothing is authenticated without a key."""
    bared, splitter, payload_bytes = Bared(pieces), Splitter(), 0
    for piece in bared:
        payload_bytes += len(splitter.update(piece))
    header = splitter.finish()
    whole, rest = divmod(payload_bytes - NONCE_BYTES, (CHUNK_BYTES + TAG_BYTES))
    # The last chunk holds at least a tag, and is empty only where the document is.
    if payload_bytes < NONCE_BYTES + TAG_BYTES or 0 < rest < TAG_BYTES + (whole > 0):
        raise Refused(Code.BAD_FILE, "The content of this sealed file is cut off.")
    return Inspection(
        tuple(stanza.kind for stanza in header.stanzas),
        bared.armored,
        len(header.raw),
        payload_bytes,
        whole * CHUNK_BYTES + max(0, rest - TAG_BYTES),
    )
