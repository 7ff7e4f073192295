"""Mosquitto, MQTT 3.1.1 with quality of service 1, a subscriber that is away, and persistence.

It writes its store from time to time and not before every acknowledgement, so what it has acknowledged is *not* durable: it is here for its speed on
the wire, and the table says so.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import struct
import time
from pathlib import Path
from typing import Final

from protocol.errors import Unavailable
from tools.bench.peers.peer import SILENCE_SECONDS, Load, daemon
from tools.rig import free_port

WINDOW_BYTES: Final = 16 * 1024 * 1024
WINDOW_MESSAGES: Final = 1000
TOPIC: Final = b"bench"
_CONFIG: Final = """
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {store}/
autosave_interval 1
max_queued_messages 0
max_inflight_messages 0
"""


class Mosquitto:
    """Every piece a message."""

    name = "Mosquitto (not durable)"

    def missing(self) -> str:
        """Debian's mosquitto."""
        return "" if shutil.which("mosquitto") else "mosquitto is not installed"

    def carry(self, load: Load, scratch: Path) -> float:
        """Published by one client, kept for another."""
        port, config = free_port(), scratch / "mosquitto.conf"
        config.write_text(configured(port, scratch / "mosquitto"))
        pieces = list(load.each())
        with daemon(["mosquitto", "-c", str(config)], port, scratch / "mosquitto.log"):
            with Client(port, b"reader", keep=True) as reader:
                reader.subscribe()
            with Client(port, b"writer", keep=False) as writer:
                began = time.perf_counter()
                writer.publish(pieces)
                return time.perf_counter() - began


def configured(port: int, store: Path, host: str = "127.0.0.1") -> str:
    """A broker that keeps what it has in the folder `store`, which is made."""
    store.mkdir()
    store.chmod(0o777)  # started by root, it becomes somebody else
    return _CONFIG.format(port=port, store=store, host=host)


class Client:
    """As much of MQTT 3.1.1 as this needs. `keep`: the broker keeps what is published for it while it is away. Raises OSError or Unavailable when the
    connection is lost, or silent for `silence_seconds`."""

    def __init__(
        self,
        port: int,
        name: bytes,
        *,
        keep: bool,
        host: str = "127.0.0.1",
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._socket = socket.create_connection((host, port), silence_seconds)
        self._came = self._socket.makefile("rb")
        self._said = 0
        flags = 0 if keep else 2
        self._say(0x10, b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x00" + struct.pack(">H", len(name)) + name)
        self._hear(0x20)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._say(0xE0, b"")
        self._came.close()
        self._socket.close()

    def subscribe(self) -> None:
        """To everything, with quality of service 1."""
        wish = TOPIC + b"/#"  # the topic itself too
        self._say(0x82, b"\x00\x01" + struct.pack(">H", len(wish)) + wish + b"\x01")
        self._hear(0x90)

    def publish(self, pieces: list[bytes], topic: bytes = TOPIC) -> None:
        """All of them, until the last one is acknowledged."""
        sent = acknowledged = under_way_bytes = 0
        while acknowledged < len(pieces):
            while sent < len(pieces) and sent - acknowledged < WINDOW_MESSAGES and under_way_bytes < WINDOW_BYTES:
                piece = pieces[sent]
                self.say(topic, piece)
                sent += 1
                under_way_bytes += len(piece)
            self.acknowledged()
            under_way_bytes -= len(pieces[acknowledged])
            acknowledged += 1

    def say(self, topic: bytes, piece: bytes) -> None:
        """Publish one message."""
        number = self._said % 65535 + 1
        self._said += 1
        self._say(0x32, struct.pack(">H", len(topic)) + topic + struct.pack(">H", number) + piece)

    def acknowledged(self) -> None:
        """Wait until one more message has been acknowledged."""
        self._hear(0x40)

    def heard(self) -> tuple[bytes, bytes]:
        """Topic and payload of the next message for us, which we acknowledge."""
        body = self._hear(0x30)
        end = 2 + int.from_bytes(body[:2], "big")
        self._say(0x40, body[end : end + 2])
        return body[2:end], body[end + 2 :]

    def _say(self, head: int, body: bytes) -> None:
        left, length = len(body), bytearray()
        while True:
            left, digit = divmod(left, 128)
            length.append(digit | (0x80 if left else 0))
            if not left:
                break
        self._socket.sendall(bytes([head]) + length + body)

    def _hear(self, head: int) -> bytes:
        """The body of the next packet, which must be of this kind."""
        begun = self._came.read(1)
        if not begun or begun[0] & 0xF0 != head:
            raise Unavailable(f"Mosquitto said {begun!r}.", "Look at its log.")
        length = 0
        for place in range(4):
            digit = int.from_bytes(self._came.read(1))
            length |= (digit & 0x7F) << 7 * place
            if digit < 0x80:
                break
        body = self._came.read(length)
        if len(body) < length:
            raise Unavailable("Mosquitto hung up.", "Look at its log.")
        return body
