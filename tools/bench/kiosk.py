"""The visitor's screen by the clock: how soon it stands there, how soon a finger sees that it was felt, and how soon nothing of a visitor is left.

A real cabin with the real `kabine edge screen`; its browser is touched as a hand would touch it. Times of the page are the browser's own: from the
event of the touch to behind the frame that shows the answer.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from edge.config import KioskConfig, VisitConfig
from edge.kiosk.boot_key import KEY_FILE, URL_FILE
from hardware.fittings import PrinterConfig, ScannerConfig
from hardware.simulated.paper import draw_page
from hardware.simulated.stage import Stage
from protocol.errors import Unavailable
from tools.bench.kiosk_figures import Found, Touch, Wipe, found_of
from tools.bench.kiosk_glass import Glass, profiles_in_memory
from tools.bench.kiosk_traces import Marks, family
from tools.rig import Rig, rig
from tools.town import uckermark

if TYPE_CHECKING:
    from playwright.sync_api import BrowserType, Page, ViewportSize

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
        touches: dict[str, list[Touch]] = {"idle": [], "working": [], "refusing": []}
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
    return found_of(runs, started, alone, touches, wiped)


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
            visit=VisitConfig(pause_seconds=0.0),  # nobody reads here, and nobody trembles
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
    def walk(self, page: Page, touches: dict[str, list[Touch]]) -> None:
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

    def _collected(self, page: Page) -> list[Touch]:
        rows = page.evaluate("window.touches.splice(0)")
        return [
            Touch(row["what"], row["from"], row["felt"], row["answered"]) for row in rows if row["felt"] is not None
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
