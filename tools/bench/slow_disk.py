"""A disk whose fsync costs some milliseconds, as real ones do: it decides who batches well. slow_disk.c does it, compiled when needed."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from protocol.errors import Unavailable
from tools.farewell import seen_off

COUNTS: Final = "KABINE_BENCH_FSYNCS"  # in the environment: the file in which fsyncs are counted
_SOURCE: Final = Path(__file__).with_name("slow_disk.c")


def under(fsync_ms: float, arguments: Sequence[str] = ()) -> None:
    """Start this process anew, with all that it will start, on a disk whose fsync costs `fsync_ms` more. Returns when it is so already.
    Raises Unavailable where there is no compiler or the kernel does not let us."""
    if COUNTS in os.environ:
        return
    scratch = Path(tempfile.mkdtemp(prefix="kabine-slow-disk-"))
    try:
        counts = scratch / "counts"
        command = [str(compiled(scratch)), str(fsync_ms), str(counts), sys.executable, "-m", "tools"]
        done = seen_off([*command, *(arguments or sys.argv[1:])], env={**os.environ, COUNTS: str(counts)})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(done.returncode)


def compiled(folder: Path) -> Path:
    """The program, compiled into `folder`. Raises Unavailable."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Unavailable("A slow disk needs a C compiler.", "apt-get install gcc libc6-dev, or leave out --fsync-ms.")
    program = folder / "slow_disk"
    done = subprocess.run(
        [compiler, "-O2", "-o", str(program), str(_SOURCE)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(f"slow_disk.c does not compile: {done.stderr.strip()[-300:]}", "Leave out --fsync-ms.")
    return program


def fsyncs(process: int | None = None) -> int | None:
    """How many fsyncs this process has asked for so far, or all together; None when nobody counts."""
    counts = os.environ.get(COUNTS)
    if counts is None:
        return None
    pairs = struct.iter_unpack("=II", Path(counts).read_bytes())
    return sum(int(count) for number, count in pairs if process in (None, number))
