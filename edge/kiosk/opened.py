"""The screen as a whole: from the configuration to pages that are served, and to the address that the browser is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import structlog
from jinja2 import Environment
from litestar.handlers import HTTPRouteHandler

from edge.config import EdgeConfig
from edge.kiosk import language
from edge.kiosk.boot_key import URL_FILE, boot_key
from edge.kiosk.door import BODY_BYTES_MAX
from edge.kiosk.press import Press
from edge.kiosk.server import Kiosk, bound, served
from edge.kiosk.settings import Screen
from edge.kiosk.usher import Usher
from edge.node import Node
from protocol import limits
from protocol.errors import Unavailable
from protocol.ids import AreaId
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import World

log = structlog.get_logger("kiosk")


@asynccontextmanager
async def opened(folder: NodeFolder, config: EdgeConfig, world: World, node: Node) -> AsyncIterator[Usher]:
    """Serve inside this block. Raises Unavailable when the port or the style sheets are not there."""
    catalogues = language.read()
    usher = Usher(
        node.surroundings,
        node.reception,
        node.feed,
        Press(node.devices.printer, catalogues, world.random, config.printer.media),
        area=AreaId(config.cabin.area),
        directory=node.directory,
        board=node.board.tell,
        parting_seconds=config.visit.parting_seconds,
    )
    await usher.watch_scanner()
    table = config.kiosk
    kiosk = Kiosk(
        usher,
        catalogues,
        site=config.cabin.name,
        screen=Screen(table.width_px, table.height_px, table.diagonal_inches, table.distance_mm),
        phone=table.phone,
        date_counts=table.date_counts,
        drawer=_drawer(folder, config, node) if table.drawer else None,
    )
    body_bytes_max = limits.INPUT_BYTES_MAX if table.drawer else BODY_BYTES_MAX
    listening = asyncio.create_task(_listen(node, usher))
    try:
        with bound(_port(folder, table.port)) as door:
            async with served(kiosk, door, boot_key(folder, world.random), body_bytes_max) as url:
                folder.write_file(URL_FILE, f"{url}\n".encode())
                log.info("kiosk.open", port=urlsplit(url).port)
                try:
                    yield usher
                finally:
                    await usher.close()
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


def _drawer(folder: NodeFolder, config: EdgeConfig, node: Node) -> Callable[[Environment], list[HTTPRouteHandler]]:
    # A real cabin never loads what pretends to be a device.
    from edge.kiosk.drawer import Drawer

    return lambda pages: Drawer(folder.path, node.devices, pages, config.cabin.name).routes


async def _listen(node: Node, usher: Usher) -> None:
    """What becomes of a document is seen by the visitor who still stands before its number."""
    while True:
        async for told in node.board.watch():
            usher.moved(told)


def _port(folder: NodeFolder, configured: int) -> int:
    """The one of before when any will do: a browser that is open finds its cabin again."""
    if configured or not folder.has(URL_FILE):
        return configured
    before = urlsplit(folder.read_file(URL_FILE).decode("ascii", "replace").strip()).port or 0
    try:
        with bound(before):
            return before
    except Unavailable:
        return 0
