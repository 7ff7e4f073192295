"""One visitor after the other and how long each is given, on clocks that the test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from edge.opening import OpeningConfig
from hardware.fittings import ScannerConfig
from tests.edge.story import NINE, PRINTER, Cabin, play


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


@pytest.mark.parametrize("page", ["help", "privacy"])
def test_whoever_walks_out_of_help_is_forgotten_all_the_same(path: Path, page: str) -> None:
    """Without a sensor nobody else ends that visit, and „Zurück“ would show its sheets to the next visitor."""

    async def story(cabin: Cabin) -> None:
        await cabin.tap("hand-in", "concern:0", "take")
        await cabin.at("judge")
        if page == "privacy":  # it stands on the start page
            await cabin.tap("end")
            assert await cabin.passed(30) == "start"
        assert await cabin.tap(page) == page
        assert await cabin.passed(899) == page, "nobody who reads it is hurried"
        assert await cabin.passed(1) == "parting"

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


def test_whoever_looks_for_help_at_night_reads_that_nobody_is_there_now(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        assert await cabin.tap("help") == "help"
        assert "Jetzt offen bis 16:00 Uhr." in await cabin.text()
        cabin.utc = NINE - timedelta(hours=5)
        assert "Jetzt geschlossen. Nächste offene Zeit: Montag, 2. März, 8:00 Uhr." in await cabin.text()

    play(path, story)


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


def test_whoever_asks_for_help_in_a_cabin_that_seemed_empty_gets_it(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        await cabin.usher.entered()
        await cabin.tap("hand-in", "concern:0", "take")
        await cabin.at("judge")
        cabin.usher.emptied()
        assert cabin.usher.scene == "goodbye"
        assert await cabin.tap("help") == "help"
        assert await cabin.passed(120) == "help", "nobody who reads it is hurried"
        assert await cabin.tap("back") == "judge"
        cabin.usher.emptied()
        assert await cabin.tap("help") == "help"
        assert await cabin.passed(900) == "parting", "and nobody who does not come back is waited for"

    play(path, story)


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

    play(path, story)


def test_whoever_wants_a_copy_taken_again_may_think_better_of_it(path: Path) -> None:
    """„Zurück“ did nothing there."""

    async def story(cabin: Cabin) -> None:
        await cabin.tap("copy", "take")
        await cabin.at("copy_check")
        assert await cabin.tap("again") == "place"
        assert await cabin.tap("back") == "copy_check", "the first one is still there"
        assert await cabin.tap("back") == "start"

    play(path, story, printer=PRINTER)
