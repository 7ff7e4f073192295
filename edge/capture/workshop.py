"""The node's side of the capture worker: starts it, gives it orders, and survives its death.

When the worker dies or falls silent its pages are gone with it (they were readable to nobody else); that is told as `PagesGone` to every order until
somebody begins anew, with a fresh worker: where the browser that wants a picture hears it first, the next sheet must not become page 1. Nothing is
buffered here but what one pipe and one stream reader hold (about half a megabyte).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Final, cast

from edge.capture import dialogue
from edge.capture.dialogue import (
    Captured,
    Discarded,
    Failed,
    Order,
    PageTaken,
    PageTurned,
    Part,
    Previewed,
    Ready,
    Report,
    SealedUp,
    SummarySealed,
    Written,
)
from edge.capture.framing import LENGTH_BYTES, frame
from edge.capture.mode import Mode
from hardware.scanner import Scan
from protocol import limits
from protocol.errors import Mistake, Unavailable

REPORT_SECONDS: Final = 60.0  # no page takes so long; who is silent for it has got stuck on a hostile file
START_SECONDS: Final = 30.0  # imports on a slow card of a small computer
ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",  # the second core belongs to the screen
    "MALLOC_ARENA_MAX": "2",
    # A plane of a page is used for a moment and given back. Where each goes back to the kernel, clean pages of memory cost a tenth of all time.
    "MALLOC_MMAP_THRESHOLD_": str(32 * limits.MIB),
    "MALLOC_TRIM_THRESHOLD_": str(128 * limits.MIB),
}
_LAST: Final = (Captured, Previewed, PageTurned, Written, SealedUp, Discarded, Failed)
_ROOT: Final = Path(__file__).resolve().parents[2]


class PagesGone(Unavailable):
    """The worker died, and with it the pages taken so far."""


class Workshop:
    """Owns one worker process. One order at a time; another waits its turn."""

    def __init__(self, spool_folder: Path, report_seconds: float = REPORT_SECONDS, *, g4_strict: bool = False) -> None:
        """`spool_folder` must be there and writable. `report_seconds`: how long the worker may be silent. `g4_strict`: CCITT G4 only, for
        archives that refuse JBIG2."""
        self._folder = spool_folder
        self._g4_strict = g4_strict
        self._report_seconds = report_seconds
        self._worker: asyncio.subprocess.Process | None = None
        self._ending = False  # it has been killed, and has not ended yet
        self._turn = asyncio.Lock()
        self._holds_pages = False
        self._has_worked = False  # the worker has seen pages, and its memory still has
        self._gone: PagesGone | None = None  # what became of pages that were here, until somebody begins anew

    @property
    def process_id(self) -> int | None:
        """Of the worker; None while there is none."""
        return self._worker.pid if self._worker is not None else None

    async def start(self) -> None:
        """Have a worker ready, so that the first visitor need not wait for it. Raises Unavailable."""
        async with self._turn:
            await self._started()

    async def retire(self) -> None:
        """Behind a visit: a worker that has seen pages is ended, and with it what it had freed. The next order, or `start`, has another."""
        async with self._turn:
            if self._has_worked and not self._holds_pages:  # else the next visitor was quicker: then behind that one
                await self._end()

    def capture(self, paths: list[Path], mode: Mode = Mode.DOCUMENT) -> AsyncGenerator[PageTaken | Captured, None]:
        """Take the pages of these files. Raises Refused (bad input; pages reported before stay), PagesGone, Unavailable. Whoever stops
        listening before Captured loses all pages, here as in the others."""
        order = dialogue.Capture(tuple(str(path.absolute()) for path in paths), mode, self._g4_strict)
        return cast("AsyncGenerator[PageTaken | Captured, None]", self._carry_out(order))

    def capture_scan(self, scan: Scan, mode: Mode = Mode.DOCUMENT) -> AsyncGenerator[PageTaken | Captured, None]:
        """As `capture`, for what a scanner has just delivered: it never touches a disk in clear."""
        order = dialogue.CaptureScan(scan.name, len(scan.image), mode, self._g4_strict)
        return cast("AsyncGenerator[PageTaken | Captured, None]", self._carry_out(order, scan.image))

    async def preview(self, number: int, pixels_max: int = dialogue.PREVIEW_PIXELS, *, close: bool = False) -> bytes:
        """Page `number` as it will be handed in: a JPEG, its longer side at most `pixels_max` pixels; `close`: without the empty sheet around
        what lies on it. Raises Refused (no such page), PagesGone, Unavailable."""
        reports = [report async for report in self._carry_out(dialogue.Preview(number, pixels_max, close))]
        return b"".join(report.piece for report in reports if isinstance(report, Part))

    async def turn(self, number: int, degrees: int) -> None:
        """Turn page `number` counter-clockwise by 90, 180 or 270 `degrees`, or say by 0 that it stands right. Raises as `preview`."""
        async for _ in self._carry_out(dialogue.Turn(number, degrees)):
            pass

    async def join(self, first: int, second: int) -> PageTaken:
        """Lay two single sides of a card, each taken by itself with Mode.CARD, on one sheet. The answer is a new page; seal that one and no
        longer these two. Raises as `preview`."""
        reports = [report async for report in self._carry_out(dialogue.Join(first, second))]
        return next(report for report in reports if isinstance(report, PageTaken))

    async def document(self, captured_at: datetime, pages: tuple[int, ...] = ()) -> AsyncGenerator[bytes, None]:
        """These pages (none named: all) as a PDF that nobody has sealed, piece by piece: for the printer of a copy. Raises as `preview`."""
        async for report in self._carry_out(dialogue.Document(captured_at, pages)):
            if isinstance(report, Part):
                yield report.piece

    def seal(self, order: dialogue.Seal) -> AsyncGenerator[SummarySealed | Part | SealedUp, None]:
        """The sealed summary, the sealed document piece by piece, then what is to be signed. The pages stay until `discard`. Raises
        Refused (a bad recipient, no pages), PagesGone, Unavailable."""
        return cast("AsyncGenerator[SummarySealed | Part | SealedUp, None]", self._carry_out(order))

    def begin_anew(self) -> None:
        """Whoever took the pages knows that they are lost, and takes others."""
        self._gone = None

    async def discard(self) -> None:
        """No page is left, whatever happens: a worker that does not answer is ended."""
        self.begin_anew()
        if self._worker is None:
            return
        worn = False
        with contextlib.suppress(Unavailable):
            async for report in self._carry_out(dialogue.Discard()):
                worn = isinstance(report, Discarded) and report.worn
            if worn:
                await self.close()

    async def close(self) -> None:
        """End the worker."""
        async with self._turn:
            await self._end()

    async def _carry_out(self, order: Order, image: bytes = b"") -> AsyncGenerator[Report, None]:
        async with self._turn:
            if self._worker is not None and self._worker.returncode is not None:
                await self._end(_gone(self._worker.returncode))
            if isinstance(order, dialogue.Discard):
                self.begin_anew()
            if self._gone is not None:
                raise PagesGone(self._gone.what, self._gone.remedy)
            worker = await self._started()
            self._has_worked = self._has_worked or not isinstance(order, dialogue.Discard)
            finished, gone = False, _UNHEARD
            try:
                await self._say(worker, frame(order), image)
                while not finished:
                    report = await self._heard(worker, self._report_seconds)
                    finished = isinstance(report, _LAST)
                    self._holds_pages = not isinstance(report, Discarded) and (
                        self._holds_pages or isinstance(report, PageTaken)
                    )
                    if isinstance(report, Failed):
                        raise dialogue.error(report)
                    yield report
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                gone = _gone(await worker.wait())
                raise gone from error
            except TimeoutError as error:
                gone = PagesGone(
                    f"The pages are lost: a page could not be worked on within {self._report_seconds:.0f} seconds.",
                    "Take the pages again; leave out the last one if it happens again.",
                )
                raise gone from error
            finally:
                # Whoever stops listening in the middle leaves a worker that talks about something past: end it.
                if not finished:
                    await self._end(gone)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._ending:
            await self._end()
        if self._worker is not None and self._worker.returncode is None:
            return self._worker
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "edge.capture.worker",
                str(self._folder.absolute()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=dialogue.PART_BYTES_MAX,
                env={**os.environ, "PYTHONPATH": path, **ENVIRONMENT},
            )
        except OSError as error:
            raise Unavailable(
                f"The capture worker cannot be started: {error.strerror}.", "Restart the cabin."
            ) from error
        self._worker = worker
        try:
            report = await self._heard(worker, START_SECONDS)
        except (asyncio.IncompleteReadError, TimeoutError) as error:
            await self._end()
            raise Unavailable(
                "The capture worker does not start.", "Look at the cabin's log for its last words."
            ) from error
        if isinstance(report, Failed):
            await self._end()
            raise dialogue.error(report)
        assert isinstance(report, Ready)
        return worker

    async def _say(self, worker: asyncio.subprocess.Process, order: bytes, image: bytes) -> None:
        """Piece by piece: in between, the node turns to others. Raises TimeoutError when the worker does not listen."""
        assert worker.stdin is not None
        worker.stdin.write(order)
        rest = memoryview(image)
        for start in range(0, len(image) or 1, dialogue.PART_BYTES_MAX):
            worker.stdin.write(rest[start : start + dialogue.PART_BYTES_MAX])
            async with asyncio.timeout(self._report_seconds):
                await worker.stdin.drain()

    async def _heard(self, worker: asyncio.subprocess.Process, seconds: float) -> Report:
        assert worker.stdout is not None
        async with asyncio.timeout(seconds):
            size_bytes = int.from_bytes(await worker.stdout.readexactly(LENGTH_BYTES), "big")
            if size_bytes > dialogue.REPORT_BYTES_MAX:
                raise Mistake(f"A report of {size_bytes} bytes; at most {dialogue.REPORT_BYTES_MAX} are allowed.")
            return dialogue.read_report(await worker.stdout.readexactly(size_bytes))

    async def _end(self, gone: PagesGone | None = None) -> None:
        """Whoever is cancelled meanwhile leaves it to the next, at last to `close`: no worker is forgotten before it has ended. `gone`: what the next
        orders are told where it still had pages."""
        if self._holds_pages:
            self._gone = gone
        worker, self._holds_pages, self._has_worked = self._worker, False, False
        if worker is None:
            return
        self._ending = True
        if worker.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
        assert worker.stdin is not None
        worker.stdin.close()
        # What a dead worker had still said must be read, or its pipe is never closed.
        assert worker.stdout is not None
        with contextlib.suppress(ConnectionError):
            while await worker.stdout.read(dialogue.PART_BYTES_MAX):
                pass
        await worker.wait()
        self._worker, self._ending = None, False


_UNHEARD: Final = PagesGone("The pages are lost: one of them was broken off.", "Take the pages again.")


def _gone(code: int) -> PagesGone:
    how = f"signal {-code}" if code < 0 else f"exit {code}"
    return PagesGone(f"The pages are lost: the program that works on them ended ({how}).", "Take the pages again.")
