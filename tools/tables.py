"""The tables of the show: where everybody is meanwhile, and at the end what became of every document."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tools.programme import CAPTURED, CONNECTED, CUT, FAILED, OPENED, SEALED, SECURED, WAITING, Play

FRAMES_PER_SECOND: Final = 8
PLAIN_COLUMNS: Final = 120  # where the output is no terminal
_COLOURS: Final = {
    CAPTURED: "cyan",
    SEALED: "cyan",
    WAITING: "yellow",
    SECURED: "green",
    OPENED: "bold green",
    FAILED: "bold red",
    CONNECTED: "green",
    CUT: "bold red",
}


def console() -> Console:
    """Standard output, as wide as it is."""
    found = Console()
    return found if found.is_terminal else Console(width=PLAIN_COLUMNS)


@contextmanager
def told(to: Console, play: Play) -> Iterator[None]:
    """Inside this block whatever changes is seen: in a terminal as tables that change, elsewhere as a line for each change."""
    if to.is_terminal:
        with Live(
            get_renderable=lambda: _frame(play), console=to, refresh_per_second=FRAMES_PER_SECOND, transient=True
        ):
            yield
        return
    ended = threading.Event()
    telling = threading.Thread(target=_tell_changes, args=(to, play, ended), daemon=True)
    telling.start()
    try:
        yield
    finally:
        ended.set()
        telling.join()


def _tell_changes(to: Console, play: Play, ended: threading.Event) -> None:
    before: dict[str, str] = {}
    last = False
    while not last:
        last = ended.wait(1 / FRAMES_PER_SECOND)
        for about, line in _lines(play):
            if before.get(about, "") != line:
                before[about] = line
                to.print(line, highlight=False)


def _lines(play: Play) -> Iterator[tuple[str, str]]:
    for site in play.town.sites:
        if play.cabins[site.id] != CUT:  # the note says it better
            yield site.id, f"{site.name:<14} {play.cabins[site.id]}"
    yield "note", play.note
    for number, each in enumerate(play.papers):
        yield str(number), f"{each.site.name:<14} {each.receipt or '–':<9} → {each.agency:<28} {each.word}"


def _frame(play: Play) -> Group:
    cabins = Table(title="Cabins", title_justify="left", expand=True)
    for name in ("Cabin", "Line", "Waiting", "Sent"):
        cabins.add_column(name, justify="right" if name in ("Waiting", "Sent") else "left")
    for site in play.town.sites:
        waiting = [each for each in play.at(site.id) if each.state == WAITING]
        state = play.cabins[site.id]
        backlog = Text(
            f"{len(waiting)} documents, {sum(x.size_bytes for x in waiting) / 1000:.0f} kB",
            style="yellow" if waiting else "dim",
        )
        sent = f"{play.sent_bytes.get(site.id, 0) / 1000:.0f} kB"
        cabins.add_row(site.name, Text(state, style=_COLOURS.get(state, "dim")), backlog, sent)
    papers = Table(title="Documents", title_justify="left", expand=True)
    for name in ("Number", "Cabin", "Agency", "Pages", "Size", "Where it is"):
        papers.add_column(name, justify="right" if name in ("Pages", "Size") else "left")
    for each in play.papers:
        size = f"{each.size_bytes / 1000:.0f} kB" if each.size_bytes else ""
        pages = str(each.pages) if each.pages else ""
        place = Text(each.word, style=_COLOURS.get(each.state, ""))
        papers.add_row(each.receipt or "–", each.site.name, each.agency, pages, size, place)
    return Group(cabins, papers, Text(play.note, style="bold"))


def tell_end(to: Console, play: Play) -> None:
    """What became of every document, and where the opened ones lie."""
    table = Table(title="From paper to inbox", title_justify="left")
    for name in ("Number", "Cabin", "Agency", "Pages", "Sealed", "gesichert after", "opened after"):
        table.add_column(name, justify="left" if name in ("Number", "Cabin", "Agency") else "right")
    for each in play.papers:
        secured = f"{each.secured_seconds:.1f} s" if each.secured_seconds else each.problem or "not yet"
        opened = f"{each.opened_seconds:.1f} s" if each.pdf else "not yet"
        size = f"{each.size_bytes / 1000:.0f} kB"
        table.add_row(each.receipt, each.site.name, each.agency, str(each.pages), size, secured, opened)
    to.print(table)
    for each in play.papers:
        if each.pdf:
            to.print(each.pdf, soft_wrap=True, highlight=False)
