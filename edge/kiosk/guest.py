"""One visitor at the screen: taps come in, the visit goes on, and `scene` says which page stands there. Forgotten as a whole when the visit ends.

It accompanies the visit (`stay.Company`): where the pages come from, what was wrong with them, which of them the visitor has seen and found good.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, Protocol

import structlog

from edge import conversation as said
from edge.capture import dialogue
from edge.capture.workshop import PagesGone
from edge.conversation import Face, State
from edge.feed import Feed
from edge.kiosk.concerns import Concern
from edge.kiosk.settings import Settings
from edge.orders import Told
from edge.reception import scanned
from edge.stay import Stay, Surroundings
from hardware.printer import PrinterFailure, PrinterState
from hardware.scanner import ScannerFailure, ScannerState
from protocol.errors import Code, Mistake, Refused, Trouble, Unavailable
from protocol.ids import ReceiptNumber

log = structlog.get_logger("kiosk")

FACES: Final = {"good": Face.GLAD, "fair": Face.MIDDLING, "bad": Face.SAD}


class Lobby(Protocol):
    """What a guest needs of the house around the screen."""

    @property
    def choices(self) -> tuple[Concern, ...]:
        """What may be chosen, the last one for whoever does not know."""

    def changed(self) -> None:
        """Another page stands there: whoever looks is told."""

    def rest(self, rest: said.Rest) -> None:
        """Arm the only timer anew."""

    def tell(self, told: Told) -> None:
        """The board in the back room hears of it."""

    def over(self) -> None:
        """The visit has ended."""

    async def put_on_paper(self, pages: tuple[int, ...]) -> None:
        """Print a copy of these pages. Raises Trouble."""

    def print_slip(self, receipt: ReceiptNumber) -> None:
        """Print the number, while the screen goes on."""


class Guest:
    """State of one visit at the screen."""

    def __init__(self, lobby: Lobby, house: Surroundings, feed: Feed, settings: Settings) -> None:
        self._lobby = lobby
        self._house = house
        self._feed = feed
        self.settings = settings
        self.stay: Stay | None = None
        self.shown = said.Show(State.CHOOSE)
        self.at = "start"  # start, concern, info or agency: where one walks before choosing
        self.over = ""  # what lies over the screen: help or privacy
        self.part = 0  # of a list that does not fit on one screen
        self.office = 0
        self.looking: int | None = None  # at this page of those to be checked
        self.dropping = False
        self.problem = ""
        self.slip = ""  # what became of it: printing, printed, failed
        self.rating = False
        self.rated = False
        self.concern: Concern | None = None
        self.faults: dict[int, tuple[str, ...]] = {}
        self.seen_good: set[int] = set()
        self.turned: dict[int, int] = {}  # how often: so that no picture of before is shown
        self._batch: list[int] = []
        self._asked = asyncio.Event()
        self.seen_number = ""  # the browser has drawn it, or it is on paper

    # --- what the visit asks for (stay.Company) ------------------------------------------------------------------
    async def pages(
        self, copy: bool
    ) -> AsyncGenerator[said.SheetSeen | dialogue.PageTaken | dialogue.Captured | int, None]:
        """Wait for a sheet, or for the tap on the button, then take what lies there."""
        self._asked.clear()
        self._batch.clear()
        await self._feed.until_paper(self._asked)
        yield said.SheetSeen()
        async with aclosing(scanned(self._house, self._feed, copy)) as reports:
            async for report in reports:
                if isinstance(report, dialogue.PageTaken):
                    self.faults[report.number] = report.faults
                    self._batch.append(report.number)
                yield report

    def show(self, show: said.Show) -> None:
        """The visit stands elsewhere now."""
        before, self.shown = self.shown, show
        if show.state is State.WELCOME:
            self._lobby.over()
            return
        if show.what:
            self.problem = _kind(self.stay)
        elif show.state is not before.state:
            self.problem = ""
        if show.state is not before.state:
            self.looking, self.dropping, self.part = None, False, 0
        if not show.pages:  # the next document counts its pages from 1 again
            self.faults, self.seen_good, self.turned = {}, set(), {}
        if before.state is State.TAKING and show.state is State.JUDGE and len(self._batch) > 1:
            # Of a feeder full the visitor is asked about those that did not turn out well, and sees all before handing in.
            self.seen_good |= {page for page in self._batch if not self.faults.get(page)}
        self._lobby.changed()

    def rest(self, rest: said.Rest) -> None:
        """Nobody has touched anything for so long: then."""
        self._lobby.rest(rest)

    async def tell(self, told: Told) -> None:
        """For the board."""
        self._lobby.tell(told)

    async def print(self, pages: tuple[int, ...]) -> None:
        """A copy on paper."""
        await self._lobby.put_on_paper(pages)

    # --- what stands on the screen -------------------------------------------------------------------------------
    @property
    def scene(self) -> str:
        """The name of the page."""
        if self.shown.goodbye:
            return "goodbye"
        if self.over:
            return self.over
        if self.shown.more_time:
            return "more_time"
        if self.problem:
            return "problem"
        match self.shown.state:
            case State.CHOOSE:
                return self.at
            case State.PLACE:
                return "place"
            case State.TAKING:
                return "taking"
            case State.JUDGE:
                return self._judging()
            case State.CHECK:
                return "check" if self.looking is None else "drop" if self.dropping else "page"
            case State.HAND_IN | State.LEAVING:
                return "handing"
            case State.PRINTING:
                return "copying"
            case State.FAREWELL:
                return "feedback" if self.rating else "number" if self.shown.receipt else "copied"
            case _:
                raise Mistake(f"There is no page for a visitor in state {self.shown.state}.")

    def _judging(self) -> str:
        if self.shown.copy:
            return "copy_check" if self.shown.pages else "place"
        page = self.judged
        if page is None:
            return "another"
        return "fault" if self.faults.get(page) else "judge"

    @property
    def judged(self) -> int | None:
        """The page that the visitor is asked about: the first that they have not found good. None: all are."""
        if self.shown.copy:
            return self.shown.pages[-1] if self.shown.pages else None
        return next((page for page in self.shown.pages if page not in self.seen_good), None)

    @property
    def feels_paper(self) -> bool:
        """The device begins by itself."""
        return self._feed.feels_paper

    # --- taps ----------------------------------------------------------------------------------------------------
    async def tap(self, do: str) -> None:
        """One tap, as in `concern:2`. Raises Refused for what is not possible here; then nothing has changed."""
        verb, _, number = do.partition(":")
        if verb in ("help", "privacy"):
            self.over = verb
            self._lobby.rest(said.Rest())  # whoever reads how to get help is not hurried
        elif verb == "end":
            self.over = ""
            self._say(said.Left())
            return
        elif verb == "stay":
            self._say(said.Staying())
        elif self.over:
            self.over = ""
            self._touched()
        elif self.problem:
            self._go_on(verb)
        elif self.shown.state is State.CHOOSE:
            self._walk(verb, number)
        elif self.shown.state in (State.PLACE, State.JUDGE):
            await self._page_by_page(verb)
        elif self.shown.state is State.CHECK:
            await self._check(verb, number)
        elif self.shown.state is State.FAREWELL:
            self._farewell(verb)
        else:
            raise _out_of_place(do)
        self._lobby.changed()

    def set(self, settings: Settings) -> None:
        """How the visitor wants the screen from now on."""
        if settings.language != self.settings.language:
            self._say(said.Spoke(settings.language))
        else:
            self._touched()
        self.settings = settings
        self.part = 0  # what fits on one screen may be less now
        self._lobby.changed()

    def _walk(self, verb: str, number: str) -> None:
        match verb:
            case "hand-in":
                self.at, self.part = "concern", 0
                try:
                    self._house.buffer.room_for(0)  # nobody scans for nothing
                except Unavailable as trouble:
                    log.warning("buffer.full", what=trouble.what)
                    self.at, self.problem = "start", "full"
            case "info":
                self.at, self.part = "info", 0
            case "copy":
                self._say(said.CopyChosen())
                return
            case "concern":
                self._choose(_number(number))
                return
            case "office":
                self.office, self.at = _number(number), "agency"
            case "more":
                self.part += 1
            case "back":
                self.at, self.part = ("info" if self.at == "agency" else "start"), 0
            case _:
                raise _out_of_place(verb)
        self._say(said.Staying())

    def _choose(self, place: int) -> None:
        choices = self._lobby.choices
        if not 0 <= place < len(choices):
            raise _out_of_place(f"concern {place}")
        self.concern = choices[place]
        self._say(self.concern.chosen)

    async def _page_by_page(self, verb: str) -> None:
        page = self.judged
        match verb:
            case "take":
                self._asked.set()
            case "back":
                self._say(said.Changed() if self.shown.pages else said.Back())
                self.at = "concern" if self.at == "concern" else "start"
            case "again" if page is not None:
                self._say(said.Retake(page))
            case "another" | "good-another":
                self._good(page)
                self._say(said.NextSheet())
            case "done" | "good-done":
                self._good(page)
                self._say(said.Checked())
            case "keep" if page is not None:
                self._good(page)
                self._say(said.Staying())
            case "drop" if page is not None:
                self._drop(page)
            case "turn" if page is not None:
                await self._turn(page)
            case "print":
                self._say(said.CopyAsked())
            case _:
                raise _out_of_place(verb)

    async def _check(self, verb: str, number: str) -> None:
        match verb:
            case "page":
                self.looking = _number(number)
            case "confirm":
                self._say(said.Confirmed())
                return
            case "another":
                self._say(said.NextSheet())
                return
            case "more":
                self.part += 1
            case "back" | "keep":
                self.looking, self.dropping = (self.looking if self.dropping else None), False
            case "drop":
                self.dropping = True
            case "drop-yes" if self.looking is not None:
                page, self.looking, self.dropping = self.looking, None, False
                self._drop(page)
                return
            case "again" if self.looking is not None:
                self._say(said.Retake(self.looking))
                return
            case "turn" if self.looking is not None:
                await self._turn(self.looking)
            case _:
                raise _out_of_place(verb)
        self._say(said.Staying())

    def _farewell(self, verb: str) -> None:
        match verb:
            case "print-slip" if self.shown.receipt is not None:
                self._lobby.print_slip(self.shown.receipt)
            case "more":
                self.at, self.slip, self.rating = "start", "", False
                self.concern = None
                self._say(said.More())
                return
            case "done":
                self.rating = True
            case "face-good" | "face-fair" | "face-bad":
                self._say(said.Rated(FACES[verb.removeprefix("face-")]))
                self._say(said.Left())
                return
            case "skip":
                self._say(said.Left())
                return
            case _:
                raise _out_of_place(verb)
        self._say(said.Staying())

    def _go_on(self, verb: str) -> None:
        self.problem = ""
        match verb:
            case "retry" if self.shown.state is State.CHECK:
                self._say(said.Confirmed())
            case "retry" if self.shown.state is State.JUDGE and self.shown.copy and self.shown.pages:
                self._say(said.CopyAsked())
            case "retry" if self.shown.state is State.JUDGE:
                self._say(said.NextSheet())
            case _ if self.shown.state is State.JUDGE and not self.shown.pages:
                self._say(said.Back())
            case _:
                self._say(said.Staying())

    def _good(self, page: int | None) -> None:
        if page is not None:
            self.seen_good.add(page)

    def _drop(self, page: int) -> None:
        self._say(said.PageDropped(page))
        if not self.shown.pages:
            self._say(said.NextSheet())

    async def _turn(self, page: int) -> None:
        """A quarter clockwise, as one turns a sheet in front of oneself."""
        await self._house.workshop.turn(page, 270)
        self.turned[page] = self.turned.get(page, 0) + 1
        self._say(said.Staying())

    def _touched(self) -> None:
        """Somebody is there."""
        if self.shown.state not in (State.HAND_IN, State.LEAVING):
            self._say(said.Staying())

    def _say(self, event: said.Event) -> None:
        if self.stay is None:
            raise Mistake("A guest who is not in the house spoke.")
        try:
            self.stay.say(event)
        except Unavailable as trouble:
            log.info("tap.failed", what=trouble.what)
            self.problem = "failed"


def _kind(stay: Stay | None) -> str:
    """Which words the screen has for what was met."""
    if stay is None:
        return "failed"
    trouble = stay.trouble
    if isinstance(stay.cause, ScannerFailure):
        # That the device may not be used is nothing that a visitor could mend.
        known = stay.cause.state not in (ScannerState.READY, ScannerState.DENIED)
        return str(stay.cause.state) if known else str(ScannerState.UNREACHABLE)
    if isinstance(stay.cause, PrinterFailure):
        return "printer_paper" if stay.cause.state is PrinterState.EMPTY else "printer"
    if isinstance(trouble, PagesGone):
        return "pages-lost"
    if isinstance(trouble, Refused):
        return "too-many" if trouble.code is Code.TOO_LARGE else "unreadable"
    return "failed"


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 4:
        raise _out_of_place(text)
    return int(text)


def _out_of_place(do: str) -> Trouble:
    return Refused(Code.OUT_OF_ORDER, f"“{do[:20]}” is not possible on this screen.", "Use the buttons on the screen.")
