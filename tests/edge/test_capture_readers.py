"""What opens foreign files is a process of its own: whatever becomes of it, the pages that were taken stay."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pymupdf
import pytest

from edge.capture.dialogue import PageTaken
from edge.capture.framing import frame
from edge.capture.reader import Counted, NoMore, Picture, Wanted
from edge.capture.readers import Readers, Reading, Unheard
from edge.capture.workshop import Workshop
from hardware.scanner import Scan
from hardware.simulated.paper import draw_scan
from protocol.errors import Code, Refused, Unavailable
from tests.journeys.kiosk import children
from tests.journeys.waiting import until

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
PATIENCE_SECONDS = 240.0  # a busy machine is not a hostile file


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_scan(1, 1, tmp_path_factory.mktemp("scan"), dpi=60)[0]


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PDF of 3 kB whose page shows a drawing ten times, which shows another one ten times, and so on: 10^12 squares."""
    path = tmp_path_factory.mktemp("hostile") / "endless.pdf"
    with pymupdf.open() as document:
        inner = "<<>>"
        for level in range(12):
            number = document.get_new_xref()
            document.update_object(number, f"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources{inner}>>")
            document.update_stream(number, b"/F Do " * 10 if level else b"0 0 9 9 re f")
            inner = f"<</XObject<</F {number} 0 R>>>>"
        content = document.get_new_xref()
        document.update_object(content, "<<>>")
        document.update_stream(content, b"/F Do")
        page = document.new_page()
        document.xref_set_key(page.xref, "Contents", f"{content} 0 R")
        document.xref_set_key(page.xref, "Resources", inner)
        document.save(path)
    return path


def played(folder: Path, play: Callable[[Workshop], Awaitable[None]]) -> None:
    async def run() -> None:
        workshop = Workshop(folder, report_seconds=PATIENCE_SECONDS)
        try:
            await play(workshop)
        finally:
            await workshop.close()

    asyncio.run(run())


def scanned(path: Path) -> Scan:
    return Scan(path.name, path.read_bytes())


async def taken(workshop: Workshop, path: Path) -> list[int]:
    scan = scanned(path)
    return [report.number async for report in workshop.capture_scan(scan) if isinstance(report, PageTaken)]


async def document(workshop: Workshop) -> int:
    """How many pages there are to hand in."""
    with pymupdf.open(stream=b"".join([piece async for piece in workshop.document(AT)]), filetype="pdf") as whole:
        return len(whole)


def stem_of(worker: int) -> int:
    """The worker's first child: it forked the stem before there was an order."""
    return children(worker)[0]


def hand_of(worker: int) -> int:
    """What works on pages, apart from the worker."""
    return until(lambda: next((each for each in children(worker) if each != stem_of(worker)), 0), "pages are worked on")


def reader_of(worker: int) -> int:
    """The one that draws a page: it has been asked for one, and says nothing."""
    return until(lambda: next(iter(children(stem_of(worker))), 0), "a reader is at work")


@asynccontextmanager
async def drawing_without_end(workshop: Workshop, endless: Path) -> AsyncIterator[tuple[asyncio.Task[list[int]], int]]:
    task = asyncio.create_task(taken(workshop, endless))
    assert workshop.process_id is not None
    try:
        yield task, await asyncio.to_thread(reader_of, workshop.process_id)
    finally:
        task.cancel()


def test_a_crash_of_what_opens_a_file_costs_that_file_and_no_page(tmp_path: Path, sheet: Path, endless: Path) -> None:
    async def play(workshop: Workshop) -> None:
        assert await taken(workshop, sheet) == [1]
        worker = workshop.process_id
        async with drawing_without_end(workshop, endless) as (task, process):
            os.kill(process, signal.SIGSEGV)
            with pytest.raises(Refused, match=r"“endless.pdf” could not be read.*signal 11") as refused:
                await task
        assert refused.value.code is Code.BAD_FILE
        assert "scan the paper" in refused.value.remedy
        assert await taken(workshop, sheet) == [2]
        assert workshop.process_id == worker
        assert await document(workshop) == 2

    played(tmp_path, play)


def test_what_opens_files_ends_with_the_worker_and_may_leave_nothing(tmp_path: Path, endless: Path) -> None:
    async def play(workshop: Workshop) -> None:
        await workshop.start()
        async with drawing_without_end(workshop, endless) as (task, process):
            worker = workshop.process_id
            assert worker is not None
            stem, hand = stem_of(worker), hand_of(worker)
            until(lambda: resource.prlimit(hand, resource.RLIMIT_FSIZE) == (0, 0), "it may not write")
            for each in (process, stem):
                assert resource.prlimit(each, resource.RLIMIT_CORE) == (0, 0)
                assert resource.prlimit(each, resource.RLIMIT_FSIZE) == (0, 0)
                assert "spool" not in " ".join(open_files(each))
                assert str(tmp_path) not in " ".join(open_files(each)), "the spool's file"
            assert str(tmp_path) in " ".join(open_files(worker))
            os.kill(worker, signal.SIGKILL)
            with pytest.raises(Unavailable, match="pages are lost"):
                await task
            until(lambda: not any(Path(f"/proc/{each}").exists() for each in (process, stem, hand)), "all have ended")

    played(tmp_path, play)


def test_where_nothing_can_be_opened_any_more_pages_stay_and_the_next_visitor_finds_another_worker(
    tmp_path: Path, sheet: Path
) -> None:
    async def play(workshop: Workshop) -> None:
        assert await taken(workshop, sheet) == [1]
        worker = workshop.process_id
        assert worker is not None
        os.kill(stem_of(worker), signal.SIGKILL)
        with pytest.raises(Unavailable, match="Nothing can be read"):
            await taken(workshop, sheet)
        assert await document(workshop) == 1
        await workshop.discard()
        assert await taken(workshop, sheet) == [1]

    played(tmp_path, play)


def test_a_crash_over_the_pixels_of_a_page_costs_that_page_and_none_that_was_taken(
    tmp_path: Path, sheet: Path, endless: Path
) -> None:
    async def play(workshop: Workshop) -> None:
        assert await taken(workshop, sheet) == [1]
        worker = workshop.process_id
        assert worker is not None
        reports = workshop.capture([sheet, endless])
        assert isinstance(page := await anext(reports), PageTaken)
        assert page.number == 2
        os.kill(hand_of(worker), signal.SIGSEGV)
        with pytest.raises(Refused, match=r"A page of “.*” could not be worked on: the program.* ended") as refused:
            await anext(reports)
        assert refused.value.code is Code.BAD_FILE
        assert "Take the page again" in refused.value.remedy
        assert await taken(workshop, sheet) == [3]
        assert workshop.process_id == worker
        assert await document(workshop) == 3
        assert children(worker) == [stem_of(worker)]

    played(tmp_path, play)


def open_files(process: int) -> list[str]:
    return [os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir()]


@pytest.fixture
def readers() -> Iterator[Readers]:
    readers = Readers(PATIENCE_SECONDS)
    yield readers
    readers.close()


def test_a_page_that_takes_too_long_is_given_up_and_its_reader_is_gone(
    readers: Readers, endless: Path, sheet: Path
) -> None:
    process = 0

    def late() -> None:
        nonlocal process
        with readers.read(Wanted((str(endless),))) as reading:
            assert reading.expected == 1
            stem = next(each for each in children(os.getpid()) if children(each))
            [process] = children(stem)
            reading.seconds = 0.3
            next(reading.pages())

    with pytest.raises(Refused, match=r"“endless.pdf” could not be read within 0.3 seconds") as refused:
        late()
    assert "scan the paper" in refused.value.remedy
    assert not Path(f"/proc/{process}").exists()
    with readers.read(Wanted((str(sheet),))) as reading:
        assert len(list(reading.pages())) == 1


def test_a_reader_serves_one_order_and_has_nothing_of_the_one_before(readers: Readers, sheet: Path) -> None:
    served = set()
    for _ in range(2):
        with readers.read(Wanted((str(sheet), str(sheet)))) as reading:
            stem = next(each for each in children(os.getpid()) if children(each))
            served.add(children(stem)[0])
            assert (reading.expected, len(list(reading.pages()))) == (2, 2)
    assert len(served) == 2


@pytest.mark.parametrize(
    "said",
    [
        frame(Counted(1, 9)) + frame(Picture(100_000, 100_000, 3, 300.0, False)),
        frame(Counted(1, 9)) + frame(Picture(0, 5, 3, 300.0, False)),
        frame(Counted(1, 9)) + frame(Picture(5, 5, 2, 300.0, False)),
        frame(Counted(1, 9)) + frame(Picture(5, 5, 1, float("nan"), False)),
        frame(Counted(1, 9)) + frame(Picture(5, 5, 1, 1e9, False)),
        frame(Counted(1, 9)) + frame(Picture(50, 50, 1, 300.0, False)) + bytes(2499),
        frame(Counted(-1, 9)),
        frame(NoMore()),
        frame(Counted(1, 9))[:3],
        b"\0\0\0\3abc",
        b"\xff" * 70_000,
        b"",
    ],
)
def test_what_a_reader_says_that_a_file_has_taken_over_is_not_believed(said: bytes) -> None:
    line, theirs = socket.socketpair()
    with line, theirs:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(Unheard, match=r"a\.pdf") as unheard:
            list(Reading(line, Wanted(("/a.pdf",)), (), PATIENCE_SECONDS).pages())
        assert unheard.value.within is None
