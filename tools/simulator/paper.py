"""What visitors hand in: random bytes in the shape of a sealed document. Sealing costs time and proves nothing here; signatures are real."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from edge.storage.outbox import Facts
from protocol.age import Header, Stanza, unpadded
from protocol.ids import AgencyId, Digest, EnvelopeId, ReceiptNumber

_SIZES: Final = ((2_000, 6_000), (6_000, 60_000), (60_000, 300_000))  # bytes: a note, a page, some pages
_LONG: Final = (2_200_000, 2_700_000)  # so many pages that a part is written to the disk before they are accepted


@dataclass(frozen=True)
class Document:
    """One envelope, and for whom it is."""

    envelope: EnvelopeId
    agency: AgencyId
    header: bytes
    payload: bytes

    @cached_property
    def raw(self) -> bytes:
        """What travels."""
        return self.header + self.payload

    @cached_property
    def digest(self) -> Digest:
        """Its name."""
        return Digest(hashlib.sha256(self.raw).digest())

    def facts(self, receipt: ReceiptNumber, captured_at: datetime, epoch: int = 1) -> Facts:
        """What the outbox must be told. `epoch`: of the inbox key."""
        return Facts(
            envelope=self.envelope,
            receipt=receipt,
            agency=self.agency,
            epoch=epoch,
            captured_at=captured_at,
            length_bytes=len(self.payload),
            header_sha256=hashlib.sha256(self.header).digest(),
            payload_sha256=hashlib.sha256(self.payload).digest(),
            summary=b"sealed summary",
        )


def draw(dice: random.Random, agencies: list[AgencyId], *, long: bool = False) -> Document:
    """A document that was never there before."""
    stanza = Stanza("mlkem768x25519", (unpadded(dice.randbytes(32)),), dice.randbytes(32))
    header = Header.make([stanza], dice.randbytes(16)).raw
    low, high = _LONG if long else dice.choices(_SIZES, (6, 6, 1))[0]
    return Document(
        EnvelopeId(dice.randbytes(16)), dice.choice(agencies), header, dice.randbytes(dice.randint(low, high))
    )
