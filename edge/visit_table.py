"""What may happen when, during a visit: from this state, by this event, into that one. A row that is missing is not possible."""

from __future__ import annotations

from typing import Final

from edge.conversation import (
    AgencyChosen,
    Back,
    CaptureEnded,
    Changed,
    Checked,
    Confirmed,
    CopyAsked,
    CopyChosen,
    Emptied,
    Entered,
    Event,
    Failed,
    Joined,
    Left,
    Lies,
    More,
    NextSheet,
    PageDropped,
    PagesLost,
    PageTaken,
    Printed,
    PrivacyRead,
    Quiet,
    Rated,
    Resumed,
    Retake,
    Sealed,
    SheetSeen,
    Spoke,
    State,
    Staying,
    Stored,
    TimedOut,
)
from protocol.errors import Code, Mistake, Refused

_S = State
TABLE: Final[dict[tuple[State, type], State]] = {
    (_S.WELCOME, Entered): _S.CHOOSE,
    (_S.WELCOME, Left): _S.WELCOME,
    (_S.WELCOME, Emptied): _S.WELCOME,
    (_S.CHOOSE, AgencyChosen): _S.PLACE,
    (_S.CHOOSE, CopyChosen): _S.PLACE,
    (_S.CHOOSE, Quiet): _S.CHOOSE,
    (_S.PLACE, SheetSeen): _S.TAKING,
    (_S.PLACE, PageTaken): _S.TAKING,
    (_S.PLACE, CaptureEnded): _S.JUDGE,
    (_S.PLACE, Failed): _S.JUDGE,
    (_S.PLACE, PagesLost): _S.JUDGE,
    (_S.PLACE, Back): _S.CHOOSE,
    (_S.PLACE, Changed): _S.JUDGE,
    (_S.PLACE, Checked): _S.CHECK,
    (_S.PLACE, Quiet): _S.PLACE,
    (_S.PLACE, Lies): _S.PLACE,
    (_S.TAKING, PageTaken): _S.TAKING,
    (_S.TAKING, CaptureEnded): _S.JUDGE,
    (_S.TAKING, Failed): _S.JUDGE,
    (_S.TAKING, PagesLost): _S.JUDGE,
    (_S.JUDGE, NextSheet): _S.PLACE,
    (_S.JUDGE, Retake): _S.PLACE,
    (_S.JUDGE, PageDropped): _S.JUDGE,
    (_S.JUDGE, Joined): _S.JUDGE,
    (_S.JUDGE, Back): _S.CHOOSE,
    (_S.JUDGE, Checked): _S.CHECK,
    (_S.JUDGE, CopyAsked): _S.PRINTING,
    (_S.JUDGE, PagesLost): _S.JUDGE,
    (_S.JUDGE, Quiet): _S.JUDGE,
    (_S.CHECK, Confirmed): _S.HAND_IN,
    (_S.CHECK, Changed): _S.JUDGE,
    (_S.CHECK, NextSheet): _S.PLACE,
    (_S.CHECK, Retake): _S.PLACE,
    (_S.CHECK, PageDropped): _S.CHECK,
    (_S.CHECK, PagesLost): _S.JUDGE,
    (_S.CHECK, Checked): _S.CHECK,
    (_S.CHECK, Quiet): _S.CHECK,
    (_S.HAND_IN, Sealed): _S.HAND_IN,
    (_S.HAND_IN, Stored): _S.FAREWELL,
    (_S.HAND_IN, Failed): _S.CHECK,
    (_S.HAND_IN, PagesLost): _S.JUDGE,
    (_S.HAND_IN, Confirmed): _S.HAND_IN,
    (_S.HAND_IN, Left): _S.LEAVING,
    (_S.LEAVING, Sealed): _S.LEAVING,
    (_S.LEAVING, Stored): _S.WELCOME,
    (_S.LEAVING, Failed): _S.WELCOME,
    (_S.LEAVING, PagesLost): _S.WELCOME,
    (_S.LEAVING, Confirmed): _S.LEAVING,
    (_S.LEAVING, Left): _S.LEAVING,
    (_S.PRINTING, Printed): _S.FAREWELL,
    (_S.PRINTING, Failed): _S.JUDGE,
    (_S.PRINTING, PagesLost): _S.JUDGE,
    (_S.PRINTING, CopyAsked): _S.PRINTING,
    (_S.FAREWELL, AgencyChosen): _S.PLACE,
    (_S.FAREWELL, CopyChosen): _S.PLACE,
    (_S.FAREWELL, More): _S.CHOOSE,
    (_S.FAREWELL, Rated): _S.FAREWELL,
    (_S.FAREWELL, Confirmed): _S.FAREWELL,
}
# Whoever is in the cabin may stay, come back, choose another language, and go; only what was confirmed is finished first.
_INSIDE: Final = frozenset(State) - {_S.WELCOME}
TABLE.update({(state, event): state for state in _INSIDE for event in (Entered, Emptied, Spoke, PrivacyRead, Resumed)})
TABLE.update({(state, Staying): state for state in _INSIDE - {_S.HAND_IN, _S.LEAVING}})
TABLE.update(
    {
        (state, event): _S.WELCOME
        for state in _INSIDE - {_S.HAND_IN, _S.LEAVING}
        for event in (Left, TimedOut)
        if (state, event) != (_S.PRINTING, TimedOut)
    }
)

# What a device, a worker or the timer reports; out of place it is our fault, while a tap out of place is only refused.
OURS: Final = (SheetSeen, PageTaken, CaptureEnded, Printed, Sealed, Stored, Failed, PagesLost, Quiet, TimedOut)


def following(state: State, event: Event) -> State:
    """The state after `event`. A missing row raises Mistake for a report of ours and Refused for a tap, either with what was possible."""
    if (state, type(event)) in TABLE:
        return TABLE[state, type(event)]
    possible = ", ".join(f"“{kind.__name__}”" for before, kind in TABLE if before is state)
    what = f"“{type(event).__name__}” is not possible in state “{state}”; possible: {possible}."
    if isinstance(event, OURS):
        raise Mistake(what, "Report this with the log of this process.")
    raise Refused(Code.OUT_OF_ORDER, what)
