"""One visit as a table: somebody enters, chooses an agency, hands in papers and leaves; then everything about them is gone.

`step(event, now)` answers with what is to be done. It knows no device, no clock and no screen; whoever drives it (`stay.py`) carries
the effects out and comes back with what happened. A second `Confirmed` is legal in every state behind the first and does nothing: two
taps never hand in twice. Whatever way a visit ends, `Wipe` is among its last effects.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from edge.capture.mode import Mode
from edge.conversation import (
    AgencyChosen,
    Back,
    Capture,
    CaptureEnded,
    Changed,
    Checked,
    Confirmed,
    CopyAsked,
    CopyChosen,
    Effect,
    Emptied,
    Entered,
    Event,
    Face,
    Failed,
    Halt,
    Joined,
    Left,
    Lies,
    More,
    NextSheet,
    NoteVisit,
    Outcome,
    PageDropped,
    PagesLost,
    PageTaken,
    Print,
    Printed,
    PrivacyRead,
    Quiet,
    Rated,
    Rest,
    Resumed,
    Retake,
    Seal,
    Sealed,
    SheetSeen,
    Show,
    Spoke,
    State,
    Store,
    Stored,
    TimedOut,
    Wipe,
)
from edge.visit_table import following
from protocol.errors import Code, Mistake, Refused
from protocol.ids import ReceiptNumber


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for a visitor, in seconds: without a touch, for an answer to „Brauchen Sie noch Zeit?“, at the farewell, and in a
    cabin that the sensor says is empty."""

    quiet_seconds: float = 120.0
    answer_seconds: float = 60.0
    farewell_seconds: float = 30.0
    empty_seconds: float = 15.0


class Visit:
    """The machine. Nothing of one visit is left in it when the next begins."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._blank()

    def _blank(self) -> None:
        self.state = State.WELCOME
        self.pages: tuple[int, ...] = ()
        self.language = "de"
        self._documents = 0
        self._receipt: ReceiptNumber | None = None
        self._visit = b""
        self._face = Face.NONE
        self._began_at: datetime | None = None
        self._chosen: AgencyChosen | None = None
        self._copy = False
        self._mode = Mode.DOCUMENT
        self._privacy = ""
        self._privacy_read = False
        self._again: int | None = None  # the page that is taken again; it stays until the better one is there
        self._place: int | None = None  # where the next page belongs; None: at the end
        self._empty = False  # says the sensor
        self._walked = False  # it said so while papers were handed in
        self._stranger = False  # somebody has come since, who may be another
        self._under_way = False  # confirmed, and neither stored nor failed yet

    def step(self, event: Event, now: datetime) -> list[Effect]:
        """What `event` at `now` (aware UTC) asks for, in order. Raises Refused for a tap that is not possible here, and Mistake for a report
        of our own that is not; nothing has changed then."""
        before = self.state
        after = following(before, event)
        self._check(event)
        self.state = after
        if after is State.WELCOME:
            return self._ended(event, now) if before is not State.WELCOME else []
        match event:
            case Entered():
                return self._entered(event, now)
            case Emptied():
                return self._emptied()
            case SheetSeen() | PageTaken() | CaptureEnded() | Sealed() | Stored() | Printed():
                return self._reported(event)
            case Failed() | PagesLost():
                return self._failed(event)
            case Left():
                return []  # only while it is being handed in: what was confirmed is finished first
            case Quiet():
                return [Rest(self._patience.answer_seconds, TimedOut()), self._show(more_time=True)]
            case _:
                self._empty = self._walked = False  # somebody touched the screen, whatever the sensor says
                return self._tapped(event, before)

    def _tapped(self, event: Event, before: State) -> list[Effect]:
        halt: list[Effect] = [Halt()] if before is State.PLACE and self.state is not State.PLACE else []
        match event:
            case AgencyChosen():
                self._chosen, self._copy, self.pages, self._again = event, False, (), None
                return self._capture()
            case CopyChosen():
                self._chosen, self._copy, self.pages, self._again = None, True, (), None
                return self._capture()
            case Back() | More():
                self._chosen, self._copy, self.pages, self._receipt = None, False, (), None
                self._mode = Mode.DOCUMENT
            case PageDropped(number):
                self.pages = tuple(page for page in self.pages if page != number)
            case Lies(mode):
                return [Halt(), *self._capture(mode)]
            case Retake(number, mode):
                self._again = number
                return self._capture(mode)
            case NextSheet(mode):
                return self._capture(mode)
            case Joined(first, second, number):
                self.pages = tuple(number if page == first else page for page in self.pages if page != second)
            case PrivacyRead():
                self._privacy_read = True
            case Checked() | Changed():
                self._again = None
            case Confirmed():
                return self._confirmed()
            case CopyAsked():
                return [*self._on(), Print(self.pages)] if before is not State.PRINTING else []
            case Spoke(language):
                self.language = language
            case Rated(face):
                self._face = face
            case Resumed():
                self._stranger = False
            case _:  # Staying: nothing but time
                pass
        return [*halt, *self._on()]

    def _reported(self, event: Event) -> list[Effect]:
        match event:
            case PageTaken(number):
                self._page_taken(number)
            case CaptureEnded():
                self._again = self._place = None
            case Sealed():
                return [Store()]
            case Stored(receipt):
                self._documents += 1
                self._under_way, self.pages, self._chosen, self._receipt = False, (), None, receipt
                return [Wipe(), *self._on()]
            case Printed():
                self.pages, self._receipt = (), None
                return [Wipe(), *self._on()]
            case _:  # SheetSeen
                pass
        return self._on()

    def _check(self, event: Event) -> None:
        match event:
            case PageDropped(number) | Retake(number) if number not in self.pages:
                raise Refused(Code.MALFORMED, f"There is no page {number}.", "Choose one of the pages on the screen.")
            case Checked() | Confirmed() | CopyAsked() if not self.pages and self.state in (
                State.PLACE,
                State.JUDGE,
                State.CHECK,
            ):
                raise Refused(Code.MALFORMED, "No page has been taken yet.", "Put a sheet on the table first.")
            case Checked() if self._copy:
                raise Refused(Code.OUT_OF_ORDER, "These pages are for the printer.", "Choose an agency first.")
            case CopyAsked() if not self._copy:
                raise Refused(Code.OUT_OF_ORDER, "These pages are for an agency.", "Choose to copy first.")
            case Changed() if self.state is State.PLACE and not self.pages:
                raise Refused(Code.OUT_OF_ORDER, "There is no page to go back to.", "Go back to the choice.")
            case Back() if self.pages:
                raise Refused(Code.OUT_OF_ORDER, "There are pages already.", "Hand them in, or delete them first.")
            case Lies(mode) if self._copy or mode is Mode.COPY:
                raise Refused(Code.OUT_OF_ORDER, "A copy is made of what lies there.", "Choose an agency first.")
            case Joined(first, second, number) if (
                first == second or number in self.pages or not {first, second} <= set(self.pages)
            ):
                raise Refused(Code.MALFORMED, "These are not two sides of a card.", "Take both sides again.")
            case PageTaken(number) if number in self.pages:
                raise Mistake(f"Page {number} was taken twice.")
            case _:
                pass

    def _entered(self, event: Entered, now: datetime) -> list[Effect]:
        if self._began_at is None:
            self._visit, self.language, self._began_at = event.visit, event.language, now
            self._privacy = event.privacy
            return self._on()
        if not (self._empty or self._walked):
            return []  # the sensor flickers
        # It sees somebody again, who may be the next one: nothing of this visit is shown until they say that it is theirs.
        self._empty, self._walked, self._stranger = False, False, True
        return self._on()

    def _emptied(self) -> list[Effect]:
        if self.state in (State.HAND_IN, State.LEAVING):
            self._walked = True
            return []  # what was confirmed is finished first; the number then stands for a while
        if self._empty:
            return []
        self._empty = True
        return self._on()

    def _page_taken(self, number: int) -> None:
        place = len(self.pages) if self._place is None else self._place
        rest = self.pages[place:]
        if self._again is not None:
            place = self.pages.index(self._again)
            rest, self._again = self.pages[place + 1 :], None
        self.pages = (*self.pages[:place], number, *rest)
        if rest:
            self._place = place + 1  # of a feeder full the next ones follow this one

    def _confirmed(self) -> list[Effect]:
        if self._under_way or self._chosen is None or self.state is not State.HAND_IN:
            return []  # behind the first tap: it has been heard
        self._under_way = True
        seal = Seal(self._chosen.agency, self._chosen.service, self._chosen.title, self.pages)
        return [*self._on(), seal]

    def _failed(self, event: Failed | PagesLost) -> list[Effect]:
        self._under_way, self._again, self._place = False, None, None
        wipe: list[Effect] = []
        if isinstance(event, PagesLost):
            self.pages, wipe = (), [Wipe()]
        return [*wipe, self._rest(), self._show(event.what, event.remedy)]

    def _ended(self, event: Event, now: datetime) -> list[Effect]:
        if self._began_at is None:
            raise Mistake("A visit ended that had never begun.")
        documents = self._documents + isinstance(event, Stored)
        outcome = Outcome.TIMED_OUT if isinstance(event, TimedOut) else Outcome.LEFT
        if isinstance(event, Failed | PagesLost):
            outcome = Outcome.FAILED
        if documents:
            outcome = Outcome.HANDED_IN
        note = NoteVisit(
            self._visit,
            self._began_at,
            now,
            outcome,
            documents,
            self.language,
            self._face,
            self._privacy,
            self._privacy_read,
        )
        self._blank()
        return [Wipe(), note, Rest(), Show(State.WELCOME)]

    def _capture(self, mode: Mode = Mode.DOCUMENT) -> list[Effect]:
        self._mode = Mode.COPY if self._copy else mode
        return [*self._on(), Capture(self._mode)]

    def _on(self) -> list[Effect]:
        return [self._rest(), self._show()]

    def _rest(self) -> Rest:
        if self._empty:
            return Rest(self._patience.empty_seconds, Left())
        if self.state in (State.TAKING, State.HAND_IN, State.LEAVING, State.PRINTING):
            return Rest()  # the machine is at work, not the visitor
        if self._stranger:
            return Rest(self._patience.answer_seconds, Left())
        if self.state is State.FAREWELL:
            return Rest(self._patience.farewell_seconds, TimedOut())
        return Rest(self._patience.quiet_seconds, Quiet())

    def _show(self, what: str = "", remedy: str = "", *, more_time: bool = False) -> Show:
        receipt = self._receipt if self.state is State.FAREWELL else None
        stranger = self._stranger and not self._empty and self.state not in (State.HAND_IN, State.LEAVING)
        return Show(self.state, self.pages, receipt, what, remedy, more_time, self._empty, stranger, self._mode)
