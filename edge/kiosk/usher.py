"""Receives one visitor after the other at the screen, and forgets each of them.

Whoever touches the screen, or is seen by a sensor, begins a visit; `stamp` belongs to it and to the start page before it, so that what was shown
to one visitor is of no use to the next. While the entrance is shut nobody is received; a visit that is on goes on, and is asked whether it takes
longer when somebody wants to clean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from edge import conversation as said
from edge.capture.workshop import PagesGone
from edge.entrance import Entrance, Shut
from edge.feed import Feed
from edge.kiosk import taps
from edge.kiosk.able import Able
from edge.kiosk.bell import Bell
from edge.kiosk.countdown import Countdown
from edge.kiosk.guest import Guest
from edge.kiosk.handouts import Handouts
from edge.kiosk.porch import Porch
from edge.kiosk.press import Press
from edge.kiosk.privacy import PRIVACY_VERSION
from edge.kiosk.reference import Reference
from edge.kiosk.settings import Settings
from edge.orders import DocumentMoved, Told
from edge.reception import Reception
from edge.stay import Surroundings
from protocol.errors import Refused, Trouble
from protocol.randomness import draw

log = structlog.get_logger("kiosk")

STAMP_BYTES: Final = 12
RECEIVED_SECONDS: Final = 0.4  # then the screen says that somebody else is being served
BROWSER_SECONDS: Final = 2.0  # behind a visit the processor is left to the browser that is started for the next
OVER_SECONDS_MAX: Final = 900.0  # help hurries nobody; who walks out of it without a sensor is forgotten all the same
OF_THE_LINE: Final = ("start", "number", "state")  # the pages that say whether it is up
OF_DEVICES: Final = ("rest", "start", "number", "papers")  # the pages that offer what a device does
OF_THE_DIRECTORY: Final = ("rest", "start", "concern", "info", "offices", "agency", "bring", "papers", "help", "paused")
BY_NUMBER: Final = ("concern", "offices", "bring")  # the pages whose buttons count what the directory holds
ANYWAY: Final = ("help", "privacy", "end", "stay")  # meant, whatever page stands there by now


class Usher:
    """Lives in the event loop. `board` is told what the visit tells; for `parting_seconds` „Bitte nehmen Sie Ihre Blätter mit.“ stands there.
    `face_down`: the device wants sheets so; `telephone`: one that visitors may use stands in the cabin."""

    def __init__(
        self,
        house: Surroundings,
        reception: Reception,
        feed: Feed,
        press: Press,
        reference: Reference,
        entrance: Entrance,
        *,
        board: Callable[[Told], None],
        parting_seconds: float,
        face_down: bool = False,
        telephone: bool = False,
    ) -> None:
        self.house = house
        self.handouts = Handouts(press, reference, house.workshop, house.utc, self._came)
        self.feed = feed
        self.reference = reference
        self.entrance = entrance
        self.able = Able(feed, self.handouts, reference, house.buffer, lambda: entrance.turned_away)
        self.face_down = face_down
        self.telephone = telephone
        self.porch = Porch(house.patience.quiet_seconds, parting_seconds, self.changed)
        self.waiting = False  # for whoever hands in through the hatch
        self.somebody: bool | None = None  # says the sensor; None: there is none
        self.guest: Guest | None = None  # who is at the screen
        self._reception = reception
        self._board = board
        self._shut = entrance.shut
        self._opens_at = entrance.opens_at
        self._hurry = False  # whoever is there is asked for more time, as soon as they can be
        self._gone = asyncio.Event()
        self._coming = False  # somebody has touched the screen and waits for the one before to be forgotten
        self._meant = ""  # what that touch said
        self._visits: set[asyncio.Task[None]] = set()
        self._rest = said.Rest()
        self._timer = Countdown(self._still)
        self._line_up = house.connected()
        self._directory = reference.directory()
        self._counted = reference.counted()
        self.bell = Bell(draw(house.random, 4).hex(), self.scene)
        self.stamp = self._stamped()

    # --- what stands there ---------------------------------------------------------------------------------------
    @property
    def scene(self) -> str:
        """The name of the page."""
        if self.guest is not None:
            return self.guest.scene
        if self.porch.helping:
            return "help"
        if self.waiting:
            return "occupied"
        if self.porch.parting:
            return "parting"
        if self._shut is not None:
            return self._shut
        return "rest" if self.somebody is False else "start"

    @property
    def seconds_left(self) -> int:
        """To answer, as it is told."""
        return self._timer.seconds

    @property
    def settings(self) -> Settings:
        """How whoever is there wants the screen."""
        return self.guest.settings if self.guest is not None else self.porch.settings

    # --- taps ----------------------------------------------------------------------------------------------------
    async def tap(self, stamp: str, turn: str, do: str) -> None:
        """One tap. What comes from another visit or another page does nothing."""
        verb = do.partition(":")[0]
        self.look_at_directory()
        if stamp != self.stamp or (turn != self.bell.turn and verb not in ANYWAY):
            return
        if self.guest is None and (verb in ("home", "end") or (self._shut is not None and not self.waiting)):
            self._at_the_porch(verb)
            return
        guest = await self._receive()
        if guest is None:
            self._meant = do  # and is done as soon as the visit before is wiped: nobody taps twice for that
        elif verb == "stay" and guest.scene not in ("more_time", "goodbye"):
            self._arm()  # a touch beside the buttons: nothing else is to be seen, but somebody is there
        elif verb not in ("begin", "home"):
            await self._do(guest, do)
            if verb == "anew" and self.guest is None:
                self.porch.leave()  # who says so is not the one who goes
                await self._receive()

    def _at_the_porch(self, verb: str) -> None:
        """Nobody is served now, but may look for help all the same."""
        if verb == "home" and self.porch.parting:
            self.porch.leave()
            self.changed()
        elif verb in ("help", "back") and self._shut is not None:
            self.porch.help(verb == "help")

    async def _do(self, guest: Guest, do: str) -> None:
        self.bell.answered()
        try:
            await taps.tap(guest, do)
        except PagesGone as gone:
            if guest.stay is not None:
                guest.stay.lost(gone)
        except Trouble as trouble:
            # Not what was said, nor words that quote it: it may be what somebody has typed.
            log.info("tap.refused", screen=self.scene, kind=type(trouble).__name__)

    async def set(self, stamp: str, to: str) -> None:
        """One touch of the bars around the page. Raises Refused for what no button says."""
        if stamp != self.stamp:
            return
        settings = self.settings.changed(to)
        served = self.guest is not None or (self._shut is None and not self.waiting)
        guest = await self._receive() if served else None
        if guest is not None:
            guest.set(settings)
        else:
            self.porch.set(settings)

    def seen(self, receipt: str) -> None:
        """The browser has drawn the page with this number: only now it counts as given out, and its time begins."""
        if self.guest is not None and self.guest.sees(receipt):
            self._arm()

    # --- presence ------------------------------------------------------------------------------------------------
    async def entered(self) -> None:
        """The sensor sees somebody."""
        self.somebody = True
        if self.guest is not None and self.guest.stay is not None:
            self.guest.stay.enter()
        elif self._shut is None:
            await self._receive()

    def emptied(self) -> None:
        """The sensor sees nobody any more."""
        self.somebody, self._meant = False, ""
        if self.guest is not None and self.guest.stay is not None:
            self.guest.stay.say(said.Emptied())
        elif not self.porch.parting:
            self.porch.leave()
        self.changed()

    def blinded(self) -> None:
        """The sensor cannot tell any more: touches are the presence again."""
        self.somebody = None
        self.changed()

    def look_at_gate(self) -> None:
        """Whether visitors may come now; the screen says so when that has changed."""
        opens_at, self._opens_at = self._opens_at, self.entrance.opens_at
        if self.entrance.shut is not self._shut:
            self._shut = self.entrance.shut
            log.info("entrance.changed", shut=str(self._shut or "open"))
            self._hurry = self._shut is Shut.CLEANING and self.guest is not None
            if self._hurry:
                self._arm()
            self.changed()
        elif opens_at != self._opens_at and self.scene == "closed":
            self.changed()  # the clock was set, or there is another directory

    def look_at_line(self) -> None:
        """Whether the line is up; a page that says so says the other thing when that has changed."""
        up = self.house.connected()
        if up is not self._line_up:
            self._line_up = up
            if self.scene in OF_THE_LINE:
                self.changed()

    def look_at_directory(self) -> None:
        """Whether another one is in force; a page that tells of it tells the other thing, and a touch of a choice that it has no more is void."""
        before, self._directory = self._directory, self.reference.directory()
        if self._directory is before:
            return
        if self.guest is not None:
            self.guest.reread()
        counted, self._counted = self._counted, self.reference.counted()
        if self.scene in BY_NUMBER and counted != self._counted:
            self.bell.answered()
        if self.scene in OF_THE_DIRECTORY:
            self.changed()

    async def look_at_devices(self) -> bool:
        """What they and the disk let visitors do; a page that offers it offers something else when that has changed. Whether it has."""
        changed = await self.able.look()
        if changed and self.scene in OF_DEVICES:
            self.changed()
        return changed

    # --- what a guest asks of the house (lobby.Lobby) -------------------------------------------------------------
    def changed(self) -> None:
        """Something else is to be seen."""
        self.bell.ring(self.scene)

    def rest(self, rest: said.Rest) -> None:
        """Arm the only timer anew."""
        self._rest = rest
        self._arm()

    def tell(self, told: Told) -> None:
        """The board hears of it."""
        self._board(told)

    def over(self) -> None:
        """Nothing of the visitor is left on the screen from now on; what lies in the house is wiped behind it."""
        guest, self.guest = self.guest, None
        if guest is None:
            return
        self._hurry = False
        self._gone.set()
        accepted = guest.stay.accepted if guest.stay is not None else None
        if accepted is not None and guest.seen_number != accepted.receipt:
            log.warning("number.unseen", receipt=accepted.receipt)
        self.stamp = self._stamped()
        self._timer.disarm()
        self.porch.farewell(guest.settings)
        self.changed()

    # --- for whoever looks ---------------------------------------------------------------------------------------
    def moved(self, told: Told) -> None:
        """A document has a new state: the visitor who still stands before its number sees it."""
        guest = self.guest
        if isinstance(told, DocumentMoved) and guest is not None and guest.shown.receipt == told.document.receipt:
            self.changed()

    async def close(self) -> None:
        """Whoever is there is out, and nothing of them is left."""
        self._timer.disarm()
        for visit in self._visits:
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits)
        self.porch.leave()
        await self.handouts.close()

    # --- one visit -----------------------------------------------------------------------------------------------
    async def _receive(self) -> Guest | None:
        """Somebody is here. None: not yet, another one is being served."""
        if self.guest is not None:
            return self.guest
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
                    await self.bell.rings()
        return self.guest

    async def _visit(self) -> None:
        guest = Guest(self, self.house, self.feed)
        try:
            await self.look_at_devices()
            async with self._reception.receive(guest) as stay:
                guest.stay, guest.settings = stay, self.porch.settings
                self.guest, self._gone = guest, asyncio.Event()
                self._coming, self.waiting = False, False
                self.porch.leave()
                stay.enter(guest.settings.language, PRIVACY_VERSION)
                meant, self._meant = self._meant, ""
                if meant.partition(":")[0] not in ("", "begin", "stay"):
                    await self._do(guest, meant)
                await self._gone.wait()
        except Trouble as trouble:
            log.error("visit.refused", what=trouble.what)
        finally:
            if self.guest is guest:
                self.over()
            if guest.stay is None:
                self._coming, self.waiting, self._meant = False, False, ""
                self.changed()
        await self._warm()

    async def _warm(self) -> None:
        """Nothing is left in a worker's memory either, and another is there before the next visitor needs it."""
        try:
            await self.house.workshop.retire()
            await asyncio.sleep(BROWSER_SECONDS)
            await self.house.workshop.start()
        except Trouble as trouble:
            log.error("workshop.not-started", what=trouble.what)

    def _came(self) -> None:
        """Something the visitor wanted on paper, or the word that it does not come."""
        self._arm()
        self.changed()

    def _arm(self) -> None:
        guest, rest = self.guest, self._rest
        if guest is not None and guest.over and not guest.shown.goodbye:
            rest = said.Rest(OVER_SECONDS_MAX, said.Left())
        elif self._hurry and isinstance(rest.then, said.Quiet):  # not while a device is at work
            self._hurry, rest = False, said.Rest(0.0, rest.then)
        self._timer.arm(rest.seconds if rest.then is not None else None, lambda: self._passed(rest.then))

    def _still(self) -> None:
        if self.scene == "more_time":
            self.changed()

    def _passed(self, then: said.Event | None) -> None:
        if self.guest is not None and self.guest.stay is not None and then is not None:
            with suppress(Refused):
                self.guest.stay.say(then)

    def _stamped(self) -> str:
        return draw(self.house.random, STAMP_BYTES).hex()
