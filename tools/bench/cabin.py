"""One cabin for the benchmark, in a process of its own: its real buffer and uplink, nothing else.

python -m tools.bench.cabin FOLDER documents COUNT BYTES AGENCY   put documents into the buffer, sealed and ready; prints the bytes of all
python -m tools.bench.cabin FOLDER entries COUNT BYTES            write entries into its journal; prints the bytes of all
python -m tools.bench.cabin FOLDER send                           wait for a line on stdin, then sync; figures as JSON
python -m tools.bench.cabin FOLDER beside RATE BYTES              the same, and write RATE entries a second meanwhile; their delays as JSON
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.app import open_buffer, software
from edge.buffer import Buffer, News
from edge.config import FILE, EdgeConfig
from edge.enrol import BOOT_BYTES
from edge.keys import CabinKeys
from edge.uplink import Uplink
from protocol import frames
from protocol.errors import Trouble
from protocol.ids import AgencyId, SiteId
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL
from tools.bench import slow_disk
from tools.bench.filling import an_event, fill, write_entries


class Figures(msgspec.Struct, frozen=True):
    """`seconds`: from dialling to the last signed receipt stored here and the last entry acknowledged; `cpu_seconds`, `fsyncs` of this process
    meanwhile."""

    seconds: float
    cpu_seconds: float
    fsyncs: int | None


class Beside(msgspec.Struct, frozen=True):
    """`seconds` until the documents were secured; `delays` of the entries meanwhile, in seconds, in the order in which they were written."""

    seconds: float
    delays: tuple[float, ...]


class Syncing:
    """The cabin's uplink, watched: `secured` is set when every document has its receipt here and the entries of before are acknowledged."""

    def __init__(
        self, buffer: Buffer, keys: CabinKeys, config: EdgeConfig, heard: Callable[[int], None] = lambda number: None
    ) -> None:
        self.secured = threading.Event()
        self.uplink = Uplink(
            buffer,
            site=SiteId(config.cabin.site),
            address=config.hub.address,
            hub_key=config.hub_key,
            own=keys.curve,
            boot=REAL.random(BOOT_BYTES),
            software=software(),
            clock=REAL.clock,
            utc=REAL.utc,
            chance=REAL.chance,
            vitals=frames.Vitals,
            on_news=self._brought,
            on_trouble=self._failed,
        )
        self._left = buffer.waiting().documents
        self._last = buffer.log.last().number
        self._told = buffer.log.acknowledged()
        self._heard = heard
        self._acknowledge = buffer.log.acknowledge
        # Nobody is told of an acknowledgement that brings no news.
        buffer.log.acknowledge = self._acknowledged  # type: ignore[method-assign]

    def _acknowledged(self, number: int) -> None:
        self._acknowledge(number)
        self._told = number
        self._heard(number)
        self._done()

    def _brought(self, news: News) -> None:
        self._left -= len(news.secured)
        self._done()

    def _done(self) -> None:
        if self._left == 0 and self._told >= self._last:
            self.secured.set()

    def _failed(self, trouble: Trouble) -> None:
        print(trouble, file=sys.stderr, flush=True)
        os._exit(1)


def send(buffer: Buffer, keys: CabinKeys, config: EdgeConfig) -> Figures:
    """Sync until nothing waits any more."""
    syncing = Syncing(buffer, keys, config)
    sys.stdin.readline()
    began, cpu, fsyncs = time.perf_counter(), time.process_time(), slow_disk.fsyncs(os.getpid())
    syncing.uplink.start()
    syncing.secured.wait()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    figures = Figures(seconds, cpu, None if fsyncs is None else (slow_disk.fsyncs(os.getpid()) or 0) - fsyncs)
    syncing.uplink.stop()
    return figures


def beside(buffer: Buffer, keys: CabinKeys, config: EdgeConfig, per_second: float, entry_bytes: int) -> Beside:
    """Sync, and write entries meanwhile as a visitor's doings would."""
    heard: list[tuple[int, float]] = []
    syncing = Syncing(buffer, keys, config, lambda number: heard.append((number, time.perf_counter())))
    event = an_event(entry_bytes)
    written: list[tuple[int, float]] = []
    sys.stdin.readline()
    began = time.perf_counter()
    syncing.uplink.start()
    while not syncing.secured.wait(max(0.0, began + len(written) / per_second - time.perf_counter())):
        at = time.perf_counter()
        written.append((buffer.append(event), at))
        syncing.uplink.wake()
    seconds = time.perf_counter() - began
    syncing.uplink.stop()
    return Beside(seconds, delays(written, heard))


def delays(written: list[tuple[int, float]], heard: list[tuple[int, float]]) -> tuple[float, ...]:
    """Seconds from the writing of each entry to the first acknowledgement that covers it; those never acknowledged are left out."""
    found, place = [], 0
    for number, at in written:
        while place < len(heard) and heard[place][0] < number:
            place += 1
        if place < len(heard):
            found.append(heard[place][1] - at)
    return tuple(found)


def main() -> None:
    """See above."""
    path, order, *rest = sys.argv[1:]
    with NodeFolder.open(Path(path), "edge") as folder:
        config = read_config(folder.path / FILE, EdgeConfig)
        buffer, keys = open_buffer(folder, config, REAL)
        try:
            if order == "documents":
                print(fill(buffer, int(rest[0]), int(rest[1]), AgencyId(rest[2])))
                return
            if order == "entries":
                print(write_entries(buffer, int(rest[0]), int(rest[1])))
                return
            print("ready", flush=True)
            told: Figures | Beside
            if order == "send":
                told = send(buffer, keys, config)
            else:
                told = beside(buffer, keys, config, float(rest[0]), int(rest[1]))
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        finally:
            buffer.close()


if __name__ == "__main__":
    main()
