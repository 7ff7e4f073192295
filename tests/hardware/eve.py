"""A real printer for tests: `ippeveprinter` of CUPS on this machine, its tray a folder, its paper and its rollers in our hands.

It announces itself to nobody: of D-Bus it gets one of its own, on which no Avahi is.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hardware.devices.ipp import Group, Operation, Tag
from hardware.devices.ipp_wire import IppWire
from tests.journeys.waiting import until
from tools.rig import kept_port

PACKAGES = "cups-ipp-utils dbus"
ANSWER_SECONDS = 60.0  # of a machine that has much else to do
# Each document: into the tray; while `jam` is there, the rollers wait for a word in `rollers`. (A cancelled job's command runs on; the printer
# only says that it is to stop.)
COMMAND = """#!/bin/sh
cd {folder}
if [ -e jam ]; then
  echo "STATE: +media-jam-error" >&2
  read freed <rollers
  echo "STATE: -media-jam-error" >&2
  [ "$freed" = discard ] && exit 0
fi
cp "$1" tray/.coming
mv tray/.coming "tray/$(basename "$1")"
"""


class Eve:
    """One such printer. `url` is where it listens."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self.url = f"ipp://localhost:{port}/ipp/print"

    @property
    def tray(self) -> list[Path]:
        """The documents that came out; the name of a job is in the name of the file."""
        return sorted(path for path in (self._folder / "tray").iterdir() if not path.name.startswith("."))

    def copies(self, job_id: str) -> int:
        """How often a job came out."""
        return sum(path.stem.endswith(f"-kabine-{job_id}") for path in self.tray)

    def log(self) -> str:
        """What it has heard, attribute by attribute."""
        return (self._folder / "log").read_text(errors="replace")

    def certificate(self, path: Path) -> Path:
        """The one it has made for itself, written to `path`."""
        path.write_text(ssl.get_server_certificate(("localhost", self._port), timeout=ANSWER_SECONDS))
        return path

    def run_empty(self) -> None:
        self._load(0)

    def refill(self) -> None:
        self._load(250)

    def jam(self) -> None:
        (self._folder / "jam").touch()

    def mend(self) -> None:
        (self._folder / "jam").unlink()
        with (self._folder / "rollers").open("w") as rollers:
            rollers.write("discard\n" if self._cancelled() else "print\n")

    def _cancelled(self) -> bool:
        """The job at work is to stop."""
        wanted: list[str] = ["job-state-reasons"]
        answer = IppWire(self.url, answer_seconds=ANSWER_SECONDS).ask(
            Operation.GET_JOBS, 1, None, [(Group.OPERATION, Tag.KEYWORD, "requested-attributes", wanted)]
        )
        return any("processing-to-stop-point" in job.get("job-state-reasons", ()) for job in answer.of(Group.JOB))

    def _load(self, sheets: int) -> None:
        """As somebody does on the printer's own page."""
        paper = f"size1=iso_a4_210x297mm&type1=stationery&level1={sheets}&size3=&type3=&level3=-2"
        with urllib.request.urlopen(f"http://localhost:{self._port}/media?{paper}") as page:
            page.read()


@contextmanager
def eve(folder: Path, formats: str = "application/pdf,image/pwg-raster,image/urf") -> Iterator[Eve]:
    """Switched on, with paper."""
    for name in ("ippeveprinter", "dbus-run-session"):
        if shutil.which(name) is None:
            pytest.fail(f"`{name}` is missing: apt install {PACKAGES}")
    (folder / "tray").mkdir(parents=True)
    (folder / "spool").mkdir()
    (folder / "keys").mkdir()
    os.mkfifo(folder / "rollers")
    with kept_port() as port:
        yield from _switched_on(folder, port, formats)


def _switched_on(folder: Path, port: int, formats: str) -> Iterator[Eve]:
    command = folder / "command"
    command.write_text(COMMAND.format(folder=folder))
    command.chmod(0o755)
    printer = f"ippeveprinter -r off -n localhost -p {port} -d spool -c {command} -f {formats} -s 600 -K keys -vv Test"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["dbus-run-session", "--", "sh", "-c", f"DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS exec {printer}"],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    made = Eve(folder, port)
    try:
        until(lambda: _listens(port, process, folder), "ippeveprinter listens")
        made.refill()
        yield made
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listens(port: int, process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "log").read_text(errors="replace")
    try:
        socket.create_connection(("localhost", port), timeout=5).close()
    except OSError:
        return False
    return True


class Gossip:
    """Between a driver and a printer, one HTTP request a connection: can lose an answer after the printer has heard the request, can cut
    the line, can keep quiet about what the printer can do."""

    def __init__(self, eve: Eve) -> None:
        self._port = eve._port
        self._server = socket.create_server(("localhost", 0))
        self.url = f"ipp://localhost:{self._server.getsockname()[1]}/ipp/print"
        self.loses: list[Operation] = []
        self.hides: list[Operation] = []
        self.heard: list[Operation] = []
        self.cut = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, suppress(OSError):  # who asked has hung up
                if not self.cut:
                    self._pass_on(client)

    def _pass_on(self, client: socket.socket) -> None:
        client.settimeout(ANSWER_SECONDS)
        request = bytearray()
        while b"\r\n\r\n" not in request:
            request += _more(client)
        head, _, body = bytes(request).partition(b"\r\n\r\n")
        [length] = [
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        while len(body) < length:
            body += _more(client)
        operation = Operation(int.from_bytes(body[2:4], "big"))
        self.heard.append(operation)
        printer = http.client.HTTPConnection("localhost", self._port, timeout=ANSWER_SECONDS)
        printer.request("POST", "/ipp/print", body, {"Content-Type": "application/ipp"})
        answer = printer.getresponse().read()
        printer.close()
        if operation in self.loses:
            self.loses.remove(operation)
            return
        for hidden in self.hides:
            answer = answer.replace(_enum(hidden), _enum(0x3FFF))
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


def _more(client: socket.socket) -> bytes:
    """Raises OSError at the end."""
    heard = client.recv(65536)
    if not heard:
        raise ConnectionResetError("it hung up in the middle of a request")
    return heard


def _enum(value: int) -> bytes:
    """A further value of a set of enums (RFC 8010, section 3.1.5)."""
    return b"\x23\x00\x00\x00\x04" + value.to_bytes(4, "big")
