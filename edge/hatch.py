"""The hatch: a Unix socket in the cabin's folder, through which whoever may open the folder asks the running node.

Only the user that runs the node can open it (0600, in a folder 0700). One request a connection, see `orders.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from edge import orders
from edge.orders import Failed, Request, Told
from protocol.errors import Code, Mistake, Refused, Trouble, Unavailable

NAME: Final = "edge.sock"
GUESTS_MAX: Final = 32  # connections at a time
REQUEST_SECONDS: Final = 10.0  # to say one line

log = structlog.get_logger("hatch")

Tell = Callable[[Told], Awaitable[None]]
Gone = asyncio.Event
Answer = Callable[[Request, Tell, Gone], Awaitable[None]]


def bind(folder: Path) -> socket.socket:
    """A socket bound in `folder`, however long its path: a Unix address has 107 bytes, the way through /proc needs 20. Raises Unavailable."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # of a node that was killed; the folder's lock says that none runs
            door.bind(path)
            os.chmod(path, 0o600)  # nobody can connect before `listen`
    except OSError as error:
        door.close()
        raise Unavailable(
            f"The hatch in {folder} cannot be opened: {error.strerror}.", "Check that the folder can be written."
        ) from error
    door.setblocking(False)
    return door


def reach(folder: Path, seconds: float | None = None) -> socket.socket | None:
    """A connection to the node that runs on `folder`, None when none does. `seconds`: for every further wait on it."""
    guest = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    guest.settimeout(seconds)
    try:
        with _short(folder) as path:
            guest.connect(path)
    except OSError as error:
        guest.close()
        if isinstance(error, PermissionError):
            raise Unavailable(
                f"The node in {folder} belongs to another user.", "Run this as the user that runs the node."
            ) from error
        return None
    return guest


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


class Hatch:
    """Serves requests until closed. `answer(request, tell, gone)` does the work: `tell` sends one line, `gone` is set when the asker hung up."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self._folder = folder
        self._answer = answer
        self.guests: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve inside this block; on leaving, what is under way is cancelled. Raises Unavailable."""
        door = bind(self._folder)
        server = await asyncio.start_unix_server(self._welcome, sock=door, limit=orders.REQUEST_BYTES_MAX)
        try:
            yield
        finally:
            server.close()
            for guest in list(self.guests):
                guest.cancel()
            await asyncio.gather(*self.guests, return_exceptions=True)
            with contextlib.suppress(OSError), _short(self._folder) as path:
                os.unlink(path)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest = asyncio.current_task()
        if guest is None:
            raise Mistake("A guest without a task.")
        self.guests.add(guest)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the node ends; asyncio's own callback would log this as an error
        finally:
            self.guests.discard(guest)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def tell(told: Told) -> None:
            if not writer.is_closing():
                writer.write(orders.line(told))
                with contextlib.suppress(ConnectionError):
                    await writer.drain()

        try:
            if len(self.guests) > GUESTS_MAX:
                raise Refused(Code.OVERLOADED, f"{GUESTS_MAX} askers at a time are enough.", "Try again in a moment.")
            request = orders.request(await self._line(reader))
            # Whoever asks keeps the line open for the answer; the end of what it says means that it hung up.
            gone = asyncio.Event()
            listening = asyncio.create_task(reader.read(1))
            listening.add_done_callback(lambda _: gone.set())
            try:
                await self._answer(request, tell, gone)
            finally:
                listening.cancel()
        except Trouble as trouble:
            log.info("request.failed", code=orders.failed(trouble).code)
            await tell(orders.failed(trouble))
        except ConnectionError:
            pass
        except Exception:
            log.exception("request.broken")
            await tell(Failed("mistake", "Something went wrong inside the cabin.", "Look at the log of the node."))

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise Refused(Code.TOO_LARGE, "The request is too long.", "Name fewer files at a time.") from error
        except (asyncio.IncompleteReadError, TimeoutError) as error:
            raise Refused(Code.MALFORMED, "No whole request came.") from error
