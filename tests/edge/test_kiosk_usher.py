"""Whoever is received, on clocks that the test sets: the real house around a screen that is drawn and looked at by nobody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from msgspec import structs

from edge.app import house
from edge.config import EdgeConfig, KioskConfig
from edge.kiosk import language
from edge.kiosk.opened import usher_in
from edge.kiosk.server import Kiosk
from edge.kiosk.settings import Screen
from edge.kiosk.usher import Usher
from edge.node import Node
from edge.opening import OpeningConfig
from hardware.fittings import Lying, PrinterConfig, ScannerConfig
from hardware.simulated.stage import COVER_OPEN, DENIED, JAMMED, NO_PAPER, UNPLUGGED, Stage
from protocol.directory import Directory, Route
from protocol.ids import AgencyId, ServiceId
from protocol.manifest import sign
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL, World
from tests.edge.disks import full, small_disk
from tests.edge.house import AUTHORITY, config, enrolled
from tests.edge.jumping import Jumping

NINE = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # on a Monday, by the clock in Berlin
SIMULATED = ScannerConfig("simulated", pages=1, seed=5)
SMALL_KIB = 40 * 1024  # too small for a ballast that would be given up for it


@dataclass
class Cabin:
    """What a browser would do, without one. `utc` is what the calendar says; `loop` has the clock that only grows."""

    loop: Jumping
    utc: datetime = NINE
    usher: Usher = field(init=False)
    node: Node = field(init=False)
    kiosk: Kiosk = field(init=False)

    async def tap(self, *taps: str) -> str:
        """One after the other; the name of the page that stands there then."""
        for do in taps:
            await self.usher.tap(self.usher.stamp, self.usher.bell.turn, do)
        return self.usher.scene

    async def passed(self, seconds: float) -> str:
        """So much later nobody has touched anything; which page stands there."""
        await self.loop.pass_by(seconds)
        return self.usher.scene

    async def text(self) -> str:
        """What can be read between the bars of the page."""
        page = (await self.kiosk.page()).content
        main = page[page.index("<main") : page.index("</main>")]
        return " ".join(re.sub(r"<[^>]+>", " ", main).split())

    async def offered(self) -> list[str]:
        """What the buttons of the page say."""
        page = (await self.kiosk.page()).content
        return re.findall(r'name="do" value="([^"]*)"', page[page.index("<main") : page.index("</main>")])

    async def at(self, scene: str) -> None:
        """Wait for a page that comes by itself."""
        while self.usher.scene != scene:
            await self.usher.bell.rings()


@asynccontextmanager
async def opened(path: Path, settings: EdgeConfig) -> AsyncIterator[Cabin]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Jumping)
    cabin = Cabin(loop)
    world = World(loop.time, lambda: cabin.utc, REAL.random, REAL.chance)
    catalogues = language.read()
    with NodeFolder.open(path, "edge") as folder:
        async with house(folder, settings, world) as (cabin.node, _, _):
            cabin.usher = usher_in(settings, world, cabin.node, catalogues)
            cabin.kiosk = Kiosk(cabin.usher, catalogues, site="Templin", screen=Screen())
            await cabin.usher.look_at_devices()
            try:
                yield cabin
            finally:
                await cabin.usher.close()


def play(
    path: Path,
    story: Callable[[Cabin], Awaitable[None]],
    opening: OpeningConfig | None = None,
    scanner: ScannerConfig = SIMULATED,
    printer: PrinterConfig | None = None,
    kiosk: KioskConfig | None = None,
) -> None:
    """A story in a cabin of its own."""
    settings = structs.replace(
        config(scanner=scanner),
        opening=opening or OpeningConfig(),
        printer=printer or PrinterConfig(),
        kiosk=kiosk or KioskConfig(),
    )

    async def told() -> None:
        async with opened(path, settings) as cabin:
            await story(cabin)

    with asyncio.Runner(loop_factory=Jumping) as runner:
        runner.run(told())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return enrolled(tmp_path / "cabin")


def test_silence_asks_after_two_minutes_and_ends_a_minute_later(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        assert await cabin.tap("info") == "info"
        assert await cabin.passed(119) == "info"
        assert await cabin.passed(1) == "more_time"
        assert "in 60 Sekunden" in await cabin.text()
        assert await cabin.passed(31) == "more_time"
        assert "in 30 Sekunden" in await cabin.text()
        assert await cabin.passed(29) == "parting"

    play(path, story)


def test_a_touch_beside_the_buttons_begins_the_silence_anew(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        await cabin.tap("info")
        for _ in range(3):
            assert await cabin.passed(119) == "info"
            assert await cabin.tap("stay") == "info"
        assert await cabin.passed(119) == "info"
        assert await cabin.passed(1) == "more_time"

    play(path, story)


@pytest.mark.parametrize("year", [1970, 2106])
def test_a_calendar_that_jumps_neither_ends_a_visit_nor_holds_it(path: Path, year: int) -> None:
    async def story(cabin: Cabin) -> None:
        await cabin.tap("info", "offices", "office:0")
        assert "Jetzt offen bis 16:00 Uhr." in await cabin.text()
        await cabin.passed(100)
        cabin.utc = datetime(year, 1, 1, 3, 0, tzinfo=UTC)
        cabin.usher.look_at_gate()
        assert await cabin.passed(19) == "agency"
        assert "Jetzt geschlossen." in await cabin.text(), "as the calendar says now"
        assert "Stand: 3. März 2026, 9:00 Uhr" in await cabin.text(), "as the authority said"
        assert await cabin.passed(1) == "more_time"
        cabin.utc = NINE
        assert await cabin.passed(30) == "more_time"
        assert "in 30 Sekunden" in await cabin.text()
        assert await cabin.tap("stay") == "agency"
        cabin.utc = datetime(year, 1, 1, tzinfo=UTC)
        assert await cabin.tap("end") == "parting"
        await cabin.node.reception.close(60)
        assert cabin.node.reception.visits == 1
        assert not cabin.node.surroundings.buffer.troubles

    play(path, story)


def test_at_midnight_the_hours_are_those_of_the_new_day(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        cabin.utc = datetime(2026, 3, 8, 22, 59, 50, tzinfo=UTC)  # Sunday, ten seconds to midnight in Berlin
        await cabin.tap("info", "offices", "office:0")
        assert "Nächste offene Zeit: Montag, 9. März, 8:00 Uhr." in await cabin.text()
        cabin.utc += timedelta(seconds=20)
        assert await cabin.passed(20) == "agency"
        assert "Nächste offene Zeit: Montag, 9. März, 8:00 Uhr." in await cabin.text()
        cabin.utc += timedelta(hours=8)
        assert "Jetzt offen bis 16:00 Uhr." in await cabin.text()

    play(path, story)


def test_a_closed_cabin_says_when_it_opens_by_the_calendar_as_it_is_now(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        assert cabin.usher.scene == "closed"
        assert "Montag, 9. März, 8:00 Uhr" in await cabin.text()
        before = cabin.usher.bell.version
        cabin.usher.look_at_gate()
        assert cabin.usher.bell.version == before, "nothing else is to be seen"
        cabin.utc = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # it had begun with a flat battery
        cabin.usher.look_at_gate()
        assert cabin.usher.bell.version != before, "whoever looks sees it"
        assert "Montag, 30. November, 8:00 Uhr" in await cabin.text()

    play(path, story, OpeningConfig(monday=("08:00-09:00",)))


def test_who_comes_behind_somebody_finds_nothing_of_them(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        await cabin.usher.entered()
        stamp = cabin.usher.stamp
        await cabin.usher.set(stamp, "language:uk")
        await cabin.tap("info", "ask", "digit:4", "digit:1", "digit:8")
        cabin.usher.emptied()
        assert cabin.usher.scene == "goodbye"
        assert await cabin.passed(15) == "parting", "longer than anybody looks for their glasses"
        await cabin.usher.entered()
        assert cabin.usher.scene == "start"
        assert cabin.usher.stamp != stamp
        assert cabin.usher.settings.language == "de"
        assert await cabin.tap("info", "ask") == "ask"
        assert "…" in await cabin.text(), "no digit has been typed"

    play(path, story)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, SMALL_KIB) as mount:
        yield mount


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


def test_what_one_visitor_leaves_in_a_drop_folder_does_not_come_to_the_next(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()

    async def story(cabin: Cabin) -> None:
        (folder / "late.pdf").write_bytes(b"%PDF-1.7 of the visitor before, finished when they had gone")
        assert await cabin.tap("info") == "info"
        assert list(folder.iterdir()) == []
        (folder / "left.pdf").write_bytes(b"%PDF-1.7 of this one, still being wri")
        assert await cabin.tap("end") == "parting"
        await cabin.node.reception.close(60)  # when the visit is over
        assert list(folder.iterdir()) == []

    play(path, story, scanner=ScannerConfig("folder", str(folder)))


def test_a_second_number_that_nobody_has_seen_is_told_as_that(path: Path) -> None:
    """The first one was drawn: that says nothing about the one after it."""

    async def story(cabin: Cabin) -> None:
        async def handed_in() -> str:
            await cabin.tap("hand-in", "concern:0", "take")
            await cabin.at("judge")
            await cabin.tap("good-done", "confirm")
            await cabin.at("number")
            assert cabin.usher.guest is not None
            assert cabin.usher.guest.shown.receipt is not None
            return cabin.usher.guest.shown.receipt

        with structlog.testing.capture_logs() as told:
            first = await handed_in()
            cabin.usher.seen(first)
            await cabin.tap("more")
            second = await handed_in()
            await cabin.tap("end")
        assert [row["receipt"] for row in told if row["event"] == "number.given"] == [first]
        assert [row["receipt"] for row in told if row["event"] == "number.unseen"] == [second]

    play(path, story, scanner=ScannerConfig("simulated", pages=1, seed=5))


@pytest.mark.parametrize(
    ("writing", "told"), [("down", "Die Schrift zeigt nach unten."), ("auto", "Die Schrift zeigt nach oben.")]
)
def test_how_a_sheet_is_laid_is_told_as_the_fitted_device_wants_it(path: Path, writing: Lying, told: str) -> None:
    async def story(cabin: Cabin) -> None:
        assert await cabin.tap("hand-in", "concern:0") == "place"
        assert told in await cabin.text()

    play(path, story, scanner=structs.replace(SIMULATED, writing=writing))


PRINTER = PrinterConfig("simulated")


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


def test_a_directory_in_which_nobody_takes_papers_is_told_on_the_start_page(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        agencies = in_force(cabin).agencies
        assert await cabin.tap("info", "back") == "start"
        before = cabin.usher.bell.version
        publish(cabin, agencies=tuple(structs.replace(agency, inboxes=()) for agency in agencies))
        cabin.usher.look_at_directory()
        assert cabin.usher.bell.version != before, "whoever stands there sees it"
        assert "Abgeben geht gerade nicht, Kopieren geht." in await cabin.text()
        assert await cabin.offered() == ["copy", "info", "privacy"]
        assert await cabin.tap("hand-in") == "start"
        before = cabin.usher.bell.version
        publish(cabin, agencies=agencies)
        cabin.usher.look_at_directory()
        assert cabin.usher.bell.version != before, "it comes back by itself"
        assert await cabin.tap("hand-in") == "concern"

    play(path, story, printer=PRINTER)


def test_a_tap_means_what_stood_on_the_button_when_it_was_drawn(path: Path) -> None:
    """Another directory, another order of concerns: whoever touches in that moment chooses nothing that they have not read."""

    async def story(cabin: Cabin) -> None:
        assert await cabin.tap("hand-in") == "concern"
        drawn, [wohngeld], [route] = cabin.usher.bell.turn, in_force(cabin).services, in_force(cabin).routes
        tax = structs.replace(wohngeld, id=ServiceId("99102013000000"), name="Hundesteuer", plain="Steuer für den Hund")
        to_another = Route(tax.id, route.area, AgencyId("sozialamt-uckermark"))
        publish(cabin, services=(tax, wohngeld), routes=(to_another, route))
        await cabin.usher.tap(cabin.usher.stamp, drawn, "concern:0")
        assert cabin.usher.scene == "concern", "it is asked anew"
        assert "Hund" in await cabin.text()
        assert await cabin.tap("concern:1") == "place"
        assert "An: Wohngeld" in await cabin.text()

    play(path, story)


def test_another_directory_does_not_swallow_a_touch_of_what_means_the_same_in_it(path: Path) -> None:
    """One comes just when a cabin is connected: whoever touched its first tile in that moment saw nothing happen."""

    async def story(cabin: Cabin) -> None:
        drawn = cabin.usher.bell.turn
        publish(cabin)
        await cabin.usher.tap(cabin.usher.stamp, drawn, "hand-in")
        assert cabin.usher.scene == "concern"

    play(path, story)


def in_force(cabin: Cabin) -> Directory:
    directory = cabin.node.directory()
    assert directory is not None
    return directory


def publish(cabin: Cabin, **changes: object) -> None:
    """The authority signs another directory, and it has come here."""
    newer = structs.replace(in_force(cabin), version=in_force(cabin).version + 2, previous=bytes([1]) * 32, **changes)
    cabin.node.surroundings.buffer.set_directory(sign(newer, AUTHORITY.private()))


@pytest.mark.parametrize(
    ("writing", "front", "back", "receipt"),
    [
        ("down", ("held-photo lies-back", "Foto zeigt nach unten"), ("held-back lies-photo", "Foto zeigt nach oben"),
         ("held-strip lies-strip-blank", "nach unten")),
        ("up", ("lies-photo", "Foto zeigt nach oben"), ("held-photo lies-back", "Foto zeigt nach unten"), ("lies-strip", "nach oben")),
    ],
)  # fmt: skip
def test_which_side_of_a_card_is_up_is_drawn_and_said(
    path: Path, writing: Lying, front: tuple[str, str], back: tuple[str, str], receipt: tuple[str, str]
) -> None:
    async def story(cabin: Cabin) -> None:
        async def shown(drawn: str, told: str) -> None:
            page = (await cabin.kiosk.page()).content
            assert re.findall(r"#((?:held|lies)-[a-z-]+)", page) == drawn.split()
            assert told in await cabin.text()

        await cabin.tap("hand-in", "concern:0", "kind", "kind:card")
        await shown(*front)
        await cabin.tap("take")
        await cabin.at("judge")
        await cabin.tap("good-back")
        await cabin.at("place")
        await shown(*back)
        await cabin.tap("kind", "kind:receipt")
        await shown(*receipt)

    play(path, story, scanner=structs.replace(SIMULATED, writing=writing))


def test_whoever_looks_for_help_at_night_reads_that_nobody_is_there_now(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        assert await cabin.tap("help") == "help"
        assert "Jetzt offen bis 16:00 Uhr." in await cabin.text()
        cabin.utc = NINE - timedelta(hours=5)
        assert "Jetzt geschlossen. Nächste offene Zeit: Montag, 2. März, 8:00 Uhr." in await cabin.text()

    play(path, story)


@pytest.mark.parametrize(
    ("telephone", "told"),
    [
        (False, "Ohne Telefon fragen Sie bitte im Rathaus."),
        (True, "Nehmen Sie das Telefon in der Kabine."),
    ],
)
def test_nobody_is_sent_to_a_telephone_that_is_not_there(path: Path, telephone: bool, told: str) -> None:
    async def story(cabin: Cabin) -> None:
        dispatcher = next(agency for agency in in_force(cabin).agencies if agency.dispatcher)
        others = tuple(agency for agency in in_force(cabin).agencies if agency is not dispatcher)
        publish(cabin, agencies=(*others, structs.replace(dispatcher, phone="115")))
        assert await cabin.tap("help") == "help"
        assert told in await cabin.text()

    play(path, story, kiosk=KioskConfig(telephone=telephone))


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
