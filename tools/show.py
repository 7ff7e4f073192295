"""The show in the terminal: five cabins hand in papers, one line is cut and mended, and one sees where every document is.

What is seen at once is light; house and hub are loaded behind the tables.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import msgspec
from rich.console import Console

from protocol.errors import Trouble, Unavailable
from tools import programme, tables
from tools.programme import (
    CAPTURED,
    CONNECTED,
    CUT,
    CUT_AT,
    DRAWN,
    FAILED,
    ON_SCANNER,
    OPENED,
    SCANS,
    SEALED,
    SECURED,
    STARTING,
    WAITING,
    Paper,
    Play,
    play,
)
from tools.town import uckermark

if TYPE_CHECKING:
    from cloud.storage.database import Database
    from tools.rig import Rig

LINE_BITS_PER_SECOND: Final = 400_000  # a bad day on a rural line: slow enough to watch
CUT_SECONDS: Final = 8.0
LOOK_SECONDS: Final = 0.2
FLEET_SECONDS: Final = 15.0
ALL_SECONDS: Final = 900.0  # then something is wrong, and the show says so


def show(folder: Path, files: list[Path]) -> None:
    """Run it in `folder`, where nothing lies but what an earlier show drew. With `files` the first document is made of these instead of drawn
    pages. In a terminal the cabins stay open behind it, to be visited."""
    console = tables.console()
    playing = play(uckermark(), files)
    with contextlib.ExitStack() as stack:
        with tables.told(console, playing):
            playing.note = f"A hub, five cabins and five agencies are being set up in {folder} …"
            _draw(playing, folder / SCANS)
            house = stack.enter_context(_house(playing, folder))
            _perform(house, playing)
        tables.tell_end(console, playing)
        _judge(console, playing, folder)
        _ask_the_hub(console, house)
        from tools import screens

        if console.is_terminal and screens.served(house):
            screens.tell(console, house)
            screens.until_interrupted(house)
    console.print(f"Everything lies in {folder}; look at it with any command of `kabine --help`.", soft_wrap=True)


def visit(folder: Path) -> None:
    """No show: hub, cabins and agencies in the empty `folder`, to be visited until somebody presses Ctrl-C."""
    from tools import screens

    console = tables.console()
    playing = play(uckermark(), [])
    playing.papers.clear()
    with contextlib.ExitStack() as stack:
        with tables.told(console, playing):
            house = stack.enter_context(_house(playing, folder))
            for site in house.town.sites:
                _connected(house, playing, site.id)
        if not screens.served(house):
            raise Unavailable("No cabin has a screen.", screens.MISSING)
        screens.tell(console, house)
        screens.until_interrupted(house)


# --- the house ---------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def _house(playing: Play, folder: Path) -> Iterator[Rig]:
    """All cabins started, with a screen each where the npm packages are there, and every agency's connector."""
    from tools import screens
    from tools.rig import rig

    with rig(folder / "house", town=playing.town) as house:
        for agency in house.town.agencies:
            connector = house.start_connector(agency.id, folder / "opened" / agency.id)
            _listen(playing, connector.stdout)
        house.enrol(house.town.sites, LINE_BITS_PER_SECOND)
        note = screens.equip(house)
        with playing.changing():
            playing.cabins |= dict.fromkeys((site.id for site in house.town.sites), STARTING)
            playing.note = note or "The hub listens; the cabins are being started."
        house.start_cabin(*(site.id for site in house.town.sites))
        with screens.lines_heed_their_flags(house):
            yield house


def _listen(playing: Play, stdout: IO[bytes] | None) -> None:
    if stdout is not None:
        threading.Thread(target=_hear_connector, args=(playing, stdout), daemon=True).start()


def _connected(house: Rig, playing: Play, site: str) -> None:
    house.until_connected(site)
    with playing.changing():
        playing.cabins[site] = CONNECTED


# --- who plays ---------------------------------------------------------------------------------------------------
def _perform(house: Rig, playing: Play) -> None:
    """Until every document has been opened, or something is wrong."""
    for site in house.town.sites:
        threading.Thread(target=_visit, args=(house, playing, site.id), daemon=True).start()
    scissors = threading.Thread(target=_cut, args=(house, playing), daemon=True)
    scissors.start()
    _look(house, playing)
    scissors.join(ALL_SECONDS)


def _draw(playing: Play, folder: Path) -> None:
    """Papers come to the scanners as they are drawn, by a process of their own: drawing takes a processor."""
    folder.mkdir(exist_ok=True)

    def fetch() -> None:
        drawing = subprocess.Popen([sys.executable, "-m", "tools.programme", str(folder)])
        ended = False
        while any(each.state == DRAWN for each in playing.papers):
            lay(playing, folder, ended=ended)
            with contextlib.suppress(subprocess.TimeoutExpired):
                ended = drawing.wait(LOOK_SECONDS) is not None

    threading.Thread(target=fetch, daemon=True).start()


def lay(playing: Play, folder: Path, *, ended: bool) -> None:
    """Lay what has been drawn in `folder` on the scanners. `ended`: nothing more will be, and what is missing never comes."""
    for number, each in enumerate(playing.papers):
        if each.state != DRAWN:
            continue
        scans = programme.drawn(folder, number)
        if scans or ended:
            with playing.changing():
                each.scans, each.state = scans, ON_SCANNER if scans else FAILED
                each.problem = "" if scans else "could not be drawn"


def _visit(house: Rig, playing: Play, site: str) -> None:
    """One cabin: its documents one after another, as visitors would."""
    theirs = playing.at(site)
    try:
        _connected(house, playing, site)
    except Trouble as trouble:
        _fail(playing, theirs, trouble)
        return
    for each in theirs:
        playing.until(lambda each=each: each.state != DRAWN, ALL_SECONDS)  # type: ignore[misc]
        try:
            if each.scans:
                _hand_in(house, playing, each)
        except Trouble as trouble:
            _fail(playing, [each], trouble)


def _fail(playing: Play, papers: list[Paper], trouble: Trouble) -> None:
    with playing.changing():
        for each in papers:
            each.state, each.problem = FAILED, trouble.what


def _hand_in(house: Rig, playing: Play, each: Paper) -> None:
    from edge.knock import knock
    from edge.orders import Accepted, Captured, PageCaptured, SealedUp, Submit

    order = Submit(agency=each.agency, paths=tuple(str(scan.absolute()) for scan in each.scans))
    until = time.monotonic() + ALL_SECONDS
    while (status := house.status(each.site.id)) is not None and status.visitor and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)  # whoever tries the screen of this cabin comes first
    answer = knock(house.cabin(each.site.id), order, ALL_SECONDS)
    if answer is None:
        raise Unavailable("the cabin's node does not run")
    for told in answer:
        with playing.changing():
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


def _hear_connector(playing: Play, stdout: IO[bytes]) -> None:
    for raw in stdout:
        opened = msgspec.json.decode(raw)
        now = time.monotonic()
        receipt = opened["receipt"]
        # The cabin may not have told its number here yet; visitors at the screens hand in too, and are no part of the show.
        playing.until(lambda receipt=receipt: playing.by_receipt(receipt) is not None, FLEET_SECONDS)  # type: ignore[misc]
        each = playing.by_receipt(receipt)
        if each is not None:
            with playing.changing():
                each.pdf, each.state = opened["pdf"], OPENED
                each.opened_seconds = now - each.confirmed_at


def _cut(house: Rig, playing: Play) -> None:
    """Cut one line when its first document waits, mend it after a while."""
    site = house.town.sites[CUT_AT]
    theirs = playing.at(site.id)
    playing.until(lambda: theirs[0].state not in (DRAWN, ON_SCANNER, CAPTURED), ALL_SECONDS)
    house.lines[site.id].cut()
    mended_from = time.monotonic() + CUT_SECONDS
    playing.note = f"✂ The line of {site.name} is cut. Papers are taken all the same; they wait sealed in the cabin."
    playing.until(lambda: all(each.receipt or each.state == FAILED for each in theirs), ALL_SECONDS)
    time.sleep(max(0.0, mended_from - time.monotonic()))
    house.lines[site.id].mend()
    playing.note = f"The line of {site.name} is whole again: what waited goes on at the byte that had arrived."


# --- what the hub sees -------------------------------------------------------------------------------------------
def _look(house: Rig, playing: Play) -> None:
    """Look into the hub's database until all is done."""
    from cloud import config as configs
    from cloud.storage.database import Database

    until = time.monotonic() + ALL_SECONDS
    with contextlib.closing(Database(configs.database_url(configs.read(house.hub), house.hub))) as database:
        while not playing.until(lambda: all(each.done for each in playing.papers), LOOK_SECONDS):
            if time.monotonic() > until:
                return
            _note_arrivals(database, playing)
            _note_lines(house, playing)


def _note_arrivals(database: Database, playing: Play) -> None:
    """How much of each document is at the hub, and which are *gesichert*."""
    from sqlalchemy import func, select

    from cloud.storage.schema import document, piece

    query = (
        select(
            document.c.receipt, document.c.size_bytes, document.c.place, func.sum(piece.c.length_bytes).label("have")
        )
        .join(piece, piece.c.blob == document.c.id, isouter=True)
        .group_by(document.c.id)
    )
    with database.reading() as connection:
        rows = connection.execute(query).all()
    with playing.changing():
        for row in rows:
            each = playing.by_receipt(row.receipt)
            if each is None:
                continue
            each.share = (row.have or 0) / row.size_bytes
            if row.place is not None and not each.secured_seconds:
                each.secured_seconds = time.monotonic() - each.confirmed_at
                if each.state == WAITING:
                    each.state = SECURED


def _note_lines(house: Rig, playing: Play) -> None:
    """Lines are cut by the show, and by whoever has a cabin's drawer open."""
    with playing.changing():
        for site, line in house.lines.items():
            playing.sent_bytes[site] = line.up_bytes
            if line.is_cut:
                playing.cabins[site] = CUT
            elif playing.cabins[site] == CUT:
                playing.cabins[site] = CONNECTED


def _judge(console: Console, playing: Play, folder: Path) -> None:
    late = [each for each in playing.papers if not each.done or each.state == FAILED]
    if late:
        raise Unavailable(f"{len(late)} documents did not arrive.", f"Look into {folder / 'house' / 'logs'}.")
    console.print(f"All {len(playing.papers)} documents have arrived, and only their agencies have opened them.")


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
