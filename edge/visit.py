"""One visit as a table: somebody enters, chooses an agency, hands in papers and leaves; then everything about them is gone.

`step(event, now)` answers with what is to be done. It knows no device, no clock and no screen; whoever drives it (`reception.py`) carries
the effects out and comes back with what happened. A second `Confirmed` is legal in every state behind the first and does nothing: two
taps never hand in twice. Whatever way a visit ends, `Wipe` is among its last effects.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from edge.conversation import (
    AgencyChosen,
    Capture,
    Changed,
    Checked,
    Confirmed,
    Effect,
    Entered,
    Event,
    Failed,
    Left,
    NextSheet,
    NoteVisit,
    Outcome,
    PageDropped,
    PagesLost,
    PageTaken,
    Quiet,
    Rest,
    Retake,
    Seal,
    Sealed,
    Show,
    State,
    Staying,
    Store,
    Stored,
    TimedOut,
    Wipe,
)
from protocol.errors import Code, Mistake, Refused
from protocol.ids import ReceiptNumber
from protocol.machine import advance

_S = State
TABLE: Final[dict[tuple[State, type], State]] = {
    (_S.WELCOME, Entered): _S.CHOOSE,
    (_S.WELCOME, Left): _S.WELCOME,
    (_S.CHOOSE, AgencyChosen): _S.CAPTURE,
    (_S.CHOOSE, Entered): _S.CHOOSE,
    (_S.CHOOSE, Quiet): _S.CHOOSE,
    (_S.CHOOSE, Staying): _S.CHOOSE,
    (_S.CHOOSE, Left): _S.WELCOME,
    (_S.CHOOSE, TimedOut): _S.WELCOME,
    (_S.CAPTURE, PageTaken): _S.CAPTURE,
    (_S.CAPTURE, PageDropped): _S.CAPTURE,
    (_S.CAPTURE, Retake): _S.CAPTURE,
    (_S.CAPTURE, NextSheet): _S.CAPTURE,
    (_S.CAPTURE, Failed): _S.CAPTURE,
    (_S.CAPTURE, PagesLost): _S.CAPTURE,
    (_S.CAPTURE, Checked): _S.CHECK,
    (_S.CAPTURE, Entered): _S.CAPTURE,
    (_S.CAPTURE, Quiet): _S.CAPTURE,
    (_S.CAPTURE, Staying): _S.CAPTURE,
    (_S.CAPTURE, Left): _S.WELCOME,
    (_S.CAPTURE, TimedOut): _S.WELCOME,
    (_S.CHECK, Confirmed): _S.HAND_IN,
    (_S.CHECK, Changed): _S.CAPTURE,
    (_S.CHECK, Retake): _S.CAPTURE,
    (_S.CHECK, PageDropped): _S.CHECK,
    (_S.CHECK, PagesLost): _S.CAPTURE,
    (_S.CHECK, Checked): _S.CHECK,
    (_S.CHECK, Entered): _S.CHECK,
    (_S.CHECK, Quiet): _S.CHECK,
    (_S.CHECK, Staying): _S.CHECK,
    (_S.CHECK, Left): _S.WELCOME,
    (_S.CHECK, TimedOut): _S.WELCOME,
    (_S.HAND_IN, Sealed): _S.HAND_IN,
    (_S.HAND_IN, Stored): _S.FAREWELL,
    (_S.HAND_IN, Failed): _S.CHECK,
    (_S.HAND_IN, PagesLost): _S.CAPTURE,
    (_S.HAND_IN, Confirmed): _S.HAND_IN,
    (_S.HAND_IN, Entered): _S.HAND_IN,
    (_S.HAND_IN, Left): _S.LEAVING,
    (_S.LEAVING, Sealed): _S.LEAVING,
    (_S.LEAVING, Stored): _S.WELCOME,
    (_S.LEAVING, Failed): _S.WELCOME,
    (_S.LEAVING, PagesLost): _S.WELCOME,
    (_S.LEAVING, Confirmed): _S.LEAVING,
    (_S.LEAVING, Entered): _S.LEAVING,
    (_S.LEAVING, Left): _S.LEAVING,
    (_S.FAREWELL, AgencyChosen): _S.CAPTURE,
    (_S.FAREWELL, Confirmed): _S.FAREWELL,
    (_S.FAREWELL, Entered): _S.FAREWELL,
    (_S.FAREWELL, Staying): _S.FAREWELL,
    (_S.FAREWELL, Left): _S.WELCOME,
    (_S.FAREWELL, TimedOut): _S.WELCOME,
}

# What a device or a worker reports; out of place it is our fault, while a tap out of place is only refused.
_OURS: Final = (PageTaken, Sealed, Stored, Failed, PagesLost, Quiet, TimedOut)


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for a visitor, in seconds: without a touch, for an answer to „Brauchen Sie noch Zeit?“, and at the farewell."""

    quiet_seconds: float = 120.0
    answer_seconds: float = 60.0
    farewell_seconds: float = 30.0


class Visit:
    """The machine. Nothing of one visit is left in it when the next begins."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._blank()

    def _blank(self) -> None:
        self.state = State.WELCOME
        self.pages: tuple[int, ...] = ()
        self._documents = 0
        self._receipt: ReceiptNumber | None = None
        self._visit = b""
        self._language = "de"
        self._began_at: datetime | None = None
        self._chosen: AgencyChosen | None = None
        self._place: int | None = None  # where the page that is taken again belongs
        self._under_way = False  # confirmed, and neither stored nor failed yet

    def step(self, event: Event, now: datetime) -> list[Effect]:
        """What `event` at `now` (aware UTC) asks for, in order. Raises Refused for a tap that is not possible here, and Mistake for a report
        of our own that is not; nothing has changed then."""
        before = self.state
        after = advance(TABLE, before, type(event), None if isinstance(event, _OURS) else Code.OUT_OF_ORDER)
        self._check(event)
        self.state = after
        if after is State.WELCOME:
            return self._ended(event, now) if before is not State.WELCOME else []
        match event:
            case Entered():
                return self._entered(event, now)
            case AgencyChosen():
                self._chosen, self.pages, self._place = event, (), None
                return [self._rest(), self._show(), Capture()]
            case PageTaken(number):
                return self._page_taken(number)
            case PageDropped(number):
                self._without(number)
                return [self._rest(), self._show()]
            case Retake(number):
                self._place = self.pages.index(number)
                self._without(number)
                return [self._rest(), self._show(), Capture()]
            case NextSheet():
                return [self._rest(), self._show(), Capture()]
            case Confirmed():
                return self._confirmed()
            case Sealed():
                return [Store()]
            case Stored():
                return self._stored(event)
            case Failed() | PagesLost():
                return self._failed(event)
            case Quiet():
                return [Rest(self._patience.answer_seconds, TimedOut()), Show(self.state, self.pages, more_time=True)]
            case Left():
                return []  # only while it is being handed in: what was confirmed is finished first
            case _:  # Checked, Changed, Staying: nothing but the next screen
                return [self._rest(), self._show()]

    def _check(self, event: Event) -> None:
        match event:
            case PageDropped(number) | Retake(number) if number not in self.pages:
                raise Refused(Code.MALFORMED, f"There is no page {number}.", "Choose one of the pages on the screen.")
            case Checked() | Confirmed() if not self.pages and self.state in (State.CAPTURE, State.CHECK):
                raise Refused(Code.MALFORMED, "No page has been taken yet.", "Put a sheet on the table first.")
            case PageTaken(number) if number in self.pages:
                raise Mistake(f"Page {number} was taken twice.")
            case _:
                pass

    def _entered(self, event: Entered, now: datetime) -> list[Effect]:
        if self._began_at is not None:
            return []  # the sensor flickers
        self._visit, self._language, self._began_at = event.visit, event.language, now
        return [self._rest(), self._show()]

    def _page_taken(self, number: int) -> list[Effect]:
        place = len(self.pages) if self._place is None else self._place
        self.pages = (*self.pages[:place], number, *self.pages[place:])
        self._place = None
        return [self._rest(), self._show()]

    def _confirmed(self) -> list[Effect]:
        if self._under_way or self._chosen is None or self.state is not State.HAND_IN:
            return []  # behind the first tap: it has been heard
        self._under_way = True
        return [Rest(), self._show(), Seal(self._chosen.agency, self._chosen.service, self._chosen.title, self.pages)]

    def _stored(self, event: Stored) -> list[Effect]:
        self._documents += 1
        self._under_way, self.pages, self._chosen = False, (), None
        self._receipt = event.receipt
        return [Wipe(), self._rest(), self._show()]

    def _failed(self, event: Failed | PagesLost) -> list[Effect]:
        self._under_way = False
        wipe: list[Effect] = []
        if isinstance(event, PagesLost):
            self.pages, self._place, wipe = (), None, [Wipe()]
        return [*wipe, self._rest(), Show(self.state, self.pages, what=event.what, remedy=event.remedy)]

    def _ended(self, event: Event, now: datetime) -> list[Effect]:
        if self._began_at is None:
            raise Mistake("A visit ended that had never begun.")
        documents = self._documents + isinstance(event, Stored)
        outcome = Outcome.TIMED_OUT if isinstance(event, TimedOut) else Outcome.LEFT
        if isinstance(event, Failed | PagesLost):
            outcome = Outcome.FAILED
        if documents:
            outcome = Outcome.HANDED_IN
        note = NoteVisit(self._visit, self._began_at, now, outcome, documents, self._language)
        self._blank()
        return [Wipe(), note, Rest(), Show(State.WELCOME)]

    def _without(self, number: int) -> None:
        self.pages = tuple(page for page in self.pages if page != number)

    def _rest(self) -> Rest:
        if self.state is State.FAREWELL:
            return Rest(self._patience.farewell_seconds, TimedOut())
        return Rest(self._patience.quiet_seconds, Quiet())

    def _show(self) -> Show:
        return Show(self.state, self.pages, self._receipt if self.state is State.FAREWELL else None)
