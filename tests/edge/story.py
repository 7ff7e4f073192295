"""A story that is told in the real house around a screen, drawn and looked at by nobody, on clocks that the test sets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from edge.app import house
from edge.config import EdgeConfig, KioskConfig
from edge.kiosk import language
from edge.kiosk.opened import usher_in
from edge.kiosk.server import Kiosk
from edge.kiosk.settings import Screen
from edge.kiosk.usher import Usher
from edge.node import Node
from edge.opening import OpeningConfig
from hardware.fittings import PrinterConfig, ScannerConfig
from protocol.directory import Directory
from protocol.manifest import sign
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL, World
from tests.edge.house import AUTHORITY, config
from tests.edge.jumping import Jumping

NINE = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # on a Monday, by the clock in Berlin
SIMULATED = ScannerConfig("simulated", pages=1, seed=5)
PRINTER = PrinterConfig("simulated")


@dataclass
class Cabin:
    """What a browser would do, without one. `utc` is what the calendar says; `loop` has the clock that only grows."""

    loop: Jumping
    utc: datetime = NINE
    usher: Usher = field(init=False)
    node: Node = field(init=False)
    kiosk: Kiosk = field(init=False)

    async def tap(self, *taps: str) -> str:
        """One after the other; the name of the page that stands there then."""
        for do in taps:
            await self.usher.tap(self.usher.stamp, self.usher.bell.turn, do)
        return self.usher.scene

    async def passed(self, seconds: float) -> str:
        """So much later nobody has touched anything; which page stands there."""
        await self.loop.pass_by(seconds)
        return self.usher.scene

    async def text(self) -> str:
        """What can be read between the bars of the page."""
        page = (await self.kiosk.page()).content
        main = page[page.index("<main") : page.index("</main>")]
        return " ".join(re.sub(r"<[^>]+>", " ", main).split())

    async def offered(self) -> list[str]:
        """What the buttons of the page say."""
        page = (await self.kiosk.page()).content
        return re.findall(r'name="do" value="([^"]*)"', page[page.index("<main") : page.index("</main>")])

    async def at(self, scene: str) -> None:
        """Wait for a page that comes by itself."""
        while self.usher.scene != scene:
            await self.usher.bell.rings()


@asynccontextmanager
async def opened(path: Path, settings: EdgeConfig) -> AsyncIterator[Cabin]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Jumping)
    cabin = Cabin(loop)
    world = World(loop.time, lambda: cabin.utc, REAL.random, REAL.chance)
    catalogues = language.read()
    with NodeFolder.open(path, "edge") as folder:
        async with house(folder, settings, world) as (cabin.node, _, _):
            cabin.usher = usher_in(settings, world, cabin.node, catalogues)
            cabin.kiosk = Kiosk(cabin.usher, catalogues, site="Templin", screen=Screen())
            await cabin.usher.look_at_devices()
            try:
                yield cabin
            finally:
                await cabin.usher.close()


def play(
    path: Path,
    story: Callable[[Cabin], Awaitable[None]],
    opening: OpeningConfig | None = None,
    scanner: ScannerConfig = SIMULATED,
    printer: PrinterConfig | None = None,
    kiosk: KioskConfig | None = None,
) -> None:
    """A story in a cabin of its own."""
    settings = structs.replace(
        config(scanner=scanner),
        opening=opening or OpeningConfig(),
        printer=printer or PrinterConfig(),
        kiosk=kiosk or KioskConfig(),
    )

    async def told() -> None:
        async with opened(path, settings) as cabin:
            await story(cabin)

    with asyncio.Runner(loop_factory=Jumping) as runner:
        runner.run(told())


def in_force(cabin: Cabin) -> Directory:
    directory = cabin.node.directory()
    assert directory is not None
    return directory


def publish(cabin: Cabin, **changes: object) -> None:
    """The authority signs another directory, and it has come here."""
    newer = structs.replace(in_force(cabin), version=in_force(cabin).version + 2, previous=bytes([1]) * 32, **changes)
    cabin.node.surroundings.buffer.set_directory(sign(newer, AUTHORITY.private()))
