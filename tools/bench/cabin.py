"""One cabin for the benchmark, in a process of its own: its real buffer and uplink, nothing else.

python -m tools.bench.cabin FOLDER documents COUNT BYTES AGENCY   put documents into the buffer, sealed and ready; prints the bytes of all
python -m tools.bench.cabin FOLDER entries COUNT BYTES            write entries into its journal; prints the bytes of all
python -m tools.bench.cabin FOLDER send                           wait for a line on stdin, then sync; figures as JSON
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from edge.app import open_buffer, software
from edge.buffer import Buffer, Facts, News
from edge.config import FILE, EdgeConfig
from edge.enrol import BOOT_BYTES
from edge.keys import CabinKeys
from edge.uplink import Uplink
from protocol import directory as directories
from protocol import entries, frames
from protocol.entries import VisitEnded
from protocol.envelope import Sealer, parse_recipient, seal_bytes
from protocol.errors import Mistake, Trouble
from protocol.ids import AgencyId, EnvelopeId, SiteId
from protocol.inner import Summary, summary_bytes
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL
from tools.bench import slow_disk

_SEAL_BYTES: Final = (
    18  # marker is counted already; tag of the seal, and two bytes more that say how long the filling is
)
_AT_ONCE: Final = 1000


class Figures(msgspec.Struct, frozen=True):
    """`seconds`: from dialling to the last signed receipt stored here and the last entry acknowledged; `cpu_seconds`, `fsyncs` of this process
    meanwhile."""

    seconds: float
    cpu_seconds: float
    fsyncs: int | None


def fill(buffer: Buffer, count: int, size_bytes: int, agency: AgencyId) -> int:
    """Put `count` sealed documents of incompressible bytes into the outbox; the bytes of all envelopes."""
    directory = buffer.directory_in_force()
    if directory is None:
        raise Mistake("The benchmark's cabin has no directory.")
    inbox = directories.inbox(directories.agency(directory, agency))
    recipient = parse_recipient(inbox.recipient)
    now = REAL.utc()
    summary = seal_bytes(
        summary_bytes(
            Summary(
                title="Benchmark",
                kind="letter",
                service="",
                pages=1,
                language="de",
                remark="",
                captured_at=now,
                bytes=size_bytes,
            )
        ),
        [recipient],
        REAL.random,
    )
    total_bytes = 0
    for _ in range(count):
        sealer = Sealer([recipient], REAL.random)
        header = sealer.header()
        payload = sealer.update(os.urandom(size_bytes)) + sealer.finish()
        staging = buffer.stage()
        staging.write(header + payload)
        put = staging.put(
            Facts(
                envelope=EnvelopeId(os.urandom(16)),
                receipt=buffer.issue_number(),
                agency=agency,
                epoch=inbox.epoch,
                captured_at=now,
                length_bytes=len(payload),
                header_sha256=hashlib.sha256(header).digest(),
                payload_sha256=hashlib.sha256(payload).digest(),
                summary=summary,
            )
        )
        total_bytes += put.size_bytes
    return total_bytes


def write_entries(buffer: Buffer, count: int, size_bytes: int) -> int:
    """`count` entries whose payloads have `size_bytes` each, chained and sealed as all are; the bytes of all payloads."""
    now = REAL.utc()
    filling = size_bytes - len(entries.clear(VisitEnded(b"", now, now, "left", 0, "de"))) - _SEAL_BYTES
    event = VisitEnded(os.urandom(filling), now, now, "left", 0, "de")

    def write(events: int) -> None:
        for _ in range(events):
            buffer._journal.append(event)

    for start in range(0, count, _AT_ONCE):  # one by one, each durable, would take minutes
        buffer._durably(partial(write, min(_AT_ONCE, count - start)))
    return count * size_bytes


def send(buffer: Buffer, keys: CabinKeys, config: EdgeConfig) -> Figures:
    """Sync until nothing waits any more."""
    left = buffer.waiting().documents
    last = buffer.log.last().number
    told = buffer.log.acknowledged()
    empty = threading.Event()
    acknowledge = buffer.log.acknowledge

    def done() -> None:
        if left == 0 and told >= last:
            empty.set()

    def acknowledged(number: int) -> None:
        nonlocal told
        acknowledge(number)
        told = number
        done()

    def brought(news: News) -> None:
        nonlocal left
        left -= len(news.secured)
        done()

    def failed(trouble: Trouble) -> None:
        raise trouble

    uplink = Uplink(
        buffer,
        site=SiteId(config.cabin.site),
        address=config.hub.address,
        hub_key=config.hub_key,
        own=keys.curve,
        boot=REAL.random(BOOT_BYTES),
        software=software(),
        clock=REAL.clock,
        utc=REAL.utc,
        chance=lambda: 0.0,
        vitals=frames.Vitals,
        on_news=brought,
        on_trouble=failed,
    )
    buffer.log.acknowledge = acknowledged  # type: ignore[method-assign]  # nobody is told of an acknowledgement that brings no news
    sys.stdin.readline()
    began, cpu, fsyncs = time.perf_counter(), time.process_time(), slow_disk.fsyncs(os.getpid())
    uplink.start()
    empty.wait()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    figures = Figures(seconds, cpu, None if fsyncs is None else (slow_disk.fsyncs(os.getpid()) or 0) - fsyncs)
    uplink.stop()
    return figures


def main() -> None:
    """See above."""
    path, order, *rest = sys.argv[1:]
    with NodeFolder.open(Path(path), "edge") as folder:
        config = read_config(folder.path / FILE, EdgeConfig)
        buffer, keys = open_buffer(folder, config, REAL)
        try:
            if order == "documents":
                print(fill(buffer, int(rest[0]), int(rest[1]), AgencyId(rest[2])))
            elif order == "entries":
                print(write_entries(buffer, int(rest[0]), int(rest[1])))
            else:
                print("ready", flush=True)
                sys.stdout.write(msgspec.json.encode(send(buffer, keys, config)).decode() + "\n")
        finally:
            buffer.close()


if __name__ == "__main__":
    main()
