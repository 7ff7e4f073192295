from __future__ import annotations

import pytest
from msgspec.structs import replace

from protocol import contacts, limits
from protocol.contacts import HubCard, InboxCard
from protocol.errors import Code, Refused
from protocol.ids import AgencyId
from protocol.keys import CurvePair, SigningPair
from protocol.recipients import HybridIdentity

SIGNING = SigningPair(b"s" * 32)
PQ = str(HybridIdentity.generate(lambda size: b"\7" * size).recipient())
HUB = HubCard("tcp://hub.example:7400", CurvePair(b"h" * 32).public, SigningPair(b"a" * 32).public)
INBOX = InboxCard(AgencyId("sozialamt-uckermark"), 1, PQ, SIGNING.public, CurvePair(b"c" * 32).public)


def test_a_hub_card_is_read_again() -> None:
    text = contacts.write_hub_card(HUB)
    assert text.startswith("kabine-hub-1-")
    assert contacts.read_hub_card(text) == HUB


def test_an_inbox_card_is_read_again_and_fits_in_a_line_of_a_terminal() -> None:
    text = contacts.write_inbox_card(replace(INBOX, agency=AgencyId("a" * 63)), SIGNING)
    assert text.startswith("kabine-inbox-1-")
    assert len(text) < limits.CARD_CHARS_MAX < 4096
    assert contacts.read_inbox_card(text).recipient == PQ


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"address": "hub"}, Code.MALFORMED, "no address"),
        ({"curve_key": b""}, Code.UNSUPPORTED_VERSION, "another release"),
        ({"authority_key": b""}, Code.UNSUPPORTED_VERSION, "another release"),
    ],
)
def test_an_unsound_hub_card_is_refused(fields: dict[str, object], code: Code, told: str) -> None:
    with pytest.raises(Refused, match=told) as caught:
        contacts.read_hub_card(contacts.write_hub_card(replace(HUB, **fields)))
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"agency": "Sozialamt"}, "no name for an agency"),
        ({"epoch": 0}, "its epoch is 0, less than 1"),
        ({"recipient": "age1pq1"}, "its recipient: "),
        ({"curve_key": b""}, "spell no inbox card"),
    ],
)
def test_an_unsound_inbox_card_is_refused(fields: dict[str, object], told: str) -> None:
    with pytest.raises(Refused, match=told) as caught:
        contacts.read_inbox_card(contacts.write_inbox_card(replace(INBOX, **fields), SIGNING))
    assert caught.value.code is Code.MALFORMED


def test_an_inbox_card_signed_with_another_key_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        contacts.read_inbox_card(contacts.write_inbox_card(INBOX, SigningPair(b"x" * 32)))
    assert caught.value.code is Code.BAD_SIGNATURE


def test_the_two_cards_are_not_taken_for_one_another() -> None:
    with pytest.raises(Refused, match="This is kabine-hub-…; kabine-inbox-… is asked for"):
        contacts.read_inbox_card(contacts.write_hub_card(HUB))
