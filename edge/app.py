"""The process of one cabin: opens what it owns, in the order in which it is needed, and closes it in the reverse. Only this file knows all of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Final

import structlog

from edge.attendance import Attendance
from edge.buffer import Buffer, News
from edge.capture.workshop import Workshop
from edge.cleaning import Cleaning
from edge.config import EdgeConfig
from edge.doorkeeper import Guests, Nobody, keeping, light
from edge.enrol import BOOT_BYTES, DIRECTORY_FILE, read_directory
from edge.entrance import Shut
from edge.hatch import Hatch
from edge.keys import CabinKeys
from edge.keyswitch import Keyswitch
from edge.kiosk.doorstep import Doorstep
from edge.node import Node
from edge.uplink import Uplink
from hardware import fitted
from hardware.lamp import Light
from protocol import codec
from protocol.errors import Trouble, Unavailable
from protocol.ids import SiteId
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import World

log = structlog.get_logger("app")

CLOSING_SECONDS: Final = 20.0  # for the visit that is on when the node is told to end
SPOOL: Final = "spool"


def software() -> str:
    """What the hub is told about this node."""
    return f"kabine {version('kabine')}"


def open_buffer(folder: NodeFolder, config: EdgeConfig, world: World) -> tuple[Buffer, CabinKeys]:
    """The cabin's buffer and keys. Raises Trouble."""
    keys = CabinKeys.load(folder)
    signed, directory = read_directory(folder, config.authority_key)
    buffer = Buffer(
        folder.path,
        now=world.utc,
        random=world.random,
        site=SiteId(config.cabin.site),
        code=config.cabin.code,
        signing_key=keys.signing.private(),
        journal_recipient=directory.hub.journal_recipient,
        authority_key=config.authority_key,
        disk_free_bytes_min=config.disk.free_bytes_min,
        keep_seconds=config.disk.keep_days * 86_400,
        keep_bytes_max=config.disk.keep_bytes_max,
    )
    try:
        if buffer.directory_version() < directory.version:
            buffer.set_directory(signed)
    except Trouble:
        buffer.close()
        raise
    return buffer, keys


@asynccontextmanager
async def house(folder: NodeFolder, config: EdgeConfig, world: World) -> AsyncIterator[tuple[Node, Buffer, CabinKeys]]:
    """Everything in the cabin but the line and the hatch, open. The folder must be locked. Raises Trouble."""
    buffer, keys = open_buffer(folder, config, world)
    try:
        spool = folder.path / SPOOL
        try:
            spool.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"{spool} cannot be made: {error.strerror}.",
                "It is an empty folder of the cabin's: move away what is there.",
            ) from error
        devices = fitted.fit(config.fittings, folder.path)
        workshop = Workshop(spool)
        cleaning = Cleaning(folder, world.utc, config.opening.cleaning_minutes_max)
        node = Node(config, buffer, workshop, devices, cleaning, utc=world.utc, clock=world.clock, random=world.random)
        try:
            yield node, buffer, keys
        finally:
            node.feed.close()
            await workshop.close()
            devices.close()
    finally:
        buffer.close()


@asynccontextmanager
async def screen(
    folder: NodeFolder, config: EdgeConfig, world: World, node: Node, step: Doorstep | None
) -> AsyncIterator[None]:
    """The visitor's screen, when there is one, and the door. Raises Trouble."""
    if step is None:
        async with _door(config, world, node, Nobody(), lambda: False):
            yield
        return
    # A cabin without a screen never loads a web server.
    from edge.kiosk import opened

    async with opened.opened(folder, config, world, node, step) as usher:

        def help_wanted() -> bool:
            return usher.guest is not None and usher.guest.over == "help"

        async with _door(config, world, node, usher, help_wanted):
            yield


def _door(
    config: EdgeConfig, world: World, node: Node, guests: Guests, help_wanted: Callable[[], bool]
) -> AbstractAsyncContextManager[None]:
    def shows(seen: bool) -> Light:
        shut = node.entrance.shut
        occupied = seen or node.reception.occupied or shut is Shut.CLEANING
        if shut is Shut.CLOSED and not occupied:
            return Light.OFF
        return light(occupied=occupied, help_wanted=help_wanted(), troubles=bool(node.surroundings.buffer.troubles))

    attendance = Attendance(config.presence.enter_seconds, config.presence.leave_seconds)
    devices, table = node.devices, config.keyswitch
    keyswitch = Keyswitch(
        devices.keyswitch, node.entrance.cleaning, hold_seconds=table.hold_seconds, springs=table.springs
    )
    return keeping(devices.presence, devices.lamp, guests, attendance, keyswitch, clock=world.clock, shows=shows)


async def running(folder: NodeFolder, config: EdgeConfig, world: World, step: Doorstep | None) -> None:
    """Run the cabin until SIGTERM or SIGINT; `step` is there where it has a screen. Raises Trouble when it cannot start or must not go on."""
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[Trouble | None] = loop.create_future()

    def end(trouble: Trouble | None) -> None:
        if not ending.done():
            ending.set_result(trouble)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, None)

    async with house(folder, config, world) as (node, buffer, keys):

        def brought(news: News) -> None:
            """In the uplink's thread."""
            if news.directory is not None:
                keep_directory(folder, buffer)
            if news.restored:
                log.warning("hub.restored")
            loop.call_soon_threadsafe(node.brought, news)

        def failed(trouble: Trouble) -> None:
            """In the uplink's thread: the buffer must be opened anew, and only another process may do that."""
            loop.call_soon_threadsafe(end, trouble)

        uplink = Uplink(
            buffer,
            site=SiteId(config.cabin.site),
            address=config.hub.address,
            hub_key=config.hub_key,
            own=keys.curve,
            boot=world.random(BOOT_BYTES),
            software=software(),
            clock=world.clock,
            utc=world.utc,
            chance=world.chance,
            vitals=node.vitals,
            on_news=brought,
            on_trouble=failed,
        )
        node.line, node.stirred = uplink.status, uplink.wake
        async with Hatch(folder.path, node.answer).open(), screen(folder, config, world, node, step):
            uplink.start()
            try:
                await node.warm_up()
                log.info("node.ready", software=software(), directory=buffer.directory_version())
                trouble = await ending
                await node.reception.close(CLOSING_SECONDS)
            finally:
                await asyncio.to_thread(uplink.stop)
        log.info("node.ended", trouble=trouble.what if trouble is not None else "")
    if trouble is not None:
        raise trouble


def keep_directory(folder: NodeFolder, buffer: Buffer) -> None:
    """The next start seals its journal to whom the newest directory names."""
    signed = buffer.directory()
    if signed is not None:
        try:
            folder.write_file(DIRECTORY_FILE, codec.encode(signed))
        except Unavailable as trouble:
            log.error("directory.not-kept", what=trouble.what)
