"""One visit in the house: carries out what the table of the visit asks for, whoever accompanies it.

Through the hatch the asker's files come in and what happens is told line by line; at the kiosk a person looks at a screen. Capturing, sealing,
storing, wiping and noting are the same for both, and stand here once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from typing import NamedTuple

import structlog

from edge import conversation as said
from edge.addressee import Addressee
from edge.buffer import Buffer
from edge.capture import dialogue
from edge.capture.mode import Mode
from edge.capture.workshop import PagesGone, Workshop
from edge.company import Company
from edge.conversation import Effect, Event, State
from edge.orders import Accepted, Captured, PageCaptured, SealedUp
from edge.sealing import Sealing, undisturbed
from edge.visit import Patience, Visit
from hardware.printer import PrinterFailure
from hardware.scanner import ScannerFailure
from protocol.entries import VisitEnded
from protocol.errors import Mistake, Trouble, Unavailable
from protocol.keys import receipt_words
from protocol.randomness import Random, draw

log = structlog.get_logger("visit")

VISIT_ID_BYTES = 16


class Surroundings(NamedTuple):
    """What a visit needs of the house. `utc` gives aware UTC, `clock` monotonic seconds; `stirred` is called when the log grew; `connected`
    says whether the line is up; `find` names whom a choice means."""

    buffer: Buffer
    workshop: Workshop
    patience: Patience
    utc: Callable[[], datetime]
    clock: Callable[[], float]
    random: Random
    stirred: Callable[[], None]
    connected: Callable[[], bool]
    find: Callable[[said.AgencyChosen], Addressee]


class Stay:
    """Owns the machine of one visit and what it has under way. `trouble`: what it met last, until the next `say`; `cause`: the device's own
    failure behind it. `person`: somebody is in the cabin, whose visit counts also when nothing is handed in."""

    def __init__(self, house: Surroundings, company: Company, *, person: bool) -> None:
        self._house = house
        self._company = company
        self._person = person
        self._visit = Visit(house.patience)
        self._id = draw(house.random, VISIT_ID_BYTES)
        self._to: Addressee | None = None
        self._sealing: Sealing | None = None
        self._works: deque[Effect] = deque()
        self._working: asyncio.Task[None] | None = None
        self._taking: asyncio.Task[None] | None = None
        self._confirmed_at = 0.0
        self.trouble: Trouble | None = None
        self.cause: Exception | None = None
        self.accepted: Accepted | None = None

    @property
    def state(self) -> State:
        """Where the visit stands."""
        return self._visit.state

    @property
    def confirmed_at(self) -> float:
        """When the visitor handed in last: on `clock`."""
        return self._confirmed_at

    def enter(self, language: str = "de", privacy: str = "") -> None:
        """Somebody is here; `privacy` is the version of the text about it that they are offered."""
        self.say(said.Entered(self._id, language, privacy))

    def say(self, event: Event) -> None:
        """One event. What takes long goes on behind it, in order; `settled` waits for that. Raises Refused when it is not possible here."""
        if isinstance(event, said.AgencyChosen) and self.state in (State.CHOOSE, State.FAREWELL):
            self._to = self._house.find(event)
        if isinstance(event, said.Confirmed) and self.state is State.CHECK:
            self._confirmed_at = self._house.clock()
        self.trouble = self.cause = None
        self._step(event)

    def lost(self, gone: PagesGone) -> None:
        """Somebody who only wanted to look at a page found that the worker had died, and with it all of them."""
        if self.state in (State.PLACE, State.JUDGE, State.CHECK):
            self._stop_taking()
            self._met(gone, said.PagesLost(gone.what, gone.remedy))

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._working is not None and not self._working.done():
            working = self._working
            await asyncio.wait({working})
            if not working.cancelled() and (error := working.exception()) is not None:
                raise error

    def _step(self, event: Event) -> None:
        for effect in self._visit.step(event, self._house.utc()):
            match effect:
                case said.Show():
                    self._company.show(effect)
                case said.Rest():
                    self._company.rest(effect)
                case said.Halt():
                    self._stop_taking()
                case said.Wipe():
                    self._stop_taking()
                    self._works.append(effect)
                case _:
                    self._works.append(effect)
        if self._works and (self._working is None or self._working.done()):
            self._working = asyncio.create_task(self._work())

    def _stop_taking(self) -> None:
        # Whatever waits for paper, or for a page of it, is of no use any more.
        self._works = deque(work for work in self._works if not isinstance(work, said.Capture | said.Print))
        if self._taking is not None:
            self._taking.cancel()

    async def _work(self) -> None:
        while self._works:
            effect = self._works.popleft()
            if isinstance(effect, said.Capture | said.Print):
                # A task of its own: the visitor may go, or have second thoughts, while it waits.
                self._taking = asyncio.create_task(self._carry_out(effect))
                await asyncio.wait({self._taking})
                taking, self._taking = self._taking, None
                if not taking.cancelled() and (error := taking.exception()) is not None:
                    raise error
            else:
                await self._carry_out(effect)

    async def _carry_out(self, effect: Effect) -> None:
        try:
            await self._do(effect)
        except PagesGone as gone:
            self._met(gone, said.PagesLost(gone.what, gone.remedy))
        except Trouble as trouble:
            self._met(trouble, said.Failed(trouble.what, trouble.remedy))
        except (ScannerFailure, PrinterFailure) as failure:
            self._met(Unavailable(failure.what, failure.remedy), said.Failed(failure.what, failure.remedy), failure)
        except Exception:
            # A mistake of ours: the visitor must not stand before a screen that never changes, and keeps the pages where there are any.
            log.exception("visit.broken", visit=self._id.hex())
            broken = Unavailable("Something went wrong inside the cabin.", "Try it once more, or get help.")
            self._met(broken, said.Failed(broken.what, broken.remedy))

    def _met(self, trouble: Trouble, event: Event, cause: Exception | None = None) -> None:
        self.trouble, self.cause = trouble, cause
        log.info("visit.trouble", visit=self._id.hex(), what=trouble.what)
        if isinstance(event, said.PagesLost):
            self._house.workshop.begin_anew()
        if self.state is not State.WELCOME:  # behind the end of a visit there is nobody to tell
            self._step(event)

    async def _do(self, effect: Effect) -> None:
        match effect:
            case said.Capture(mode):
                await self._capture(mode)
            case said.Print(pages):
                await self._company.print(pages)
                self._step(said.Printed())
            case said.Seal():
                await self._seal(effect)
            case said.Store():
                await self._store()
            case said.Wipe():
                await self._wipe()
            case said.NoteVisit():
                await self._note(effect)
            case _:
                raise Mistake(f"{type(effect).__name__} is nothing to be carried out.")

    async def _capture(self, mode: Mode) -> None:
        began, pages, input_bytes = self._house.clock(), 0, 0
        async with aclosing(self._company.pages(mode)) as reports:
            async for report in reports:
                match report:
                    case said.SheetSeen():
                        self._step(report)
                        began = self._house.clock()
                    case dialogue.PageTaken():
                        pages += 1
                        await self._company.tell(
                            PageCaptured(
                                self._id.hex(), pages, report.encoding, report.bytes, report.blank, report.seconds
                            )
                        )
                        self._step(said.PageTaken(report.number))
                    case int():
                        input_bytes += report
                    case _:
                        pass
        seconds = self._house.clock() - began
        log.info("pages.captured", visit=self._id.hex(), pages=pages, seconds=round(seconds, 3))
        agency = self._to.agency.id if self._to is not None else ""
        await self._company.tell(Captured(self._id.hex(), agency, pages, input_bytes, seconds))
        self._step(said.CaptureEnded())

    async def _seal(self, effect: said.Seal) -> None:
        if self._to is None:
            raise Mistake("A document was to be sealed to nobody.")
        began = self._house.clock()
        self._drop_sealing()
        self._sealing = Sealing(self._house.buffer, self._house.workshop, self._house.random)
        receipt, sealed = await self._sealing.seal(self._to, effect.pages, self._house.utc(), self._visit.language)
        seconds = self._house.clock() - began
        size_bytes = sealed.header_bytes + sealed.payload_bytes
        log.info("document.sealed", visit=self._id.hex(), receipt=receipt, bytes=size_bytes, seconds=round(seconds, 3))
        await self._company.tell(SealedUp(self._id.hex(), receipt, sealed.pdf_bytes, size_bytes, seconds))
        self._step(said.Sealed())

    async def _store(self) -> None:
        if self._sealing is None or self._to is None:
            raise Mistake("A document was to be stored that nobody has sealed.")
        put = await self._sealing.store()
        self._house.stirred()
        seconds = self._house.clock() - self._confirmed_at
        words = receipt_words(put.receipt)
        agency = self._to.agency.id
        self.accepted = Accepted(self._id.hex(), put.receipt, words, agency, self._house.connected(), seconds)
        log.info("document.accepted", visit=self._id.hex(), receipt=put.receipt, entry=put.entry, agency=agency)
        await self._company.tell(self.accepted)
        self._step(said.Stored(put.receipt))

    async def _wipe(self) -> None:
        self._drop_sealing()
        await self._house.workshop.discard()

    async def _note(self, note: said.NoteVisit) -> None:
        if not (self._person or note.documents):
            return  # a handing in through the hatch that was refused: nobody was here
        event = VisitEnded(
            note.visit,
            note.began_at,
            note.ended_at,
            note.outcome,
            note.documents,
            note.language,
            note.face,
            note.privacy,
            note.privacy_read,
        )
        try:
            await undisturbed(self._house.buffer.append, event)
        except Unavailable as trouble:  # what was handed in stands; only the count of visits suffers
            log.error("visit.not-noted", visit=self._id.hex(), what=trouble.what)
            return
        self._house.stirred()
        log.info("visit.ended", visit=self._id.hex(), outcome=note.outcome, documents=note.documents)

    def _drop_sealing(self) -> None:
        if self._sealing is not None:
            sealing, self._sealing = self._sealing, None
            try:
                sealing.discard()
            except Unavailable as trouble:  # wiped when the buffer opens
                log.error("staging.left", visit=self._id.hex(), what=trouble.what)

    async def leave(self) -> None:
        """However it went: the visitor is out, and nothing of them is left. What was confirmed is finished first."""
        if self.state is not State.WELCOME:
            self._step(said.Left())
        await self.settled()
        if self.state is not State.WELCOME:  # cut short in the middle of handing in
            self._step(said.Failed("The cabin was closed in the middle.", "Hand it in again."))
            await self.settled()

    async def cut(self) -> None:
        """Drop what is under way, then leave: what is durable stays, and nothing else."""
        self._works.clear()
        under_way = {task for task in (self._taking, self._working) if task is not None}
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
        await self.leave()
