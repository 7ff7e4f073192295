from __future__ import annotations

import enum

import pytest

from protocol import machine
from protocol.errors import Code, Mistake, Refused


class Door(enum.StrEnum):
    SHUT = "shut"
    AJAR = "half-open"
    GONE = "gone"


class Push:
    pass


TABLE: dict[tuple[Door, object], Door] = {
    (Door.SHUT, Push): Door.AJAR,
    (Door.AJAR, Push): Door.SHUT,
    (Door.SHUT, "saw"): Door.GONE,
}


def test_a_row_of_the_table_is_followed() -> None:
    assert machine.advance(TABLE, Door.SHUT, Push) is Door.AJAR


def test_a_missing_row_is_our_mistake_and_says_what_was_possible() -> None:
    with pytest.raises(Mistake) as caught:
        machine.advance(TABLE, Door.AJAR, "saw")
    assert caught.value.what == "“saw” is not possible in state “half-open”; possible: “Push”."


def test_a_missing_row_that_a_peer_caused_is_refused_with_the_code_given() -> None:
    with pytest.raises(Refused, match="possible: nothing, this state is final") as caught:
        machine.advance(TABLE, Door.GONE, Push, refuse=Code.REVOKED)
    assert caught.value.code is Code.REVOKED
    assert caught.value.remedy


def test_legal_events_come_in_the_order_of_the_table() -> None:
    assert machine.legal(TABLE, Door.SHUT) == (Push, "saw")
    assert machine.legal(TABLE, Door.GONE) == ()


def test_the_drawing_has_every_row_a_beginning_and_the_ends() -> None:
    assert machine.draw(TABLE).splitlines() == [
        "stateDiagram-v2",
        "    half_open: half-open",
        "    [*] --> shut",
        "    shut --> half_open: Push",
        "    shut --> gone: saw",
        "    half_open --> shut: Push",
        "    gone --> [*]",
    ]


def test_an_empty_table_draws_nothing() -> None:
    assert machine.draw({}) == "stateDiagram-v2\n"
