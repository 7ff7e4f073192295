"""Questions that are asked once and answered once: enrolment, and an agency at its inbox. SPEC.md section 7.

A cabin keeps two logs in step with the hub; an agency's connector keeps none: it asks, and whatever it tells may be told again without
harm. Blobs it fetches with the same `Want` and `Chunk` frames as anybody else.
"""

from __future__ import annotations

import msgspec

from protocol.codec import BlobName, EnvelopeName, Number
from protocol.manifest import Signed


class MakeClaim(msgspec.Struct, frozen=True, array_like=True, tag="claim"):
    """A cabin with a one-time key asks to be admitted (enrolment.Claim, signed with the key it claims)."""

    claim: Signed


class ShowDirectory(msgspec.Struct, frozen=True, array_like=True, tag="show-directory"):
    """Which directory is in force?"""


class ListInbox(msgspec.Struct, frozen=True, array_like=True, tag="list-inbox"):
    """Documents of my inbox whose place is greater than `after`, oldest first, at most `count`. `everything` also lists what is done with."""

    after: Number = 0
    count: Number = 50
    everything: bool = False


class Tell(msgspec.Struct, frozen=True, array_like=True, tag="tell"):
    """A receipt of my agency (manifest.Receipt). Telling the same again is no error."""

    receipt: Signed


class ListLost(msgspec.Struct, frozen=True, array_like=True, tag="list-lost"):
    """Which documents of my agency are lost, as far as you know, since you came back from an older copy? Those I have not answered for, at most
    `count`."""

    count: Number = 50


class Recall(msgspec.Struct, frozen=True, array_like=True, tag="recall"):
    """What my agency has of a document that is lost to you: its signed events, your own first; none where it never came. The same again is no
    error."""

    envelope: EnvelopeName
    receipts: tuple[Signed, ...] = ()


Question = MakeClaim | ShowDirectory | ListInbox | Tell | ListLost | Recall


class CurrentDirectory(msgspec.Struct, frozen=True, array_like=True, tag="current-directory"):
    """The directory in force is blob `digest` of `size_bytes` (a Signed directory): fetch it with `Want`."""

    version: Number
    digest: BlobName
    size_bytes: Number


class Delivered(msgspec.Struct, frozen=True, array_like=True):
    """One document in an inbox. `place` grows with every delivery to this inbox; `receipts` are its signed events so far."""

    place: Number
    manifest: Signed
    summary: bytes
    digest: BlobName
    size_bytes: Number
    receipts: tuple[Signed, ...]


class Listing(msgspec.Struct, frozen=True, array_like=True, tag="listing"):
    """Answer to ListInbox; `more`: ask again after the last place."""

    documents: tuple[Delivered, ...]
    more: bool


class LostListing(msgspec.Struct, frozen=True, array_like=True, tag="lost-listing"):
    """Answer to ListLost: what their cabins have signed."""

    manifests: tuple[Signed, ...]


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """It is durable."""


Reply = CurrentDirectory | Listing | LostListing | Done


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """A question; `number` is the asker's own count and comes back in the answer."""

    number: Number
    question: Question


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """What was asked; a `Refused` frame with this number is the other possibility."""

    number: Number
    reply: Reply
