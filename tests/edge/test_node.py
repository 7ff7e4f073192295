"""The cabin without a line: real worker, real buffer, real disk; what is handed in, what is told, what is left."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.app import house
from edge.buffer import Buffer
from edge.config import FILE, EdgeConfig, ScannerConfig
from edge.node import Node
from edge.orders import (
    Accepted,
    Captured,
    Clean,
    DocumentMoved,
    PageCaptured,
    Request,
    SealedUp,
    Secured,
    ShowStatus,
    Status,
    Submit,
    Told,
    Watch,
)
from edge.uplink import Status as LineStatus
from protocol import entries
from protocol.entries import DocumentSealed, EpochOpened, Event, Mark, ReceiptGiven, VisitEnded
from protocol.envelope import open_bytes
from protocol.errors import Code, Refused, Unavailable
from protocol.inner import Unpacker, read_summary
from protocol.keys import receipt_words
from protocol.manifest import Happening, Manifest, Receipt, digest_of, sign, unverified, verify
from protocol.recipients import unwrap_key
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL
from tests.edge.house import HUB_SIGNING, INBOX, JOURNAL, PUBLISHED, WOHNGELD, config, enrolled, sheet

SOZIALAMT = "sozialamt-uckermark"


class Open(NamedTuple):
    node: Node
    buffer: Buffer
    signing_key: bytes


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Open]:
    with NodeFolder.open(path, "edge") as folder:
        settings = read_config(path / FILE, EdgeConfig)
        async with asyncio.timeout(240), house(folder, settings, REAL) as (node, buffer, keys):
            yield Open(node, buffer, keys.signing.public)


async def ask(node: Node, request: Request, gone: asyncio.Event | None = None) -> list[Told]:
    told: list[Told] = []

    async def tell(noun: Told) -> None:
        told.append(noun)

    await node.answer(request, tell, gone or asyncio.Event())
    return told


def run(path: Path, journey: Callable[[Open], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(path) as cabin:
            await journey(cabin)

    asyncio.run(main())


def journal(buffer: Buffer) -> list[Event]:
    """What the hub will read."""
    events: list[Event] = []
    key: bytes | None = None
    for entry in buffer.log.read(0, 1 << 30, 1 << 20):
        event = entries.read(entry.payload, key, entry.epoch, entry.number)
        if isinstance(event, EpochOpened):
            key = unwrap_key(event.wrapped_key, JOURNAL)
        events.append(event)
    return events


def test_two_files_become_one_document_that_only_the_agency_opens(path: Path, tmp_path: Path) -> None:
    files = (str(sheet(tmp_path / "one.png")), str(sheet(tmp_path / "two.png")))
    input_bytes = sum(Path(file).stat().st_size for file in files)

    async def journey(cabin: Open) -> None:
        told = await ask(cabin.node, Submit(SOZIALAMT, paths=files, title="Antrag auf Kur"))
        assert [type(noun) for noun in told] == [PageCaptured, PageCaptured, Captured, SealedUp, Accepted]
        captured, sealed, accepted = told[2:]
        assert isinstance(captured, Captured)
        assert isinstance(sealed, SealedUp)
        assert isinstance(accepted, Accepted)
        assert captured.input_bytes == input_bytes
        assert accepted.receipt == sealed.receipt
        assert accepted.words == receipt_words(accepted.receipt)  # type: ignore[arg-type]
        assert not accepted.connected

        opened, document, visit = journal(cabin.buffer)
        assert isinstance(opened, EpochOpened)
        assert isinstance(document, DocumentSealed)
        assert isinstance(visit, VisitEnded)
        manifest = verify(Manifest, document.manifest, cabin.signing_key)
        assert (manifest.agency, manifest.epoch, manifest.counter) == (SOZIALAMT, 3, 1)
        assert manifest.receipt == accepted.receipt
        assert (visit.outcome, visit.documents) == ("handed-in", 1)
        assert read_summary(open_bytes(document.summary, [INBOX])).title == "Antrag auf Kur"

        envelope = cabin.buffer.read(document.digest, 0, document.size_bytes)
        assert envelope is not None
        assert (len(envelope), hashlib.sha256(envelope).digest()) == (sealed.envelope_bytes, document.digest)
        unpacker = Unpacker()
        pdf = unpacker.update(open_bytes(envelope, [INBOX]))
        unpacker.finish()
        assert pdf.startswith(b"%PDF-1.")
        assert len(pdf) == sealed.pdf_bytes
        inner = unpacker.inner
        assert inner is not None
        assert (inner.receipt, inner.envelope, inner.pages) == (accepted.receipt, manifest.envelope.hex(), 2)

    run(path, journey)


def test_a_service_finds_its_agency_and_gives_the_title(path: Path, tmp_path: Path) -> None:
    async def journey(cabin: Open) -> None:
        told = await ask(cabin.node, Submit(service=WOHNGELD, paths=(str(sheet(tmp_path / "a.png")),)))
        assert isinstance(told[-1], Accepted)
        assert told[-1].agency == "wohngeldstelle-uckermark"
        document = journal(cabin.buffer)[1]
        assert isinstance(document, DocumentSealed)
        assert read_summary(open_bytes(document.summary, [INBOX])).title == "Wohngeld"

    run(path, journey)


def test_without_files_the_scanner_is_asked(path: Path) -> None:
    async def journey(cabin: Open) -> None:
        told = await ask(cabin.node, Submit(SOZIALAMT))
        assert isinstance(told[-1], Accepted)

    run(path, journey)


def test_a_cabin_without_a_scanner_says_so(tmp_path: Path) -> None:
    path = enrolled(tmp_path / "cabin", config(scanner=ScannerConfig("none")))

    async def journey(cabin: Open) -> None:
        with pytest.raises(Unavailable, match="no scanner"):
            await ask(cabin.node, Submit(SOZIALAMT))
        assert cabin.buffer.waiting().documents == 0

    run(path, journey)


@pytest.mark.parametrize(
    ("order", "code", "what", "remedy"),
    [
        (Submit("finanzamt"), Code.UNKNOWN_AGENCY, "no agency “finanzamt”", "sozialamt-uckermark, wohngeldstelle"),
        (Submit("vermittlung"), Code.BAD_KEY, "has no inbox key", "Choose one of: sozialamt-uckermark"),
        (Submit(), Code.UNKNOWN_AGENCY, "Neither an agency nor a service", "Choose one of"),
        (Submit(service="99000000000000"), Code.UNKNOWN_AGENCY, "no service", "kabine directory show"),
        (Submit(service="Wohngeld"), Code.MALFORMED, "no service key", "14 digits"),
        (Submit(SOZIALAMT, title="x" * 121), Code.TOO_LARGE, "121 characters", "shorter"),
        (Submit(SOZIALAMT, title="Zeile\nZeile"), Code.MALFORMED, "line breaks", "one line"),
        (Submit(SOZIALAMT, paths=("/nowhere/a.pdf",)), Code.BAD_FILE, "a.pdf", ""),
    ],
)
def test_bad_orders_are_refused_in_words_and_leave_nothing(
    path: Path, order: Submit, code: Code, what: str, remedy: str
) -> None:
    async def journey(cabin: Open) -> None:
        with pytest.raises(Refused, match=what) as caught:
            await ask(cabin.node, order)
        assert caught.value.code is code
        assert remedy in caught.value.remedy
        assert [type(event) for event in journal(cabin.buffer)] == [EpochOpened], "neither a document nor a visit"
        assert not cabin.node.reception.occupied

    run(path, journey)


def test_after_a_bad_file_the_next_visitor_starts_with_no_page(path: Path, tmp_path: Path) -> None:
    good, bad = sheet(tmp_path / "good.png"), tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.7 cut off")

    async def journey(cabin: Open) -> None:
        with pytest.raises(Refused):
            await ask(cabin.node, Submit(SOZIALAMT, paths=(str(good), str(bad))))
        told = await ask(cabin.node, Submit(SOZIALAMT, paths=(str(good),)))
        assert sum(isinstance(noun, PageCaptured) for noun in told) == 1
        outcomes = [event.outcome for event in journal(cabin.buffer) if isinstance(event, VisitEnded)]
        assert outcomes == ["handed-in"], "what was refused is no visit"

    run(path, journey)


def test_a_full_disk_is_said_before_a_page_is_taken(tmp_path: Path) -> None:
    path = enrolled(tmp_path / "cabin", config(free_bytes_min=1 << 60))

    async def journey(cabin: Open) -> None:
        told: list[Told] = []

        async def tell(noun: Told) -> None:
            told.append(noun)

        order = Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),))
        with pytest.raises(Unavailable, match="no room"):
            await cabin.node.answer(order, tell, asyncio.Event())
        assert told == []

    run(path, journey)


def test_who_hangs_up_before_the_confirmation_has_not_handed_in(path: Path, tmp_path: Path) -> None:
    async def journey(cabin: Open) -> None:
        gone = asyncio.Event()
        gone.set()
        with pytest.raises(Unavailable, match="hung up"):
            await ask(cabin.node, Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),)), gone)
        assert cabin.buffer.waiting().documents == 0

    run(path, journey)


def test_who_hangs_up_in_the_middle_of_a_long_document_keeps_nobody_waiting(path: Path, tmp_path: Path) -> None:
    order = Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),) * 300)

    async def journey(cabin: Open) -> None:
        gone = asyncio.Event()

        async def tell(noun: Told) -> None:
            if isinstance(noun, PageCaptured):
                gone.set()
                await asyncio.Event().wait()

        async with asyncio.timeout(60):
            with pytest.raises(Unavailable, match="hung up"):
                await cabin.node.answer(order, tell, gone)
        assert not cabin.node.reception.occupied
        assert isinstance((await ask(cabin.node, Submit(SOZIALAMT, paths=order.paths[:1])))[-1], Accepted)
        assert cabin.buffer.waiting().documents == 1

    run(path, journey)


def test_a_node_that_is_told_to_end_leaves_nothing_half(path: Path, tmp_path: Path) -> None:
    """Cut at every step of a handing in: what was told is there, and nothing else."""
    order = Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),))

    async def journey(cabin: Open) -> None:
        for step in (PageCaptured, Captured, SealedUp, Accepted):
            before, reached = cabin.buffer.waiting().documents, asyncio.Event()

            async def tell(noun: Told, step: type[Told] = step, reached: asyncio.Event = reached) -> None:
                if isinstance(noun, step):
                    reached.set()
                    await asyncio.Event().wait()

            handing = asyncio.create_task(cabin.node.answer(order, tell, asyncio.Event()))
            await reached.wait()
            handing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await handing
            assert cabin.buffer.waiting().documents - before == (step is Accepted)
            assert not cabin.node.reception.occupied
        assert isinstance((await ask(cabin.node, order))[-1], Accepted)

    run(path, journey)


def test_several_orders_are_taken_one_after_the_other(path: Path, tmp_path: Path) -> None:
    files = [str(sheet(tmp_path / f"{number}.png", 240 + number)) for number in range(3)]

    async def journey(cabin: Open) -> None:
        told = await asyncio.gather(*(ask(cabin.node, Submit(SOZIALAMT, paths=(file,))) for file in files))
        receipts = {stream[-1].receipt for stream in told if isinstance(stream[-1], Accepted)}
        assert len(receipts) == 3
        counters = [
            verify(Manifest, event.manifest, cabin.signing_key).counter
            for event in journal(cabin.buffer)
            if isinstance(event, DocumentSealed)
        ]
        assert counters == [1, 2, 3]

    run(path, journey)


def test_a_beat_says_that_somebody_cleans_and_until_when(path: Path) -> None:
    async def journey(cabin: Open) -> None:
        assert (cabin.node.vitals().shut, cabin.node.vitals().opens_at) == ("", None)
        assert (await ask(cabin.node, Clean(True)))[0].shut == "cleaning"  # type: ignore[union-attr]
        told = cabin.node.vitals()
        assert told.shut == "cleaning"
        assert told.shut_since is not None
        assert told.opens_at == told.shut_since + timedelta(minutes=60)

    run(path, journey)


def test_a_closing_cabin_takes_no_visitor(path: Path, tmp_path: Path) -> None:
    async def journey(cabin: Open) -> None:
        await cabin.node.reception.close(1.0)
        with pytest.raises(Unavailable, match="closing"):
            await ask(cabin.node, Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),)))

    run(path, journey)


def test_a_cabin_that_its_hub_knows_no_more_takes_no_files(path: Path, tmp_path: Path) -> None:
    """It would promise them a line for ever."""

    async def journey(cabin: Open) -> None:
        away = LineStatus(connected=False, since=REAL.utc(), turned_away=True)
        cabin.node.line = lambda: away
        with pytest.raises(Refused, match="would reach nobody") as refused:
            await ask(cabin.node, Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),)))
        assert refused.value.code is Code.REVOKED
        assert cabin.buffer.waiting().documents == 0

    run(path, journey)


def test_a_line_that_was_lost_at_a_time_to_come_says_nothing_of_since_when(path: Path) -> None:
    """The clock was set back."""

    async def journey(cabin: Open) -> None:
        cabin.node.line = lambda: LineStatus(connected=False, since=REAL.utc() + timedelta(hours=1))
        assert cabin.node.status().link.since is None
        lost = REAL.utc() - timedelta(hours=1)
        cabin.node.line = lambda: LineStatus(connected=False, since=lost)
        assert cabin.node.status().link.since == lost

    run(path, journey)


def test_status_and_watch_tell_of_documents(path: Path, tmp_path: Path) -> None:
    async def journey(cabin: Open) -> None:
        seen: list[Told] = []
        gone, begun = asyncio.Event(), asyncio.Event()

        async def tell(noun: Told) -> None:
            seen.append(noun)
            begun.set()
            if isinstance(noun, DocumentMoved):
                gone.set()

        watching = asyncio.create_task(cabin.node.answer(Watch(), tell, gone))
        await begun.wait()
        accepted = (await ask(cabin.node, Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),))))[-1]
        await watching
        assert isinstance(accepted, Accepted)
        assert isinstance(seen[0], Status)
        assert seen[0].documents == ()
        assert accepted in seen
        assert isinstance(seen[-1], DocumentMoved)
        assert (seen[-1].document.receipt, seen[-1].document.state) == (accepted.receipt, "waiting")
        [status] = await ask(cabin.node, ShowStatus())
        assert isinstance(status, Status)
        assert (status.waiting_documents, status.site, status.running) == (1, "templin", False)
        assert [row.receipt for row in status.documents] == [accepted.receipt]
        assert status.devices["scanner"] == "ready"

    run(path, journey)


def stored(buffer: Buffer) -> ReceiptGiven:
    """What the hub writes for the newest document."""
    manifest = [event.manifest for event in journal(buffer) if isinstance(event, DocumentSealed)][-1]
    envelope = unverified(Manifest, manifest).envelope
    receipt = Receipt(1, envelope, Happening.STORED, "hub", PUBLISHED, digest_of(manifest))
    return ReceiptGiven(sign(receipt, HUB_SIGNING.private()))


def test_secured_is_told_when_the_hub_s_receipt_is_durable_here(path: Path, tmp_path: Path) -> None:
    order = Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),), wait="secured")

    async def journey(cabin: Open) -> None:
        told: list[Told] = []
        accepted = asyncio.Event()

        async def tell(noun: Told) -> None:
            told.append(noun)
            if isinstance(noun, Accepted):
                accepted.set()

        handing = asyncio.create_task(cabin.node.answer(order, tell, asyncio.Event()))
        await accepted.wait()
        entry = entries.following(Mark(), 1, entries.clear(stored(cabin.buffer)))
        cabin.buffer.log.commit([entry])
        assert not any(isinstance(noun, Secured) for noun in told)
        news = await asyncio.to_thread(cabin.buffer.sync)
        cabin.node.brought(news)
        cabin.node.brought(news)  # twice within the pause between two looks
        await handing
        assert isinstance(told[-1], Secured)
        assert told[-1].receipt == news.secured[0]

    run(path, journey)


def test_who_hangs_up_while_waiting_for_secured_has_handed_in(path: Path, tmp_path: Path) -> None:
    order = Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),), wait="secured")

    async def journey(cabin: Open) -> None:
        gone = asyncio.Event()

        async def tell(noun: Told) -> None:
            if isinstance(noun, Accepted):
                gone.set()

        with pytest.raises(Unavailable, match="hung up"):
            await cabin.node.answer(order, tell, gone)
        assert cabin.buffer.waiting().documents == 1

    run(path, journey)


def test_a_document_that_the_disk_altered_is_not_waited_for(path: Path, tmp_path: Path) -> None:
    order = Submit(SOZIALAMT, paths=(str(sheet(tmp_path / "a.png")),), wait="secured")

    async def journey(cabin: Open) -> None:
        async def tell(noun: Told) -> None:
            if isinstance(noun, Accepted):
                document = next(event for event in journal(cabin.buffer) if isinstance(event, DocumentSealed))
                raw = sqlite3.connect(path / "buffer.sqlite")
                with raw:
                    raw.execute("UPDATE chunk SET bytes = zeroblob(length(bytes)) WHERE length(bytes) > 4000")
                raw.close()
                assert cabin.buffer.read(document.digest, 0, 100) is None

        with pytest.raises(Refused, match="altered on this cabin's disk"):
            await cabin.node.answer(order, tell, asyncio.Event())

    run(path, journey)


def test_nothing_of_a_document_stands_in_clear_in_the_folder(path: Path, tmp_path: Path) -> None:
    mark = "Marktkirche-Kanarienvogel"
    file = sheet(tmp_path / "a.png")

    async def journey(cabin: Open) -> None:
        await ask(cabin.node, Submit(SOZIALAMT, service=WOHNGELD, paths=(str(file),), title=mark))

    run(path, journey)
    found = [
        each.name
        for each in path.rglob("*")
        if each.is_file()
        and any(word in each.read_bytes() for word in (mark.encode(), file.read_bytes()[:64], b"%PDF-1."))
    ]
    assert found == []


def test_what_lies_where_pages_are_to_wait_is_told(path: Path) -> None:
    (path / "spool").write_text("a copy of a folder that has become a file")

    async def nothing(cabin: Open) -> None:
        raise AssertionError("the cabin has opened without a place for its pages")

    with pytest.raises(Unavailable, match=r"spool cannot be made") as told:
        run(path, nothing)
    assert "move away what is there" in told.value.remedy
