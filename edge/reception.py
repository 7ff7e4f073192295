"""Leads one visit at a time through the house: carries out what the table of the visit asks for.

A handing in through the hatch takes the same way as a visitor: enter, choose, capture, check, confirm. Whoever confirms has handed in, even
when the asker hangs up; whoever hangs up before has not. The pages are gone as soon as the sealed document is durable.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from edge import conversation as said
from edge.addressee import Addressee
from edge.buffer import Buffer
from edge.capture import dialogue
from edge.capture.workshop import PagesGone, Workshop
from edge.conversation import Effect, Event, State
from edge.orders import Accepted, Captured, PageCaptured, SealedUp, Told
from edge.sealing import Sealing, undisturbed
from edge.visit import Patience, Visit
from hardware.scanner import Scan, Scanner, ScannerFailure
from protocol.entries import VisitEnded
from protocol.errors import Mistake, Trouble, Unavailable
from protocol.keys import receipt_words
from protocol.randomness import Random, draw

log = structlog.get_logger("visit")

VISIT_ID_BYTES = 16
Tell = Callable[[Told], Awaitable[None]]


class Surroundings(NamedTuple):
    """What a visit needs of the house. `utc` gives aware UTC, `clock` monotonic seconds; `stirred` is called when the log grew; `connected`
    says whether the line is up."""

    buffer: Buffer
    workshop: Workshop
    scanner: Scanner
    patience: Patience
    utc: Callable[[], datetime]
    clock: Callable[[], float]
    random: Random
    stirred: Callable[[], None]
    connected: Callable[[], bool]


class Handing(NamedTuple):
    """What came of a handing in. `confirmed_at`: on `clock`."""

    accepted: Accepted
    confirmed_at: float


class Reception:
    """One visit after the other; further ones wait their turn."""

    def __init__(self, house: Surroundings) -> None:
        self._house = house
        self._turn = asyncio.Lock()
        self._closing = False

    @property
    def occupied(self) -> bool:
        """Somebody is in the cabin."""
        return self._turn.locked()

    async def hand_in(
        self, find: Callable[[], Addressee], paths: tuple[str, ...], tell: Tell, gone: asyncio.Event
    ) -> Handing:
        """A whole visit: the pages of these files, or of what lies in the scanner, to whom `find` names. `tell` hears of every step.

        Raises Refused for bad input, Unavailable when the world does not let us; then nothing was handed in."""
        async with self._turn:
            if self._closing:
                raise Unavailable("The cabin is closing.", "Start its node again, then hand in.")
            led = _Led(self._house, find(), paths, tell, gone)
            return await led.through()

    async def close(self, seconds: float) -> None:
        """No further visit; wait up to `seconds` for the one that is on."""
        self._closing = True
        try:
            async with asyncio.timeout(seconds):
                async with self._turn:
                    pass
        except TimeoutError:
            log.warning("visit.cut", seconds=seconds)


class _Led:
    """One visit that is being led."""

    def __init__(
        self, house: Surroundings, to: Addressee, paths: tuple[str, ...], tell: Tell, gone: asyncio.Event
    ) -> None:
        self._house = house
        self._to = to
        self._paths = paths
        self._tell = tell
        self._gone = gone
        self._visit = Visit(house.patience)
        self._id = draw(house.random, VISIT_ID_BYTES)
        self._sealing: Sealing | None = None
        self._trouble: Trouble | None = None
        self._confirmed_at = 0.0
        self._sealed: dialogue.SealedUp | None = None
        self._accepted: Accepted | None = None

    async def through(self) -> Handing:
        """From the door to the receipt and out again."""
        to = self._to
        # Asked before any page is taken: a visitor must not have scanned for nothing.
        self._house.buffer.room_for(_estimate_bytes(self._paths))
        try:
            await self._play(said.Entered(self._id))
            await self._play(said.AgencyChosen(to.agency.id, to.service, to.title))
            if self._gone.is_set():
                raise Unavailable("The asker hung up before the document was confirmed.", "Hand it in again.")
            await self._play(said.Checked())
            self._confirmed_at = self._house.clock()
            await self._play(said.Confirmed())
        finally:
            await self._out()
        if self._accepted is None:
            raise Mistake("A visit ended with neither a receipt nor a reason.")
        return Handing(self._accepted, self._confirmed_at)

    async def _out(self) -> None:
        """However it went: the visitor is out, and nothing of them is left."""
        if self._visit.state is not State.WELCOME:
            await self._play(said.Left())
        if self._visit.state is not State.WELCOME:  # cut short in the middle of handing in
            await self._play(said.Failed("The cabin was closed in the middle.", "Hand it in again."))

    async def _play(self, event: Event) -> None:
        """One event and all that follows from it. Raises the trouble that the visit met."""
        self._trouble = None
        events: deque[Event] = deque([event])
        while events:
            for effect in self._visit.step(events.popleft(), self._house.utc()):
                try:
                    async with aclosing(self._do(effect)) as followed:
                        async for follows in followed:
                            events.append(follows)
                except PagesGone as trouble:
                    self._trouble = trouble
                    events.append(said.PagesLost(trouble.what, trouble.remedy))
                except (Trouble, ScannerFailure) as trouble:
                    self._trouble = _as_trouble(trouble)
                    events.append(said.Failed(self._trouble.what, self._trouble.remedy))
        if self._trouble is not None:
            raise self._trouble

    async def _do(self, effect: Effect) -> AsyncGenerator[Event, None]:
        match effect:
            case said.Capture():
                async for event in self._capture():
                    yield event
            case said.Seal():
                yield await self._seal(effect)
            case said.Store():
                yield await self._store()
            case said.Wipe():
                await self._wipe()
            case said.NoteVisit():
                await self._note(effect)
            case _:  # Show and Rest: whoever asks through the hatch has neither screen nor fingers
                pass

    async def _capture(self) -> AsyncGenerator[Event, None]:
        began, pages, input_bytes = self._house.clock(), 0, 0
        async with aclosing(self._pages()) as reports:
            async for report in reports:
                match report:
                    case dialogue.PageTaken():
                        pages += 1
                        await self._tell(
                            PageCaptured(
                                self._id.hex(), pages, report.encoding, report.bytes, report.blank, report.seconds
                            )
                        )
                        yield said.PageTaken(report.number)
                    case int():
                        input_bytes += report
                    case _:
                        pass
        seconds = self._house.clock() - began
        log.info("pages.captured", visit=self._id.hex(), pages=pages, seconds=round(seconds, 3))
        await self._tell(Captured(self._id.hex(), self._to.agency.id, pages, input_bytes, seconds))

    async def _pages(self) -> AsyncGenerator[dialogue.PageTaken | dialogue.Captured | int, None]:
        """What the worker reports, and the size of every input in bytes."""
        workshop = self._house.workshop
        if self._paths:
            for path in self._paths:
                yield _size_bytes(Path(path))
            async for report in workshop.capture([Path(path) for path in self._paths]):
                yield report
            return
        batch = await asyncio.to_thread(self._house.scanner.scan)
        while (scan := await asyncio.to_thread(_next, batch)) is not None:
            yield len(scan.image)
            async for report in workshop.capture_scan(scan):
                yield report

    async def _seal(self, effect: said.Seal) -> Event:
        began = self._house.clock()
        self._drop_sealing()
        self._sealing = Sealing(self._house.buffer, self._house.workshop, self._house.random)
        receipt, sealed = await self._sealing.seal(self._to, effect.pages, self._house.utc(), "de")
        self._sealed = sealed
        seconds = self._house.clock() - began
        size_bytes = sealed.header_bytes + sealed.payload_bytes
        log.info("document.sealed", visit=self._id.hex(), receipt=receipt, bytes=size_bytes, seconds=round(seconds, 3))
        await self._tell(SealedUp(self._id.hex(), receipt, sealed.pdf_bytes, size_bytes, seconds))
        return said.Sealed()

    async def _store(self) -> Event:
        if self._sealing is None:
            raise Mistake("A document was to be stored that nobody has sealed.")
        put = await self._sealing.store()
        self._house.stirred()
        seconds = self._house.clock() - self._confirmed_at
        words = receipt_words(put.receipt)
        connected = self._house.connected()
        self._accepted = Accepted(self._id.hex(), put.receipt, words, self._to.agency.id, connected, seconds)
        log.info(
            "document.accepted", visit=self._id.hex(), receipt=put.receipt, entry=put.entry, agency=self._to.agency.id
        )
        await self._tell(self._accepted)
        return said.Stored(put.receipt)

    async def _wipe(self) -> None:
        self._drop_sealing()
        await self._house.workshop.discard()

    async def _note(self, note: said.NoteVisit) -> None:
        event = VisitEnded(note.visit, note.began_at, note.ended_at, note.outcome, note.documents, note.language)
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


def _as_trouble(trouble: Trouble | ScannerFailure) -> Trouble:
    return Unavailable(trouble.what, trouble.remedy) if isinstance(trouble, ScannerFailure) else trouble


def _next(batch: Iterator[Scan]) -> Scan | None:
    return next(batch, None)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # the worker opens it and says what is wrong


def _estimate_bytes(paths: tuple[str, ...]) -> int:
    """What the envelope may take at most: capture makes pages smaller, hardly ever larger."""
    return sum(_size_bytes(Path(path)) for path in paths)
