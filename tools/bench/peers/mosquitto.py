"""Mosquitto, MQTT 3.1.1 with quality of service 1, a subscriber that is away, and persistence.

It writes its store from time to time and not before every acknowledgement, so what it has acknowledged is *not* durable: it is here for its speed on
the wire, and the table says so.
"""

from __future__ import annotations

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
_TOPIC: Final = b"\x00\x05bench"
_CONFIG: Final = """
listener {port} 127.0.0.1
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
        port, config, store = free_port(), scratch / "mosquitto.conf", scratch / "mosquitto"
        store.mkdir(mode=0o777)
        store.chmod(0o777)  # started by root, it becomes somebody else
        config.write_text(_CONFIG.format(port=port, store=store))
        pieces = list(load.each())
        with daemon(["mosquitto", "-c", str(config)], port, scratch / "mosquitto.log"):
            reader = _Client(port, b"reader", keep=True)
            reader.subscribe()
            reader.close()
            writer = _Client(port, b"writer", keep=False)
            began = time.perf_counter()
            writer.publish(pieces)
            seconds = time.perf_counter() - began
            writer.close()
        return seconds


class _Client:
    """As much of MQTT 3.1.1 as this needs."""

    def __init__(self, port: int, name: bytes, *, keep: bool) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), SILENCE_SECONDS)
        self._came = self._socket.makefile("rb")
        flags = 0 if keep else 2
        self._say(0x10, b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x00" + struct.pack(">H", len(name)) + name)
        self._hear(0x20)

    def subscribe(self) -> None:
        """To everything, with quality of service 1."""
        self._say(0x82, b"\x00\x01" + _TOPIC + b"\x01")
        self._hear(0x90)

    def publish(self, pieces: list[bytes]) -> None:
        """All of them, until the last one is acknowledged."""
        sent = acknowledged = under_way_bytes = 0
        while acknowledged < len(pieces):
            while sent < len(pieces) and sent - acknowledged < WINDOW_MESSAGES and under_way_bytes < WINDOW_BYTES:
                piece = pieces[sent]
                self._say(0x32, _TOPIC + struct.pack(">H", sent % 65535 + 1) + piece)
                sent += 1
                under_way_bytes += len(piece)
            self._hear(0x40)
            under_way_bytes -= len(pieces[acknowledged])
            acknowledged += 1

    def _say(self, head: int, body: bytes) -> None:
        left, length = len(body), bytearray()
        while True:
            left, digit = divmod(left, 128)
            length.append(digit | (0x80 if left else 0))
            if not left:
                break
        self._socket.sendall(bytes([head]) + length + body)

    def _hear(self, head: int) -> None:
        """The next packet, which must be of this kind and is short."""
        begun = self._came.read(2)
        if len(begun) < 2 or begun[0] != head:
            raise Unavailable(f"Mosquitto said {begun!r}.", "Look at its log.")
        self._came.read(begun[1])

    def close(self) -> None:
        """Hang up."""
        self._say(0xE0, b"")
        self._came.close()
        self._socket.close()
