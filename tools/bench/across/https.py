"""HTTPS uploads through cuts: in ranges, four at a time; a range that fails is sent again."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from protocol.errors import Mistake
from tools.bench.across.peer import PATIENCE_SECONDS, PAUSE_SECONDS
from tools.bench.peers import https
from tools.bench.peers.peer import daemon
from tools.rig import kept_port

_RANGE_BYTES: Final = 32 * 1024


class HttpsAcross:
    """Each range is fsynced before it is answered."""

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
                yield (host, str(port), str(certificate))

    @contextlib.contextmanager
    def sending(self, folder: Path, told: Sequence[str]) -> Iterator[Callable[[], None]]:
        """A thread for each connection."""
        host, port, certificate = told
        context = ssl.create_default_context(cafile=certificate)
        context.check_hostname = False  # the name in it is this machine's
        files = sorted(folder.iterdir())
        pool = ThreadPoolExecutor(https.AT_A_TIME)

        def carry() -> None:
            shares = [files[start :: https.AT_A_TIME] for start in range(https.AT_A_TIME)]
            for done in [pool.submit(_upload, host, int(port), context, share) for share in shares]:
                done.result()

        try:
            yield carry
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # who never gets through would be waited for


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
                time.sleep(PAUSE_SECONDS)
