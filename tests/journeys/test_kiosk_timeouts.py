"""Whoever leaves is forgotten: by a tap, by a sensor, by silence, by a power cut; and whoever only thinks for a while is not hurried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from edge.config import VisitConfig
from tests.journeys.kiosk import MARK, Cabin, Visitor, cabins, children, visitor
from tests.journeys.waiting import until

# So long that none of them stands in sealed bytes by chance: the beginnings of a picture and of a document.
SIGNS = (MARK.encode(), b"\xff\xd8\xff\xe0\0\x10JFIF", b"%PDF-1.")
# Only what is waited for is short, and no page is expected that stands there for so short a time; what a busy machine could outlast is long.
CALM = VisitConfig(quiet_seconds=600.0, farewell_seconds=600.0, empty_seconds=600.0, parting_seconds=1.0)
BRIEF = VisitConfig(quiet_seconds=600.0, farewell_seconds=4.0, empty_seconds=2.0, parting_seconds=1.0)
HASTY = VisitConfig(quiet_seconds=2.0, answer_seconds=6.0, empty_seconds=2.0, parting_seconds=1.0)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Cabin]]:
    """Three cabins with sensors: 1920 has all the time in the world, 1920-brief is left quickly when nobody is there, 1280 has no patience with
    silence."""
    patience = {"1920": CALM, "1920-brief": BRIEF, "1280": HASTY}
    with cabins(tmp_path_factory.mktemp("watched"), *patience, visit=patience, presence=True) as made:
        yield made


@pytest.fixture
def inside(chrome: Browser, watched: dict[str, Cabin]) -> Iterator[Visitor]:
    """Somebody whom the sensor has seen."""
    with _seen(chrome, watched["1920"], "1920") as came:
        yield came


@pytest.fixture
def briefly(chrome: Browser, watched: dict[str, Cabin]) -> Iterator[Visitor]:
    """The same, in the cabin that is left quickly."""
    with _seen(chrome, watched["1920-brief"], "1920") as came:
        yield came


@pytest.fixture
def hurried(chrome: Browser, watched: dict[str, Cabin]) -> Iterator[Visitor]:
    """The same, in the cabin without patience."""
    with _seen(chrome, watched["1280"], "1280") as came:
        yield came


@contextmanager
def _seen(chrome: Browser, cabin: Cabin, size: str) -> Iterator[Visitor]:
    # First the browser, which takes its time, then the visitor: from then on the cabin counts.
    with visitor(chrome, cabin, size) as came:
        cabin.stage.enter()
        came.at("start", "more_time")
        yield came
        cabin.mended()
        if came.button("end").count():
            came.tap_if_there("end")
        cabin.stage.leave()
        came.at("rest")
        assert not came.mishaps


def test_while_nobody_is_there_a_clock_tells_the_time_and_the_screen_grows_dim(inside: Visitor) -> None:
    html, clock = inside.page.locator("html"), inside.page.locator(".clock time")
    assert clock.count() == 0, "a visitor's page has no clock"
    inside.page.clock.install(time="2026-03-02T07:31:00Z")
    inside.tap("end")
    inside.stage.leave()
    inside.at("rest")
    expect(clock).to_have_text("8:31")
    inside.page.clock.fast_forward("09:30")
    expect(clock).to_have_text(re.compile("8:4[01]"))
    expect(html).not_to_have_attribute("data-dim", "")
    inside.page.clock.fast_forward("00:40")
    expect(html).to_have_attribute("data-dim", "")
    inside.page.locator("h1").dispatch_event("pointerdown")
    expect(html).not_to_have_attribute("data-dim", "")
    inside.page.clock.fast_forward("10:10")
    expect(html).to_have_attribute("data-dim", "")
    inside.stage.enter()
    inside.at("start")
    expect(html).not_to_have_attribute("data-dim", "")


def test_a_clock_that_was_never_set_is_not_shown(inside: Visitor) -> None:
    inside.page.clock.install(time="1970-01-01T07:31:00Z")
    inside.tap("end")
    inside.stage.leave()
    inside.at("rest")
    expect(inside.page.locator(".clock time")).to_have_text("")
    inside.stage.enter()
    inside.at("start")


def test_nobody_there_and_somebody_who_comes(briefly: Visitor) -> None:
    briefly.stage.leave()
    briefly.at("rest")
    briefly.stage.enter()
    briefly.at("start")


def test_a_touch_anywhere_begins_where_the_screen_says_so(inside: Visitor) -> None:
    inside.stage.leave()
    inside.at("goodbye")
    inside.tap("end")
    inside.at("rest")
    inside.page.touchscreen.tap(5, inside.size[1] / 2)
    inside.at("start")
    inside.tap("info")  # a visit has begun
    inside.at("info")


def test_whoever_comes_back_for_their_glasses_goes_on_where_they_were(inside: Visitor) -> None:
    inside.to_check()
    inside.stage.leave()
    inside.at("goodbye")
    inside.stage.enter()
    inside.at("stranger")
    inside.tap("resume")
    inside.at("check")


def test_whoever_comes_behind_somebody_who_walked_out_sees_nothing_of_theirs(inside: Visitor) -> None:
    inside.to_check()
    inside.stage.leave()
    inside.at("goodbye")
    inside.stage.enter()
    inside.at("stranger")
    content = inside.page.content()
    assert "/thumb/" not in content
    assert "/page/" not in content
    inside.page.touchscreen.tap(5, inside.size[1] / 2)  # beside the buttons says nothing
    inside.set("language:pl")
    until(lambda: "wizyty" in inside.text(), "the question is asked in their language")
    inside.tap("help")
    inside.at("help")
    inside.tap("back")
    inside.at("stranger")
    inside.tap("anew")
    inside.at("start")
    assert inside.page.get_attribute("html", "lang") == "de"
    forgotten(inside)


def test_whoever_walks_out_is_forgotten(briefly: Visitor) -> None:
    briefly.to_check()
    briefly.stage.leave()
    briefly.at("parting", "rest")
    forgotten(briefly)


def test_silence_asks_and_then_forgets(hurried: Visitor) -> None:
    # Answered in the page itself: who asks for so short a time would not wait for a busy machine's finger.
    hurried.page.evaluate(
        """() => {
            window.asked = [];
            let before = "";
            const answer = () => {
                const now = document.body.dataset.screen;
                if (now === "more_time" && before !== now) {
                    window.asked.push(document.querySelector("h1").innerText);
                    if (window.asked.length === 1) document.querySelector("main button[value=stay]").click();
                }
                before = now;
            };
            document.addEventListener("screen", answer);
            answer();
        }"""
    )
    hurried.page.wait_for_function("() => window.asked.length > 1")  # who has not stayed is not asked again
    assert "Brauchen Sie noch Zeit?" in hurried.page.evaluate("window.asked[0]")
    until(lambda: not hurried.cabin.house.status(hurried.cabin.site).visitor, "the visit is over")  # type: ignore[union-attr]
    hurried.at("parting", "start", "rest")


def test_help_hurries_nobody(hurried: Visitor) -> None:
    hurried.tap_until("help", "help")
    # Longer than the patience for silence and for its answer together.
    hurried.page.wait_for_timeout(1000 * (HASTY.quiet_seconds + HASTY.answer_seconds + 1))
    assert hurried.screen == "help"
    hurried.tap("back")
    hurried.at("start", "more_time")


def test_the_number_does_not_stand_there_for_the_next_one(briefly: Visitor) -> None:
    briefly.to_check()
    briefly.tap("confirm")
    briefly.at("parting", "start", "rest")
    [handed_in] = briefly.cabin.house.status(briefly.cabin.site).documents  # type: ignore[union-attr]
    forgotten(briefly, handed_in.receipt)


def test_ending_wipes_everything(inside: Visitor) -> None:
    steps = inside.page.evaluate("history.length")
    number = inside.to_number(1, 2)
    inside.tap("more")
    inside.at("start")
    inside.to_check()
    picture = inside.page.locator(".thumb img").first.get_attribute("src")
    assert picture is not None
    inside.set("language:pl")
    inside.set("text:130")
    inside.tap("end")
    inside.at("parting", "start")
    forgotten(inside, number)
    gone = inside.page.evaluate("async path => (await fetch(path)).status", picture)
    assert gone == 404
    inside.mishaps.clear()
    inside.at("start")
    html = inside.page.locator("html")
    assert html.get_attribute("data-text") == "100"
    assert html.get_attribute("class") == "de"
    inside.page.reload()
    inside.at("start")
    assert number not in inside.page.content()
    # Every page had the same address and none was left behind: there is nothing of a visit to go back to.
    assert inside.page.evaluate("history.length") == steps


def test_taps_of_the_one_before_do_nothing_to_the_next(inside: Visitor) -> None:
    inside.to_check()
    stale = inside.page.evaluate(
        """() => {
            const form = document.querySelector('button[value=confirm]').form;
            return new URLSearchParams(new FormData(form, form.querySelector('button'))).toString();
        }"""
    )
    inside.tap("end")
    inside.at("parting", "start")
    before = len(inside.cabin.house.status(inside.cabin.site).documents)  # type: ignore[union-attr]
    inside.page.evaluate(
        """body => fetch('/tap', {method: 'POST', body, headers: {'content-type': 'application/x-www-form-urlencoded'}})""",
        stale,
    )
    inside.at("start")
    assert len(inside.cabin.house.status(inside.cabin.site).documents) == before  # type: ignore[union-attr]


def test_when_only_the_node_dies_the_glass_is_blank_until_it_is_back(inside: Visitor) -> None:
    """Where both die: test_kiosk_traces_cut.py."""
    cabin = inside.cabin
    inside.to_check()
    cabin.house.kill(f"cabin-{cabin.site}")
    # What stood on the glass is gone although nobody could tell the page so.
    until(lambda: "startet gerade neu" in inside.text(), "the screen is blank")
    assert not marks(cabin.folder)
    cabin.house.start_cabin(cabin.site)
    inside.at("start", "rest")
    inside.mishaps.clear()  # of a server that was not there


def forgotten(inside: Visitor, number: str = "no number") -> None:
    """Nothing of the visitor in the page, the browser's stores, the cabin's files and the open files of its processes."""
    page = inside.page
    content = page.content()
    assert number not in content
    assert "/thumb/" not in content
    assert "/page/" not in content
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.evaluate("async () => (await caches.keys()).length + (await indexedDB.databases()).length") == 0
    kept = page.context.cookies()
    assert [cookie["name"] for cookie in kept] == ["kabine"]
    assert not marks(inside.cabin.folder)
    until(lambda: not spooled(inside.cabin), "the spool is empty")


def marks(folder: Path) -> list[Path]:
    """Files that say what stood on the paper, or hold its picture."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and "lying" not in path.parts:
            with suppress(FileNotFoundError):  # gone since
                content = path.read_bytes()
                found += [path for sign in SIGNS if sign in content][:1]
    return found


def spooled(cabin: Cabin) -> int:
    """Bytes of pages that still wait somewhere, even sealed."""
    node = cabin.house.processes[f"cabin-{cabin.site}"].pid
    size = 0
    for process in (node, *children(node)):
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            try:
                target = descriptor.readlink()
                size += descriptor.stat().st_size if "spool" in str(target) and "deleted" in str(target) else 0
            except OSError:
                continue
    return size


def test_taps_are_answered_while_the_worker_is_stuck(inside: Visitor) -> None:
    inside.to_judge()
    inside.tap("good-another")
    inside.at("place")
    with inside.cabin.holding_its_breath():
        inside.cabin.lay(5, 6)
        inside.at("taking")
        inside.tap("help")
        inside.at("help")
        inside.tap("back")
        inside.at("taking")
        inside.tap("end")
        inside.at("parting", "start")
