"""Peers on a line that is cut (W3): each with what its users would do about it, tried again until all has arrived, and looked at by digest.

python -m tools.bench.peers.across rsync FOLDER PORT HOST                 run at the cabin's end of the line: wait for a line on stdin, then carry
python -m tools.bench.peers.across https FOLDER PORT HOST CERTIFICATE     the files of FOLDER; prints how many seconds it took, 0 for never
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

from protocol.errors import Mistake
from tools.bench.peers import https, rsync
from tools.bench.peers.peer import daemon
from tools.rig import kept_port

PATIENCE_SECONDS: Final = (
    3  # without a byte, then it is tried anew; the tools wait for minutes, or for ever, when nobody tells them
)
_PAUSE_SECONDS: Final = 0.2  # before that
_RANGE_BYTES: Final = 32 * 1024
_GIVE_UP_SECONDS: Final = 600  # ten to twenty times what the line needs: whoever is not done by then never will be


class Across(Protocol):
    """One way to carry files over a line that is cut."""

    @property
    def name(self) -> str:
        """As the table calls it."""

    def missing(self) -> str:
        """What is not installed; empty when it can take part."""

    def receiving(self, into: Path, scratch: Path, host: str) -> contextlib.AbstractContextManager[Sequence[str]]:
        """Receive files at `host` until the block ends; what to run, with the folder to be sent behind its first word, at the other end."""


class RsyncAcross:
    """A daemon, and a script that calls rsync again until it has said that all is there."""

    name = "rsync, again until done"

    def missing(self) -> str:
        """Debian's rsync."""
        return rsync.Rsync().missing()

    @contextlib.contextmanager
    def receiving(self, into: Path, scratch: Path, host: str) -> Iterator[Sequence[str]]:
        """Into a module of the daemon."""
        config = scratch / "rsyncd.conf"
        command = ["rsync", "--daemon", "--no-detach", f"--config={config}"]
        with kept_port() as port:
            config.write_text(rsync.configured(into, port, host))
            with daemon(command, port, scratch / "rsync.log", host=host):
                yield ("rsync", str(port), host)


class HttpsAcross:
    """Uploads in ranges, four at a time; a range that fails is sent again."""

    name = "HTTPS ranges, 4 at a time"

    def missing(self) -> str:
        """It is all here."""
        return ""

    @contextlib.contextmanager
    def receiving(self, into: Path, scratch: Path, host: str) -> Iterator[Sequence[str]]:
        """Into a folder."""
        certificate = scratch / "https.pem"
        certificate.write_bytes(https.certificate())
        with kept_port() as port:
            server = [sys.executable, "-m", "tools.bench.peers.https", str(port), str(into), str(certificate), host]
            with daemon(server, port, scratch / "https.log", host=host):
                yield ("https", str(port), host, str(certificate))


PEERS: Final[tuple[Across, ...]] = (RsyncAcross(), HttpsAcross())


def wrong(sent: Path, into: Path) -> int:
    """How many files are missing, or not what was sent."""
    return sum(not _same(file, into / file.name) for file in sent.iterdir())


def _same(one: Path, other: Path) -> bool:
    return other.exists() and hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest()


# --- at the cabin's end ------------------------------------------------------------------------------------------
def _rsync(folder: Path, port: int, host: str) -> None:
    command = [
        "rsync",
        "-r",
        "--partial",
        "--fsync",
        f"--timeout={PATIENCE_SECONDS}",
        f"--contimeout={PATIENCE_SECONDS}",
    ]
    command += [f"{folder}/", f"rsync://{host}:{port}/into/"]
    while subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        time.sleep(_PAUSE_SECONDS)


def _https(folder: Path, port: int, host: str, certificate: str) -> None:
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False  # the name in it is this machine's
    files = sorted(folder.iterdir())
    with ThreadPoolExecutor(https.AT_A_TIME) as pool:
        for done in [
            pool.submit(_upload, host, port, context, files[start :: https.AT_A_TIME])
            for start in range(https.AT_A_TIME)
        ]:
            done.result()


def _upload(host: str, port: int, context: ssl.SSLContext, files: list[Path]) -> None:
    connection: http.client.HTTPSConnection | None = None
    for file in files:
        data = file.read_bytes()
        start = 0
        while start < len(data):
            piece = data[start : start + _RANGE_BYTES]
            span = f"bytes {start}-{start + len(piece) - 1}/{len(data)}"
            try:
                if connection is None:
                    connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE_SECONDS, context=context)
                    connection.connect()
                    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.request("PUT", f"/{file.name}", piece, {"Content-Range": span})
                answer = connection.getresponse()
                answer.read()
                if answer.status not in (201, 202):
                    raise Mistake(f"The upload of {file.name} was answered {answer.status}.")
                start += len(piece)
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(_PAUSE_SECONDS)


def _never(*_: object) -> None:
    print(0.0, flush=True)
    os._exit(0)


def main() -> None:
    """See above."""
    kind, folder, port, host, *rest = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    signal.signal(signal.SIGALRM, _never)
    signal.alarm(_GIVE_UP_SECONDS)
    began = time.perf_counter()
    if kind == "rsync":
        _rsync(Path(folder), int(port), host)
    else:
        _https(Path(folder), int(port), host, *rest)
    print(time.perf_counter() - began, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
