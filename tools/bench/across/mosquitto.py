"""Mosquitto through cuts: quality of service 1. What it has acknowledged is *not* durable."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tools.bench.across.messages import Publisher
from tools.bench.across.peer import PATIENCE_SECONDS
from tools.bench.peers.mosquitto import TOPIC, Client, Mosquitto, configured
from tools.bench.peers.peer import daemon
from tools.rig import kept_port

_END: Final = "end"


class MosquittoAcross:
    """Every file a message, kept by the broker for a reader that is away and fetches all of them when the clock has stopped."""

    name = "Mosquitto, QoS 1 (not durable)"

    def missing(self) -> str:
        """Debian's mosquitto."""
        return Mosquitto().missing()

    @contextlib.contextmanager
    def receiving(self, into: Path, scratch: Path, host: str) -> Iterator[Sequence[str]]:
        """Into the broker, and from there into files."""
        config = scratch / "mosquitto.conf"
        with kept_port() as port:
            config.write_text(configured(port, scratch / "mosquitto", host))
            with daemon(["mosquitto", "-c", str(config)], port, scratch / "mosquitto.log", host=host):
                with Client(port, b"reader", keep=True, host=host) as reader:
                    reader.subscribe()
                yield (host, str(port))
                with Client(port, b"ender", keep=False, host=host) as ender:
                    ender.publish([b""], _topic(_END))
                with Client(port, b"reader", keep=True, host=host) as reader:
                    _fetch(reader, into)

    @contextlib.contextmanager
    def sending(self, folder: Path, told: Sequence[str]) -> Iterator[Callable[[], None]]:
        """One connection after the other."""
        host, port = told
        yield Publisher(
            folder,
            lambda: Client(int(port), b"writer", keep=False, host=host, silence_seconds=PATIENCE_SECONDS),
            _topic,
        ).carry


def _topic(name: str) -> bytes:
    return TOPIC + b"/" + name.encode()


def _fetch(reader: Client, into: Path) -> None:
    """All that was kept, before the end."""
    while (message := reader.heard())[0] != _topic(_END):
        topic, data = message
        (into / topic.decode().rpartition("/")[2]).write_bytes(data)
