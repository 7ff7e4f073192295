"""What journeys need beside the rig: commands as an operator types them, papers, and the hub's and the agency's truth on disk."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from PIL import Image

from edge.knock import knock
from edge.orders import Accepted, Secured, Submit, Told
from protocol.envelope import Opener
from protocol.inner import Unpacker
from protocol.recipients import HybridIdentity
from tests.journeys.waiting import until
from tools.command import main
from tools.key_files import identities_in
from tools.rig import PASSPHRASE, Rig, rig
from tools.town import HOUSING_OFFICE, SOCIAL_OFFICE

ROOT = Path(__file__).parents[2]
AGENCY = str(SOCIAL_OFFICE)
OTHER_AGENCY = str(HOUSING_OFFICE)
COMMAND_SECONDS = 200.0


class Stage:
    """A house with some cabins, and a connector's folder for each agency. `papers`: where drawn pages lie."""

    def __init__(self, house: Rig) -> None:
        self.house = house
        self.papers = house.folder / "papers"
        self.papers.mkdir()
        self.reports: list[Any] = []
        self.passphrase = house.folder / "passphrase"
        self.passphrase.write_text(f"{PASSPHRASE}\n")

    # --- paper -----------------------------------------------------------------------------------------------------
    def page(self, seed: int) -> Path:
        """A small sheet: quick to draw, to take and to send."""
        return self.photograph(seed, 210, 297)

    def photograph(self, seed: int, width: int = 620, height: int = 877, grain: int = 80) -> Path:
        """A grainy picture that fills an A4 sheet: about 0.28 bytes in the PDF for each of its pixels, up to 150 dpi."""
        path = self.papers / f"{width}-{seed:05d}.jpg"
        draw_photograph(path, seed, width, height, grain)
        return path

    # --- commands --------------------------------------------------------------------------------------------------
    def kabine(self, *arguments: str | Path) -> Said:
        """`kabine ARGUMENTS`."""
        return kabine(*arguments)

    def enrol(self, invitation: str, name: str) -> Said:
        """`kabine edge enrol`, once the hub has noticed that there is a new invitation."""

        def known() -> Said | None:
            done = self.kabine("edge", "enrol", invitation, "--dir", self.house.cabin(name))
            return None if "does not know this key" in done.stderr else done

        return until(known, "the hub knows the invitation")

    def says(self, *arguments: str | Path) -> Any:
        """The JSON that this command prints; it must succeed."""
        done = self.kabine(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def as_authority(self) -> tuple[str, ...]:
        """Options of a command that signs."""
        return "--hub", str(self.house.hub), "--passphrase-file", str(self.passphrase)

    # --- in the cabin ----------------------------------------------------------------------------------------------
    def submit(
        self, site: str, *paths: Path, agency: str = AGENCY, title: str = "", secured: bool = False
    ) -> list[Told]:
        """Hand in through the hatch; everything that was told. Raises the trouble that the visitor met."""
        return list(self.submitting(site, *paths, agency=agency, title=title, secured=secured))

    def submitting(
        self, site: str, *paths: Path, agency: str = AGENCY, title: str = "", secured: bool = False
    ) -> Iterator[Told]:
        """The same, told as it happens."""
        order = Submit(agency, "", tuple(map(str, paths)), title, "secured" if secured else "accepted")
        told = knock(self.house.cabin(site), order)
        assert told is not None, f"no node runs at {site}"
        yield from told

    def hand_in(self, site: str, *paths: Path, agency: str = AGENCY, title: str = "", secured: bool = False) -> str:
        """The receipt number of an accepted document."""
        return receipt_of(self.submit(site, *paths, agency=agency, title=title, secured=secured))

    def waiting(self, site: str) -> int:
        """How many documents wait in this cabin."""
        status = self.house.status(site)
        assert status is not None, f"no node runs at {site}"
        return status.waiting_documents

    def drained(self, site: str) -> None:
        """Wait until the hub has everything."""
        until(lambda: self.waiting(site) == 0, f"the backlog of {site} drains")

    def connected(self, site: str) -> bool:
        """Does the cabin say that its line is up?"""
        status = self.house.status(site)
        return status is not None and status.link.connected

    def state(self, site: str, receipt: str) -> str:
        """What the cabin says became of this document."""
        status = self.house.status(site)
        assert status is not None
        return next((row.state for row in status.documents if row.receipt == receipt), "")

    def handed_in(self, site: str, agency: str = AGENCY) -> dict[str, bytes]:
        """Receipt number and SHA-256 of the envelope of every document to an agency in the cabin's own file."""
        with _looking(self.house.cabin(site) / "buffer.sqlite") as database:
            return dict(database.execute("SELECT receipt, digest FROM document WHERE agency = ?", (agency,)).fetchall())

    # --- at the hub ------------------------------------------------------------------------------------------------
    def ask(self, question: str, *values: object) -> list[Any]:
        """Rows of the hub's database."""
        with _looking(self.house.hub / "hub.sqlite") as database:
            return database.execute(question, values).fetchall()

    def alter(self, statement: str, *values: object) -> None:
        """Change the hub's database behind its back."""
        with closing(sqlite3.connect(self.house.hub / "hub.sqlite", timeout=20.0)) as database, database:
            database.execute(statement, values)

    def envelope(self, digest: bytes) -> bytes:
        """The bytes of a document, from the hub's segment files."""
        pieces = self.ask(
            "SELECT length_bytes, segment, position_bytes FROM piece JOIN blob ON blob.id = piece.blob"
            " WHERE digest = ? ORDER BY offset_bytes",
            digest,
        )
        return b"".join(self._piece(*piece) for piece in pieces)

    def _piece(self, length_bytes: int, segment: int, position_bytes: int) -> bytes:
        with self.segment(segment).open("rb") as file:
            file.seek(position_bytes)
            return file.read(length_bytes)

    def segment(self, number: int) -> Path:
        """The file of a segment."""
        return next(path for path in (self.house.hub / "blobs").iterdir() if path.stem.lstrip("0") == str(number))

    # --- at the agency ---------------------------------------------------------------------------------------------
    def into(self, agency: str = AGENCY) -> Path:
        """Where the agency's connector writes."""
        return self.house.folder / "opened" / agency

    def pull(self, *options: str, agency: str = AGENCY, into: Path | None = None) -> Said:
        """`kabine inbox pull` once."""
        return self.kabine(*self.pulling(agency, into), *options)

    def pulling(self, agency: str = AGENCY, into: Path | None = None) -> list[str]:
        """The words of that command."""
        keys, hub = self.house.keys(agency), self.house.folder / "hub-card.txt"
        return ["inbox", "pull", "--keys", str(keys), "--hub", str(hub), "--into", str(into or self.into(agency))]

    def follow(self, agency: str = AGENCY) -> None:
        """Start the agency's connector, which takes whatever comes; what it tells is kept in `reports`."""
        process = self.house.start_connector(agency, self.into(agency))
        assert process.stdout is not None
        threading.Thread(target=_collect, args=(process.stdout, self.reports), daemon=True).start()

    def opened(self, agency: str = AGENCY) -> dict[str, Path]:
        """Every opened document by receipt number."""
        return {path.stem: path for path in sorted(self.into(agency).glob("*.pdf"))}

    def record(self, receipt: str, agency: str = AGENCY) -> Any:
        """The JSON beside an opened document."""
        return json.loads((self.into(agency) / f"{receipt}.json").read_bytes())

    def identities(self, agency: str = AGENCY) -> list[HybridIdentity]:
        """The keys that open an agency's documents."""
        text = (self.house.keys(agency) / "identity.txt").read_text()
        return [each for each in identities_in(text) if isinstance(each, HybridIdentity)]

    # --- the sum ---------------------------------------------------------------------------------------------------
    def whole(self, sites: Iterable[str], agency: str = AGENCY) -> None:
        """Every document of these cabins is opened exactly once, with the bytes that the cabin sealed, and nothing else is."""
        sealed = {receipt: digest for site in sites for receipt, digest in self.handed_in(site, agency).items()}
        opened = self.opened(agency)
        assert sorted(opened) == sorted(sealed)
        for receipt, path in opened.items():
            envelope, record = self.envelope(sealed[receipt]), self.record(receipt, agency)
            assert hashlib.sha256(envelope).digest() == sealed[receipt]
            pdf = path.read_bytes()
            assert pdf == self.unsealed(envelope, agency)
            [file] = record["document"]["files"]
            assert (file["bytes"], file["sha256"]) == (len(pdf), hashlib.sha256(pdf).hexdigest())
            assert [event["happening"] for event in record["receipts"]] == ["stored", "fetched", "accepted"]
        assert len({self.record(receipt, agency)["envelope"] for receipt in opened}) == len(opened)
        self.counted(sites, agency)

    def counted(self, sites: Iterable[str], agency: str = AGENCY) -> None:
        """The hub's rows of every cabin number 1, 2, 3 … without a gap, each document has its own place."""
        for site in sites:
            rows = self.ask("SELECT counter FROM document WHERE site = ? AND agency = ? ORDER BY counter", site, agency)
            assert [counter for (counter,) in rows] == list(range(1, len(rows) + 1))
        places = [place for (place,) in self.ask("SELECT place FROM document WHERE agency = ? ORDER BY place", agency)]
        assert places == list(range(1, len(places) + 1))

    def unsealed(self, envelope: bytes, agency: str = AGENCY) -> bytes:
        """The PDF in an envelope."""
        opener, unpacker = Opener(self.identities(agency)), Unpacker()
        pdf = unpacker.update(opener.update(envelope)) + unpacker.update(opener.finish())
        unpacker.finish()
        return pdf


@contextmanager
def stage(folder: Path, *sites: str, bits_per_second: float | None = None) -> Iterator[Stage]:
    """A running house whose two offices have keys, and these cabins, running and connected."""
    with rig(folder, [SOCIAL_OFFICE, HOUSING_OFFICE]) as house:
        made = Stage(house)
        house.enrol([site for site in house.town.sites if site.id in sites], bits_per_second)
        for site in sites:
            house.start_cabin(site)
        for site in sites:
            until(partial(made.connected, site), f"{site} is connected")
        yield made


def draw_photograph(path: Path, seed: int, width: int, height: int, grain: int) -> None:
    """A soft picture with grain, so that no encoding makes it small."""
    random = np.random.default_rng(seed)
    soft = Image.fromarray(random.integers(40, 215, (12, 9, 3), np.uint8)).resize((width, height))
    grainy = np.asarray(soft, np.int16) + random.integers(-grain, grain, (height, width, 3), np.int16)
    Image.fromarray(grainy.clip(0, 255).astype(np.uint8)).save(path, quality=90, dpi=(height / 11.69, height / 11.69))


class Said(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


def process(*arguments: str | Path) -> Said:
    """`kabine ARGUMENTS` as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KABINE_")}
    command = [sys.executable, "-m", "tools", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def kabine(*arguments: str | Path) -> Said:
    """The same from the same entry point, in this process: a hundred commands cost a minute otherwise."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    before, sys.argv = sys.argv, ["kabine", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.argv = before
    return Said(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]


def receipt_of(told: Iterable[Told]) -> str:
    """The receipt number in what a handing in told."""
    return next(each.receipt for each in told if isinstance(each, Accepted | Secured))


def _collect(lines: IO[bytes], reports: list[Any]) -> None:
    """A pipe that nobody reads would stop the connector when it is full."""
    try:
        for line in lines:
            if line.endswith(b"\n"):
                reports.append(json.loads(line))
    except ValueError:
        pass  # closed: the connector was killed


@contextmanager
def _looking(path: Path) -> Iterator[sqlite3.Connection]:
    """Read a database beside the process that owns it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20.0)) as database:
        yield database
