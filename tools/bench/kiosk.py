"""The visitor's screen by the clock: how soon it stands there, how soon a finger sees that it was felt, and how soon nothing of a visitor is left.

A real cabin with the real `kabine edge screen`; its browser is touched as a hand would touch it. Times of the page are the browser's own: from the
event of the touch to behind the frame that shows the answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from PIL import Image

from edge.config import KioskConfig
from edge.kiosk.boot_key import KEY_FILE, URL_FILE
from hardware.fittings import PrinterConfig, ScannerConfig
from hardware.simulated.paper import draw_page
from hardware.simulated.stage import Stage
from protocol.errors import Unavailable
from tools.bench.kiosk_glass import Glass, profiles_in_memory
from tools.bench.kiosk_traces import Marks, family
from tools.rig import Rig, rig
from tools.town import uckermark

if TYPE_CHECKING:
    from playwright.sync_api import BrowserType, Page, ViewportSize

START_GOAL_SECONDS: Final = 3.0
REACTION_GOAL_MS: Final = 100.0
FIRST_SCREEN_GOAL_MS: Final = 300.0
WIPE_GOAL_SECONDS: Final = 2.0
GLASS: Final[ViewportSize] = {"width": 1920, "height": 1080}
DPI: Final = 200
HUGE_PIXELS: Final = 20_000
WAIT_MS: Final = 30_000.0
LOOK_SECONDS: Final = 0.01
_PAINTED: Final = """
() => performance.timeOrigin + (performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN)
"""
# A frame is on its way to the glass when a message that was posted before it is painted arrives.
_WATCH: Final = """
() => {
  if (window.touches) return;
  window.touches = [];
  const painted = (then) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => then(performance.now());
    port2.postMessage(0);
  });
  let open;
  document.addEventListener("submit", (event) => {
    const touch = { what: event.submitter.value.split(":")[0], from: document.body.dataset.screen, felt: null, answered: null };
    open = touch;
    window.touches.push(touch);
    const began = window.finger ?? performance.now();
    touch.began = began;
    queueMicrotask(() => painted((now) => { touch.felt = now - began; }));
  }, true);
  document.addEventListener("pointerdown", (event) => { window.finger = event.timeStamp; }, true);
  document.addEventListener("screen", () => {
    const touch = open;
    if (!touch || touch.answered !== null) return;
    touch.to = document.body.dataset.screen;
    painted((now) => { touch.answered = now - touch.began; });
  });
}
"""


class Spread(msgspec.Struct, frozen=True):
    """Of `count` measurements."""

    count: int
    p50: float
    p95: float
    max: float


class Start(msgspec.Struct, frozen=True):
    """Seconds from the start of node and browser to the painted start page; medians."""

    with_hub_s: float
    without_hub_s: float
    all_s: list[float]


class Wipe(msgspec.Struct, frozen=True):
    """Seconds from the touch that ends a visit until nothing was found any more; the longest of all runs. `memory_marks`: how often marks stood in
    memory that is free but was not overwritten, of node and worker, afterwards (-1: we may not look)."""

    page_s: float
    files_s: float
    profile_s: float
    all_s: float
    memory_marks: dict[str, int]


class Found(msgspec.Struct, frozen=True):
    """Everything. `felt_ms`: from the touch to a visible answer of the button; `answered_ms`: to the next page; while nothing else happens, while
    the worker works, and while it refuses a page of 20,000 × 20,000 pixels."""

    runs: int
    start: Start
    felt_ms: dict[str, Spread]
    answered_ms: dict[str, Spread]
    by_touch_ms: dict[str, Spread]
    first_screen_ms: Spread
    wipe: Wipe
    goals: dict[str, bool]


class _Touch(msgspec.Struct, frozen=True):
    what: str
    origin: str
    felt_ms: float
    answered_ms: float | None


def measure(runs: int, tell: Callable[[str], None]) -> Found:
    """All of it. Raises Unavailable when there is no browser, or nobody to drive it."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise Unavailable(
            "Nobody can touch the screen: playwright is not installed.", "Run `make test` once."
        ) from error
    with (
        tempfile.TemporaryDirectory(prefix="kabine-bench-") as folder,
        profiles_in_memory() as base,
        sync_playwright() as playwright,
        rig(Path(folder) / "house") as house,
    ):
        bench = _Bench(house, base, playwright.chromium, Path(folder), tell)
        touches: dict[str, list[_Touch]] = {"idle": [], "working": [], "refusing": []}
        started, wiped = [], []
        for run in range(runs):
            with bench.standing() as (page, seconds):
                started.append(seconds)
                tell(f"run {run + 1}: the start page stood there after {seconds:.2f} s")
                bench.walk(page, touches)
                wiped.append(bench.wiped(page))
                tell(f"run {run + 1}: wiped within {wiped[-1].all_s:.2f} s")
        house.stop("hub")
        alone = []
        for run in range(runs):
            with bench.standing() as (_, seconds):
                alone.append(seconds)
                tell(f"run {run + 1} without a hub: {seconds:.2f} s")
    return _found(runs, started, alone, touches, wiped)


class _Bench:
    def __init__(
        self, house: Rig, base: Path, chromes: BrowserType, scratch: Path, tell: Callable[[str], None]
    ) -> None:
        self._house = house
        self._base = base
        self._chromes = chromes
        self._tell = tell
        site = uckermark().sites[0]
        self._site = site.id
        house.enrol([site], direct=True)
        house.equip(
            site.id,
            scanner=ScannerConfig("simulated", pages=0),
            printer=PrinterConfig("simulated"),
            kiosk=KioskConfig(on=True),
        )
        self._folder = house.cabin(site.id)
        self._stage = Stage(self._folder / "stage")
        self._sheet = scratch / "sheet.jpg"
        draw_page(1, DPI, "letter", "").save(self._sheet, quality=90, dpi=(DPI, DPI))
        self._huge = scratch / "huge.png"
        Image.new("1", (HUGE_PIXELS, HUGE_PIXELS), 1).save(self._huge)
        self._glass: Glass | None = None

    @contextlib.contextmanager
    def standing(self) -> Iterator[tuple[Page, float]]:
        """Node and screen, started at the same moment as after a boot; the page, and how long it took."""
        for name in (KEY_FILE, URL_FILE):  # of another boot
            (self._folder / name).unlink(missing_ok=True)
        began = time.time()
        self._house.start("node", "edge", "run", str(self._folder))
        self._glass = Glass(self._folder, self._base)
        try:
            page = self._glass.page(self._chromes)
            page.wait_for_selector("body[data-screen=start]", timeout=WAIT_MS)
            page.wait_for_function(
                "() => performance.getEntriesByName('first-contentful-paint').length > 0", timeout=WAIT_MS
            )
            yield page, page.evaluate(_PAINTED) / 1000 - began
        finally:
            self._glass.close()
            self._house.stop("node")

    # --- touches -------------------------------------------------------------------------------------------------
    def walk(self, page: Page, touches: dict[str, list[_Touch]]) -> None:
        """Every kind of touch once, while nothing else happens, while the worker works and while it refuses a page."""
        page.set_viewport_size(GLASS)  # without a display a full screen has the size of none
        page.evaluate(_WATCH)
        for step in ("hand-in", "back"):  # the touch that begins a visit is the slowest
            self._tap(page, step)
        for bar in (
            "language:en",
            "language:de",
            "text:130",
            "contrast:dark",
            "contrast:light",
            "low:on",
            "low:off",
        ):
            self._touch(page, f'button[name=set][value="{bar}"]:visible')
        for step in ["privacy", "back", "help", "back", "info", "office", "back", "back", "hand-in", "concern"]:
            self._tap(page, step)
        touches["idle"] += self._collected(page)
        self._lay(self._sheet, self._sheet, self._sheet)
        self._at(page, "taking")
        while self._screen(page) == "taking":
            self._aside(page)
        touches["working"] += self._collected(page)
        self._at(page, "another", "judge")
        self._tap(page, "another" if self._screen(page) == "another" else "good-another")
        self._at(page, "place")
        self._stage.put(self._huge)
        while self._screen(page) != "problem":
            self._aside(page)
        touches["refusing"] += self._collected(page)
        self._stage.clear("scanner")
        for step in ("go-on", "done", "page", "drop", "keep", "back", "confirm"):
            self._at(page, "problem", "another", "check", "page", "drop")
            self._tap(page, step)
        self._at(page, "number")
        for step in ("print-slip", "more", "copy"):
            self._tap(page, step)
        self._at(page, "place")
        self._lay(self._sheet)
        self._at(page, "copy_check")
        self._tap(page, "print")
        self._at(page, "copied")
        self._tap(page, "more")
        self._at(page, "start")
        touches["idle"] += self._collected(page)

    def _aside(self, page: Page) -> None:
        """Somebody asks for help in the middle of it."""
        self._tap(page, "help")
        self._at(page, "help")
        self._tap(page, "back")
        page.wait_for_selector("body:not([data-screen=help])", timeout=WAIT_MS)

    def _tap(self, page: Page, do: str) -> None:
        self._touch(page, f'button[name=do][value^="{do}"]:visible')

    def _touch(self, page: Page, selector: str) -> None:
        count = page.evaluate("window.touches.length")
        page.wait_for_selector("body:not([data-sent])", timeout=WAIT_MS)
        page.locator(selector).first.click(timeout=WAIT_MS)
        page.wait_for_function(
            "count => (window.touches[count]?.answered ?? null) !== null", arg=count, timeout=WAIT_MS
        )

    def _collected(self, page: Page) -> list[_Touch]:
        rows = page.evaluate("window.touches.splice(0)")
        return [
            _Touch(row["what"], row["from"], row["felt"], row["answered"]) for row in rows if row["felt"] is not None
        ]

    def _lay(self, *sheets: Path) -> None:
        for sheet in sheets:
            self._stage.put(sheet)

    def _screen(self, page: Page) -> str:
        name: str = page.evaluate("document.body.dataset.screen ?? ''")
        return name

    def _at(self, page: Page, *names: str) -> None:
        wanted = ",".join(f"body[data-screen={name}]:not([data-sent])" for name in names)
        page.wait_for_selector(wanted, timeout=WAIT_MS)

    # --- what is left --------------------------------------------------------------------------------------------
    def wiped(self, page: Page) -> Wipe:
        """End a visit in the middle, with marks everywhere; how long until each place is clean."""
        glass = self._glass
        assert glass is not None
        word = f"Kanarienvogel-{os.urandom(6).hex()}"
        marked = self._sheet.with_name("marked.jpg")
        marked.write_bytes(self._sheet.read_bytes() + word.encode())
        self._tap(page, "hand-in")
        self._tap(page, "concern")
        self._at(page, "place")
        self._lay(marked)
        self._at(page, "judge")
        picture = bytes(page.evaluate(_PICTURE))
        middle = len(picture) // 2
        marks = Marks([word], [picture[middle : middle + 64]])
        page.evaluate("word => { localStorage.word = word; document.body.dataset.word = word; }", word)
        node = self._house.processes["node"].pid
        before = glass.profiles()
        places: dict[str, Callable[[], bool]] = {
            "page": lambda: self._page_is_clean(glass, marks),
            "files": lambda: (
                not marks.in_files(self._folder, but=["stage"])
                and not marks.in_open_files(family(node), but=["stage"])
                and not _spooled(node)
            ),
            "profile": lambda: not any(profile.exists() for profile in before) and not marks.in_files(self._base),
        }
        began = time.monotonic()
        with contextlib.suppress(Exception):  # the browser may be gone before it has answered
            page.locator('.end button[value="end"]').click(timeout=WAIT_MS)
        took: dict[str, float] = {}
        while len(took) < len(places):
            for name, clean in places.items():
                if name not in took and clean():
                    took[name] = time.monotonic() - began
            time.sleep(LOOK_SECONDS)
        memory = {"node": marks.in_memory(node), "worker": sum(marks.in_memory(child) for child in family(node)[1:])}
        return Wipe(took["page"], took["files"], took["profile"], max(took.values()), memory)

    def _page_is_clean(self, glass: Glass, marks: Marks) -> bool:
        """Of the browser that stands there now; whatever stood there before is gone with its profile."""
        if len(glass.profiles()) != 1:
            return False
        with contextlib.suppress(Exception):  # it may go while we look
            page = glass.page(self._chromes)
            return not marks.in_page(page) and page.evaluate(
                "!/\\/(page|thumb|qr)\\//.test(document.documentElement.outerHTML)"
            )
        return False


_PICTURE: Final = """
async () => Array.from(new Uint8Array(await (await fetch(document.querySelector("main img").src)).arrayBuffer()))
"""


def _spooled(node: int) -> bool:
    """Do pages still wait in the spool, sealed or not?"""
    for process in family(node):
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = str(descriptor.readlink())
                    if "spool" in target and "deleted" in target and descriptor.stat().st_size:
                        return True
    return False


def spread(values: list[float]) -> Spread:
    """Of at least one value."""
    ordered = sorted(values)
    at = min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))
    return Spread(len(ordered), statistics.median(ordered), ordered[at], ordered[-1])


def _found(
    runs: int, started: list[float], alone: list[float], touches: dict[str, list[_Touch]], wiped: list[Wipe]
) -> Found:
    every = [touch for kind in touches.values() for touch in kind]
    felt = {name: spread([touch.felt_ms for touch in kind]) for name, kind in touches.items() if kind}
    answered = {
        name: spread([touch.answered_ms for touch in kind if touch.answered_ms is not None])
        for name, kind in touches.items()
        if kind
    }
    by_touch = {
        what: spread([touch.answered_ms for touch in every if touch.what == what and touch.answered_ms is not None])
        for what in sorted({touch.what for touch in every})
    }
    first = spread([touch.answered_ms for touch in every if touch.what == "hand-in" and touch.answered_ms is not None])
    longest = Wipe(
        max(one.page_s for one in wiped),
        max(one.files_s for one in wiped),
        max(one.profile_s for one in wiped),
        max(one.all_s for one in wiped),
        {name: max(one.memory_marks[name] for one in wiped) for name in wiped[0].memory_marks},
    )
    start = Start(statistics.median(started), statistics.median(alone), [*started, *alone])
    goals = {
        "start": max(start.with_hub_s, start.without_hub_s) <= START_GOAL_SECONDS,
        "reaction": max(one.max for one in felt.values()) <= REACTION_GOAL_MS,
        "first_screen": first.max <= FIRST_SCREEN_GOAL_MS,
        "wipe": longest.all_s <= WIPE_GOAL_SECONDS,
    }
    return Found(runs, start, felt, answered, by_touch, first, longest, goals)


def table(found: Found) -> Iterator[str]:
    """For a terminal."""

    def verdict(goal: str) -> str:
        return "" if found.goals[goal] else "   short of the goal"

    yield f"the visitor's screen, {found.runs} runs"
    yield (
        f"  cold start to the painted start page   {found.start.with_hub_s:6.2f} s   without a hub {found.start.without_hub_s:.2f} s"
        f"   (goal {START_GOAL_SECONDS:.0f} s){verdict('start')}"
    )
    for name, one in found.felt_ms.items():
        yield (
            f"  a touch is seen, {name:<10} ({one.count:>3})    p50 {one.p50:5.0f} ms   p95 {one.p95:5.0f} ms   max {one.max:5.0f} ms"
            f"   (goal {REACTION_GOAL_MS:.0f} ms){'' if one.max <= REACTION_GOAL_MS else '   short of the goal'}"
        )
    for name, one in found.answered_ms.items():
        yield f"  the next page,   {name:<10} ({one.count:>3})    p50 {one.p50:5.0f} ms   p95 {one.p95:5.0f} ms   max {one.max:5.0f} ms"
    yield (
        f"  from the start page to the first question  p50 {found.first_screen_ms.p50:4.0f} ms   max {found.first_screen_ms.max:.0f} ms"
        f"   (goal {FIRST_SCREEN_GOAL_MS:.0f} ms){verdict('first_screen')}"
    )
    wipe = found.wipe
    yield (
        f"  nothing left of a visitor              {wipe.all_s:6.2f} s   page {wipe.page_s:.2f}   cabin's files {wipe.files_s:.2f}"
        f"   browser's profile {wipe.profile_s:.2f}   (goal {WIPE_GOAL_SECONDS:.0f} s){verdict('wipe')}"
    )
    yield f"  marks in memory that is free: {json.dumps(wipe.memory_marks)}"
