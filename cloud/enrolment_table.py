"""How far a site's cabin has come, and what may happen next. A row is missing only where `_WHY_NOT` says why."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from protocol.errors import Code, Refused


class State(enum.StrEnum):
    """How far a site's cabin has come."""

    INVITED = "invited"
    CLAIMED = "claimed"  # a machine waits for confirmation
    CONFIRMED = "confirmed"  # admitted; the directory lists it
    REPLACING = "replacing"  # admitted, and another machine (or the same with new keys) waits to take its place
    REVOKED = "revoked"


class Event(enum.StrEnum):
    """What happens to a site's cabin; CLAIM comes from a machine, the others from the person in charge."""

    INVITE = "invite"
    CLAIM = "claim"
    CONFIRM = "confirm"
    REVOKE = "revoke"


# A new invitation forgets a claim that was not confirmed: so one says that the words did not match.
TABLE: Final[Mapping[tuple[State, Event], State]] = {
    (State.INVITED, Event.INVITE): State.INVITED,
    (State.INVITED, Event.CLAIM): State.CLAIMED,
    (State.INVITED, Event.REVOKE): State.REVOKED,
    (State.CLAIMED, Event.INVITE): State.INVITED,
    (State.CLAIMED, Event.CONFIRM): State.CONFIRMED,
    (State.CLAIMED, Event.REVOKE): State.REVOKED,
    (State.CONFIRMED, Event.INVITE): State.CONFIRMED,
    (State.CONFIRMED, Event.CLAIM): State.REPLACING,
    (State.CONFIRMED, Event.REVOKE): State.REVOKED,
    (State.REPLACING, Event.INVITE): State.CONFIRMED,
    (State.REPLACING, Event.CONFIRM): State.CONFIRMED,
    (State.REPLACING, Event.REVOKE): State.REVOKED,
    (State.REVOKED, Event.INVITE): State.INVITED,
}

_WHY_NOT: Final[Mapping[tuple[State, Event], tuple[Code, str, str]]] = {
    (State.INVITED, Event.CONFIRM): (
        Code.NOT_ENROLLED,
        "No machine has claimed this site yet.",
        "Run `kabine edge enrol INVITATION` in the cabin first.",
    ),
    (State.CLAIMED, Event.CLAIM): (Code.INVITATION_SPENT, "Another machine has claimed this site already.", ""),
    (State.CONFIRMED, Event.CONFIRM): (
        Code.OUT_OF_ORDER,
        "This cabin is confirmed already, and no other machine waits.",
        "Nothing to do; look at `kabine cabin list`.",
    ),
    (State.REPLACING, Event.CLAIM): (Code.INVITATION_SPENT, "Another machine has claimed this site already.", ""),
    (State.REVOKED, Event.CLAIM): (Code.REVOKED, "This cabin is revoked.", ""),
    (State.REVOKED, Event.CONFIRM): (Code.REVOKED, "This cabin is revoked.", ""),
    (State.REVOKED, Event.REVOKE): (
        Code.REVOKED,
        "This cabin is revoked already.",
        "So that the directory no longer lists it: kabine directory publish",
    ),
}


def next_state(state: State, event: Event) -> State:
    """Where `event` brings a cabin. Raises Refused with the reason in words.

    That a machine tells the same claim again, because the answer was lost, is no event: the caller compares the keys first."""
    if (state, event) in _WHY_NOT:
        raise Refused(*_WHY_NOT[state, event])
    return TABLE[state, event]
