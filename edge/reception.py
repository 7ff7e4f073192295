"""Receives one visit at a time: a person at the kiosk, or whoever hands in files through the hatch.

A handing in through the hatch takes the same way as a visitor: enter, choose, capture, check, confirm. Whoever confirms has handed in, even
when the asker hangs up; whoever hangs up before has not. The pages are gone as soon as the sealed document is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import structlog

from edge import conversation as said
from edge.addressee import Addressee
from edge.capture import dialogue
from edge.capture.mode import Mode
from edge.company import Company
from edge.conversation import Event
from edge.feed import Feed
from edge.orders import Accepted, Told
from edge.stay import Stay, Surroundings
from protocol.errors import Mistake, Unavailable

log = structlog.get_logger("visit")

Tell = Callable[[Told], Awaitable[None]]


class Handing(NamedTuple):
    """What came of a handing in. `confirmed_at`: on `clock`."""

    accepted: Accepted
    confirmed_at: float


class Reception:
    """One visit after the other. Whoever asks through the hatch waits for another asker, and is refused while a person is in the cabin."""

    def __init__(self, house: Surroundings, feed: Feed) -> None:
        self._house = house
        self._feed = feed
        self._turn = asyncio.Lock()
        self._closing = False
        self._person = False
        self.visits = 0  # that have begun

    @property
    def occupied(self) -> bool:
        """Somebody is in the cabin."""
        return self._turn.locked()

    async def hand_in(self, to: Addressee, paths: tuple[str, ...], tell: Tell, gone: asyncio.Event) -> Handing:
        """A whole visit: the pages of these files, or of what lies in the scanner, to `to`. `tell` hears of every step.

        Raises Refused for bad input, Unavailable when the world does not let us; then nothing was handed in."""
        if self._person:
            raise Unavailable(
                "A visitor is in the cabin; one document is taken at a time.", "Try again when the visitor has left."
            )
        async with self._turn:
            self._open()
            self.visits += 1
            asker = _Asker(self._house, self._feed, paths, tell)
            return await _through(Stay(self._house, asker, person=False), self._house, to, paths, gone)

    @asynccontextmanager
    async def receive(self, company: Company) -> AsyncIterator[Stay]:
        """A person is in the cabin: their visit, as long as this block; on leaving it everything of them is gone. Raises Unavailable."""
        async with self._turn:
            self._open()
            self.visits += 1
            self._person = True
            stay = Stay(self._house, company, person=True)
            try:
                await self._feed.clear()  # what came behind the back of the visitor before is theirs
                async with _gone_after(stay):
                    yield stay
            finally:
                self._person = False
                await self._feed.clear()

    async def close(self, seconds: float) -> None:
        """No further visit; wait up to `seconds` for the one that is on."""
        self._closing = True
        try:
            async with asyncio.timeout(seconds):
                async with self._turn:
                    pass
        except TimeoutError:
            log.warning("visit.cut", seconds=seconds)

    def _open(self) -> None:
        if self._closing:
            raise Unavailable("The cabin is closing.", "Start its node again, then hand in.")


async def _through(
    stay: Stay, house: Surroundings, to: Addressee, paths: tuple[str, ...], gone: asyncio.Event
) -> Handing:
    """From the door to the receipt and out again."""
    # Asked before any page is taken: a visitor must not have scanned for nothing.
    house.buffer.room_for(_estimate_bytes(paths))

    async def play(event: Event) -> None:
        stay.say(event)
        await stay.settled()
        if stay.trouble is not None:
            raise stay.trouble

    async with _gone_after(stay):
        stay.enter()
        # Hundreds of pages take minutes, in which nobody else is received.
        await _while_asked(play(said.AgencyChosen(to.agency.id, to.service, to.title)), gone)
        await play(said.Checked())
        await play(said.Confirmed())
    if stay.accepted is None:
        raise Mistake("A visit ended with neither a receipt nor a reason.")
    return Handing(stay.accepted, stay.confirmed_at)


async def _while_asked(capturing: Coroutine[None, None, None], gone: asyncio.Event) -> None:
    """Raises Unavailable as soon as the asker hangs up."""
    hanging_up, taken = asyncio.create_task(gone.wait()), asyncio.create_task(capturing)
    try:
        await asyncio.wait({hanging_up, taken}, return_when=asyncio.FIRST_COMPLETED)
        if gone.is_set():
            raise Unavailable("The asker hung up before the document was confirmed.", "Hand it in again.")
        await taken
    finally:
        hanging_up.cancel()
        taken.cancel()
        await asyncio.wait({hanging_up, taken})


@asynccontextmanager
async def _gone_after(stay: Stay) -> AsyncIterator[None]:
    """Whatever happens within, the visitor is out behind it, and nothing of them is left."""
    try:
        yield
    except asyncio.CancelledError:
        await stay.cut()
        raise
    except BaseException:
        await stay.leave()
        raise
    else:
        await stay.leave()


class _Asker:
    """Whoever asks through the hatch: has neither screen nor fingers, and hears of every step."""

    def __init__(self, house: Surroundings, feed: Feed, paths: tuple[str, ...], tell: Tell) -> None:
        self._house = house
        self._feed = feed
        self._paths = paths
        self._tell = tell

    async def pages(
        self, mode: Mode
    ) -> AsyncGenerator[said.SheetSeen | dialogue.PageTaken | dialogue.Captured | int, None]:
        """The pages of the files, else of what lies in the scanner."""
        if not self._paths:
            async with aclosing(scanned(self._house, self._feed, mode)) as reports:
                async for report in reports:
                    yield report
            return
        for path in self._paths:
            yield _size_bytes(Path(path))
        async with aclosing(self._house.workshop.capture([Path(path) for path in self._paths])) as taken:
            async for page in taken:
                yield page

    async def tell(self, told: Told) -> None:
        """The asker hears of it."""
        await self._tell(told)

    def show(self, show: said.Show) -> None:
        """Nobody looks."""

    def rest(self, rest: said.Rest) -> None:
        """Nobody is waited for."""

    async def print(self, pages: tuple[int, ...]) -> None:
        """Nobody asks for that."""
        raise Mistake("Something was to be printed for the hatch.")


async def scanned(
    house: Surroundings, feed: Feed, mode: Mode
) -> AsyncGenerator[said.SheetSeen | dialogue.PageTaken | dialogue.Captured | int, None]:
    """One batch of the scanner through the worker: each sheet is worked on while the visitor may lay down the next."""
    async with aclosing(feed.scans()) as scans:
        async for scan in scans:
            yield len(scan.image)
            async with aclosing(house.workshop.capture_scan(scan, mode)) as reports:
                async for report in reports:
                    yield report


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # the worker opens it and says what is wrong


def _estimate_bytes(paths: tuple[str, ...]) -> int:
    """What the envelope may take at most: capture makes pages smaller, hardly ever larger."""
    return sum(_size_bytes(Path(path)) for path in paths)
