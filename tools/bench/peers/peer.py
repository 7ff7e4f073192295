"""What the bench asks of every peer, and how their daemons are started and ended."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from protocol.errors import Unavailable
from tools.farewell import begun

START_SECONDS: Final = 180.0  # on a busy machine
LOOK_SECONDS: Final = 0.02  # between two looks whether it listens; before anything is measured
SILENCE_SECONDS: Final = 120.0  # a peer that says nothing for so long is given up


class Load(msgspec.Struct, frozen=True):
    """What is to be carried: `pieces` of `piece_bytes` (the last may be shorter), all in a row in the file `store`; for those who carry files,
    one file for each piece in `folder`, when there is one."""

    store: Path
    size_bytes: int
    piece_bytes: int
    folder: Path | None = None

    @property
    def pieces(self) -> int:
        """How many."""
        return -(-self.size_bytes // self.piece_bytes)

    def each(self) -> Iterator[bytes]:
        """Piece by piece."""
        with self.store.open("rb") as file:
            while piece := file.read(self.piece_bytes):
                yield piece


class Peer(Protocol):
    """One way to carry a load."""

    @property
    def name(self) -> str:
        """As the table calls it."""

    def missing(self) -> str:
        """What is not installed; empty when it can take part."""

    def carry(self, load: Load, scratch: Path) -> float:
        """Seconds from the first byte to the last acknowledgement, on this machine. Raises Unavailable when it does not work."""


@contextlib.contextmanager
def daemon(
    command: Sequence[str], port: int, log: Path, environment: dict[str, str] | None = None, host: str = "127.0.0.1"
) -> Iterator[int]:
    """Run a daemon until the block ends; its process id, once it listens on `port` of `host`."""
    with (
        log.open("ab") as said,
        begun(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment) as process,
    ):
        try:
            until = time.monotonic() + START_SECONDS
            while not _listens(host, port):
                if process.poll() is not None or time.monotonic() > until:
                    words = log.read_text(errors="replace")[-400:] or "it said nothing"
                    raise Unavailable(f"{command[0]} did not start: {words}", "Look at its version.")
                time.sleep(LOOK_SECONDS)
            yield process.pid
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(START_SECONDS)


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
