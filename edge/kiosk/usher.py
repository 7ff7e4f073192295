"""Receives one visitor after the other at the screen, and forgets each of them.

Whoever touches the screen, or is seen by a sensor, begins a visit; `stamp` belongs to it and to the start page before it, so that what was shown
to one visitor is of no use to the next. `turn` numbers the questions: a tap that carries an older one answers a question that is no longer asked, as
the second of a double tap does, and does nothing. `version` numbers what is to be seen, so that a screen knows when to look again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from edge import conversation as said
from edge.capture.workshop import PagesGone
from edge.feed import Feed
from edge.kiosk.concerns import Concern, concerns, unknown
from edge.kiosk.guest import Guest
from edge.kiosk.press import Press
from edge.kiosk.settings import Settings
from edge.orders import DocumentMoved, Told
from edge.reception import Reception
from edge.stay import Surroundings
from edge.storage.documents import Document
from hardware.scanner import ScannerState
from protocol.directory import Directory
from protocol.errors import Refused, Trouble
from protocol.ids import AreaId, ReceiptNumber
from protocol.randomness import draw

log = structlog.get_logger("kiosk")

STAMP_BYTES: Final = 12
RECEIVED_SECONDS: Final = 0.4  # then the screen says that somebody else is being served
OVER_SECONDS_MAX: Final = (
    900.0  # help never hurries anybody; who walks out of it without a sensor is forgotten all the same
)
ANYWAY: Final = ("help", "privacy", "end", "stay")  # meant, whatever page stands there by now


class Usher:
    """Lives in the event loop. `directory` gives the one in force; `board` is told what the visit tells; for `parting_seconds` „Bitte nehmen
    Sie Ihre Blätter mit.“ stands there."""

    def __init__(
        self,
        house: Surroundings,
        reception: Reception,
        feed: Feed,
        press: Press,
        *,
        area: AreaId,
        directory: Callable[[], Directory | None],
        board: Callable[[Told], None],
        parting_seconds: float,
    ) -> None:
        self._parting_seconds = parting_seconds
        self.house = house
        self.press = press
        self.directory = directory
        self.feed = feed
        self.scanner = ScannerState.READY
        self._reception = reception
        self._area = area
        self._board = board
        self._guest: Guest | None = None
        self._gone = asyncio.Event()
        self._coming = False  # somebody has touched the screen and waits for the one before to be forgotten
        self._meant = ""  # what that touch said
        self._visits: set[asyncio.Task[None]] = set()
        self._rest = said.Rest()
        self._timer: asyncio.TimerHandle | None = None
        self._bell = asyncio.Event()
        self._boot = draw(house.random, 4).hex()
        self._number = 0
        self._question = 0
        self._asked = ""
        self.waiting = False  # for whoever hands in through the hatch
        self.somebody: bool | None = None  # says the sensor; None: there is none
        self.parting: str = ""  # language of whom „Auf Wiedersehen!“ is said to
        self.settings = Settings()
        self.stamp = self._stamped()

    # --- what stands there ---------------------------------------------------------------------------------------
    @property
    def guest(self) -> Guest | None:
        """Who is at the screen."""
        return self._guest

    @property
    def scene(self) -> str:
        """The name of the page."""
        if self._guest is not None:
            return self._guest.scene
        if self.waiting:
            return "occupied"
        if self.parting:
            return "parting"
        return "rest" if self.somebody is False else "start"

    @property
    def turn(self) -> str:
        """The number of the question that is asked."""
        return str(self._question)

    @property
    def version(self) -> str:
        """The number of what is to be seen, with a word that tells one process from the next."""
        return f"{self._boot}-{self._number}"

    @property
    def choices(self) -> tuple[Concern, ...]:
        """What people come for; last what to do for whoever does not know."""
        directory = self.directory()
        if directory is None:
            return ()
        dispatcher = unknown(directory)
        return (*concerns(directory, self._area), *((dispatcher,) if dispatcher is not None else ()))

    def document(self, receipt: str) -> Document | None:
        """What became of it."""
        return next((row for row in self.house.buffer.documents() if row.receipt == receipt), None)

    # --- taps ----------------------------------------------------------------------------------------------------
    async def tap(self, stamp: str, turn: str, do: str) -> None:
        """One tap. What comes from another visit or another page does nothing."""
        verb = do.partition(":")[0]
        if stamp != self.stamp or (turn != self.turn and verb not in ANYWAY):
            return
        if verb == "home":
            self._parted(stamp)
            return
        if self._guest is None and verb == "end":
            return
        guest = await self._receive()
        if guest is None:
            self._meant = do  # and is done as soon as the visit before is wiped: nobody taps twice for that
        elif verb != "begin" and (verb != "stay" or guest.scene in ("more_time", "goodbye")):
            await self._do(guest, do)

    async def _do(self, guest: Guest, do: str) -> None:
        self._question += 1  # answered, whatever comes of it
        try:
            await guest.tap(do)
        except PagesGone as gone:
            if guest.stay is not None:
                guest.stay.lost(gone)
        except Trouble as trouble:
            log.info("tap.refused", do=do.partition(":")[0], what=trouble.what)

    async def set(self, stamp: str, to: str) -> None:
        """One touch of the bars around the page. Raises Refused for what no button says."""
        if stamp != self.stamp:
            return
        settings = self.settings.changed(to)
        guest = await self._receive()
        if guest is not None:
            guest.set(settings)
            self.settings = settings

    def seen(self, receipt: str) -> None:
        """The browser has drawn the page with this number: only now it counts as given out, and its time begins."""
        guest = self._guest
        if guest is None or guest.seen_number == receipt or guest.shown.receipt != receipt:
            return
        guest.seen_number = receipt
        log.info("number.given", receipt=receipt, how="shown")
        self._arm()

    # --- presence ------------------------------------------------------------------------------------------------
    async def entered(self) -> None:
        """The sensor sees somebody."""
        self.somebody = True
        if self._guest is not None and self._guest.stay is not None:
            self._guest.stay.enter()
        else:
            await self._receive()

    def emptied(self) -> None:
        """The sensor sees nobody any more."""
        self.somebody, self._meant = False, ""
        if self._guest is not None and self._guest.stay is not None:
            self._guest.stay.say(said.Emptied())
        self.changed()

    def blinded(self) -> None:
        """The sensor cannot tell any more: touches are the presence again."""
        self.somebody = None
        self.changed()

    # --- what a guest asks of the house (guest.Lobby) -------------------------------------------------------------
    def changed(self) -> None:
        """Something else is to be seen."""
        self._number += 1
        if self.scene != self._asked:
            self._asked = self.scene
            self._question += 1
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def rest(self, rest: said.Rest) -> None:
        """Arm the only timer anew."""
        self._rest = rest
        self._arm()

    def tell(self, told: Told) -> None:
        """The board hears of it."""
        self._board(told)

    def over(self) -> None:
        """Nothing of the visitor is left on the screen from now on; what lies in the house is wiped behind it."""
        guest, self._guest = self._guest, None
        if guest is None:
            return
        self._gone.set()
        if guest.stay is not None and guest.stay.accepted is not None and not guest.seen_number:
            log.warning("number.unseen", receipt=guest.stay.accepted.receipt)
        self.parting, self.settings = self.settings.language, Settings()
        self.stamp = self._stamped()
        self._disarm()
        asyncio.get_running_loop().call_later(self._parting_seconds, self._parted, self.stamp)
        self.changed()

    async def put_on_paper(self, pages: tuple[int, ...]) -> None:
        """A copy."""
        await self.press.copy(self.house.workshop, pages)

    def print_slip(self, receipt: ReceiptNumber) -> None:
        """The number on paper, while the screen goes on."""
        guest, directory, document = self._guest, self.directory(), self.document(receipt)
        if guest is None or directory is None or document is None or guest.slip == "printing":
            return
        guest.slip = "printing"
        self.press.slip(document, directory, guest.settings.language, self._slip_told)

    # --- for whoever looks ---------------------------------------------------------------------------------------
    async def version_after(self, version: str) -> str:
        """The number of what is to be seen, as soon as it is another one than `version`."""
        while self.version == version:
            await self._bell.wait()
        return self.version

    def moved(self, told: Told) -> None:
        """A document has a new state: the visitor who still stands before its number sees it."""
        guest = self._guest
        if isinstance(told, DocumentMoved) and guest is not None and guest.shown.receipt == told.document.receipt:
            self.changed()

    async def watch_scanner(self) -> None:
        """Whether there is one at all: without it papers are not offered to be taken."""
        self.scanner = await self.feed.state()

    async def close(self) -> None:
        """Whoever is there is out, and nothing of them is left."""
        self._disarm()
        for visit in self._visits:
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits)
        await self.press.close()

    # --- one visit -----------------------------------------------------------------------------------------------
    async def _receive(self) -> Guest | None:
        """Somebody is here. None: not yet, another one is being served."""
        if self._guest is not None:
            return self._guest
        if not self._coming:
            self._coming = True
            visit = asyncio.create_task(self._visit())
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)
        clock = asyncio.get_running_loop().time
        until = clock() + RECEIVED_SECONDS
        while self._coming:
            if clock() >= until:
                self.waiting = True
                self.changed()
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(until - clock()):
                    await self._bell.wait()
        return self._guest

    async def _visit(self) -> None:
        await self.watch_scanner()
        guest = Guest(self, self.house, self.feed, self.settings)
        try:
            async with self._reception.receive(guest) as stay:
                guest.stay, self._guest, self._gone = stay, guest, asyncio.Event()
                self._coming, self.waiting, self.parting = False, False, ""
                stay.enter(self.settings.language)
                meant, self._meant = self._meant, ""
                if meant.partition(":")[0] not in ("", "begin", "stay"):
                    await self._do(guest, meant)
                await self._gone.wait()
        except Trouble as trouble:
            log.error("visit.refused", what=trouble.what)
        finally:
            if self._guest is guest:
                self.over()
            if guest.stay is None:
                self._coming, self.waiting = False, False
                self.changed()
        await self._warm()

    async def _warm(self) -> None:
        """A worker that was ended with its pages is there again before the next visitor needs it."""
        try:
            await self.house.workshop.start()
        except Trouble as trouble:
            log.error("workshop.not-started", what=trouble.what)

    def _parted(self, stamp: str) -> None:
        if self.parting and self.stamp == stamp and self._guest is None:
            self.parting = ""
            self.changed()

    def _slip_told(self, receipt: str, how: str) -> None:
        guest = self._guest
        if how == "printed":
            log.info("number.given", receipt=receipt, how="printed")
        if guest is not None and guest.shown.receipt == receipt:
            guest.slip = how
            if how == "printed":
                guest.seen_number = receipt
            self._arm()
            self.changed()

    def _arm(self) -> None:
        self._disarm()
        guest, rest = self._guest, self._rest
        if guest is not None and guest.over and not guest.shown.goodbye:
            rest = said.Rest(OVER_SECONDS_MAX, said.Left())
        if rest.seconds is not None and rest.then is not None:
            self._timer = asyncio.get_running_loop().call_later(rest.seconds, self._passed, rest.then)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _passed(self, then: said.Quiet | said.TimedOut | said.Left) -> None:
        if self._guest is not None and self._guest.stay is not None:
            with suppress(Refused):
                self._guest.stay.say(then)

    def _stamped(self) -> str:
        return draw(self.house.random, STAMP_BYTES).hex()
