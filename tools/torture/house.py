"""A house of real processes under torture: cabins that are handed documents without a pause, a hub, a connector; and the sum at the end."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from PIL import Image

from cloud import config as configs
from edge.knock import knock
from edge.orders import Accepted, Submit
from protocol import limits
from protocol.errors import Trouble, Unavailable
from protocol.ids import AgencyId
from tools.farewell import in_one_piece
from tools.rig import Rig, kept_port
from tools.torture.forked import Forked
from tools.town import SOCIAL_OFFICE, Site, uckermark

AGENCY: Final = AgencyId(str(SOCIAL_OFFICE))
CONVERGE_SECONDS: Final = 120.0  # everything runs again: after so long all must have arrived, on however busy a machine
PLANTED_SECONDS: Final = 10.0  # with a planted fault it never will
_LOOK_SECONDS: Final = 0.05


@dataclass
class House(Rig):
    """A rig whose processes may have a planted fault, each started behind a prefix of its own. `accepted`: receipt numbers, by site; `unknown`: how
    often nobody can say whether a document was accepted."""

    plant: str = ""
    prefixes: dict[str, list[str]] = field(default_factory=dict)
    accepted: dict[str, list[str]] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def patience_seconds(self) -> float:
        """How long everything may take to arrive once it can."""
        return PLANTED_SECONDS if self.plant else CONVERGE_SECONDS

    @property
    def paper(self) -> Path:
        """What visitors hand in: a small sheet."""
        return self.folder / "paper.jpg"

    def start(self, name: str, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """As a copy of a process that has loaded everything, where it is one of ours as it is."""
        if self.plant or name in self.prefixes:
            return super().start(name, *arguments, stdout=stdout)
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        with in_one_piece():
            self.processes[name] = process = Forked(arguments, logs / f"{name}.err")
        return process

    def command(self, name: str, *arguments: str) -> list[str]:
        """Behind its prefix, and with the fault."""
        module = ["tools.torture.faulty", self.plant] if self.plant else ["tools"]
        return [*self.prefixes.get(name, ()), sys.executable, "-m", *module, *arguments]

    def follow(self) -> None:
        """Start the connector, which takes what comes."""
        process = self.start_connector(AGENCY, self.folder / "opened")
        if process.stdout is not None:
            threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()

    # --- load --------------------------------------------------------------------------------------------------------
    def hand_in(self, site: str) -> bool:
        """One document; False when nobody can say whether it was accepted."""
        try:
            told = knock(self.cabin(site), Submit(str(AGENCY), "", (str(self.paper),)), CONVERGE_SECONDS)
            for each in told or ():
                if isinstance(each, Accepted):
                    self.accepted.setdefault(site, []).append(each.receipt)
                    return True
        except (Trouble, OSError, ValueError):
            pass
        self.unknown[site] = self.unknown.get(site, 0) + 1
        return False

    @contextmanager
    def load(self, *sites: str) -> Iterator[None]:
        """Within this block documents are handed in, one after the other, at each site."""
        ended = threading.Event()

        def go_on(site: str) -> None:
            while not ended.is_set():
                if not self.hand_in(site):
                    ended.wait(_LOOK_SECONDS)

        threads = [threading.Thread(target=go_on, args=(site,), daemon=True) for site in sites]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join(CONVERGE_SECONDS)

    # --- the sum -----------------------------------------------------------------------------------------------------
    def documents(self, site: str) -> dict[str, bytes]:
        """Receipt number and digest of every document in the cabin's own file."""
        return dict(_rows(self.cabin(site) / "buffer.sqlite", "SELECT receipt, digest FROM document"))

    def arrived(self, site: str, state: str = "") -> dict[str, bytes]:
        """The same as the hub has it in an inbox, of those in this state."""
        sql = (
            "SELECT receipt, digest FROM document JOIN blob USING (id) "
            "WHERE site = ? AND place IS NOT NULL AND stored_at IS NOT NULL AND (? = '' OR state = ?)"
        )
        return dict(_rows(self.hub / "hub.sqlite", sql, site, state, state))

    def opened(self) -> set[str]:
        """Receipt numbers that the agency has opened."""
        return {path.stem for path in (self.folder / "opened").glob("*.pdf")}

    def _complete(self, site: str, state: str) -> bool:
        return self.arrived(site, state).keys() >= self.documents(site).keys()

    def broken(self, sites: list[str], *, agency: bool) -> list[str]:
        """Wait until all has arrived, then name what has not, and what came twice or altered."""
        state = "accepted" if agency else ""
        found = []
        for site in sites:
            until(partial(self._complete, site, state), self.patience_seconds)
            kept, there = self.documents(site), self.arrived(site, state)
            # A cabin that knows of very many forgets the oldest that their agencies have accepted.
            many = len(kept) >= limits.DOCUMENTS_REMEMBERED
            forgotten = self.arrived(site, "accepted").keys() - kept.keys() if many else set()
            lost = set(self.accepted.get(site, ())) - kept.keys() - forgotten
            strange = there.keys() - kept.keys() - forgotten
            found += [f"{receipt} was accepted at {site} and is gone." for receipt in sorted(lost)]
            found += [f"{receipt} of {site} has not arrived." for receipt in sorted(kept.keys() - there.keys())]
            found += [f"{receipt} arrived and {site} knows nothing of it." for receipt in sorted(strange)]
            found += [
                f"{receipt} of {site} arrived altered."
                for receipt in kept.keys() & there.keys()
                if kept[receipt] != there[receipt]
            ]
            count = len(kept.keys() | there.keys())
            if count > len(self.accepted.get(site, ())) + self.unknown.get(site, 0):
                found.append(f"There are {count} documents of {site}, more than were handed in.")
            numbers = _rows(
                self.hub / "hub.sqlite", "SELECT agency, counter FROM document WHERE site = ? ORDER BY counter", site
            )
            if [counter for _, counter in numbers] != list(range(1, len(numbers) + 1)):
                found.append(f"The hub counts the documents of {site} as {numbers}.")
            if agency:
                missing = (kept.keys() | forgotten) - self.opened()
                found += [
                    f"{receipt} of {site} is not at the agency, which accepted it." for receipt in sorted(missing)
                ]
        alarms = _rows(self.hub / "hub.sqlite", "SELECT kind, text FROM alarm")
        return found + [f"The hub calls a person: {kind}: {text}" for kind, text in alarms]


@contextmanager
def house(folder: Path, sites: list[Site], plant: str = "", *, everywhere: bool = False) -> Iterator[House]:
    """A running hub and enrolled cabins, not started yet. `everywhere`: the hub listens on every address of this machine."""
    with kept_port("" if everywhere else "127.0.0.1") as port:
        made = House(folder.absolute(), uckermark(), port)
        Image.effect_noise((210, 297), 40).convert("RGB").save(made.paper, quality=80)
        made.make([AGENCY])
        if everywhere:
            path = made.hub / configs.FILE
            address = f'listen = "tcp://127.0.0.1:{made.port}"'
            assert address in path.read_text()
            path.write_text(path.read_text().replace(address, f'listen = "tcp://*:{made.port}"'))
        try:
            made.plant = plant
            made.start_hub()
            made.enrol(sites, direct=True)
            yield made
        finally:
            made.close()


def until(ready: Callable[[], bool], seconds: float = CONVERGE_SECONDS) -> bool:
    """Look until it is so; False when it never was."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if ready():
                return True
        except (sqlite3.Error, Unavailable):
            pass
        time.sleep(_LOOK_SECONDS)
    return False


def _rows(path: Path, sql: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20.0)) as connection:
        return connection.execute(sql, values).fetchall()


def _drain(lines: IO[bytes]) -> None:
    try:
        for line in lines:
            if line.endswith(b"\n"):
                json.loads(line)
    except ValueError:
        pass  # closed: the connector was killed
