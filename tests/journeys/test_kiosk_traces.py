"""Nothing of a visitor remains: marks that were planted in a visit are looked for wherever one could be, with the browser that a cabin has."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from playwright.sync_api import Browser, BrowserType, Page

from hardware.simulated.paper import draw_page
from tests.journeys.kiosk import PATIENT, Cabin, before_glass, cabins
from tests.journeys.waiting import until
from tools.bench.kiosk_glass import Glass, profiles_in_memory
from tools.bench.kiosk_traces import Marks, family, ways

PAPER = "Kanarienvogel-4711-Papier"
TYPED = "Getippt-4711"  # short: a message that quotes the beginning of it is found, too
UNITS = Path(__file__).parents[2] / "docs" / "units"
PICTURE = """
async () => Array.from(new Uint8Array(await (await fetch(document.querySelector("main img").src)).arrayBuffer()))
"""
TYPE = """
async (text) => {
  const place = Object.fromEntries(new FormData(document.querySelector("main form, .help form")));
  for (const said of [`concern:${text}`, `office:${text}`, text])
    await fetch("/tap", { method: "POST", body: new URLSearchParams({ ...place, do: said }) });
  await fetch("/set", { method: "POST", body: new URLSearchParams({ ...place, set: `language:${text}` }) });
  await fetch("/speak", { method: "POST", body: new URLSearchParams({ ...place, text, language: "de" }) });
}
"""


@pytest.fixture(scope="module")
def cabin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cabin]:
    with cabins(tmp_path_factory.mktemp("traces"), "1920", visit=structs.replace(PATIENT, parting_seconds=0.5)) as made:
        yield made["1920"]


@pytest.fixture
def glass(cabin: Cabin) -> Iterator[Glass]:
    """The program that stands in the cabin, with a browser."""
    with profiles_in_memory() as base:
        made = Glass(cabin.folder, base)
        try:
            yield made
        finally:
            made.close()
        assert made.profiles() == []


@pytest.fixture
def chromes(chrome: Browser) -> BrowserType:
    """Whoever drives the browsers."""
    return chrome.browser_type


def marked_sheet(cabin: Cabin) -> Path:
    """A sheet with the mark in its picture and in the bytes that the scanner gives."""
    path = cabin.sheets / "marked.jpg"
    draw_page(7, 130, "letter", PAPER).save(path, quality=88, dpi=(130, 130))
    path.write_bytes(path.read_bytes() + PAPER.encode())
    return path


def everywhere(marks: Marks, cabin: Cabin, glass: Glass) -> list[str]:
    """Where marks are found: files of cabin, profiles and temporary folders; what its processes, the browsers' and the worker have open."""
    node = cabin.house.processes[f"cabin-{cabin.site}"].pid
    processes = {*family(node), *glass.browsers(), glass.process.pid}
    return [
        *marks.in_files(cabin.folder, glass.base, cabin.house.folder / "logs", but=["stage"]),
        *marks.in_open_files(processes, but=["stage"]),
        *(found for place in ("/tmp", "/var/tmp") for found in fresh(marks, Path(place), cabin)),
    ]


def fresh(marks: Marks, place: Path, cabin: Cabin) -> list[str]:
    """In files of a temporary folder that the visit could have written."""
    found = []
    since = (cabin.folder / "kiosk.url").stat().st_mtime
    for path in place.iterdir():
        try:
            if path.is_file() and path.stat().st_mtime >= since:
                found += [f"{path}: {mark}" for mark in marks.within(path.read_bytes())]
        except OSError:
            continue
    return found


def test_nothing_of_a_visit_is_left_in_page_profile_files_and_open_files(
    cabin: Cabin, glass: Glass, chromes: BrowserType
) -> None:
    came = before_glass(glass, chromes, cabin)
    used = set(glass.profiles())
    came.to_place()
    cabin.stage.put(marked_sheet(cabin))
    came.at("judge")
    picture = bytes(came.page.evaluate(PICTURE))
    middle = len(picture) // 2
    pages = Marks([PAPER], [picture[middle : middle + 48]])
    marks = Marks([PAPER, TYPED], [picture[middle : middle + 48]])
    came.page.evaluate(TYPE, TYPED)
    came.page.reload()
    came.at("judge")
    node = cabin.house.processes[f"cabin-{cabin.site}"].pid
    may_look = os.getuid() == 0  # into the memory of a process that may not be dumped
    assert not may_look or any(pages.in_memory(process) > 0 for process in family(node)), "it is worked on somewhere"
    came.tap("good-done")
    came.at("check")
    came.tap("confirm")
    came.at("number")
    number = came.number
    came.tap("end")
    until(lambda: not any(profile.exists() for profile in used), "the browser and all it knew is gone")
    until(lambda: len(glass.profiles()) == 1, "another stands there")
    after = before_glass(glass, chromes, cabin)
    assert Marks([PAPER, TYPED, number], []).in_page(after.page) == []
    assert Marks([number]).in_files(glass.base) == []
    until(lambda: everywhere(marks, cabin, glass) == [], "no mark is left")
    if may_look:
        until(lambda: not any(pages.in_memory(process) for process in family(node)), "nor in memory that was freed")


def test_a_leak_would_be_found(cabin: Cabin, glass: Glass, chromes: BrowserType, tmp_path: Path) -> None:
    """Positive control: one mark in each place that is searched, in every way of writing."""
    marks = Marks([PAPER], [bytes(range(100, 164))])
    page = before_glass(glass, chromes, cabin).page
    for leak in (
        "mark => { document.body.dataset.leak = mark }",
        "mark => { localStorage.leak = mark }",
        "mark => { sessionStorage.leak = mark }",
        "async mark => (await caches.open('leak')).put('/leak', new Response(mark))",
        """mark => new Promise(done => {
            const asked = indexedDB.open("leak", 1);
            asked.onupgradeneeded = () => asked.result.createObjectStore("rows", { autoIncrement: true }).add(mark);
            asked.onsuccess = () => { asked.result.close(); done(); };
        })""",
        "mark => { window.name = mark }",
    ):
        clean(page)
        assert marks.in_page(page) == []
        page.evaluate(leak, PAPER)
        assert marks.in_page(page) == [f"page: {PAPER}"], leak
    clean(page)
    planted = glass.profiles()[0] / "leak"
    for form in (*ways(PAPER), bytes(range(100, 164))):
        planted.write_bytes(b"x" * 5000 + form + b"x")
        assert marks.in_files(glass.base), form
    planted.unlink()
    assert marks.in_files(glass.base) == []
    # A file without a name, held by somebody.
    holds = (
        "import os, sys; held = open(sys.argv[1], 'w+'); os.unlink(sys.argv[1]);"
        "held.write('Kanarien' + 'vogel-4711-Papier'); held.flush(); print(flush=True); input()"
    )
    order = (sys.executable, "-c", holds, str(tmp_path / "leak"))
    with subprocess.Popen(order, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert marks.in_open_files([holder.pid])
        assert marks.in_memory(holder.pid) != 0
        holder.communicate(b"\n")


def clean(page: Page) -> None:
    page.evaluate(
        """async () => {
            delete document.body.dataset.leak; localStorage.clear(); sessionStorage.clear(); window.name = "";
            await caches.delete("leak");
            const asked = indexedDB.deleteDatabase("leak");
            await new Promise((done) => { asked.onsuccess = asked.onerror = asked.onblocked = done; });
        }"""
    )


def test_no_process_of_the_cabin_leaves_a_core_or_is_swapped(cabin: Cabin, glass: Glass, chromes: BrowserType) -> None:
    before_glass(glass, chromes, cabin)
    node = cabin.house.processes[f"cabin-{cabin.site}"].pid
    until(lambda: len(family(node)) > 1, "the worker is there")
    for process in (*family(node), glass.process.pid, *glass.browsers()):
        try:
            limits = resource.prlimit(process, resource.RLIMIT_CORE)
        except ProcessLookupError:
            continue
        assert limits == (0, 0), Path(f"/proc/{process}/cmdline").read_bytes()
    for unit in ("kabine-edge.service", "kabine-screen.service"):
        rows = (UNITS / unit).read_text().splitlines()
        assert {"MemorySwapMax=0", "LimitCORE=0"} <= set(rows), unit
    # Files of a process that may not be dumped belong to root, whoever runs it; as root they cannot be told apart.
    if os.getuid() != 0:
        assert Path(f"/proc/{node}/environ").stat().st_uid == 0
