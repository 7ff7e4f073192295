"""One cabin for the benchmark, in a process of its own: its real buffer and uplink, nothing else.

python -m tools.bench.cabin FOLDER documents COUNT BYTES AGENCY   put documents into the buffer, sealed and ready; prints the bytes of all
python -m tools.bench.cabin FOLDER entries COUNT BYTES            write entries into its journal; prints the bytes of all
python -m tools.bench.cabin FOLDER send                           wait for a line on stdin, then sync; figures as JSON
python -m tools.bench.cabin FOLDER beside RATE BYTES              the same, and write an entry or say a whisper RATE times a second, in turn;
                                                                  their delays as JSON
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from edge.app import open_buffer, software
from edge.buffer import Buffer, News
from edge.config import FILE, EdgeConfig
from edge.enrol import BOOT_BYTES
from edge.keys import CabinKeys
from edge.uplink import Uplink
from protocol import codec, frames, limits
from protocol.errors import Trouble
from protocol.ids import AgencyId, SiteId
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL
from tools.bench import slow_disk
from tools.bench.filling import an_event, fill, write_entries

_CLOCK_BYTES: Final = len(codec.encode(0.0))


class Figures(msgspec.Struct, frozen=True):
    """`seconds`: from dialling to the last signed receipt stored here and the last entry acknowledged; `cpu_seconds`, `fsyncs` of this process
    meanwhile."""

    seconds: float
    cpu_seconds: float
    fsyncs: int | None


class Beside(msgspec.Struct, frozen=True):
    """`seconds` until the documents were secured; delays of what was said meanwhile, in seconds, in the order in which it was said: of entries until
    they were acknowledged, of whispers until the hub had heard them (`up`), and of its echoes until they were here (`down`)."""

    seconds: float
    cpu_seconds: float
    entries: tuple[float, ...]
    up: tuple[float, ...]
    down: tuple[float, ...]
    whispers: int


class Syncing:
    """The cabin's uplink, watched: `secured` is set when every document has its receipt here and the entries of before are acknowledged."""

    def __init__(
        self,
        buffer: Buffer,
        keys: CabinKeys,
        config: EdgeConfig,
        heard: Callable[[int], None] = lambda number: None,
        on_whisper: Callable[[frames.Whisper], None] = lambda whisper: None,
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
            on_whisper=on_whisper,
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
    """Sync, and meanwhile write entries as a visitor's doings would, and say whispers as a call would."""
    heard: list[tuple[int, float]] = []
    echoes = Echoes()
    syncing = Syncing(
        buffer, keys, config, lambda number: heard.append((number, time.perf_counter())), on_whisper=echoes.hear
    )
    event = an_event(entry_bytes)
    written: list[tuple[int, float]] = []
    said = whispers = 0
    sys.stdin.readline()
    began, cpu = time.perf_counter(), time.process_time()
    syncing.uplink.start()
    while not syncing.secured.wait(max(0.0, began + said / per_second - time.perf_counter())):
        said += 1
        if said % 2:
            at = time.perf_counter()
            written.append((buffer.append(event), at))
            syncing.uplink.wake()
        elif syncing.uplink.status().connected:  # what is said to nobody is not heard late
            whispers += 1
            syncing.uplink.whisper(echoes.whisper(entry_bytes))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    syncing.uplink.stop()
    return Beside(seconds, cpu, delays(written, heard), tuple(echoes.up), tuple(echoes.down), whispers)


class Echoes:
    """Whispers that the hub says back, and how long they took. Both ends read the clock of this machine."""

    def __init__(self) -> None:
        self.up: list[float] = []
        self.down: list[float] = []

    def whisper(self, size_bytes: int) -> frames.Whisper:
        """With a payload of `size_bytes`, which begins with the time."""
        said_at = codec.encode(time.time())
        return frames.Whisper("bench", frames.ECHO, said_at + os.urandom(size_bytes - len(said_at)))

    def hear(self, whisper: frames.Whisper) -> None:
        """In the uplink's thread."""
        if whisper.kind != frames.ECHOED:
            return
        echoed = codec.decode(frames.Echoed, whisper.payload, limits.WHISPER_BYTES_MAX)
        said_at = codec.decode(float, echoed.payload[:_CLOCK_BYTES], _CLOCK_BYTES)
        self.up.append(echoed.heard_at.timestamp() - said_at)
        self.down.append(time.time() - echoed.heard_at.timestamp())


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
