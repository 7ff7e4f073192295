"""Syncthing, two devices on this machine, from the scan of the folder to the last file in place (it fsyncs every file before it is named)."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from protocol.errors import Mistake, Unavailable
from tools.bench.peers.peer import SILENCE_SECONDS, START_SECONDS, Load, daemon
from tools.rig import kept_port

_KEY: Final = "bench"
_FOLDER: Final = "bench"
_POLL_SECONDS: Final = 0.01
_CONFIG: Final = """
<configuration version="35">
  <folder id="bench" path="{path}" type="{kind}" rescanIntervalS="0" fsWatcherEnabled="false">
    <device id="{here}"/><device id="{there}"/>
    <minDiskFree unit="%">0</minDiskFree>
  </folder>
  <device id="{here}" compression="never"><address>dynamic</address></device>
  <device id="{there}" compression="never"><address>tcp://{there_host}:{there_port}</address></device>
  <gui enabled="true" tls="false"><address>127.0.0.1:{gui_port}</address><apikey>bench</apikey></gui>
  <options>
    <listenAddress>tcp://{host}:{port}</listenAddress>
    <globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
    <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><startBrowser>false</startBrowser>
    <urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH><crashReportingEnabled>false</crashReportingEnabled>
    <reconnectionIntervalS>1</reconnectionIntervalS>
  </options>
</configuration>
"""


class Syncthing:
    """A folder that is only sent, and one that is only received."""

    name = "Syncthing"

    def missing(self) -> str:
        """Debian's syncthing."""
        return "" if shutil.which("syncthing") else "syncthing is not installed"

    def carry(self, load: Load, scratch: Path) -> float:
        """The files of the load."""
        if load.folder is None:
            raise Mistake("Syncthing carries files.")
        with ExitStack() as stack:
            giver = stack.enter_context(Device.made(scratch / "giver"))
            taker = stack.enter_context(Device.made(scratch / "taker"))
            giver.configure(taker, "sendonly")
            taker.configure(giver, "receiveonly")
            for device in (giver, taker):
                stack.enter_context(device.run())
            until(lambda: giver.connected(taker.id) and taker.state() == "idle", START_SECONDS * 2, "connect")
            for file in load.folder.iterdir():
                os.link(file, giver.files / file.name)
            began = time.perf_counter()
            giver.scan()
            until(lambda: taker.files_in_sync() >= load.pieces, SILENCE_SECONDS, "finish")
            return time.perf_counter() - began


class Device(msgspec.Struct, frozen=True):
    """One of the two: its folder `home`, its name for the other one, the files it sends or receives; where its interface listens on loopback, and
    where the other one finds it."""

    home: Path
    id: str
    files: Path
    gui_port: int
    host: str = "127.0.0.1"
    port: int = 0

    @classmethod
    @contextmanager
    def made(cls, home: Path, host: str = "127.0.0.1", files: Path | None = None) -> Iterator[Device]:
        """With fresh keys, and ports that nobody else gets until the block ends."""
        files = files or home / "files"
        (files / ".stfolder").mkdir(parents=True)
        _said("syncthing", "generate", f"--home={home}", "--no-default-folder", "--skip-port-probing")
        own = _said("syncthing", f"--home={home}", "--device-id").strip()
        with kept_port() as gui_port, kept_port() as port:
            yield cls(home, own, files, gui_port, host, port)

    def configure(self, other: Device, kind: str) -> None:
        """Know each other and nobody else."""
        text = _CONFIG.format(
            path=self.files,
            kind=kind,
            here=self.id,
            there=other.id,
            there_host=other.host,
            there_port=other.port,
            host=self.host,
            port=self.port,
            gui_port=self.gui_port,
        )
        (self.home / "config.xml").write_text(text)

    def run(self) -> AbstractContextManager[int]:
        """Until the block ends."""
        command = ["syncthing", "serve", f"--home={self.home}", "--no-browser", "--no-restart"]
        environment = {**os.environ, "HOME": str(self.home), "STNOUPGRADE": "1"}
        return daemon(command, self.gui_port, self.home / "log", environment)

    def ask(self, method: str, path: str) -> Any:
        """Its REST interface."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gui_port, timeout=SILENCE_SECONDS)
        connection.request(method, f"/rest/{path}", headers={"X-API-Key": _KEY})
        text = connection.getresponse().read()
        connection.close()
        return json.loads(text) if text.strip() else None

    def connected(self, other: str) -> bool:
        """To the other one."""
        return bool(self.ask("GET", "system/connections")["connections"].get(other, {}).get("connected"))

    def state(self) -> str:
        """Of the folder."""
        return str(self.ask("GET", f"db/status?folder={_FOLDER}")["state"])

    def scan(self) -> None:
        """Look at the folder now."""
        self.ask("POST", f"db/scan?folder={_FOLDER}")

    def files_in_sync(self) -> int:
        """How many files are complete here."""
        return int(self.ask("GET", f"db/status?folder={_FOLDER}")["inSyncFiles"])

    def has(self, other: str, files: int) -> bool:
        """Has the other one told us that it has all of so many?"""
        told = self.ask("GET", f"db/completion?folder={_FOLDER}&device={other}")
        # Of whoever has told nothing yet, it is said that nothing is missing there.
        return int(told["sequence"]) >= files and not told["needItems"]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def until(reached: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until it is so. Raises Unavailable."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise Unavailable(f"Syncthing did not {what} within {seconds:.0f} s.", "Look at its log.")
        time.sleep(_POLL_SECONDS)
