"""The life of a cabin at the hub, row by row."""

from __future__ import annotations

import itertools

import pytest

from cloud.enrolment_table import TABLE, Event, State, next_state
from protocol.errors import Code, Refused


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([Event.CLAIM, Event.CONFIRM], State.CONFIRMED),
        ([Event.INVITE, Event.CLAIM, Event.INVITE, Event.CLAIM, Event.CONFIRM], State.CONFIRMED),
        ([Event.CLAIM, Event.CONFIRM, Event.INVITE, Event.CLAIM, Event.CONFIRM], State.CONFIRMED),
        ([Event.CLAIM, Event.CONFIRM, Event.CLAIM], State.REPLACING),
        ([Event.CLAIM, Event.CONFIRM, Event.CLAIM, Event.REVOKE], State.REVOKED),
        ([Event.CLAIM, Event.REVOKE, Event.INVITE], State.INVITED),
    ],
)
def test_a_life(events: list[Event], end: State) -> None:
    state = State.INVITED
    for event in events:
        state = next_state(state, event)
    assert state is end


@pytest.mark.parametrize(
    ("state", "event", "code", "told"),
    [
        (
            State.INVITED,
            Event.CONFIRM,
            Code.NOT_ENROLLED,
            "No machine has claimed this site yet. Run `kabine edge enrol",
        ),
        (State.CLAIMED, Event.CLAIM, Code.INVITATION_SPENT, "Another machine has claimed this site already"),
        (State.REPLACING, Event.CLAIM, Code.INVITATION_SPENT, "Another machine has claimed this site already"),
        (State.CONFIRMED, Event.CONFIRM, Code.OUT_OF_ORDER, "confirmed already"),
        (State.REVOKED, Event.CLAIM, Code.REVOKED, "is revoked"),
        (State.REVOKED, Event.CONFIRM, Code.REVOKED, "is revoked"),
        (State.REVOKED, Event.REVOKE, Code.REVOKED, "is revoked already"),
    ],
)
def test_what_is_not_possible_is_refused_in_words(state: State, event: Event, code: Code, told: str) -> None:
    with pytest.raises(Refused, match=told) as caught:
        next_state(state, event)
    assert caught.value.code is code
    assert caught.value.remedy


def test_every_pair_is_either_possible_or_refused() -> None:
    for state, event in itertools.product(State, Event):
        try:
            assert next_state(state, event) is TABLE[state, event]
        except Refused:
            assert (state, event) not in TABLE
