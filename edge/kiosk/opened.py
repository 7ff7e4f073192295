"""The screen as a whole: from the configuration to pages that are served, and to the address that the browser is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from jinja2 import Environment
from litestar.handlers import HTTPRouteHandler

from edge.config import EdgeConfig
from edge.kiosk import language
from edge.kiosk.door import BODY_BYTES_MAX
from edge.kiosk.doorstep import Doorstep
from edge.kiosk.language import Catalogues
from edge.kiosk.press import Press
from edge.kiosk.reference import Reference
from edge.kiosk.server import Kiosk, served
from edge.kiosk.settings import Screen
from edge.kiosk.usher import Usher
from edge.node import Node
from protocol import limits
from protocol.ids import AreaId
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import World

log = structlog.get_logger("kiosk")

FIRST_LOOK_SECONDS: Final = 2.0  # what a browser takes that was started with the node
DEVICES_SECONDS: Final = 2.0  # while somebody is there
IDLE_SECONDS: Final = 30.0  # no device is kept awake for an empty cabin; whoever comes in has them looked at anew
LOOK_SECONDS: Final = 0.5  # after which whoever cleans sees that the cabin knows, and everybody how the line is


def usher_in(config: EdgeConfig, world: World, node: Node, catalogues: Catalogues) -> Usher:
    """Who receives visitors in this house. Close it."""
    reference = Reference(
        node.surroundings.buffer,
        node.directory,
        area=AreaId(config.cabin.area),
        code=config.cabin.code,
        heard_at=lambda: node.line().last_contact_at if node.line is not None else None,
        clock=world.clock,
    )
    return Usher(
        node.surroundings,
        node.reception,
        node.feed,
        Press(node.devices.printer, catalogues, world.random, config.printer.media),
        reference,
        node.entrance,
        board=node.board.tell,
        parting_seconds=config.visit.parting_seconds,
        face_down=config.scanner.face_down,
        telephone=config.kiosk.telephone,
    )


@asynccontextmanager
async def opened(
    folder: NodeFolder, config: EdgeConfig, world: World, node: Node, step: Doorstep
) -> AsyncIterator[Usher]:
    """Serve at this doorstep inside this block. Raises Unavailable when the style sheets are not there."""
    catalogues = language.read()
    usher = usher_in(config, world, node, catalogues)
    await usher.look_at_devices()
    table = config.kiosk

    kiosk = Kiosk(
        usher,
        catalogues,
        site=config.cabin.name,
        screen=Screen(table.width_px, table.height_px, table.diagonal_inches, table.distance_mm),
        phone=table.phone,
        date_counts=table.date_counts,
        pause_seconds=config.visit.pause_seconds,
        drawer=_drawer(folder, config, node) if table.drawer else None,
        looked=node.looked,
    )
    body_bytes_max = limits.INPUT_BYTES_MAX if table.drawer else BODY_BYTES_MAX
    watching = asyncio.gather(_listen(node, usher), _look_around(usher), _look_at_devices(usher))
    try:
        async with served(kiosk, step, body_bytes_max):
            node.screen_seconds_max = FIRST_LOOK_SECONDS
            log.info("kiosk.open", port=step.socket.getsockname()[1])
            try:
                yield usher
            finally:
                await usher.close()
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def _drawer(folder: NodeFolder, config: EdgeConfig, node: Node) -> Callable[[Environment], list[HTTPRouteHandler]]:
    # A real cabin never loads what pretends to be a device.
    from edge.kiosk.drawer import Drawer

    return lambda pages: Drawer(folder.path, node.devices, pages, config.cabin.name).routes


async def _listen(node: Node, usher: Usher) -> None:
    """What becomes of a document is seen by the visitor who still stands before its number."""
    while True:
        async for told in node.board.watch():
            usher.moved(told)


async def _look_around(usher: Usher) -> None:
    while True:
        usher.look_at_gate()
        usher.look_at_line()
        usher.look_at_directory()
        await asyncio.sleep(LOOK_SECONDS)


async def _look_at_devices(usher: Usher) -> None:
    wait_seconds = passed_seconds = 0.0
    while True:
        await asyncio.sleep(DEVICES_SECONDS)
        passed_seconds += DEVICES_SECONDS
        if usher.guest is not None or passed_seconds >= wait_seconds:
            # Behind the start or a change soon again: a slow device may just not have answered yet.
            soon = await usher.look_at_devices() or usher.guest is not None
            wait_seconds = DEVICES_SECONDS if soon else min(2 * max(wait_seconds, DEVICES_SECONDS), IDLE_SECONDS)
            passed_seconds = 0.0
