"""Every page of the visitor's screen, in every language, large and small, light and dark, as an old pair of eyes and a shaking hand need it.

CI looks at every page in a few ways that differ from page to page, so that all pages together meet every pair of settings; with
KABINE_LOOKS=all at every page in all ways: `KABINE_LOOKS=all pytest tests/journeys/test_kiosk_looks.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from msgspec import structs
from playwright.sync_api import Browser, Page, Response, expect

from edge.config import DiskConfig, VisitConfig
from edge.kiosk.language import LANGUAGES
from edge.kiosk.settings import Screen, Settings, Text
from edge.opening import OpeningConfig
from hardware.fittings import ScannerConfig
from tests.journeys.kiosk import DIAGONALS, SIZES, Cabin, Visitor, cabins, visitor
from tests.journeys.kiosk_screens import ALL, MOMENTS, standing
from tests.journeys.looks import corners, faults, fit, put_on, violations
from tests.journeys.stage import Stage
from tests.journeys.waiting import until

EVERYTHING: Final = os.environ.get("KABINE_LOOKS") == "all"
LARGE: Final = Screen(*SIZES["1920"], DIAGONALS["1920"])
SMALL: Final = Screen(*SIZES["1280"], DIAGONALS["1280"])
CODES: Final = tuple(language.code for language in LANGUAGES)
Look = tuple[Screen, Settings]
pytestmark = [pytest.mark.timeout(3600)] if EVERYTHING else []

OF_AXE: Final = ("Applying inline style", "preload assets")
FOR_AXE: Final = ((SMALL, 160), (LARGE, 100))  # it takes a second, and sees no more in between
# At 130 % the picture of the number stands beside the buttons with the least room; here in the language with the longest words for them.
CODE_BESIDE_BUTTONS: Final = {"number-offline": "en", "number-slip-failed": "leicht"}
LOOKS_AT_A_MOMENT: Final = 12  # who holds the worker's breath for a minute is told that the pages are lost
FACE_DOWN: Final = ScannerConfig("simulated", pages=0, writing="down")
FULL_BYTES: Final = 1 << 50  # so much nobody has: the disk is full from the beginning
FIXED: Final = {"parting"}  # whoever touches anything there begins a visit


def looks(*names: str) -> list[Look]:
    """How a page is looked at, or one that stands there by itself as these are. The narrowest, large text on small glass, is never left out."""
    return list(dict.fromkeys(way for name in names for way in looks_at(name)))


def glasses(ways: list[Look]) -> list[list[Look]]:
    """The same, with those together that differ only in the glass: the page need come but once."""
    return [list(same) for _, same in groupby(ways, lambda way: way[1])]


def looks_at(name: str) -> list[Look]:
    """Each page a little otherwise."""
    place = ALL.index(name)
    if name in FIXED:
        return [(SMALL, Settings()), (LARGE, Settings())]
    if EVERYTHING:
        ways = one_by_one(CODES, (100, 130, 160), ("light", "dark"), (False, True), (SMALL, LARGE))
        return [(screen, Settings(code, text, contrast, low=low)) for code, text, contrast, low, screen in ways]
    codes = [CODES[(place + step) % len(CODES)] for step in (0, 2 + place % 3)]
    odd = bool(place // len(CODES) % 2)
    other = (LARGE, 100), (LARGE, 160), (SMALL, 100), (LARGE, 130), (SMALL, 130)
    screen, text = other[place % len(other)]
    made = [
        (SMALL, Settings(codes[0], 160, "dark" if odd else "light", low=place % 2 == 1)),
        (screen, Settings(codes[1], text, "light" if odd else "dark", low=place % 3 == 1)),  # type: ignore[arg-type]
    ]
    if name in CODE_BESIDE_BUTTONS:
        made.append((SMALL, Settings(CODE_BESIDE_BUTTONS[name], 130)))
    return made


def one_by_one(first: Sequence[Any], *others: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Every combination, each of which differs from the one before it in one thing: so each costs one touch."""
    inner = one_by_one(*others) if others else [()]
    return [(each, *rest) for turn, each in enumerate(first) for rest in (inner[::-1] if turn % 2 else inner)]


@pytest.fixture(scope="module")
def cabin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cabin]:
    with cabins(tmp_path_factory.mktemp("looks"), "1280") as found:
        yield found["1280"]


@pytest.fixture(scope="module")
def somebody(chrome: Browser, cabin: Cabin) -> Iterator[Visitor]:
    """One person who walks through all pages; with reduced motion, so that a turning sign stands still while it is measured."""
    with visitor(chrome, cabin, "1280", reduced_motion="reduce") as stepped_in:
        yield stepped_in


@pytest.fixture(scope="module")
def places() -> dict[tuple[object, ...], tuple[str, dict[str, list[int] | None]]]:
    """Where help and end were on the first page that was looked at in a way."""
    return {}


@pytest.mark.parametrize("name", ALL)
def test_a_page_is_as_people_need_it(
    somebody: Visitor, places: dict[tuple[object, ...], tuple[str, dict[str, list[int] | None]]], name: str
) -> None:
    ways, found = looks(name), []
    at_once = LOOKS_AT_A_MOMENT if name in MOMENTS else len(ways)
    for begin in range(0, len(ways), at_once):
        with patiently(somebody, name):
            found += looked_at(somebody, places, name, ways[begin : begin + at_once], fixed=name in FIXED)
    assert not found, "\n".join(found)


@contextmanager
def patiently(somebody: Visitor, name: str) -> Iterator[None]:
    """Stand on this page. Whoever comes while the device still holds a sheet of the visit before is asked for a moment's patience, and begins
    once more."""
    with ExitStack() as there:
        try:
            there.enter_context(standing(somebody, name))
        except AssertionError:
            there.enter_context(standing(somebody, name))
        yield


def looked_at(
    somebody: Visitor,
    places: dict[tuple[object, ...], tuple[str, dict[str, list[int] | None]]],
    name: str,
    ways: list[Look],
    fixed: bool = False,
) -> list[str]:
    """Everything that is wrong with the page that stands there, in each of these ways."""
    found: list[str] = []
    for turn, (screen, settings) in enumerate(ways):
        fit(somebody.page, screen)
        if not fixed:
            put_on(somebody.page, settings)
        look = f"{screen.width_px}×{screen.height_px} {settings.language} {settings.text} % {settings.contrast} low={settings.low}"
        found += [f"{look}: {fault}" for fault in faults(somebody.page, settings, screen)]
        direction = "rtl" if settings.language == "ar" else "ltr"
        if somebody.page.get_attribute("html", "dir") != direction:
            found.append(f"{look}: not {direction}")
        often = EVERYTHING and not settings.low and (screen, settings.text) in FOR_AXE
        if turn == 0 or often:
            colours = turn > 0 and settings.contrast == "dark"
            found += [f"{look}: {fault}" for fault in violations(somebody.page, colours=colours)]
        found += _moved(places, name, screen, settings, corners(somebody.page))
    # axe puts styles of its own into the page, and the page does not let it; test_kiosk_handing_in.py holds that ours needs none.
    return found + [mishap for mishap in somebody.mishaps if not any(word in mishap for word in OF_AXE)]


def _moved(
    places: dict[tuple[object, ...], tuple[str, dict[str, list[int] | None]]],
    name: str,
    screen: Screen,
    settings: Settings,
    now: dict[str, list[int] | None],
) -> list[str]:
    """Help and end stand in their corners on every page: the corner itself on one glass in one direction, the whole box with equal settings."""
    if now["help"] is None:
        return ["there is no help"]
    rtl = settings.language == "ar"
    outer = 2 if rtl else 0
    ways = [
        ((screen, settings.language, settings.text), now["help"]),
        ((screen, settings.text == 100, rtl), [now["help"][outer], now["help"][3]]),
    ]
    if now["end"] is not None:
        ways.append(((screen, settings.language, settings.text, "end"), now["end"]))
    moved = []
    for way, box in ways:
        first, before = places.setdefault(way, (name, {"box": box}))
        if before["box"] != box:
            moved.append(f"{way}: {box} here, {before['box']} on {first}")
    return moved


def test_every_setting_is_one_touch_away_on_every_page_and_gone_with_the_visit(somebody: Visitor) -> None:
    page = somebody.page
    fit(page, SMALL)
    with patiently(somebody, "concern"):
        for to in (
            "text:130",
            "contrast:dark",
            "volume:down",
            "volume:up",
            "low:on",
            *(f"language:{code}" for code in CODES),
        ):
            assert page.locator(f'button[name=set][value="{to}"]').first.is_visible(), to
        for to in ("language:pl", "text:130", "contrast:dark", "low:on", "volume:up", "volume:up"):
            somebody.set(to)
        assert _looks_like(somebody) == ("pl", "130", "dark", "on", "4"), "six touches have done six things"
        louder = page.locator('button[value="volume:up"]')
        assert louder.get_attribute("aria-disabled") == "true"
        assert "4" in (louder.get_attribute("aria-label") or "")
    until(lambda: _looks_like(somebody) == ("de", "100", "light", "off", "2"), "the next visitor begins anew")


def _looks_like(somebody: Visitor) -> tuple[str, ...]:
    value: list[str] = somebody.page.evaluate(
        """() => { const { lang, dataset } = document.documentElement;
          return [lang, dataset.text, dataset.kernTheme, dataset.low, dataset.volume]; }"""
    )
    return tuple(value)


def test_with_large_text_the_languages_open_over_the_page(somebody: Visitor) -> None:
    page = somebody.page
    fit(page, SMALL)
    with patiently(somebody, "concern"):
        put_on(page, Settings(text=160))
        page.locator("button.open").tap()
        page.wait_for_selector("#languages:popover-open")
        assert page.locator("#languages button:visible").count() == len(CODES)
        for name in page.locator("#languages button").all():
            box = name.bounding_box()
            assert box is not None
            assert box["height"] >= 20 * SMALL.unit_px
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= SMALL.height_px
        page.locator('#languages button[value="language:uk"]').tap()
        until(lambda: "Про що йдеться?" in page.inner_text("h1"), "the question is asked in Ukrainian")


def test_pages_that_stand_there_by_themselves_are_as_people_need_them(
    chrome: Browser,
    tmp_path: Path,
    places: dict[tuple[object, ...], tuple[str, dict[str, list[int] | None]]],
) -> None:
    """Nobody there, somebody who is asked for more time, somebody who has gone, somebody who has come since."""
    patience = VisitConfig(quiet_seconds=1.0, answer_seconds=120.0, empty_seconds=120.0)
    with (
        cabins(tmp_path, "1280", visit=patience, presence=True) as found,
        visitor(chrome, found["1280"], "1280", reduced_motion="reduce") as comes,
    ):
        faulty = looked_at(comes, places, "rest", [(SMALL, Settings()), (LARGE, Settings())], fixed=True)
        comes.stage.enter()
        comes.at("start", "more_time")
        comes.stage.turn_key()  # somebody wants to clean, which is one sentence more
        until(lambda: comes.screen == "more_time" and "gereinigt" in comes.text(), "the visitor is asked, and told why")
        # Whoever touches anything is asked nothing for a while, so each look is put on before the question comes.
        for ways in glasses(looks("start", "concern")):
            put_on(comes.page, ways[0][1])
            comes.at("more_time")
            faulty += looked_at(comes, places, "more_time", ways, fixed=True)
        for ways in glasses(looks("help", "info")):
            put_on(comes.page, ways[0][1])
            comes.stage.leave()
            comes.at("goodbye")
            faulty += looked_at(comes, places, "goodbye", ways, fixed=True)
            comes.stage.enter()
            comes.at("stranger")
            faulty += looked_at(comes, places, "stranger", ways, fixed=True)
            comes.tap("resume")
            comes.at("start", "more_time")
    assert not faulty, "\n".join(faulty)


def test_a_closed_cabin_says_when_it_opens_and_is_as_people_need_it(
    chrome: Browser,
    tmp_path: Path,
    places: dict[tuple[object, ...], tuple[str, dict[str, list[int] | None]]],
) -> None:
    """Whoever comes outside its hours begins no visit, and finds a telephone number all the same."""
    day = (datetime.now(UTC) + timedelta(days=3)).strftime("%A").lower()
    opening = structs.replace(OpeningConfig(), **{day: ("08:00-12:00",)})
    with (
        cabins(tmp_path, "1280", visit=VisitConfig(quiet_seconds=600.0), presence=True, opening=opening) as found,
        visitor(chrome, found["1280"], "1280", reduced_motion="reduce") as comes,
    ):
        comes.stage.enter()
        comes.at("closed")
        assert "8:00 Uhr" in comes.text()
        faulty = looked_at(comes, places, "closed", looks("start", "info"))
        comes.page.clock.set_fixed_time("2026-03-02T14:05:00Z")
        for code in CODES:
            put_on(comes.page, Settings(code))
            expect(comes.page.locator(".clock time")).to_have_text("15:05")
        fit(comes.page, LARGE)
        high = []
        for text in get_args(Text):
            put_on(comes.page, Settings(text=text))
            high.append(comes.page.evaluate("parseFloat(getComputedStyle(document.querySelector('.lead')).fontSize)"))
        assert high == sorted(set(high)), "larger letters are larger"
        fit(comes.page, SMALL)
        put_on(comes.page, Settings())
        comes.tap("help")
        comes.at("help")
        assert "115" in comes.text()
        comes.tap("back")
        comes.at("closed")
        status = comes.cabin.house.status(comes.cabin.site)
        assert status is not None
        assert (status.shut, status.visitor) == ("closed", False)
    assert not faulty, "\n".join(faulty)


def test_a_revoked_cabin_takes_no_papers_and_closes_behind_its_visitor(
    chrome: Browser,
    tmp_path: Path,
    places: dict[tuple[object, ...], tuple[str, dict[str, list[int] | None]]],
) -> None:
    """Its key is really refused. Whoever is there has laid down everything, and is not told that it goes on as soon as the line is back."""
    with (
        cabins(tmp_path, "1280") as found,
        visitor(chrome, found["1280"], "1280", reduced_motion="reduce") as comes,
    ):
        comes.to_check()
        stage = Stage(comes.cabin.house)
        revoked = stage.kabine("cabin", "revoke", comes.cabin.site, "--yes", *stage.as_authority())
        assert revoked.returncode == 0, revoked.stderr
        until(lambda: shut(comes.cabin) == "closed", "the cabin knows it")
        comes.tap("confirm")
        comes.at("problem")
        assert "Diese Unterlagen sind nicht abgegeben." in comes.text()
        faulty = looked_at(comes, places, "problem-turned-away", looks("problem"))
        put_on(comes.page, Settings())
        assert not comes.button("retry").count()
        comes.tap("go-on")
        comes.at("start")
        assert not comes.button("hand-in").count()
        comes.tap("info")  # when the agency is open
        comes.at("info")
        comes.tap("end")
        comes.at("parting")
        comes.tap("home")
        comes.at("closed")
        assert "Bitte fragen Sie im Rathaus, wann sie wieder öffnet." in comes.text()
        status = comes.cabin.house.status(comes.cabin.site)
        assert status is not None
        assert not status.waiting_documents
        faulty += looked_at(comes, places, "closed-turned-away", looks("start", "info"))
    assert not faulty, "\n".join(faulty)


def shut(cabin: Cabin) -> str:
    """Why it receives nobody."""
    status = cabin.house.status(cabin.site)
    assert status is not None
    return status.shut


def test_a_full_disk_and_how_a_sheet_is_turned_over_are_as_people_need_them(
    chrome: Browser,
    tmp_path: Path,
    places: dict[tuple[object, ...], tuple[str, dict[str, list[int] | None]]],
) -> None:
    with (
        cabins(tmp_path, "1280", scanner=FACE_DOWN, disk=DiskConfig(free_bytes_min=FULL_BYTES)) as found,
        visitor(chrome, found["1280"], "1280", reduced_motion="reduce") as comes,
    ):
        assert "Kopieren geht." in comes.text()
        assert not comes.button("hand-in").count()
        faulty = looked_at(comes, places, "start-full", looks("start", "start-jammed"))
        put_on(comes.page, Settings())
        comes.tap("copy")
        comes.at("place")
        faulty += looked_at(comes, places, "place-down", looks("place", "concern"))
        comes.cabin.lay(1)
        comes.at("copy_check")
    assert not faulty, "\n".join(faulty)


def test_what_nobody_has_translated_is_marked_and_read_as_german(somebody: Visitor) -> None:
    page = somebody.page
    fit(page, LARGE)
    with patiently(somebody, "bring"):
        put_on(page, Settings("pl"))
        assert "Dopłata do czynszu" in page.inner_text("main")
        assert page.locator("main [lang]").count() == 0
        assert {each["language"] for each in _spoken(page)} == {"pl"}
    with patiently(somebody, "agency"):
        for code, direction in (("en", "ltr"), ("ar", "rtl")):
            put_on(page, Settings(code))
            address = page.locator("main bdi[lang=de]")
            assert "17291 Prenzlau" in address.inner_text()
            assert address.evaluate("(name) => getComputedStyle(name).direction") == "ltr"
            assert page.get_attribute("html", "dir") == direction
            said = _spoken(page)
            assert [each["language"] for each in said] == [code, "de", code]
            assert "17291 Prenzlau." in said[1]["text"]


def test_all_that_is_shown_is_read_aloud(somebody: Visitor) -> None:
    page = somebody.page
    fit(page, LARGE)
    for name, words in {
        "papers": ["Mietvertrag", "Stand:", "Zettel drucken"],
        "place": ["Ausweis oder Kassenbon"],
    }.items():
        with patiently(somebody, name):
            put_on(page, Settings())
            spoken = " ".join(each["text"] for each in _spoken(page))
            assert [word for word in words if word not in spoken] == []


def test_telephone_numbers_are_read_as_one_dials_them(somebody: Visitor) -> None:
    page = somebody.page
    fit(page, LARGE)
    for name, dialled in {"agency": "0 3 0, 2 3 1 2 5, 1 0 4.", "help": "1 1 5."}.items():
        with patiently(somebody, name):
            for code in CODES:
                put_on(page, Settings(code))
                spoken = " ".join(each["text"] for each in _spoken(page))
                assert dialled in spoken, f"{code}: {spoken}"
                assert not re.search("030|23125|115", spoken), f"{code}: {spoken}"


def _spoken(page: Page) -> list[dict[str, str]]:
    """What would be read aloud, and by which voice."""
    said: list[dict[str, str]] = page.evaluate(
        """async () => {
          const { sentences } = await import("/static/aloud.js");
          const { dataset, className } = document.documentElement;
          const { voice } = dataset;
          dataset.voice = className;
          const said = sentences(document.querySelector(".screen"));
          dataset.voice = voice;
          return said;
        }"""
    )
    return said


def test_the_screen_reads_itself_aloud_and_stops_when_it_is_touched(somebody: Visitor) -> None:
    page = somebody.page
    fit(page, SMALL)
    said: list[Response] = []
    page.on("response", lambda answer: answer.url.endswith("/speak") and said.append(answer))
    with patiently(somebody, "concern"):
        put_on(page, Settings())
        page.locator('button[value="voice:on"]').tap()
        page.wait_for_selector("html[data-speaking]")
        until(lambda: page.evaluate("true") and said, "the introduction is asked for")
        assert said[0].ok
        assert said[0].headers["content-type"] == "audio/wav"
        spoken = said[0].request.post_data or ""
        assert "Kopfh" in spoken
        until(lambda: page.evaluate("true") and len(said) > 1, "the page is read after it")
        question = said[1].request.post_data_json
        assert str(question["text"]).startswith("Worum geht es?")
        assert question["language"] == "de"
        page.wait_for_selector("html[data-speaking]")
        page.locator('button[value="voice:off"]').tap()
        page.wait_for_selector("html[data-voice='']:not([data-speaking])")
    assert page.get_attribute("html", "data-voice") == "", "the next visitor is not read to"
