"""The worker process from the node's side: from files to a sealed document, and what happens when it dies."""

import asyncio
import hashlib
import io
import os
import secrets
import signal
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from edge.capture import dialogue
from edge.capture import workshop as workshop_file
from edge.capture.dialogue import Captured, PageTaken, Part, SealedUp, SummarySealed
from edge.capture.mode import Mode
from edge.capture.workshop import PagesGone, Workshop
from hardware.scanner import Scan
from hardware.simulated.paper import draw_scan
from protocol import envelope, inner, limits
from protocol.errors import Code, Refused, Unavailable
from protocol.recipients import HybridIdentity
from tests.journeys.kiosk import children

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
IDENTITY = HybridIdentity.generate(secrets.token_bytes)
MARK = "KANARIE-Petznick"


def with_workshop(folder, play, **settings):
    """Run `play(workshop)`, whatever happens close it."""

    async def run():
        workshop = Workshop(folder, **{"report_seconds": 240.0, **settings})  # a busy machine is not a hostile file
        try:
            return await play(workshop)
        finally:
            await workshop.close()

    return asyncio.run(run())


async def everything(reports) -> list:
    return [report async for report in reports]


def order(**other) -> dialogue.Seal:
    fields = {
        "recipient": str(IDENTITY.recipient()),
        "envelope": bytes(range(16)),
        "receipt": "7K2-418",
        "agency": "sozialamt-uckermark",
        "epoch": 3,
        "captured_at": AT,
        "title": "Wohngeldbescheid",
        "remark": MARK,
    }
    return dialogue.Seal(**{**fields, **other})


def opened(reports) -> tuple[inner.Inner, bytes, SealedUp]:
    sealed = b"".join(report.piece for report in reports if isinstance(report, Part))
    unpacker = inner.Unpacker()
    pdf = unpacker.update(envelope.open_bytes(sealed, [IDENTITY]))
    return unpacker.finish(), pdf, reports[-1]


def memory_mb(process_id: int, line: str) -> float:
    for row in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if row.startswith(line):
            return int(row.split()[1]) / 1024
    raise AssertionError(f"no {line} of process {process_id}")


def bounds_of(process_id: int) -> dict[str, list[str]]:
    rows = Path(f"/proc/{process_id}/limits").read_text().splitlines()
    return {row[:25].strip(): row[25:].split()[:2] for row in rows}


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """On a busy machine a worker takes its time to start, too."""
    monkeypatch.setattr(workshop_file, "START_SECONDS", 240.0)


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> list[Path]:
    return draw_scan(1, 3, tmp_path_factory.mktemp("scan"), dpi=120, mark=MARK)


def test_from_files_to_a_document_that_only_the_agency_opens(scan, tmp_path):
    async def play(workshop):
        await workshop.start()
        taken = await everything(workshop.capture(scan))
        sealed = await everything(workshop.seal(order()))
        return taken, sealed, os.listdir(tmp_path)

    taken, sealed, left = with_workshop(tmp_path, play)
    *pages, captured = taken
    assert [page.number for page in pages] == [1, 2, 3]
    assert all(isinstance(page, PageTaken) and page.encoding.startswith(("g4", "jbig2")) for page in pages)
    assert isinstance(captured, Captured)
    assert captured.pages == 3
    assert left == []

    manifest, pdf, done = opened(sealed)
    assert (manifest.receipt, manifest.agency, manifest.epoch) == ("7K2-418", "sozialamt-uckermark", 3)
    assert manifest.envelope == bytes(range(16)).hex()
    assert [verdict.skew_degrees for verdict in manifest.verdicts] == [page.skew_degrees for page in pages]
    with pymupdf.open(stream=pdf, filetype="pdf") as document:
        assert len(document) == manifest.pages == done.pages == 3
        assert not document.is_repaired

    assert isinstance(sealed[0], SummarySealed)
    summary = inner.read_summary(envelope.open_bytes(sealed[0].sealed, [IDENTITY]))
    assert (summary.title, summary.pages, summary.bytes) == ("Wohngeldbescheid", 3, len(pdf))
    assert len(sealed[0].sealed) <= limits.SUMMARY_BYTES_MAX

    parts = [report.piece for report in sealed if isinstance(report, Part)]
    whole = b"".join(parts)
    assert max(map(len, parts)) <= dialogue.PART_BYTES_MAX
    assert (done.digest, done.header_bytes + done.payload_bytes) == (hashlib.sha256(whole).digest(), len(whole))
    assert done.header_sha256 == hashlib.sha256(whole[: done.header_bytes]).digest()
    assert done.payload_sha256 == hashlib.sha256(whole[done.header_bytes :]).digest()
    assert whole[: done.header_bytes].startswith(b"age-encryption.org/v1\n")
    assert MARK.encode() not in whole


def test_pages_are_chosen_reordered_and_added_to(scan, tmp_path):
    async def play(workshop):
        await everything(workshop.capture(scan[:2]))
        again = await everything(workshop.capture_scan(Scan("sheet", scan[2].read_bytes())))
        return again, await everything(workshop.seal(order(pages=(3, 1)))), await everything(workshop.seal(order()))

    again, chosen, whole = with_workshop(tmp_path, play)
    assert [report.number for report in again[:-1]] == [3]
    assert opened(chosen)[0].pages == 2
    assert opened(whole)[0].pages == 3
    first, third = (verdict.skew_degrees for verdict in opened(whole)[0].verdicts[::2])
    assert [verdict.skew_degrees for verdict in opened(chosen)[0].verdicts] == [third, first]


@pytest.mark.parametrize("pages", [(4,), (0,), (1, 1), (-1,)])
def test_pages_that_are_not_there_are_not_sealed(scan, tmp_path, pages):
    async def play(workshop):
        await everything(workshop.capture(scan[:1]))
        with pytest.raises(Refused, match="not there"):
            await everything(workshop.seal(order(pages=pages)))

    with_workshop(tmp_path, play)


def test_bad_input_is_refused_and_the_worker_and_its_pages_live_on(scan, tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    (tmp_path / "brief.txt").write_text("Guten Tag")
    (tmp_path / "leer.pdf").touch()

    async def play(workshop):
        await everything(workshop.capture(scan[:1]))
        process_id = workshop.process_id
        for name, words in (("brief.txt", "neither"), ("leer.pdf", "0 bytes"), ("fehlt.jpg", "no file")):
            with pytest.raises(Refused, match=words) as caught:
                await everything(workshop.capture([scan[1], tmp_path / name]))
            assert caught.value.code == Code.BAD_FILE
            assert caught.value.remedy
        with pytest.raises(Refused, match="no file to take"):
            await everything(workshop.capture([]))
        with pytest.raises(Refused) as caught:
            await everything(workshop.seal(order(recipient="age1nonsense")))
        assert caught.value.code == Code.BAD_KEY
        assert workshop.process_id == process_id
        return opened(await everything(workshop.seal(order())))[0].pages

    assert with_workshop(folder, play) == 1


def test_a_scan_of_many_pieces_arrives_whole_and_a_refused_one_leaves_nothing_behind_in_the_line(tmp_path):
    picture = io.BytesIO()
    Image.effect_noise((1700, 2200), 40).save(picture, "TIFF")
    large, rubbish = picture.getvalue(), bytes(3 * limits.MIB + 1)
    assert len(large) > 8 * dialogue.PART_BYTES_MAX

    async def play(workshop):
        taken = []
        for image in (large, rubbish, b"", large):
            try:
                taken += await everything(workshop.capture_scan(Scan("sheet.tiff", image)))
            except Refused as refused:
                taken.append(refused.code)
        return taken

    first, captured, unread, empty, second, _ = with_workshop(tmp_path, play)
    assert (unread, empty) == (Code.BAD_FILE, Code.BAD_FILE)
    assert (first.number, second.number, captured.pages) == (1, 2, 1)
    assert first.bytes == second.bytes


def test_more_than_300_pages_are_refused_before_the_first_is_taken(scan, tmp_path):
    async def play(workshop):
        with pytest.raises(Refused, match="303 pages") as caught:
            await everything(workshop.capture(scan * 101))
        assert caught.value.code == Code.TOO_LARGE
        with pytest.raises(Refused, match="no page to hand in"):
            await everything(workshop.seal(order()))

    with_workshop(tmp_path, play)


def test_after_discard_there_is_nothing_to_seal(scan, tmp_path):
    async def play(workshop):
        await workshop.discard()  # nothing was ever there
        await everything(workshop.capture(scan[:1]))
        await workshop.discard()
        with pytest.raises(Refused, match="no page to hand in"):
            await everything(workshop.seal(order()))
        return await everything(workshop.capture(scan[:1]))

    assert with_workshop(tmp_path, play)[0].number == 1


def test_a_worker_that_has_seen_pages_is_retired_behind_the_visit(scan, tmp_path):
    async def play(workshop):
        await workshop.start()
        before = workshop.process_id
        await workshop.discard()
        await workshop.retire()
        assert workshop.process_id == before, "it has seen nothing"
        await everything(workshop.capture(scan))
        await workshop.retire()
        assert workshop.process_id == before, "these are the next visitor's"
        await workshop.discard()
        await workshop.retire()
        assert workshop.process_id is None
        with pytest.raises(ProcessLookupError):
            os.kill(before, 0)
        assert isinstance((await everything(workshop.capture(scan)))[-1], Captured)

    with_workshop(tmp_path, play)


def test_a_killed_worker_is_told_in_plain_words_and_the_next_order_finds_a_fresh_one(scan, tmp_path):
    async def killed_at_the_first_page(workshop):
        async for _ in workshop.capture(scan * 5):
            os.kill(workshop.process_id, signal.SIGKILL)

    async def play(workshop):
        with pytest.raises(PagesGone, match=r"pages are lost.*signal 9") as caught:
            await killed_at_the_first_page(workshop)
        assert "again" in caught.value.remedy
        assert workshop.process_id is None
        workshop.begin_anew()
        return await everything(workshop.capture(scan[:1]))

    assert with_workshop(tmp_path, play)[0].number == 1


def test_a_worker_killed_between_two_orders_has_lost_the_pages(scan, tmp_path):
    async def play(workshop):
        await everything(workshop.capture(scan[:1]))
        os.kill(workshop.process_id, signal.SIGKILL)
        with pytest.raises(PagesGone, match=r"pages are lost"):
            await everything(workshop.seal(order()))
        await workshop.discard()

    with_workshop(tmp_path, play)


def test_every_order_hears_that_the_pages_are_lost_until_somebody_begins_anew(scan, tmp_path):
    """The browser that wants a picture may hear it first; the sheet in the scanner must not become page 1 then."""

    async def play(workshop):
        await everything(workshop.capture(scan[:1]))
        os.kill(workshop.process_id, signal.SIGKILL)
        with pytest.raises(PagesGone, match=r"signal 9"):
            await workshop.preview(1)
        for _ in range(2):
            with pytest.raises(PagesGone, match=r"signal 9"):
                await everything(workshop.capture(scan[1:2]))
        workshop.begin_anew()
        return await everything(workshop.capture(scan[1:2]))

    assert with_workshop(tmp_path, play)[0].number == 1


def test_who_stops_listening_has_lost_what_was_taken_before_and_the_next_order_hears_of_it(scan, tmp_path):
    async def play(workshop):
        await everything(workshop.capture(scan[:1]))
        async with aclosing(workshop.capture(scan[1:])) as reports:
            async for _ in reports:
                break
        with pytest.raises(PagesGone, match=r"pages are lost"):
            await workshop.preview(1)
        await workshop.discard()
        return await everything(workshop.capture(scan[:1]))

    assert with_workshop(tmp_path, play)[0].number == 1


def test_a_worker_that_is_silent_for_too_long_is_ended(scan, tmp_path):
    async def play(workshop):
        await workshop.start()
        process_id = workshop.process_id
        os.kill(process_id, signal.SIGSTOP)
        with pytest.raises(PagesGone, match="could not be worked on"):
            await everything(workshop.capture(scan))
        return process_id

    process_id = with_workshop(tmp_path, play, report_seconds=0.3)
    assert not Path(f"/proc/{process_id}").exists()


def test_who_is_cancelled_while_the_worker_ends_leaves_it_to_the_next(tmp_path: Path) -> None:
    """As when a cabin closes behind a visit: the worker was forgotten while it still ran."""

    async def play(workshop: Workshop) -> None:
        await workshop.start()
        first = workshop.process_id
        ending = asyncio.create_task(workshop.close())
        await asyncio.sleep(0)  # it has begun
        ending.cancel()
        await asyncio.wait({ending})
        await workshop.close()
        assert first is not None
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        await workshop.start()
        assert workshop.process_id != first

    with_workshop(tmp_path, play)


def test_who_stops_listening_loses_the_pages_and_nobody_hears_the_rest(scan, tmp_path):
    async def play(workshop):
        async with aclosing(workshop.capture(scan)) as reports:
            async for _ in reports:
                break
        assert workshop.process_id is None
        workshop.begin_anew()
        return await everything(workshop.capture(scan[:2]))

    assert [report.number for report in with_workshop(tmp_path, play)[:-1]] == [1, 2]


def test_two_orders_at_once_take_turns(scan, tmp_path):
    async def play(workshop):
        return await asyncio.gather(*(everything(workshop.capture([path])) for path in scan))

    told = with_workshop(tmp_path, play)
    assert sorted(reports[0].number for reports in told) == [1, 2, 3]


def test_a_spool_folder_that_cannot_be_written_is_told(tmp_path):
    async def play(workshop):
        with pytest.raises(Unavailable, match="cannot be kept") as caught:
            await workshop.start()
        assert "folder" in caught.value.remedy

    with_workshop(tmp_path / "missing", play)


def test_the_worker_leaves_no_core_dump_and_cannot_take_all_memory(tmp_path):
    async def play(workshop):
        await workshop.start()
        return bounds_of(workshop.process_id), memory_mb(workshop.process_id, "VmRSS")

    bounds, idle_mb = with_workshop(tmp_path, play)
    assert bounds["Max core file size"] == ["0", "0"]
    assert bounds["Max address space"] == [str(1_500 * limits.MIB)] * 2
    assert idle_mb < 130


@pytest.mark.timeout(1800)  # on a busy machine; a quarter of a minute on an idle core
def test_memory_does_not_grow_with_the_document(tmp_path):
    """Twelve pages of A4 at 300 dpi that hardly compress."""
    noise = Image.effect_noise((2480, 3508), 90)
    file = io.BytesIO()
    noise.save(file, "JPEG", quality=60, dpi=(300, 300))
    path = tmp_path / "noise.jpg"
    path.write_bytes(file.getvalue())

    async def play(workshop):
        await workshop.start()
        idle_mb = memory_mb(workshop.process_id, "VmRSS")
        hand_mb = 0.0  # of the process that works on pages: it ends with the order
        async for report in workshop.capture([path] * 12):
            if isinstance(report, PageTaken) and report.number < 12:
                hand = children(workshop.process_id)[-1]
                hand_mb = max(hand_mb, memory_mb(hand, "VmHWM") - idle_mb)
        sealed_bytes = 0
        async for report in workshop.seal(order()):
            sealed_bytes += len(report.piece) if isinstance(report, Part) else 0
        return hand_mb + memory_mb(workshop.process_id, "VmHWM") - idle_mb, hand_mb, sealed_bytes

    grown_mb, hand_mb, sealed_bytes = with_workshop(tmp_path, play)
    assert sealed_bytes > 8_000_000
    assert 20 < hand_mb <= grown_mb < 150


def shown(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture))
    image.load()
    return image


def test_a_page_is_shown_as_it_will_be_handed_in_and_no_disk_sees_it(scan, tmp_path):
    async def play(workshop):
        await everything(workshop.capture(scan[:1]))
        large, small = await workshop.preview(1), await workshop.preview(1, 200)
        with pytest.raises(Refused, match="Page 2 is not there"):
            await workshop.preview(2)
        return large, small, os.listdir(tmp_path)

    large, small, left = with_workshop(tmp_path, play)
    assert left == []
    assert max(shown(large).size) == 1200
    assert max(shown(small).size) == 200
    assert 0.8 < sum(shown(large).convert("L").histogram()[200:]) / (shown(large).width * 1200) < 0.99


def test_a_page_turned_by_the_visitor_stands_so_on_the_screen_and_in_the_document(scan, tmp_path):
    async def play(workshop):
        await everything(workshop.capture(scan[:2]))
        await workshop.turn(1, 180)
        await workshop.turn(1, 270)
        with pytest.raises(Refused, match="45"):
            await workshop.turn(1, 45)
        return await workshop.preview(1), await workshop.preview(2), await everything(workshop.seal(order()))

    turned, upright, sealed = with_workshop(tmp_path, play)
    assert shown(turned).width > shown(turned).height
    assert shown(upright).width < shown(upright).height
    manifest, pdf, _ = opened(sealed)
    assert [verdict.turned_degrees for verdict in manifest.verdicts] == [90, 0]
    with pymupdf.open(stream=pdf, filetype="pdf") as document:
        assert [sheet.rotation for sheet in document] == [270, 0]


def test_two_sides_of_a_card_taken_one_after_the_other_become_one_sheet(scan, tmp_path):
    async def play(workshop):
        for path in scan[:2]:
            await everything(workshop.capture([path], Mode.CARD))
        await everything(workshop.capture(scan[2:]))
        both = await workshop.join(1, 2)
        with pytest.raises(Refused, match="single sides"):
            await workshop.join(3, 1)
        return both, await everything(workshop.seal(order(pages=(both.number,))))

    both, sealed = with_workshop(tmp_path, play)
    assert both.number == 4
    with pymupdf.open(stream=opened(sealed)[1], filetype="pdf") as document:
        assert len(document[0].get_images()) == 2


def test_a_cabin_whose_archive_refuses_jbig2_uses_g4_alone(scan, tmp_path):
    async def play(workshop):
        return await everything(workshop.capture(scan))

    *pages, _ = with_workshop(tmp_path, play, g4_strict=True)
    assert all("jbig2" not in page.encoding for page in pages)


def test_a_copy_for_the_printer_is_given_unsealed(scan, tmp_path):
    async def play(workshop):
        await everything(workshop.capture(scan[:2], Mode.COPY))
        return [piece async for piece in workshop.document(AT, (2, 1))], os.listdir(tmp_path)

    pieces, left = with_workshop(tmp_path, play)
    assert left == []
    with pymupdf.open(stream=b"".join(pieces), filetype="pdf") as document:
        assert len(document) == 2
