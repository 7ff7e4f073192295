"""Asks the fitted scanner for paper outside the event loop: one thread, one batch at a time.

A visitor may walk out in the middle of a sheet, and no thread can be stopped: then the batch is closed as soon as the device has finished the
sheet that it holds, and only then does the next batch begin. What a cut batch still delivers is let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import structlog

from hardware.scanner import Clearable, Scan, Scanner, ScannerFailure, ScannerState

log = structlog.get_logger("scanner")

LOOK_SECONDS: Final = 0.25  # a sheet that was put down is noticed within it
STATE_SECONDS: Final = 3.0  # a scanner says how it is within a second, unless its thread still waits for a sheet
T = TypeVar("T")


class Feed:
    """Owns one thread. `scanner` stays the caller's. `feels_paper`: the device has been seen without paper, so it says when there is some."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._thread = ThreadPoolExecutor(1, "scanner")
        self.feels_paper = False

    async def state(self) -> ScannerState:
        """How the scanner is; BUSY while it holds the thread. A device that hangs with the sheet of a visitor who has left must not keep the next
        one from coming in."""
        try:
            async with asyncio.timeout(STATE_SECONDS):
                state = await self._there(self._scanner.state)
        except TimeoutError:
            return ScannerState.BUSY
        self.feels_paper = self.feels_paper or state is ScannerState.NO_PAPER
        return state

    async def until_paper(self, asked: asyncio.Event) -> None:
        """Wait until the scanner says that paper lies in it, or that it cannot take any (`scans` then tells why), or until `asked`. A device that
        was never without paper cannot feel any: for it only `asked` counts."""
        while not asked.is_set():
            state = await self.state()
            if state not in (ScannerState.NO_PAPER, ScannerState.BUSY) and (
                self.feels_paper or state is not ScannerState.READY
            ):
                return
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await asked.wait()
            except TimeoutError:
                pass

    async def scans(self) -> AsyncGenerator[Scan, None]:
        """One batch. Raises ScannerFailure. Close it in any case."""
        batch = await self._there(self._scanner.scan, let_go=_close)
        try:
            while (scan := await self._there(_next, batch)) is not None:
                yield scan
        finally:
            # Queued behind the sheet that the thread may still be waiting for.
            with suppress(RuntimeError):  # the cabin closes, and the scanner with it
                self._thread.submit(_close, batch)

    async def clear(self) -> None:
        """What somebody has left in the scanner as files is removed, before anything is taken for somebody else. Whoever comes in does not wait for
        a folder that hangs."""
        if not isinstance(self._scanner, Clearable):
            return
        with suppress(RuntimeError):  # the cabin closes: the next visitor's coming clears
            clearing = self._thread.submit(_cleared, self._scanner)
            await asyncio.wait({asyncio.wrap_future(clearing)}, timeout=STATE_SECONDS)

    def close(self) -> None:
        """No further order; close the scanner too, or its thread may go on waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _there(self, work: Callable[..., T], *arguments: object, let_go: Callable[[T], None] | None = None) -> T:
        """`work` in the thread. Whoever is cancelled meanwhile has what it gives `let_go`."""
        future = self._thread.submit(work, *arguments)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if let_go is not None:
                future.add_done_callback(partial(_let_go, let_go))
            raise


def _let_go(let_go: Callable[[T], None], future: Future[T]) -> None:
    if not future.cancelled() and future.exception() is None:
        let_go(future.result())


def _next(batch: Iterator[Scan]) -> Scan | None:
    return next(batch, None)


def _cleared(scanner: Clearable) -> None:
    try:
        if files := scanner.clear():
            log.warning("scanner.cleared", files=files)
    except ScannerFailure as failure:  # it gives nothing to anybody now, and its state says so
        log.error("scanner.not-cleared", what=failure.what)


def _close(batch: Iterator[Scan]) -> None:
    close = getattr(batch, "close", None)
    if close is not None:
        close()
