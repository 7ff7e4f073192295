"""What a node has told somebody, and whether its folder still bears it out after whatever happened to it.

Each noun is said at the moment at which the other side may begin to rely on it: a visitor („angenommen“, „gesichert“), the other end of the
link (an acknowledgement), an agency.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from protocol.ids import Digest, EnvelopeId


class Noun(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Base of all."""


class Began(Noun, frozen=True):
    """Nobody, to nobody: both nodes were set up; from here on the power may go."""


class NumberGiven(Noun, frozen=True):
    """The cabin: a receipt number that nobody else gets."""

    receipt: str


class Accepted(Noun, frozen=True):
    """The cabin, to a visitor: „angenommen“."""

    digest: Digest
    envelope: EnvelopeId
    receipt: str
    size_bytes: int


class Written(Noun, frozen=True):
    """The cabin: its log has come so far."""

    number: int
    hash: bytes


class Secured(Noun, frozen=True):
    """The cabin, to a visitor: „gesichert“."""

    envelope: EnvelopeId


class CabinHolds(Noun, frozen=True):
    """The cabin, to the hub: your log, up to this entry."""

    number: int


class HubHolds(Noun, frozen=True):
    """The hub, to the cabin: your log, up to this entry."""

    number: int
    hash: bytes


class HubSent(Noun, frozen=True):
    """The hub, to the cabin: this is the end of my log."""

    number: int
    hash: bytes


class Stored(Noun, frozen=True):
    """The hub, to an agency: this document lies in your inbox."""

    envelope: EnvelopeId
    digest: Digest


class AgencyTold(Noun, frozen=True):
    """The hub, to an agency: I have noted what you say became of this document."""

    envelope: EnvelopeId
    happening: str


Promise = Began | NumberGiven | Accepted | Written | Secured | CabinHolds | HubHolds | HubSent | Stored | AgencyTold
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Promise)


def spell(promise: Promise) -> bytes:
    """As words of a recording."""
    return _encoder.encode(promise)


@dataclass
class Promised:
    """Everything that was said so far."""

    numbers: set[str] = field(default_factory=set)
    accepted: dict[Digest, Accepted] = field(default_factory=dict)
    secured: set[EnvelopeId] = field(default_factory=set)
    written: Written = field(default_factory=lambda: Written(0, b""))
    cabin_holds: int = 0
    hub_holds: HubHolds = field(default_factory=lambda: HubHolds(0, b""))
    hub_sent: HubSent = field(default_factory=lambda: HubSent(0, b""))
    stored: dict[EnvelopeId, Digest] = field(default_factory=dict)
    told: set[tuple[EnvelopeId, str]] = field(default_factory=set)
    count: int = 0

    def heard(self, words: bytes) -> None:
        """One more."""
        self.count += 1
        match _decoder.decode(words):
            case NumberGiven(receipt):
                self.numbers.add(receipt)
            case Accepted() as accepted:
                self.accepted[accepted.digest] = accepted
            case Secured(envelope):
                self.secured.add(envelope)
            case Written() as written:
                self.written = written
            case CabinHolds(number):
                self.cabin_holds = number
            case HubHolds() as holds:
                self.hub_holds = holds
            case HubSent() as sent:
                self.hub_sent = sent
            case Stored(envelope, digest):
                self.stored[envelope] = digest
            case AgencyTold(envelope, happening):
                self.told.add((envelope, happening))
