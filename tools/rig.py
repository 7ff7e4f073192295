"""A whole house on this machine: a hub, cabins on lines that can be cut, agencies. For the demo, benchmarks and journeys.

Everything is set up through the same functions that an operator's commands call; hub, cabins and connectors run as processes of their own.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from cloud import enrolment, premises
from cloud.config import HubConfig, LogConfig
from cloud.directory import draft, publish
from cloud.keys import read_authority
from cloud.premises import Premises
from edge.config import FILE, EdgeConfig
from edge.enrol import enrol
from edge.hatch import reach
from edge.knock import knock
from edge.orders import ShowStatus, Status
from protocol import contacts
from protocol.enrolment import write_invitation
from protocol.errors import Unavailable
from protocol.ids import AgencyId, SiteId
from protocol.runtime.config import read_config, write_default
from protocol.runtime.folder import write_file
from protocol.runtime.world import REAL
from tools import inbox_keys
from tools.farewell import hurried_by_signals, in_one_piece
from tools.line import Line
from tools.town import Site, Town, uckermark

PASSPHRASE: Final = "nur zum Vorführen"  # noqa: S105  # protects nothing: everything in a rig is thrown away
WORK_FACTOR: Final = 12  # of a passphrase that stands in this file
# Long, for a machine that has much else to do; whoever fails to start is noticed at once.
START_SECONDS: Final = 180.0
LOOK_SECONDS: Final = 0.05  # between two looks whether somebody is ready: a person does not notice
STOP_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 60.0
_ENROLLING_MAX: Final = 8  # at a time


@dataclass
class Rig:
    """Folders and processes of one house below `folder`. `lines`: one for each site."""

    folder: Path
    town: Town
    port: int
    lines: dict[SiteId, Line] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    host: str = "127.0.0.1"  # where the hub listens

    @property
    def hub(self) -> Path:
        """The hub's folder."""
        return self.folder / "hub"

    def cabin(self, site: str) -> Path:
        """A cabin's folder."""
        return self.folder / "cabins" / site

    def keys(self, agency: str) -> Path:
        """The folder of an agency's keys."""
        return self.folder / "agencies" / agency

    # --- setting up ----------------------------------------------------------------------------------------------
    def make(self, agencies: Sequence[AgencyId]) -> None:
        """The hub's folder with a signed directory, and keys for these agencies."""
        address = f"tcp://{self.host}:{self.port}"
        config = HubConfig(name="Landkreis Uckermark", address=address, listen=address, log=LogConfig("hub.log"))
        with premises.made(self.hub, config, REAL.random, PASSPHRASE, WORK_FACTOR) as (place, _):
            with place.database.turn() as connection:
                for agency in self.town.agencies:
                    draft.add_agency(connection, agency)
                for service in self.town.services:
                    draft.put_service(connection, service)
                for route in self.town.routes:
                    draft.put_route(connection, route)
            for name in agencies:
                inbox_keys.make(self.keys(name), name)
                self.adopt(place, name)
            self.publish(place)
            (self.folder / "hub-card.txt").write_text(contacts.write_hub_card(place.card) + "\n")

    def adopt(self, place: Premises, agency: AgencyId) -> None:
        """The operator takes an inbox's card; the cabins seal to it from the next directory on."""
        card = contacts.read_inbox_card((self.keys(agency) / "card.txt").read_text())
        with place.database.turn() as connection:
            draft.set_inbox_key(connection, card)

    def publish(self, place: Premises) -> None:
        """Sign and put in force what the drafts say."""
        now = datetime.now(UTC)
        authority = read_authority(place.folder, PASSPHRASE)
        with place.database.turn() as connection:
            directory = publish.build(connection, place.row, place.config.holidays_region, now)
            _, signed = publish.sign(publish.unsigned(directory), authority.private())
            publish.put_in_force(connection, signed, authority.public, now)

    def enrol(self, sites: Sequence[Site], bits_per_second: float | None = None, *, direct: bool = False) -> None:
        """Invite, enrol and confirm these cabins, each on a line of its own (`direct`: without one). The hub must be running."""
        (self.folder / "cabins").mkdir(exist_ok=True)
        with premises.opened(self.hub) as place:
            invitations = []
            with place.database.turn() as connection:
                for site in sites:
                    address = f"tcp://{self.host}:{self.port}"
                    if not direct:
                        relay = self.lines[site.id] = Line(self.port, bits_per_second)
                        address = f"tcp://127.0.0.1:{relay.port}"
                    card = contacts.HubCard(address, place.card.curve_key, place.card.authority_key)
                    now = datetime.now(UTC)
                    invitation = enrolment.invite(
                        connection, site.id, site.name, site.area, site.address, card, REAL.random, now
                    )
                    invitations.append((write_invitation(invitation), self.cabin(site.id)))
            # All at once: most of an enrolment is waiting for the hub.
            with ThreadPoolExecutor(_ENROLLING_MAX) as together:
                list(together.map(self._enrolled, *zip(*invitations, strict=True)))
            with place.database.turn() as connection:
                for site in sites:
                    enrolment.confirm(connection, site.id, datetime.now(UTC))
            self.publish(place)

    def _enrolled(self, text: str, folder: Path) -> None:
        """A hub that has just been told of an invitation lets it in within a quarter of a second."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                enrol(text, folder, REAL, "kabine demo")
            except Unavailable:
                if time.monotonic() > until or self.processes["hub"].poll() is not None:
                    raise
                time.sleep(LOOK_SECONDS)
            else:
                return

    def equip(self, site: str, **tables: object) -> None:
        """Write other tables into a cabin's configuration, as in `kiosk=KioskConfig(on=True)`; they hold when its node starts next."""
        path = self.cabin(site) / FILE
        config = msgspec.structs.replace(read_config(path, EdgeConfig), **tables)
        write_file(path, write_default(config).encode())

    def screen(self, site: str) -> str:
        """The address of a running cabin's screen, which lets a browser in."""
        return (self.cabin(site) / "kiosk.url").read_text().strip()

    # --- running -------------------------------------------------------------------------------------------------
    def start(self, name: str, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Start `kabine ARGUMENTS` as process `name`; its errors go to a file in `logs`."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{name}.err").open("ab") as errors, in_one_piece():
            process = self.processes[name] = subprocess.Popen(
                self.command(name, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=stdout if stdout is not None else errors,
                stderr=errors,
                start_new_session=True,
            )
        return process

    def command(self, name: str, *arguments: str) -> list[str]:
        """What runs `kabine ARGUMENTS` as process `name`."""
        return [sys.executable, "-m", "tools", *arguments]

    def start_hub(self) -> None:
        """Start the hub and wait until it listens. Raises Unavailable with what it said when it does not."""
        process = self.start("hub", "hub", "run", str(self.hub))
        self._until(lambda: _listens(self.host, self.port), "hub", process)

    def start_cabin(self, *sites: str) -> None:
        """Start the nodes of these cabins and wait until their hatches are open."""
        started = [(site, self.start(f"cabin-{site}", "edge", "run", str(self.cabin(site)))) for site in sites]
        for site, process in started:
            self._until(partial(_hatch, self.cabin(site)), f"cabin-{site}", process)

    def start_connector(self, agency: str, into: Path) -> subprocess.Popen[bytes]:
        """Start an agency's connector, which takes whatever comes; it tells of each document in a line of JSON."""
        return self.start(
            f"inbox-{agency}",
            *("inbox", "pull", "--keys", str(self.keys(agency)), "--hub", str(self.folder / "hub-card.txt")),
            *("--into", str(into), "--follow", "--json"),
            stdout=subprocess.PIPE,
        )

    def status(self, site: str) -> Status | None:
        """A cabin's own view of itself; None when its node does not run."""
        answer = knock(self.cabin(site), ShowStatus(), ANSWER_SECONDS)
        return next((told for told in answer or () if isinstance(told, Status)), None)

    def until_connected(self, site: str) -> None:
        """Wait until this cabin speaks with the hub. Raises Unavailable when it does not."""
        until = time.monotonic() + START_SECONDS
        while (status := self.status(site)) is None or not status.link.connected:
            if time.monotonic() > until:
                reason = status.link.reason if status else "its node ended"
                raise Unavailable(
                    f"The cabin {site} does not reach the hub: {reason}.", f"Look into {self.folder / 'logs'}."
                )
            time.sleep(LOOK_SECONDS)

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()

    def stop(self, name: str) -> int:
        """Ask it to end, and wait; its exit code. It is one of `processes` until it has ended."""
        self._ask_to_end(name)
        return self._ended(name)

    def _ask_to_end(self, name: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.processes[name].send_signal(signal.SIGTERM)

    def _ended(self, name: str) -> int:
        process = self.processes[name]
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        del self.processes[name]
        if process.stdout:
            process.stdout.close()
        return code

    def close(self) -> None:
        """End everything: all but the hub at once, so that nobody waits for somebody's farewell, then the hub. Whoever presses Ctrl-C meanwhile
        waits for no farewell: then everything is killed."""
        with hurried_by_signals(self._kill_everything):
            others = [name for name in self.processes if name != "hub"]
            for name in others:
                self._ask_to_end(name)
            for name in others:
                self._ended(name)
            if "hub" in self.processes:
                self.stop("hub")
            for relay in self.lines.values():
                relay.close()

    def _kill_everything(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def _until(self, ready: Callable[[], bool], name: str, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                said = (self.folder / "logs" / f"{name}.err").read_text(errors="replace").strip()
                raise Unavailable(
                    f"{name} did not start: {said[-400:] or 'it said nothing'}", f"Look into {self.folder / 'logs'}."
                )
            time.sleep(LOOK_SECONDS)


@contextlib.contextmanager
def rig(
    folder: Path, agencies: Sequence[AgencyId] | None = None, town: Town | None = None, host: str = "127.0.0.1"
) -> Iterator[Rig]:
    """A house in the empty or new `folder`, its hub running; `agencies` get keys (all of the town, when not told)."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = town or uckermark()
    with kept_port() as port:
        house = Rig(folder.absolute(), chosen, port, host=host)
        try:
            house.make([agency.id for agency in chosen.agencies] if agencies is None else agencies)
            house.start_hub()
            yield house
        finally:
            house.close()


@contextlib.contextmanager
def kept_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A TCP port that is given to nobody who wants any, also while the hub is away; who listens allows it to be held, as ZeroMQ does. `host`: where
    the hub will listen; a port that is free on loopback may be taken on another address."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, 0))
        yield held.getsockname()[1]


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _hatch(folder: Path) -> bool:
    guest = reach(folder)
    if guest is None:
        return False
    guest.close()
    return True
