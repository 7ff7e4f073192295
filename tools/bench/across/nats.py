"""NATS JetStream through cuts, into a stream on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tools.bench.across.messages import Publisher
from tools.bench.across.peer import PATIENCE_SECONDS
from tools.bench.peers.nats import SUBJECT, Connection, Nats, configured
from tools.bench.peers.peer import daemon
from tools.rig import kept_port


class NatsAcross:
    """Every file a message; the stream is read when the clock has stopped."""

    def __init__(self) -> None:
        self._nats = Nats()

    @property
    def name(self) -> str:
        """With a word when it is not durable."""
        return self._nats.name

    def missing(self) -> str:
        """Is there a server?"""
        return self._nats.missing()

    @contextlib.contextmanager
    def receiving(self, into: Path, scratch: Path, host: str) -> Iterator[Sequence[str]]:
        """Into a stream, and from there into files."""
        config = scratch / "nats.conf"
        with kept_port() as port:
            config.write_text(configured(port, scratch / "nats", host))
            with daemon([self._nats.server(), "-c", str(config)], port, scratch / "nats.log", host=host):
                with Connection(port, host) as maker:
                    maker.stream()
                yield (host, str(port))
                with Connection(port, host) as reader:
                    for subject, data in reader.stored():
                        (into / subject.removeprefix(f"{SUBJECT}.")).write_bytes(data)

    @contextlib.contextmanager
    def sending(self, folder: Path, told: Sequence[str]) -> Iterator[Callable[[], None]]:
        """One connection after the other."""
        host, port = told
        yield Publisher(
            folder, lambda: Connection(int(port), host, PATIENCE_SECONDS), lambda name: f"{SUBJECT}.{name}"
        ).carry
