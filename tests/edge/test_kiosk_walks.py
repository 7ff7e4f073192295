"""Somebody touches whatever is offered, while devices, directory, hours, line and sensor change under them: by chance, from a seed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest
import structlog
from msgspec import structs

from edge.conversation import State
from edge.uplink import Status as LineStatus
from hardware.fittings import ScannerConfig
from hardware.simulated.stage import JAMMED, NO_PAPER, UNPLUGGED, Stage
from protocol.runtime.world import REAL
from tests.edge.house import sheet
from tests.edge.story import PRINTER, Cabin, in_force, play, publish

STEPS = 40
TOUCHES = 0.65  # of all steps
ABOUT = ("help", "privacy", "end")  # stand on every page; whoever chose among all would see little else
AT_WORK = (State.TAKING, State.HAND_IN, State.LEAVING, State.PRINTING)
UNCHANGED = ("begin", "stay")  # may be answered by the page that stands there


class Walk:
    """One seed. `seen`: what was done and what stood there then, for whoever reads why it failed."""

    def __init__(self, cabin: Cabin, path: Path, seed: int) -> None:
        self.cabin = cabin
        self.dice = Random(seed)
        self.stage = Stage(path / "stage")
        self.paper = sheet(path.parent / "sheet.png")
        self.seen: list[str] = []
        self.directory = in_force(cabin)
        usher = cabin.usher
        self.events: dict[str, Callable[[], object]] = {
            "nobody takes papers": lambda: self.publish(inboxes=()),
            "papers are taken": self.publish,
            "unplugged": lambda: self.stage.flag("scanner", UNPLUGGED),
            "jammed": lambda: self.stage.flag("scanner", JAMMED),
            "scanner mended": lambda: self.stage.mend("scanner"),
            "printer empty": lambda: self.stage.flag("printer", NO_PAPER),
            "printer mended": lambda: self.stage.mend("printer"),
            "a sheet": lambda: self.stage.put(self.paper),
            "cleaning": usher.entrance.cleaning.begin,
            "cleaned": usher.entrance.cleaning.end,
            "emptied": usher.emptied,
            "blind": usher.blinded,
            "turned away": lambda: self.line(turned_away=True),
            "connected": lambda: self.line(turned_away=False),
        }
        self.waits: dict[str, Callable[[], Awaitable[object]]] = {
            "entered": usher.entered,
            "a second": lambda: self.later(1),
            "a moment": lambda: self.later(16),
            "a minute": lambda: self.later(61),
            "two minutes": lambda: self.later(121),
        }

    def publish(self, **of_agencies: object) -> None:
        publish(self.cabin, agencies=tuple(structs.replace(one, **of_agencies) for one in self.directory.agencies))

    def line(self, *, turned_away: bool) -> None:
        status = LineStatus(connected=not turned_away, since=REAL.utc(), turned_away=turned_away)
        self.cabin.node.line = lambda: status

    async def later(self, seconds: float) -> None:
        """A worker that is just starting is not hurried by a clock that jumps."""
        await self.cabin.node.surroundings.workshop.start()
        await self.cabin.passed(seconds)

    async def step(self) -> None:
        """One touch, or one event."""
        if self.dice.random() < TOUCHES:
            await self.touch()
            return
        name = self.dice.choice([*self.events, *self.waits])
        self.seen.append(name)
        if name in self.events:
            self.events[name]()
        else:
            await self.waits[name]()
        await self.look_around()

    async def look_around(self) -> None:
        """What the node looks at by itself."""
        usher = self.cabin.usher
        usher.look_at_gate()
        usher.look_at_line()
        usher.look_at_directory()
        await usher.look_at_devices()
        await self.cabin.passed(0.5)
        while usher.guest is not None and usher.guest.shown.state in AT_WORK:
            await usher.bell.rings()

    async def touch(self) -> None:
        """Something that is offered: it is not refused, and something is to be seen."""
        usher = self.cabin.usher
        page = (await self.cabin.kiosk.page()).content
        offered = [do for do, how in re.findall(r'name="do" value="([^"]*)"([^>]*)>', page) if "disabled" not in how]
        do = self.dice.choice([each for each in offered if each not in ABOUT or self.dice.random() < 0.1] or ["help"])
        before, scene = usher.bell.version, usher.scene
        self.seen.append(f"{do} on {scene}")
        with structlog.testing.capture_logs() as told:
            await self.cabin.tap(do)
        assert "tap.refused" not in [row["event"] for row in told], self.seen
        assert usher.bell.version != before or do in UNCHANGED or "help" in (do, scene), self.seen

    async def ends(self) -> None:
        """Whoever walks out wherever they are is forgotten."""
        usher = self.cabin.usher
        usher.blinded()
        usher.entrance.cleaning.end()
        self.cabin.node.line = None
        for _ in range(5):
            await self.look_around()
            await self.later(1000)
        assert usher.guest is None, self.seen
        await self.cabin.node.reception.close(60)
        assert usher.scene == "start", self.seen


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_offered_does_something_and_every_visit_ends(path: Path, seed: int) -> None:
    async def story(cabin: Cabin) -> None:
        walk = Walk(cabin, path, seed)
        for _ in range(STEPS):
            await walk.step()
        await walk.ends()

    play(path, story, printer=PRINTER, scanner=ScannerConfig("simulated", pages=0))
