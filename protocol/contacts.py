"""What hub and agency give each other on paper or by mail: whom to reach, whom to believe. SPEC.md section 7.4."""

from __future__ import annotations

from typing import ClassVar, Final

from msgspec import Struct

from protocol import cards, codec, soundness
from protocol.codec import Key, Number
from protocol.ids import AgencyId, agency_id
from protocol.keys import SigningPair
from protocol.manifest import Signable, Signed, sign, unverified, verify

_HUB: Final = "hub"
_INBOX: Final = "inbox"


class HubCard(Struct, frozen=True, array_like=True):
    """What an agency needs to reach the hub and to believe the directory: address, CURVE key and the authority's Ed25519 key."""

    address: str
    curve_key: Key
    authority_key: Key


class InboxCard(Signable, frozen=True, array_like=True):
    """What an agency gives the hub's operator: whom the cabins shall seal to, what its receipts are signed with, and its connector's CURVE key.

    Signed with that Ed25519 key, so that a key of another inbox cannot have slipped in."""

    context: ClassVar[bytes] = b"kabine/inbox/1"

    agency: AgencyId
    epoch: Number
    recipient: str
    signing_key: Key
    curve_key: Key


def write_hub_card(card: HubCard) -> str:
    """One line `kabine-hub-1-…`; nothing in it is secret."""
    return cards.write(_HUB, codec.encode(card))


def read_hub_card(text: str) -> HubCard:
    """Inverse of `write_hub_card`. Raises Refused(BAD_KEY, UNSUPPORTED_VERSION or MALFORMED)."""
    card = cards.read_noun(_HUB, text, HubCard)
    soundness.expect("hub card", soundness.address(card.address), "Ask the hub's operator for a new one.")
    return card


def write_inbox_card(card: InboxCard, signing: SigningPair) -> str:
    """One line `kabine-inbox-1-…`; nothing in it is secret. `signing` is the pair whose public half the card names."""
    return cards.write(_INBOX, codec.encode(sign(card, signing.private())))


def read_inbox_card(text: str) -> InboxCard:
    """Inverse of `write_inbox_card`. Raises Refused(BAD_KEY, UNSUPPORTED_VERSION, MALFORMED or BAD_SIGNATURE)."""
    signed = cards.read_noun(_INBOX, text, Signed)
    card = verify(InboxCard, signed, unverified(InboxCard, signed).signing_key)
    soundness.expect(
        "inbox card",
        [
            *soundness.refused(agency_id, card.agency),
            *([f"its epoch is {card.epoch}, less than 1"] if card.epoch < 1 else []),
            *soundness.recipient("recipient", card.recipient),
        ],
        "Make a new one with `kabine inbox keygen`.",
    )
    return card
