"""The show in the terminal: five cabins hand in papers, one line is cut and mended, and one sees where every document is."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy import select

from cloud import config as configs
from cloud.storage.database import Database
from cloud.storage.schema import blob, document
from edge.knock import knock
from edge.orders import Accepted, Captured, PageCaptured, SealedUp, Submit
from hardware.simulated import paper
from protocol.errors import Trouble, Unavailable
from protocol.ids import AgencyId, SiteId
from tools import screens
from tools.rig import Rig, rig
from tools.town import Site

LINE_BITS_PER_SECOND: Final = 400_000  # a bad day on a rural line: slow enough to watch
CUT_SECONDS: Final = 8.0
FRAME_SECONDS: Final = 0.2
PLAIN_COLUMNS: Final = 120  # where the output is no terminal
FLEET_SECONDS: Final = 15.0
ALL_SECONDS: Final = 900.0  # then something is wrong, and the show says so
# Who hands in what: place of the cabin in the town, agency, pages.
PROGRAMME: Final = (
    (0, "wohngeldstelle-uckermark", 3),
    (1, "sozialamt-uckermark", 2),
    (2, "pflegestuetzpunkt-uckermark", 1),
    (3, "aok-nordost", 2),
    (4, "vermittlung", 1),
    (1, "wohngeldstelle-uckermark", 1),
    (1, "aok-nordost", 2),
    (0, "sozialamt-uckermark", 1),
)
CUT_AT: Final = 1  # whose line is cut

CAPTURED, SEALED, WAITING, SECURED, OPENED, FAILED = "captured", "sealed", "waiting", "gesichert", "opened", "failed"
COLOURS: Final = {
    CAPTURED: "cyan",
    SEALED: "cyan",
    WAITING: "yellow",
    SECURED: "green",
    OPENED: "bold green",
    FAILED: "bold red",
}


@dataclass
class Paper:
    """One document on its way. `state` is the word the show prints."""

    site: Site
    agency: AgencyId
    scans: list[Path]
    state: str = "on the scanner"
    receipt: str = ""
    pages: int = 0
    size_bytes: int = 0
    confirmed_at: float = 0.0
    secured_seconds: float = 0.0
    opened_seconds: float = 0.0
    pdf: str = ""
    problem: str = ""

    @property
    def done(self) -> bool:
        return self.state == FAILED or bool(self.pdf and self.secured_seconds)


@dataclass
class Stage:
    """What everybody in the show has told so far; `lock` guards it."""

    papers: list[Paper]
    lock: threading.Lock = field(default_factory=threading.Lock)
    note: str = ""

    def by_receipt(self, receipt: str) -> Paper | None:
        return next((each for each in self.papers if each.receipt == receipt), None)


def show(folder: Path, files: list[Path]) -> None:
    """Run it in the empty `folder`. With `files` the first document is made of these instead of drawn pages. In a terminal the cabins stay
    open behind it, to be visited."""
    console = Console(width=None if Console().is_terminal else PLAIN_COLUMNS)
    console.print(f"Setting up a hub, five cabins and five agencies in {folder} …")
    with _house(console, folder) as house:
        stage = Stage(_papers(house, folder, files))
        for agency in house.town.agencies:
            connector = house.start_connector(agency.id, folder / "opened" / agency.id)
            if connector.stdout:
                threading.Thread(target=_hear_connector, args=(stage, connector.stdout), daemon=True).start()
        visits = [
            threading.Thread(target=_visit, args=(house, stage, site.id), daemon=True) for site in house.town.sites
        ]
        for visit in visits:
            visit.start()
        scissors = threading.Thread(target=_cut, args=(house, stage), daemon=True)
        scissors.start()
        _watch(console, house, stage)
        scissors.join(ALL_SECONDS)
        _end(console, stage, folder)
        _ask_the_hub(console, house)
        if console.is_terminal and screens.served(house):
            screens.tell(console, house)
            screens.until_interrupted(house)
    console.print(f"Everything lies in {folder}; look at it with any command of `kabine --help`.", soft_wrap=True)


def visit(folder: Path) -> None:
    """No show: hub, cabins and agencies in the empty `folder`, to be visited until somebody presses Ctrl-C."""
    console = Console(width=None if Console().is_terminal else PLAIN_COLUMNS)
    console.print(f"Setting up a hub, five cabins and five agencies in {folder} …")
    with _house(console, folder) as house:
        if not screens.served(house):
            raise Unavailable("No cabin has a screen.", screens.MISSING)
        for agency in house.town.agencies:
            connector = house.start_connector(agency.id, folder / "opened" / agency.id)
            threading.Thread(target=_swallow, args=(connector.stdout,), daemon=True).start()
        screens.tell(console, house)
        screens.until_interrupted(house)


@contextlib.contextmanager
def _house(console: Console, folder: Path) -> Iterator[Rig]:
    """All cabins connected, with a screen each where the npm packages are there."""
    with rig(folder / "house") as house:
        house.enrol(house.town.sites, LINE_BITS_PER_SECOND)
        screens.equip(console, house)
        house.start_cabin(*(site.id for site in house.town.sites))
        for site in house.town.sites:
            house.until_connected(site.id)
        with screens.lines_heed_their_flags(house):
            yield house


def _swallow(stdout: IO[bytes] | None) -> None:
    for _ in stdout or ():
        pass  # a pipe that nobody reads would stop the connector


def _papers(house: Rig, folder: Path, files: list[Path]) -> list[Paper]:
    papers = []
    for number, (place, agency, pages) in enumerate(PROGRAMME):
        drawn = folder / "scans" / str(number)
        drawn.mkdir(parents=True)
        scans = files if files and number == 0 else paper.draw_scan(20 + number, pages, drawn)
        papers.append(Paper(house.town.sites[place], AgencyId(agency), scans))
    return papers


def _visit(house: Rig, stage: Stage, site: SiteId) -> None:
    """One cabin: its documents one after another, as visitors would."""
    for each in stage.papers:
        if each.site.id == site:
            _hand_in(house, stage, each)


def _hand_in(house: Rig, stage: Stage, each: Paper) -> None:
    try:
        _follow(house, stage, each)
    except Trouble as trouble:
        with stage.lock:
            each.state, each.problem = FAILED, trouble.what


def _follow(house: Rig, stage: Stage, each: Paper) -> None:
    order = Submit(agency=each.agency, paths=tuple(str(scan.absolute()) for scan in each.scans))
    until = time.monotonic() + ALL_SECONDS
    while (status := house.status(each.site.id)) is not None and status.visitor and time.monotonic() < until:
        time.sleep(FRAME_SECONDS)  # whoever tries the screen of this cabin comes first
    answer = knock(house.cabin(each.site.id), order, ALL_SECONDS)
    if answer is None:
        raise Unavailable("the cabin's node does not run")
    for told in answer:
        with stage.lock:
            match told:
                case PageCaptured(page=page):
                    each.state, each.pages = CAPTURED, page
                case Captured(pages=pages):
                    each.state, each.pages = CAPTURED, pages
                case SealedUp(envelope_bytes=envelope_bytes):
                    each.state, each.size_bytes = SEALED, envelope_bytes
                case Accepted(receipt=receipt, seconds=seconds):
                    each.state, each.receipt = WAITING, receipt
                    each.confirmed_at = time.monotonic() - seconds
                case _:
                    pass


def _hear_connector(stage: Stage, stdout: IO[bytes]) -> None:
    for raw in stdout:
        opened = msgspec.json.decode(raw)
        now = time.monotonic()
        while (each := stage.by_receipt(opened["receipt"])) is None:
            time.sleep(FRAME_SECONDS)  # the cabin has not told its number here yet
        with stage.lock:
            each.pdf, each.state = opened["pdf"], OPENED
            each.opened_seconds = now - each.confirmed_at


def _cut(house: Rig, stage: Stage) -> None:
    """Cut one line when its first document waits, mend it after a while."""
    site = house.town.sites[CUT_AT]
    first = next(each for each in stage.papers if each.site is site)
    until = time.monotonic() + ALL_SECONDS
    while first.state in ("on the scanner", CAPTURED) and time.monotonic() < until:
        time.sleep(0.05)
    house.lines[site.id].cut()
    stage.note = f"✂ The line of {site.name} is cut. Papers are taken all the same; they wait sealed in the cabin."
    waiting_until = time.monotonic() + CUT_SECONDS
    theirs = [each for each in stage.papers if each.site is site]
    while time.monotonic() < waiting_until or (
        any(not each.receipt and each.state != FAILED for each in theirs) and time.monotonic() < until
    ):
        time.sleep(FRAME_SECONDS)
    house.lines[site.id].mend()
    stage.note = f"The line of {site.name} is whole again: what waited goes on at the byte that had arrived."


def _watch(console: Console, house: Rig, stage: Stage) -> None:
    until = time.monotonic() + ALL_SECONDS
    with contextlib.closing(Database(configs.database_url(configs.read(house.hub), house.hub))) as database:
        if not console.is_terminal:
            told_states: dict[int, str] = {}
            while not all(each.done for each in stage.papers) and time.monotonic() < until:
                for text in _changes(database, stage, told_states):
                    console.print(text, highlight=False)
                time.sleep(FRAME_SECONDS)
            return
        with Live(console=console, refresh_per_second=8, transient=True) as live:
            while not all(each.done for each in stage.papers) and time.monotonic() < until:
                live.update(_frame(house, stage, _arrivals(database, stage)))
                time.sleep(FRAME_SECONDS)


def _arrivals(database: Database, stage: Stage) -> dict[str, float]:
    """How much of each document is at the hub, 0 to 1, by receipt number; also notes what is *gesichert*."""
    query = select(document.c.receipt, document.c.size_bytes, document.c.place, blob.c.have_bytes).join(
        blob, blob.c.digest == document.c.digest, isouter=True
    )
    with database.reading() as connection:
        rows = connection.execute(query).all()
    shares = {}
    with stage.lock:
        for row in rows:
            shares[row.receipt] = (row.have_bytes or 0) / row.size_bytes
            each = stage.by_receipt(row.receipt)
            if each is not None and row.place is not None and not each.secured_seconds:
                each.secured_seconds = time.monotonic() - each.confirmed_at
                if each.state == WAITING:
                    each.state = SECURED
    return shares


def _word(each: Paper, shares: dict[str, float]) -> str:
    share = shares.get(each.receipt, 0.0)
    if each.state == WAITING and 0 < share < 1:
        return f"arriving {share:.0%}"
    if each.state == OPENED:
        return "opened at the agency"
    return each.problem or each.state


def _changes(database: Database, stage: Stage, before: dict[int, str]) -> Iterator[str]:
    shares = _arrivals(database, stage)
    if stage.note and before.get(-1) != stage.note:
        before[-1] = stage.note
        yield stage.note
    for number, each in enumerate(stage.papers):
        word = _word(each, shares)
        if before.get(number) != word:
            before[number] = word
            yield f"{each.site.name:<14} {each.receipt or '–':<9} → {each.agency:<28} {word}"


def _frame(house: Rig, stage: Stage, shares: dict[str, float]) -> Group:
    cabins = Table(title="Cabins", title_justify="left", expand=True)
    for name in ("Cabin", "Line", "Waiting", "Sent"):
        cabins.add_column(name, justify="right" if name in ("Waiting", "Sent") else "left")
    for site in house.town.sites:
        relay = house.lines[site.id]
        waiting = [each for each in stage.papers if each.site is site and each.state == WAITING]
        state = Text("cut", style="bold red") if relay.is_cut else Text("connected", style="green")
        backlog = Text(
            f"{len(waiting)} documents, {sum(x.size_bytes for x in waiting) / 1000:.0f} kB",
            style="yellow" if waiting else "dim",
        )
        cabins.add_row(site.name, state, backlog, f"{relay.up_bytes / 1000:.0f} kB")
    papers = Table(title="Documents", title_justify="left", expand=True)
    for name in ("Number", "Cabin", "Agency", "Pages", "Size", "Where it is"):
        papers.add_column(name, justify="right" if name in ("Pages", "Size") else "left")
    for each in stage.papers:
        word = _word(each, shares)
        size = f"{each.size_bytes / 1000:.0f} kB" if each.size_bytes else ""
        pages = str(each.pages) if each.pages else ""
        papers.add_row(
            each.receipt or "–", each.site.name, each.agency, pages, size, Text(word, style=COLOURS.get(each.state, ""))
        )
    return Group(cabins, papers, Text(stage.note, style="bold"))


def _end(console: Console, stage: Stage, folder: Path) -> None:
    table = Table(title="From paper to inbox", title_justify="left")
    for name in ("Number", "Cabin", "Agency", "Pages", "Sealed", "gesichert after", "opened after"):
        table.add_column(name, justify="left" if name in ("Number", "Cabin", "Agency") else "right")
    for each in stage.papers:
        secured = f"{each.secured_seconds:.1f} s" if each.secured_seconds else each.problem or "not yet"
        opened = f"{each.opened_seconds:.1f} s" if each.pdf else "not yet"
        table.add_row(
            each.receipt,
            each.site.name,
            each.agency,
            str(each.pages),
            f"{each.size_bytes / 1000:.0f} kB",
            secured,
            opened,
        )
    console.print(table)
    for each in stage.papers:
        if each.pdf:
            console.print(each.pdf, soft_wrap=True, highlight=False)
    late = [each for each in stage.papers if not each.done]
    failed = [each for each in stage.papers if each.state == FAILED]
    if late or failed:
        raise Unavailable(
            f"{len(late) + len(failed)} documents did not arrive.", f"Look into {folder / 'house' / 'logs'}."
        )
    console.print(f"All {len(stage.papers)} documents have arrived, and only their agencies have opened them.")


def _ask_the_hub(console: Console, house: Rig) -> None:
    """What an administrator sees, as soon as every cabin has told of its last receipt."""
    command = [sys.executable, "-m", "tools", "fleet", "status", "--hub", str(house.hub)]
    until = time.monotonic() + FLEET_SECONDS
    while time.monotonic() < until:
        facts = msgspec.json.decode(subprocess.run([*command, "--json"], capture_output=True, check=False).stdout)
        if all(site["proof"]["complete"] and not site["waiting_documents"] for site in facts["sites"]):
            break
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    console.print(f"\n$ kabine fleet status --hub {house.hub}", soft_wrap=True, highlight=False)
    console.print(told.stdout, soft_wrap=True, highlight=False)
