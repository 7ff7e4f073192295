"""The cabin as a whole: buffer, workshop, devices, reception and board, and what is answered at the hatch."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog

from edge import vitals
from edge.addressee import Addressee, addressee
from edge.board import Board
from edge.buffer import Buffer, Document, News
from edge.capture.workshop import Workshop
from edge.cleaning import Cleaning
from edge.config import EdgeConfig
from edge.conversation import AgencyChosen
from edge.entrance import Entrance
from edge.feed import Feed
from edge.hatch import Tell
from edge.orders import (
    Clean,
    DocumentMoved,
    DocumentStatus,
    LinkStatus,
    Request,
    Secured,
    ShowStatus,
    Status,
    Submit,
    Told,
    Watch,
)
from edge.reception import Reception
from edge.stay import Surroundings
from edge.storage.documents import State
from edge.uplink import Status as LineStatus
from edge.visit import Patience
from hardware.fitted import Fitted
from protocol import frames
from protocol.directory import Directory
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import AreaId
from protocol.randomness import Random

log = structlog.get_logger("node")

STATUS_VERSION: Final = 1
ROWS_MAX: Final = 500  # documents that the board compares
COMPARE_SECONDS: Final = 0.05  # a backlog that drains brings news hundreds of times a second; nobody sees more
NOT_RUNNING: Final = LinkStatus(False, None, None, "the node does not run", None, None)


class Node:
    """Lives in one event loop. `line` tells the state of the uplink, None while there is none; `stirred` is called when the log grew."""

    def __init__(
        self,
        config: EdgeConfig,
        buffer: Buffer,
        workshop: Workshop,
        devices: Fitted,
        cleaning: Cleaning,
        *,
        utc: Callable[[], datetime],
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self._config = config
        self._buffer = buffer
        self._workshop = workshop
        self.devices = devices
        self._utc = utc
        self._clock = clock
        self._compared_at = clock() - COMPARE_SECONDS
        self._compare_waits = False
        self.line: Callable[[], LineStatus] | None = None
        self.stirred: Callable[[], None] = _nobody
        self.looks = 0  # of browsers at the screen
        self.screen_seconds_max = 0.0  # the processor is left to a browser that draws its first page
        self._looked = asyncio.Event()
        self.board = Board(lambda: map(row, buffer.documents(ROWS_MAX)))
        self.feed = Feed(devices.scanner)
        self.surroundings = Surroundings(
            buffer=buffer,
            workshop=workshop,
            patience=Patience(
                config.visit.quiet_seconds,
                config.visit.answer_seconds,
                config.visit.farewell_seconds,
                config.visit.empty_seconds,
            ),
            utc=utc,
            clock=clock,
            random=random,
            stirred=lambda: self.stirred(),  # noqa: PLW0108 - set later, when there is an uplink
            connected=lambda: self.line is not None and self.line().connected,
            find=self._find,
        )
        self.reception = Reception(self.surroundings, self.feed)
        self.entrance = Entrance(
            config.opening.hours,
            cleaning,
            self.directory,
            utc,
            lambda: self.line is not None and self.line().turned_away,
        )

    async def warm_up(self) -> None:
        """Have a worker ready before the first visitor; where there is a screen it comes first. That there is none yet is no reason not to open: the
        next order tries again."""
        if self.screen_seconds_max:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.screen_seconds_max):
                    await self._looked.wait()
        try:
            await self._workshop.start()
        except Unavailable as trouble:
            log.error("workshop.not-started", what=trouble.what)

    async def answer(self, request: Request, tell: Tell, gone: asyncio.Event) -> None:
        """What the hatch asks."""
        match request:
            case Submit():
                await self._submit(request, tell, gone)
            case ShowStatus():
                await tell(self.status(request.documents_max))
            case Watch():
                await self._watch(tell, gone)
            case Clean(on):
                (self.entrance.cleaning.begin if on else self.entrance.cleaning.end)()
                await tell(self.status(0))

    def status(self, documents_max: int = 100) -> Status:
        """How the cabin is now."""
        vital, now = self.vitals(), self._utc()
        kept_documents, kept_bytes = self._buffer.kept()
        return Status(
            version=STATUS_VERSION,
            at=now,
            site=self._config.cabin.site,
            running=self.line is not None,
            process=os.getpid(),
            link=_link(self.line(), now) if self.line is not None else NOT_RUNNING,
            waiting_documents=vital.waiting_documents,
            waiting_bytes=vital.waiting_bytes,
            oldest_seconds=vital.oldest_seconds,
            disk_free_bytes=vital.disk_free_bytes,
            visitor=vital.visitor,
            devices=vital.devices,
            troubles=vital.troubles,
            directory_version=self._buffer.directory_version(),
            documents=tuple(map(row, self._buffer.documents(documents_max))),
            visits=self.reception.visits,
            looks=self.looks,
            shut=self.entrance.shut or "",
            kept_documents=kept_documents,
            kept_bytes=kept_bytes,
        )

    def looked(self) -> None:
        """A browser has drawn its first page."""
        self.looks += 1
        self._looked.set()

    def vitals(self) -> frames.Vitals:
        """For a beat; called from the uplink's thread too."""
        return vitals.vitals(
            self._buffer,
            now=self._utc(),
            visitor=self.reception.occupied,
            devices=self.devices.states(),
            sign=self.entrance.sign,
        )

    def brought(self, news: News) -> None:
        """The uplink brought something: look at the documents, not more often than anybody can read."""
        if self._compare_waits:
            return
        wait_seconds = self._compared_at + COMPARE_SECONDS - self._clock()
        if wait_seconds <= 0:
            self._compare()
        else:
            self._compare_waits = True
            asyncio.get_running_loop().call_later(wait_seconds, self._compare)

    def _compare(self) -> None:
        self._compare_waits = False
        self._compared_at = self._clock()
        self.board.compare()

    async def _submit(self, order: Submit, tell: Tell, gone: asyncio.Event) -> None:
        async def told(told: Told) -> None:
            self.board.tell(told)
            await tell(told)

        if self.entrance.turned_away:
            raise Refused(
                Code.REVOKED,
                "The hub does not know this cabin any more: what is handed in here would reach nobody.",
                "Ask whoever runs the hub (`kabine cabin list` there), or hand in elsewhere.",
            )
        to = addressee(self._directory(), order.agency, order.service, self._area, order.title)
        handing = await self.reception.hand_in(to, order.paths, told, gone)
        self._compare()
        if order.wait == "secured":
            await self._until_secured(handing.accepted.receipt, gone)
            await told(Secured(handing.accepted.receipt, self._clock() - handing.confirmed_at))

    async def _until_secured(self, receipt: str, gone: asyncio.Event) -> None:
        """Raises Unavailable when that cannot come any more, or nobody waits for it."""
        watch = self.board.watch()
        rows = {found.receipt: found for found in map(row, self._buffer.documents(ROWS_MAX))}
        if receipt in rows and _secured(rows[receipt]):
            return
        leaving = asyncio.create_task(gone.wait())
        try:
            while True:
                coming = asyncio.ensure_future(anext(watch, None))
                await asyncio.wait({coming, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if leaving.done():
                    coming.cancel()
                    raise Unavailable("The asker hung up.", "The document is accepted and is sent all the same.")
                match await coming:
                    case None:
                        watch = self.board.watch()
                    case DocumentMoved(moved) if moved.receipt == receipt and _secured(moved):
                        return
        finally:
            leaving.cancel()

    async def _watch(self, tell: Tell, gone: asyncio.Event) -> None:
        watch = self.board.watch()
        await tell(self.status(ROWS_MAX))

        async def pass_on() -> None:
            async for told in watch:
                await tell(told)

        passing, leaving = asyncio.create_task(pass_on()), asyncio.create_task(gone.wait())
        try:
            await asyncio.wait({passing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (passing, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _find(self, chosen: AgencyChosen) -> Addressee:
        return addressee(self._directory(), chosen.agency, chosen.service or "", self._area, chosen.title)

    @property
    def _area(self) -> AreaId:
        return AreaId(self._config.cabin.area)

    def directory(self) -> Directory | None:
        """The one in force, read and verified; None before the first."""
        return self._buffer.directory_in_force()

    def _directory(self) -> Directory:
        directory = self.directory()
        if directory is None:
            raise Unavailable("This cabin has no directory.", "Connect it to the hub, or enrol it anew.")
        return directory


def _nobody() -> None:
    """Nobody listens yet."""


def _secured(found: DocumentStatus) -> bool:
    if found.state == State.DAMAGED:
        raise Refused(
            Code.BAD_FILE,
            f"Document {found.receipt} was altered on this cabin's disk before the hub had it.",
            "Hand it in again, and have the disk replaced.",
        )
    return found.state != State.WAITING


def row(document: Document) -> DocumentStatus:
    """A document as it is told through the hatch."""
    return DocumentStatus(
        document.receipt,
        document.agency,
        document.state,
        document.size_bytes,
        document.accepted_at,
        document.changed_at,
    )


def _link(line: LineStatus, now: datetime) -> LinkStatus:
    return LinkStatus(
        line.connected,
        line.since if line.since <= now else None,  # the clock was set back: nobody knows
        line.last_contact_at,
        line.reason,
        line.round_trip_seconds,
        line.hub_offset_seconds,
        line.turned_away,
    )
