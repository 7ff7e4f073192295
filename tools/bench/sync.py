"""W1: 400 sealed documents of 300 KB from a cabin's buffer to durable at the hub, beside what a user would pick instead, in one run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from protocol.errors import Unavailable
from tools.bench import references
from tools.bench.cabin import Figures
from tools.rig import Rig, rig
from tools.town import HOUSING_OFFICE


class Run(msgspec.Struct, frozen=True):
    """Seconds of each; CPU seconds of both ends; bytes on the loopback device (with TCP/IP headers) and of the envelopes."""

    kabine_s: float
    fsync_s: float
    rsync_s: float | None
    cabin_cpu_s: float
    hub_cpu_s: float
    wire_bytes: int
    payload_bytes: int


class Cpu(msgspec.Struct, frozen=True):
    """CPU seconds."""

    cabin: float
    hub: float


class W1(msgspec.Struct, frozen=True):
    """Medians over the runs; ratios are medians of the ratios within each run (above 1: Kabine is faster)."""

    documents: int
    document_bytes: int
    runs: int
    kabine_s: float
    mb_per_s: float
    cpu_s: Cpu
    wire_ratio: float
    reference_s: float
    peers_s: dict[str, float]
    faster_than: dict[str, float]


def measure(
    documents: int, document_bytes: int, runs: int, *, with_rsync: bool = True, folder: Path | None = None
) -> W1:
    """Run in `folder` (a disk, not memory: the point is durability). Raises Unavailable."""
    done = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="kabine-bench-", dir=folder, ignore_cleanup_errors=True) as scratch:
            done.append(_run(Path(scratch), documents, document_bytes, with_rsync))
    payload = statistics.median(run.payload_bytes for run in done)
    seconds = statistics.median(run.kabine_s for run in done)
    faster = {"fsync": statistics.median(run.fsync_s / run.kabine_s for run in done)}
    peers: dict[str, float] = {}
    if with_rsync:
        peers["rsync"] = statistics.median(run.rsync_s or 0.0 for run in done)
        faster["rsync"] = statistics.median((run.rsync_s or 0.0) / run.kabine_s for run in done)
    return W1(
        documents=documents,
        document_bytes=document_bytes,
        runs=runs,
        kabine_s=seconds,
        mb_per_s=payload / seconds / 1e6,
        cpu_s=Cpu(statistics.median(run.cabin_cpu_s for run in done), statistics.median(run.hub_cpu_s for run in done)),
        wire_ratio=statistics.median(run.wire_bytes / run.payload_bytes for run in done),
        reference_s=statistics.median(run.fsync_s for run in done),
        peers_s=peers,
        faster_than=faster,
    )


def _run(scratch: Path, documents: int, document_bytes: int, with_rsync: bool) -> Run:
    with rig(scratch / "house", [HOUSING_OFFICE]) as house:
        site = house.town.sites[0]
        # The cabin dials the hub itself: the relay of the demo would be what is measured.
        house.enrol([site], direct=True)
        payload_bytes = int(_cabin(house, site.id, "fill", str(documents), str(document_bytes), HOUSING_OFFICE))
        figures, hub_cpu_s, wire_bytes = _sync(house, site.id)
    files = scratch / "files"
    files.mkdir()
    for number in range(documents):
        (files / f"{number:05}.age").write_bytes(os.urandom(payload_bytes // documents))
    fsync_s = references.write_and_fsync(sorted(files.iterdir()), scratch / "copies")
    rsync_s = references.rsync_daemon(files, scratch / "mirror", scratch) if with_rsync else None
    return Run(figures.seconds, fsync_s, rsync_s, figures.cpu_seconds, hub_cpu_s, wire_bytes, payload_bytes)


def _sync(house: Rig, site: str) -> tuple[Figures, float, int]:
    hub = house.processes["hub"].pid
    command = [sys.executable, "-m", "tools.bench.cabin", str(house.cabin(site)), "send"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cabin:
        if cabin.stdin is None or cabin.stdout is None or cabin.stdout.readline() != b"ready\n":
            raise Unavailable("The benchmark's cabin did not start.", f"Look into {house.folder / 'logs'}.")
        cpu, wire = _cpu_seconds(hub), _loopback_bytes()
        cabin.stdin.write(b"\n")
        cabin.stdin.flush()
        figures = msgspec.json.decode(cabin.stdout.readline(), type=Figures)
        return figures, _cpu_seconds(hub) - cpu, _loopback_bytes() - wire


def _cabin(house: Rig, site: str, *order: str) -> str:
    command = [sys.executable, "-m", "tools.bench.cabin", str(house.cabin(site)), *order]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _cpu_seconds(process: int) -> float:
    """CPU seconds of a process so far, all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _loopback_bytes() -> int:
    """Bytes that went over the loopback device so far; every byte is counted once."""
    for row in Path("/proc/net/dev").read_text().splitlines():
        name, _, counters = row.partition(":")
        if name.strip() == "lo":
            return int(counters.split()[0])
    raise Unavailable("There is no loopback device.", "Run the benchmark on an ordinary Linux machine.")
