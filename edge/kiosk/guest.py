"""One visitor at the screen: what they have seen, chosen and found good, and `scene` says which page stands there. Forgotten as a whole when the
visit ends. What a tap means stands in `taps`.

A guest accompanies the visit (`company.Company`): where the pages come from, and what was wrong with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog

from edge import conversation as said
from edge.capture import dialogue
from edge.capture.mode import Mode
from edge.conversation import State
from edge.feed import Feed
from edge.kiosk.asking import Asking
from edge.kiosk.concerns import Concern
from edge.kiosk.lobby import Lobby
from edge.kiosk.problems import problem
from edge.kiosk.settings import Settings
from edge.kiosk.sides import Sides
from edge.orders import Told
from edge.reception import scanned
from edge.stay import Stay, Surroundings
from protocol.errors import Mistake, Unavailable
from protocol.ids import AgencyId

log = structlog.get_logger("kiosk")


class Guest:
    """State of one visit at the screen."""

    def __init__(self, lobby: Lobby, house: Surroundings, feed: Feed) -> None:
        self.lobby = lobby
        self.house = house
        self._feed = feed
        self.settings = Settings()
        self.stay: Stay | None = None
        self.shown = said.Show(State.CHOOSE)
        self.at = "start"  # where one walks before choosing: start, concern, info, offices, agency, bring, papers, ask, state, paused
        self.over = ""  # what lies over the screen: help or privacy
        self.part = 0  # of a list that does not fit on one screen
        self.office: AgencyId | None = None  # the one that is told of
        self.errand: Concern | None = None  # the one whose papers are told
        self.asking = Asking()
        self.looking: int | None = None  # at this page of those to be checked
        self.dropping = False
        self.problem = ""
        self.met = 0  # how often in a row it was this problem, whatever was tried in between
        self._met_last = ""
        self.slip = ""  # what became of it: printing, printed, failed
        self.rating = False
        self.concern: Concern | None = None
        self.faults: dict[int, tuple[str, ...]] = {}
        self.seen_good: set[int] = set()
        self.turned: dict[int, int] = {}  # how often: so that no picture of before is shown
        self.modes: dict[int, Mode] = {}  # as what a page was taken
        self.sides = Sides()
        self.seen_number = ""  # the browser has drawn it, or it is on paper
        self.asked = asyncio.Event()  # the visitor has tapped: take what lies there
        self._kind_known = asyncio.Event()  # nobody is just saying what lies there
        self._kind_known.set()
        self._batch: list[int] = []

    # --- what the visit asks for (company.Company) ---------------------------------------------------------------
    async def pages(
        self, mode: Mode
    ) -> AsyncGenerator[said.SheetSeen | dialogue.PageTaken | dialogue.Captured | int, None]:
        """Wait for a sheet, or for the tap on the button, then take what lies there."""
        self._batch.clear()
        await self._feed.until_paper(self.asked)
        await self._kind_known.wait()
        yield said.SheetSeen()
        async with aclosing(scanned(self.house, self._feed, mode)) as reports:
            async for report in reports:
                if isinstance(report, dialogue.PageTaken):
                    self._taken(report, mode)
                yield report

    def _taken(self, page: dialogue.PageTaken, mode: Mode) -> None:
        self._met_last = ""
        self.faults[page.number] = page.faults
        self.modes[page.number] = mode
        self._batch.append(page.number)
        if mode is Mode.CARD:
            self.sides.taken(page.number)

    def show(self, show: said.Show) -> None:
        """The visit stands elsewhere now."""
        before, self.shown = self.shown, show
        if show.stranger and not before.stranger:
            self.over = ""
        if show.state is State.WELCOME:
            self.lobby.over()
            return
        if show.what:
            self.problem = problem(self.stay, self.house.buffer)
            self.met = self.met + 1 if self.problem == self._met_last else 1
            self._met_last = self.problem
        elif show.state is not before.state:
            self.problem = ""
        if show.state is not before.state:
            self.looking, self.dropping, self.part = None, False, 0
            self.kind_asked, self.slip = False, ""
            self.asked.clear()  # and not when the device is waited for: whoever is quick has tapped by then
        if not show.pages:  # the next document counts its pages from 1 again
            self.faults, self.seen_good, self.turned, self.modes = {}, set(), {}, {}
            self.sides.begin()
        if before.state is State.TAKING and show.state is State.JUDGE and len(self._batch) > 1 and not self.judges_card:
            # Of a feeder full the visitor is asked about those that did not turn out well, and sees all before handing in.
            self.seen_good |= {page for page in self._batch if not self.faults.get(page)}
        self.lobby.changed()

    def rest(self, rest: said.Rest) -> None:
        """Nobody has touched anything for so long: then."""
        self.lobby.rest(rest)

    async def tell(self, told: Told) -> None:
        """For the board."""
        self.lobby.tell(told)

    async def print(self, pages: tuple[int, ...]) -> None:
        """A copy on paper."""
        await self.lobby.handouts.copy(pages)

    # --- what stands on the screen -------------------------------------------------------------------------------
    @property
    def scene(self) -> str:
        """The name of the page."""
        if self.shown.goodbye:
            return "goodbye"
        if self.over:
            return self.over
        if self.shown.stranger:
            return "stranger"
        if self.shown.more_time:
            return "more_time"
        if self.problem:
            return "problem"
        match self.shown.state:
            case State.CHOOSE:
                return self.at
            case State.PLACE:
                return "kind" if self.kind_asked else "place"
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
    def judges_card(self) -> bool:
        """A card has just been taken."""
        return self.shown.mode is Mode.CARD

    def is_card(self, page: int) -> bool:
        """One side of a card, or both on one sheet."""
        return self.modes.get(page) is Mode.CARD

    @property
    def feels_paper(self) -> bool:
        """The device begins by itself."""
        return self._feed.feels_paper

    @property
    def kind_asked(self) -> bool:
        """The visitor is just saying what lies there; until then nothing is taken."""
        return not self._kind_known.is_set()

    @kind_asked.setter
    def kind_asked(self, asked: bool) -> None:
        if asked:
            self._kind_known.clear()
        else:
            self._kind_known.set()

    def sees(self, receipt: str) -> bool:
        """The browser has drawn this number; False: it was given out before, or is not this visitor's."""
        if self.seen_number == receipt or self.shown.receipt != receipt:
            return False
        self.seen_number = receipt
        log.info("number.given", receipt=receipt, how="shown")
        return True

    # --- what the visitor says -----------------------------------------------------------------------------------
    def set(self, settings: Settings) -> None:
        """How the visitor wants the screen from now on."""
        if settings.language != self.settings.language:
            self.say(said.Spoke(settings.language))
        else:
            self.touched()
        self.settings = settings
        self.part = 0  # what fits on one screen may be less now
        self.lobby.changed()

    def reread(self) -> None:
        """Another directory is in force: what to bring is what it says now."""
        told = self.errand.service if self.errand is not None else None
        if told is None:
            return
        errands = self.lobby.reference.errands
        self.errand = next((errand for errand in errands if errand.service and errand.service.id == told.id), None)
        if self.errand is None and self.at == "papers":
            self.at, self.part = "bring", 0

    def touched(self) -> None:
        """Somebody is there."""
        if self.shown.state not in (State.HAND_IN, State.LEAVING):
            self.say(said.Staying())

    def say(self, event: said.Event) -> None:
        """Tell the visit. Raises Refused when it is not possible here; what the house cannot do now stands on the screen."""
        if self.stay is None:
            raise Mistake("A guest who is not in the house spoke.")
        try:
            self.stay.say(event)
        except Unavailable as trouble:
            log.info("tap.failed", what=trouble.what)
            self.problem = "failed"
