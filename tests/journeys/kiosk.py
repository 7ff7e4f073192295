"""Somebody in front of the screen: a real Chromium at a real cabin, touched, typed at, and looked at."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import structs
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Playwright,
    Response,
    TimeoutError,
)

from edge.config import FILE, DiskConfig, EdgeConfig, KioskConfig, VisitConfig
from edge.knock import knock
from edge.opening import OpeningConfig
from edge.orders import Clean
from hardware.fittings import KeyswitchConfig, PresenceConfig, PrinterConfig, ScannerConfig
from hardware.simulated.identity import draw_card
from hardware.simulated.paper import draw_page
from hardware.simulated.stage import BLURRED, Stage
from protocol.runtime.config import read_config
from tests.journeys.waiting import until
from tools.bench.kiosk_glass import Glass
from tools.rig import Rig, rig
from tools.town import uckermark

SIZES = {"1920": (1920, 1080), "1280": (1280, 800)}
DIAGONALS = {"1920": 24.0, "1280": 15.0}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]
SCREEN_SECONDS = 90.0  # for whatever the screen is to do; a machine may be busy
SHEET_DPI = 130
CARD_DPI = 200
MARK = "Kanarienvogel 4711"  # printed on every sheet


def chromium() -> str:
    """Debian's browser, which tools/setup.sh installs."""
    found = shutil.which("chromium")
    assert found is not None, "Debian's chromium is not installed: run `make test`, or apt-get install chromium"
    return found


@contextmanager
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One Chromium."""
    started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS, timeout=2000 * SCREEN_SECONDS)
    try:
        yield started
    finally:
        started.close()


@dataclass
class Cabin:
    """A running cabin with a screen, and what stands and lies in it."""

    house: Rig
    site: str
    sheets: Path

    @property
    def folder(self) -> Path:
        return self.house.cabin(self.site)

    @property
    def stage(self) -> Stage:
        return Stage(self.folder / "stage")

    def sheet(self, seed: int = 1, kind: Any = "letter") -> Path:
        """A drawn sheet with MARK on it; the same seed is the same sheet."""
        path = self.sheets / f"{kind}-{seed}.jpg"
        if not path.exists():
            draw_page(seed, SHEET_DPI, kind, MARK).save(path, quality=88, dpi=(SHEET_DPI, SHEET_DPI))
        return path

    def lay(self, *seeds: int) -> None:
        """Put sheets into the scanner."""
        for seed in seeds or (1,):
            self.stage.put(self.sheet(seed))

    def lay_card(self, back: bool = False) -> None:
        """Put an identity card onto the glass."""
        path = self.sheets / f"card-{'back' if back else 'front'}.jpg"
        if not path.exists():
            glass = Image.new("RGB", (round(8.27 * CARD_DPI), round(11.69 * CARD_DPI)), (246, 246, 244))
            card, _ = draw_card(1, back, CARD_DPI, MARK)
            glass.paste(card, (300, 420), card)
            glass.save(path, quality=88, dpi=(CARD_DPI, CARD_DPI))
        self.stage.put(path)

    def unknown_numbers(self, count: int) -> list[str]:
        """Numbers that nobody has got here."""
        status = self.house.status(self.site)
        assert status is not None
        given = {row.receipt for row in status.documents}
        code = read_config(self.folder / FILE, EdgeConfig).cabin.code
        return [number for number in (f"{code}-{digits:03}" for digits in range(1000)) if number not in given][:count]

    def clean(self, on: bool = True) -> None:
        """Somebody begins to clean, or has ended."""
        list(knock(self.folder, Clean(on), 30.0) or ())

    def mended(self) -> None:
        """As at the beginning: nothing stuck, nothing lying about, the line whole."""
        for device in ("scanner", "printer"):
            self.stage.mend(device)
            self.stage.clear(device)
        if (status := self.house.status(self.site)) is not None and status.shut:
            self.stage.turn_key_back()
            self.clean(False)
        line = self.house.lines.get(self.site)  # type: ignore[call-overload]
        if line is not None and line.is_cut:
            line.mend()

    @property
    def worker(self) -> int:
        """The process that works on pages, as soon as it is there: behind a visit another one is started."""
        return until(self._worker, "the cabin has a worker")

    def _worker(self) -> int:
        node = self.house.processes[f"cabin-{self.site}"].pid
        for child in children(node):
            with suppress(OSError):  # it has ended since
                if b"edge.capture.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
        return 0

    @contextmanager
    def holding_its_breath(self) -> Iterator[None]:
        """The worker stands still: what takes a moment lasts as long as this block."""
        worker = self.worker
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):  # a visitor who leaves ends it
                os.kill(worker, signal.SIGCONT)


@dataclass
class Visitor:
    """Somebody at the screen. `taps`: how often they have touched it."""

    cabin: Cabin
    page: Page
    size: tuple[int, int]
    touch: bool = True
    taps: int = 0
    mishaps: list[str] = field(default_factory=list)  # what the browser complained about

    @property
    def stage(self) -> Stage:
        return self.cabin.stage

    @property
    def screen(self) -> str:
        """The name of the page that stands there."""
        # Not `evaluate`, which fails where a page without scripts is loaded anew in that moment.
        return self.page.get_attribute("body", "data-screen") or ""

    def come(self) -> None:
        """Step in front of the screen, of which whoever was there before has just taken leave."""
        self.page.goto(self.cabin.house.screen(self.cabin.site))
        if self.at("start", "rest", "parting", "closed") == "parting":
            self.tap_if_there("home")
            self.at("start", "rest", "closed")

    def at(self, *names: str) -> str:
        """Wait until one of these pages stands there; which."""
        wanted = ",".join(f"body[data-screen={name}]:not([data-sent])" for name in names)
        try:
            there = self.page.wait_for_selector(wanted, timeout=SCREEN_SECONDS * 1000)
        except Exception as error:
            raise AssertionError(f"on the screen stands {self._stands()}, not {names}; {self.mishaps}") from error
        assert there is not None
        with suppress(Error):  # loaded anew since
            return there.get_attribute("data-screen") or ""
        return self.screen

    def _stands(self) -> str:
        """What there is to know of a page that ought to be another one."""
        body, turn = self.page.locator("body"), self.page.locator("[name=turn]").first
        shown = {name: body.get_attribute(f"data-{name}") for name in ("screen", "sent")}
        said = self.cabin.folder.joinpath("edge.log").read_text().splitlines()[-8:]
        return f"{shown} (turn {turn.get_attribute('value', timeout=5000.0)}), last said was\n{chr(10).join(said)}\n"

    def button(self, do: str) -> Locator:
        """What says `do`; the start of it is enough, as in `concern:`."""
        return self.page.locator(
            f'main button[name=do][value^="{do}"], .help button[value="{do}"], .end button[value="{do}"]'
        ).first

    def tap(self, do: str) -> None:
        """Touch a button."""
        self.taps += 1
        if self.touch:
            self.button(do).tap()
        else:
            self.button(do).click()

    def tap_until(self, do: str, *names: str) -> str:
        """Touch until one of these pages stands there; which. For a page that may ask something else in that moment: a touch that answers what is
        no longer asked does nothing, and whoever sees nothing happen touches again."""
        wanted = ",".join(f"body[data-screen={name}]:not([data-sent])" for name in names)

        def stands() -> bool:
            with suppress(TimeoutError):
                self.button(do).tap(timeout=5000.0)
            with suppress(TimeoutError):
                self.page.wait_for_selector(wanted, timeout=5000.0)
                return True
            return False

        until(stands, f"“{do}” leads to {names}")
        return self.at(*names)

    def tap_if_there(self, do: str) -> None:
        """Touch a button of a page that may go by itself in that moment."""
        with suppress(TimeoutError):
            self.button(do).tap(timeout=10_000.0)

    def set(self, to: str) -> None:
        """Touch one of the bars around the page, and see that it holds."""
        before = self.page.get_attribute("html", "data-volume")
        self.page.locator(f'button[name=set][value="{to}"]:visible').first.tap()
        held = """([to, before]) => {
            const [name, value] = to.split(":"), html = document.documentElement;
            return !document.body.hasAttribute("data-sent") && {
                language: () => html.classList.contains(value),
                text: () => html.dataset.text === value,
                contrast: () => html.dataset.kernTheme === value,
                low: () => html.dataset.low === value,
                voice: () => (html.dataset.voice !== "") === (value === "on"),
                volume: () => Number(html.dataset.volume) === Number(before) + (value === "up" ? 1 : -1),
            }[name]();
        }"""
        self.page.wait_for_function(held, arg=[to, before], timeout=SCREEN_SECONDS * 1000)

    def text(self) -> str:
        """Everything that can be read on it."""
        return self.page.inner_text("body")

    def end(self) -> None:
        """Leave, wherever one is."""
        stands = self.screen
        if stands not in ("start", "rest"):
            if stands not in ("parting", "occupied", "cleaning", "closed"):
                self.tap("end")
            if self.at("parting", "start", "rest") == "parting":
                self.tap_if_there("home")
        self.at("start", "rest")

    # --- ways through the cabin ----------------------------------------------------------------------------------
    def to_place(self) -> None:
        """Up to laying down the first sheet."""
        self.tap("hand-in")
        self.at("concern")
        self.tap("concern:0")
        self.at("place")

    def to_judge(self, seed: int = 1) -> None:
        """… and looking at its picture."""
        self.to_place()
        self.lay(seed)

    def to_check(self, *seeds: int) -> None:
        """… and at everything."""
        self.to_judge(seeds[0] if seeds else 1)
        for seed in seeds[1:]:
            self.tap("good-another")
            self.at("place")
            self.lay(seed)
        self.enough()

    def to_number(self, *seeds: int) -> str:
        """… and the number."""
        self.to_check(*seeds)
        return self.confirm()

    def lay(self, seed: int) -> None:
        """Lay a sheet down, and look at its picture."""
        self.cabin.lay(seed)
        self.at("judge")

    def enough(self) -> None:
        """The picture is good, and it was the last."""
        self.tap("good-done")
        self.at("check")

    def confirm(self) -> str:
        """Hand in; the number."""
        self.tap("confirm")
        self.at("number")
        return self.number

    def ask(self, number: str) -> None:
        """Type the digits of a number, and have it looked up."""
        self.at("ask")
        for count, digit in enumerate(number.partition("-")[2], 1):
            self.tap(f"digit:{digit}")
            self.page.wait_for_function(
                "count => document.querySelector('.number').innerText.replace(/.*-/, '').replace('…', '').length === count",
                arg=count,
            )
        self.tap("look")
        # Told that it is wrong, one begins anew; anything else is another page.
        self.page.wait_for_function(
            """() => !document.body.hasAttribute("data-sent") &&
                (document.body.dataset.screen !== "ask" || document.querySelector(".number").innerText.endsWith("…"))"""
        )

    @property
    def number(self) -> str:
        """The receipt number on the screen."""
        return self.page.inner_text(".number").strip()


@contextmanager
def visitor(chrome: Browser, cabin: Cabin, size: str = "1920", **options: Any) -> Iterator[Visitor]:
    """Somebody who steps in, with a browser profile of their own."""
    width, height = SIZES[size]
    context: BrowserContext = chrome.new_context(
        viewport={"width": width, "height": height}, has_touch=True, locale="de-DE", **options
    )
    context.set_default_timeout(SCREEN_SECONDS * 1000)
    page = context.new_page()
    somebody = Visitor(cabin, page, (width, height))
    page.on("pageerror", lambda error: somebody.mishaps.append(str(error)))
    page.on("console", lambda said: _complained(said) and somebody.mishaps.append(said.text))
    page.on("response", lambda got: _failed(got) and somebody.mishaps.append(f"{got.status} {got.url}"))
    page.on("request", lambda asked: asked.url.startswith("http://127.0.0.1:") or somebody.mishaps.append(asked.url))
    try:
        somebody.come()
        yield somebody
    finally:
        context.close()


def before_glass(glass: Glass, chromes: BrowserType, cabin: Cabin) -> Visitor:
    """Somebody before the browser that stands in the cabin; where a slow one was given up for blank meanwhile, before the next."""
    while True:
        page = glass.page(chromes)
        came = Visitor(cabin, page, SIZES["1920"], touch=False)
        try:
            page.set_default_timeout(SCREEN_SECONDS * 1000)
            page.set_viewport_size({"width": came.size[0], "height": came.size[1]})
            came.at("start")
        except (Error, AssertionError):
            if not page.is_closed():
                raise
        else:
            return came


def _complained(said: ConsoleMessage) -> bool:
    return said.type == "error" and "404 (Not Found)" not in said.text


def _failed(got: Response) -> bool:
    """The picture of a sheet may be gone by the time it is asked for: its page is, too."""
    return got.status >= 400 and not any(f"/{kind}/" in got.url for kind in ("page", "thumb", "qr"))


# A sensor that believes what it sees at once: what is tried out is what follows.
SENSOR = PresenceConfig("simulated", enter_seconds=0.1, leave_seconds=0.3)
# No page goes by itself while a busy machine looks at it; a visitor who leaves touches „home“.
PATIENT = VisitConfig(
    quiet_seconds=600.0, answer_seconds=600.0, farewell_seconds=600.0, empty_seconds=600.0, parting_seconds=60.0
)


@contextmanager
def cabins(
    folder: Path,
    *sizes: str,
    visit: VisitConfig | dict[str, VisitConfig] | None = None,
    presence: bool = False,
    opening: OpeningConfig | None = None,
    pause_seconds: float = 0.0,
    scanner: ScannerConfig | None = None,
    disk: DiskConfig | None = None,
) -> Iterator[dict[str, Cabin]]:
    """A house whose agencies all take papers, and a cabin with a screen for each size (“1920-brief” is another one of 1920); `visit` is how patient
    they are, all or each, PATIENT where it is not told. `pause_seconds`: whoever touches here has read the page before it stands there, and does
    not tremble."""
    sheets = folder / "sheets"
    sheets.mkdir()
    with rig(folder / "house") as house:
        sites = dict(zip(sizes, uckermark().sites, strict=False))
        house.enrol(list(sites.values()))
        for size, site in sites.items():
            glass = size.partition("-")[0]
            width, height = SIZES[glass]
            house.equip(
                site.id,
                scanner=scanner or ScannerConfig("simulated", pages=0),
                disk=disk or DiskConfig(),
                printer=PrinterConfig("simulated"),
                keyswitch=KeyswitchConfig("simulated", hold_seconds=0.1),
                presence=SENSOR if presence else PresenceConfig(),
                kiosk=KioskConfig(on=True, width_px=width, height_px=height, diagonal_inches=DIAGONALS[glass]),
                opening=opening or OpeningConfig(),
                visit=structs.replace(
                    (visit.get(size) if isinstance(visit, dict) else visit) or PATIENT, pause_seconds=pause_seconds
                ),
            )
        house.start_cabin(*(site.id for site in sites.values()))
        for site in sites.values():
            house.until_connected(site.id)
            until((house.cabin(site.id) / "kiosk.url").exists, "the screen is served")
        yield {size: Cabin(house, site.id, sheets) for size, site in sites.items()}


def blurred(cabin: Cabin) -> None:
    """The next sheets move while they are taken."""
    cabin.stage.flag("scanner", BLURRED)


def children(process: int) -> list[int]:
    """Whom it has started; a thread or a child that ends meanwhile is none."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found
