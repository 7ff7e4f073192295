"""A rural line on one machine: a TCP relay with a rate, a delay, and a pair of scissors. For the demo, benchmarks and journeys."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
PIECE_BYTES: Final = 16 * 1024
QUEUED_BYTES_MAX: Final = 64 * 1024  # what a modem holds; more would only hide the delay


class Line:
    """Relays `port` on loopback to `target_port`. `bits_per_second` in each direction, None for as fast as it goes; `delay_seconds` one way.

    `cut` ends every connection (`silent`: without a word, as a dead modem does) and lets none through until `mend`. `hold` lets only so much
    upwards, until `release`: what is larger is still on its way then, however slow whoever looks."""

    def __init__(self, target_port: int, bits_per_second: float | None = None, delay_seconds: float = 0.0) -> None:
        self.target_port = target_port
        self.bits_per_second = bits_per_second
        self.delay_seconds = delay_seconds
        self.up_bytes = 0  # cabin to hub
        self.down_bytes = 0
        self.is_cut = False
        self._up_bytes_max: int | None = None  # in all, until `release`
        self._silent = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        self._mended = self._do(self._event())
        self._released = self._do(self._event())
        self._server: asyncio.Server = self._do(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self, *, silent: bool = False) -> None:
        """Cut it now."""
        self._do(self._cut(silent))

    def mend(self) -> None:
        """Let connections through again."""
        self._do(self._mend())

    def hold(self, further_bytes: int) -> None:
        """Let no more than so many bytes further pass from the cabin to the hub."""
        self._do(self._hold(self.up_bytes + further_bytes))

    def release(self) -> None:
        """Let everything pass again."""
        self._do(self._hold(None))

    def close(self) -> None:
        """Take it down."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _event(self) -> asyncio.Event:
        event = asyncio.Event()
        event.set()
        return event

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._relay, "127.0.0.1", 0, limit=QUEUED_BYTES_MAX)

    async def _cut(self, silent: bool) -> None:
        self.is_cut, self._silent = True, silent
        self._mended.clear()
        if not silent:
            self._hang_up()

    async def _mend(self) -> None:
        self._hang_up()  # what went silent does not come back to life
        self.is_cut = self._silent = False
        self._mended.set()

    async def _hold(self, up_bytes_max: int | None) -> None:
        self._up_bytes_max = up_bytes_max
        self._released.set()  # whoever waits looks again
        if up_bytes_max is not None:
            self._released.clear()

    async def _close(self) -> None:
        self._server.close()
        self._mended.set()
        self._released.set()
        self._hang_up()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut and not self._silent:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection(
                "127.0.0.1", self.target_port, limit=QUEUED_BYTES_MAX
            )
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, there_writer}
        self._writers |= ends
        try:
            await asyncio.gather(
                self._carry(reader, there_writer, up=True), self._carry(there_reader, writer, up=False)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        """One direction: bytes wait their turn for the rate, then travel for the delay, in order."""
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)
        arrive = asyncio.create_task(self._arrive(travelling, writer))
        try:
            free_at = self._loop.time()
            while piece := await reader.read(PIECE_BYTES):
                await self._let_through(len(piece) if up else 0)
                if writer.transport.is_closing():
                    return  # cut meanwhile: nobody waits for this any more
                if up:
                    self.up_bytes += len(piece)
                else:
                    self.down_bytes += len(piece)
                if self.bits_per_second:
                    free_at = max(free_at, self._loop.time()) + len(piece) * 8 / self.bits_per_second
                    await asyncio.sleep(free_at - self._loop.time())
                await travelling.put((self._loop.time() + self.delay_seconds, piece))
            await travelling.join()
            writer.close()
        finally:
            arrive.cancel()

    async def _let_through(self, further_bytes: int) -> None:
        """Wait while the line is cut or held."""
        await self._mended.wait()
        while self._up_bytes_max is not None and further_bytes and self.up_bytes + further_bytes > self._up_bytes_max:
            await self._released.wait()
            await self._mended.wait()

    async def _arrive(self, travelling: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            at, piece = await travelling.get()
            wait = at - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            writer.write(piece)
            await writer.drain()
            travelling.task_done()
