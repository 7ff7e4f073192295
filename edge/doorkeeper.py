"""Looks at the sensor and at the key switch ten times a second, tells the screen who comes and goes, and keeps the lamp at the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import structlog

from edge.attendance import Attendance, Change
from edge.keyswitch import Keyswitch
from hardware.lamp import Lamp, Light
from hardware.presence import Presence
from protocol.errors import Trouble

log = structlog.get_logger("door")

LOOK_SECONDS: Final = 0.1


class Guests(Protocol):
    """Whoever receives visitors: the screen."""

    async def entered(self) -> None:
        """Somebody is there."""

    def emptied(self) -> None:
        """Nobody is there any more."""

    def blinded(self) -> None:
        """The sensor cannot tell any more."""


class Nobody:
    """A cabin without a screen: the lamp is kept all the same."""

    async def entered(self) -> None:
        """There is nothing to be shown."""

    def emptied(self) -> None:
        """Nor here."""

    def blinded(self) -> None:
        """Nor here."""


def light(*, occupied: bool, help_wanted: bool, troubles: bool) -> Light:
    """What the lamp says: whoever is inside comes before what is broken."""
    if help_wanted:
        return Light.HELP
    if occupied:
        return Light.OCCUPIED
    return Light.TROUBLE if troubles else Light.FREE


@asynccontextmanager
async def keeping(
    presence: Presence,
    lamp: Lamp,
    guests: Guests,
    attendance: Attendance,
    keyswitch: Keyswitch,
    *,
    clock: Callable[[], float],
    shows: Callable[[bool], Light],
) -> AsyncIterator[None]:
    """Watch the door inside this block. `shows` says what the lamp shows, given whether the sensor sees somebody; after it the lamp is dark."""

    async def watch() -> None:
        while True:
            try:
                keyswitch.look(clock())
                change = attendance.saw(presence.somebody(), clock())
                lamp.show(shows(attendance.somebody is True))
            except OSError as error:  # a driver's own business, but never the end of the visits
                log.error("door.not-seen", what=str(error))
                change = None
            if change is not None:
                await _tell(guests, change)
            await asyncio.sleep(LOOK_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        lamp.show(Light.OFF)


async def _tell(guests: Guests, change: Change) -> None:
    log.info("presence.changed", change=str(change))
    try:
        match change:
            case Change.ENTERED:
                await guests.entered()
            case Change.EMPTIED:
                guests.emptied()
            case Change.BLIND:
                guests.blinded()
    except Trouble as trouble:  # of this visit; the next one is received all the same
        log.error("presence.not-heeded", what=trouble.what)
