"""What is played in the show: who hands in what, and how far everybody is. Many threads tell it, one shows it.

python -m tools.programme FOLDER      draws the papers of the programme into FOLDER, each as soon as it is done; those that lie there are kept
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from protocol.ids import AgencyId
from tools.town import Site, Town

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
PAGES: Final = tuple(pages for _, _, pages in PROGRAMME)
CUT_AT: Final = 1  # whose line is cut
SCANS: Final = "scans"  # below the folder: what is drawn, always the same
SEED: Final = 20  # of the first paper; the next has the next one

DRAWN, CAPTURED, SEALED, WAITING, SECURED, OPENED, FAILED = (
    "being drawn",
    "captured",
    "sealed",
    "waiting",
    "gesichert",
    "opened",
    "failed",
)
ON_SCANNER: Final = "on the scanner"
# How far a cabin is.
PLANNED, STARTING, CONNECTED, CUT = "being set up", "starting", "connected", "cut"


@dataclass
class Paper:
    """One document on its way. `state` is the word the show prints; `share` of it is at the hub."""

    site: Site
    agency: AgencyId
    scans: list[Path] = field(default_factory=list)
    state: str = DRAWN
    share: float = 0.0
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
        """Nothing more will be heard of it."""
        return self.state == FAILED or bool(self.pdf and self.secured_seconds)

    @property
    def word(self) -> str:
        """Where it is."""
        if self.state == WAITING and 0 < self.share < 1:
            return f"arriving {self.share:.0%}"
        if self.state == OPENED:
            return "opened at the agency"
        return self.problem or self.state


@dataclass
class Play:
    """What everybody in the show has told so far. Change it inside `changing()`; wait with `until`."""

    town: Town
    papers: list[Paper]
    note: str = ""
    cabins: dict[str, str] = field(default_factory=dict)  # site → PLANNED … CUT
    sent_bytes: dict[str, int] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else changes anything inside; whoever waits looks again afterwards."""
        with self._changed:
            yield
            self._changed.notify_all()

    def until(self, fulfilled: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, at most `seconds`; whether it is."""
        with self._changed:
            return self._changed.wait_for(fulfilled, seconds)

    def by_receipt(self, receipt: str) -> Paper | None:
        """The document with this number, when its cabin has told it."""
        return next((each for each in self.papers if each.receipt == receipt), None)

    def at(self, site: str) -> list[Paper]:
        """The papers of one cabin, in their order."""
        return [each for each in self.papers if each.site.id == site]


def play(town: Town, own: list[Path]) -> Play:
    """The programme before it begins. `own`: what is handed in first, instead of drawn pages."""
    papers = [Paper(town.sites[place], AgencyId(agency)) for place, agency, _ in PROGRAMME]
    if own:
        papers[0].scans, papers[0].state = own, ON_SCANNER
    return Play(town, papers, cabins={site.id: PLANNED for site in town.sites})


def drawn(folder: Path, number: int) -> list[Path]:
    """The pages of one paper, empty while it is being drawn."""
    return sorted((folder / _edition() / str(number)).glob("*"))


def draw(folder: Path, pages_of: Sequence[int] = PAGES) -> None:
    """All papers that do not lie in `folder` yet, each of so many pages. They follow from seeds: who has drawn them once need not do it again."""
    from hardware.simulated import paper  # late: MuPDF and numpy

    for other in folder.glob("*"):
        if other.name != _edition():
            shutil.rmtree(other)
    for number, pages in enumerate(pages_of):
        place = folder / _edition() / str(number)
        if not place.exists():
            unfinished = place.with_name("unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            paper.draw_scan(SEED + number, pages, unfinished)
            unfinished.rename(place)


def _edition() -> str:
    """Another one when other sheets would be drawn."""
    from hardware import simulated

    sums = hashlib.sha256(repr((PROGRAMME, SEED)).encode())
    for source in sorted(Path(simulated.__path__[0]).glob("*.py")):
        sums.update(source.read_bytes())
    return sums.hexdigest()[:12]


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
