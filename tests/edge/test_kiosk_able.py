"""What devices and the disk cannot do now is offered to nobody, and whoever has begun loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge.uplink import Status as LineStatus
from hardware.simulated.stage import COVER_OPEN, DENIED, JAMMED, NO_PAPER, UNPLUGGED, Stage
from protocol.runtime.world import REAL
from tests.edge.disks import full, small_disk
from tests.edge.house import enrolled
from tests.edge.story import PRINTER, Cabin, play

SMALL_KIB = 40 * 1024  # too small for a ballast that would be given up for it


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        (UNPLUGGED, "Abgeben und Kopieren gehen gerade nicht. Bitte holen Sie Hilfe, oder gehen Sie selbst zum Amt."),
        (DENIED, "Abgeben und Kopieren gehen gerade nicht. Bitte holen Sie Hilfe, oder gehen Sie selbst zum Amt."),
        (JAMMED, "Ein Blatt klemmt. Bitte ziehen Sie es vorsichtig heraus, oder holen Sie Hilfe."),
        (COVER_OPEN, "Der Deckel ist offen. Bitte schließen Sie den Deckel."),
    ],
)
def test_nobody_is_offered_what_the_scanner_cannot_do_now(path: Path, flag: str, told: str) -> None:
    async def story(cabin: Cabin) -> None:
        stage = Stage(path / "stage")
        await cabin.usher.look_at_devices()
        assert await cabin.offered() == ["hand-in", "copy", "info", "privacy"]
        before = cabin.usher.bell.version
        stage.flag("scanner", flag)
        assert await cabin.tap("hand-in") == "start", "whoever comes before that was noticed does not go astray either"
        assert cabin.usher.bell.version != before, "whoever looks sees it"
        assert told in await cabin.text()
        assert await cabin.offered() == ["info", "privacy"]
        assert await cabin.tap("copy") == "start"
        stage.mend("scanner")
        before = cabin.usher.bell.version
        await cabin.usher.look_at_devices()
        assert cabin.usher.bell.version != before, "it comes back by itself"
        assert told not in await cabin.text()
        assert await cabin.tap("hand-in") == "concern"

    play(path, story, printer=PRINTER)


def test_nobody_is_offered_what_the_printer_cannot_do_now(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        stage = Stage(path / "stage")
        stage.flag("printer", NO_PAPER)
        await cabin.usher.look_at_devices()
        told = "Die Leitung ist unterbrochen, und Kopieren geht nicht. Unterlagen abgeben können Sie trotzdem."
        assert told in await cabin.text(), "there is no hub either"
        assert await cabin.offered() == ["hand-in", "info", "privacy"]
        assert await cabin.tap("copy") == "start"
        await cabin.tap("hand-in", "concern:0", "take")
        await cabin.at("judge")
        await cabin.tap("good-done", "confirm")
        await cabin.at("number")
        assert "Bitte Nummer aufschreiben:" in await cabin.text()
        assert "print-slip" not in await cabin.offered()
        stage.mend("printer")
        await cabin.usher.look_at_devices()
        assert "Danke. Ihre Nummer ist:" in await cabin.text()
        assert "print-slip" in await cabin.offered()

    play(path, story, printer=PRINTER)


def test_a_cabin_without_a_printer_does_not_speak_of_copies(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        await cabin.usher.look_at_devices()
        assert await cabin.offered() == ["hand-in", "info", "privacy"]
        assert "Kopieren" not in await cabin.text()

    play(path, story)


def test_an_empty_cabin_does_not_call_in_whoever_cannot_be_served(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        cabin.usher.emptied()
        assert cabin.usher.scene == "rest"
        assert "Hier können Sie Unterlagen abgeben." in await cabin.text()
        Stage(path / "stage").unplug()
        before = cabin.usher.bell.version
        await cabin.usher.look_at_devices()
        assert cabin.usher.bell.version != before
        assert "Hier können Sie Unterlagen abgeben." not in await cabin.text()
        assert "Abgeben und Kopieren gehen gerade nicht." in await cabin.text()

    play(path, story)


def test_whoever_has_tried_twice_in_vain_hears_what_else_they_can_do(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        stage = Stage(path / "stage")
        assert await cabin.tap("hand-in", "concern:0") == "place"
        stage.unplug()
        await cabin.tap("take")
        await cabin.at("problem")
        assert "Das Aufnahmegerät antwortet nicht. Bitte versuchen Sie es noch einmal." in await cabin.text()
        await cabin.tap("retry")
        await cabin.at("problem")
        assert "Bitte holen Sie Hilfe, oder gehen Sie selbst zum Amt." in await cabin.text()
        assert await cabin.offered() == ["go-on", "retry"], "another try is nobody denied"
        stage.plug()
        await cabin.tap("retry", "take")
        await cabin.at("judge")
        stage.unplug()
        await cabin.tap("again")
        await cabin.at("problem")
        assert "Bitte versuchen Sie es noch einmal." in await cabin.text(), "it had worked meanwhile"

    play(path, story)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, SMALL_KIB) as mount:
        yield mount


def test_a_full_disk_is_told_on_the_start_page_and_comes_back_by_itself(small: Path) -> None:
    async def story(cabin: Cabin) -> None:
        assert await cabin.offered() == ["hand-in", "copy", "info", "privacy"]
        before = cabin.usher.bell.version
        with full(small, 12 << 20):  # documents leave 16 MiB alone; a copy needs a few, and leaves nothing behind
            assert await cabin.tap("hand-in") == "start", "nobody looks for the right office in vain"
            assert cabin.usher.bell.version != before
            told = "Abgeben geht gerade nicht, Kopieren geht. Kommen Sie bitte später wieder, oder gehen Sie selbst zum Amt."
            assert told in await cabin.text()
            assert await cabin.offered() == ["copy", "info", "privacy"]
        with full(small):
            await cabin.usher.look_at_devices()
            assert "Abgeben und Kopieren gehen gerade nicht." in await cabin.text()
            assert await cabin.offered() == ["info", "privacy"]
        before = cabin.usher.bell.version
        await cabin.usher.look_at_devices()
        assert cabin.usher.bell.version != before, "whoever stands there sees it"
        assert await cabin.tap("hand-in") == "concern"

    play(enrolled(small / "cabin"), story, printer=PRINTER)


def test_a_disk_that_fills_up_during_a_visit_loses_nothing_and_says_what_to_do(small: Path) -> None:
    async def story(cabin: Cabin) -> None:
        assert await cabin.tap("hand-in", "concern:0") == "place"
        await cabin.tap("take")
        await cabin.at("judge")
        assert await cabin.tap("good-done") == "check"
        with full(small):
            await cabin.tap("confirm")
            await cabin.at("problem")
            said = await cabin.text()
            assert "Hier ist gerade kein Platz mehr. Bitte kommen Sie später wieder." in said
            assert "Diese Unterlagen sind nicht abgegeben." in said
            assert cabin.node.surroundings.buffer.waiting().documents == 0
            assert await cabin.tap("go-on") == "check", "nothing is lost"
            assert "Dieses Blatt geht an" in await cabin.text()
            await cabin.tap("another")
            await cabin.tap("take")
            await cabin.at("problem")
            assert "kein Platz mehr" in await cabin.text()
            assert await cabin.tap("go-on") == "another"
            assert await cabin.tap("done") == "check"
            await cabin.tap("confirm")
            await cabin.at("problem")
        await cabin.tap("retry")
        await cabin.at("number")
        assert cabin.node.surroundings.buffer.waiting().documents == 1

    play(enrolled(small / "cabin"), story)


def test_whoever_cannot_hand_in_from_here_any_more_gets_on(path: Path) -> None:
    """„Weiter“ led back to „Abgeben“, which led there again."""

    async def story(cabin: Cabin) -> None:
        await cabin.tap("hand-in", "concern:0", "take")
        await cabin.at("judge")
        await cabin.tap("good-another", "take")
        await cabin.at("judge")
        assert await cabin.tap("good-done") == "check"
        away = LineStatus(connected=False, since=REAL.utc(), turned_away=True)
        cabin.node.line = lambda: away
        assert await cabin.tap("confirm") == "problem"
        assert "Diese Unterlagen sind nicht abgegeben." in await cabin.text()
        assert await cabin.offered() == ["go-on"]
        assert await cabin.tap("go-on") == "start", "where it says what can still be done"
        assert await cabin.offered() == ["copy", "info", "privacy"]
        assert await cabin.tap("info", "offices") == "offices", "when the agency is open"
        cabin.node.line = None
        assert await cabin.tap("back", "back", "hand-in", "concern:0") == "place"
        assert cabin.usher.guest is not None
        assert cabin.usher.guest.shown.pages == (), "nothing of it comes into another document"

    play(path, story, printer=PRINTER)


def test_a_device_that_cannot_even_be_asked_keeps_nobody_out(path: Path) -> None:
    """One word of the house was missing, and the screen said for good that somebody was inside."""

    async def story(cabin: Cabin) -> None:
        flags = path / "stage" / "printer" / "flags"
        flags.rmdir()
        flags.write_text("in the place of a folder")
        with suppress(OSError):
            await cabin.tap("info")
        flags.unlink()
        assert await cabin.tap("info") == "info"

    play(path, story, printer=PRINTER)
