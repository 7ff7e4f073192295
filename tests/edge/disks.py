"""Disks in trouble, for tests: a small one that somebody can fill, a full one, one that takes no more of a file, one whose files nobody can open."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edge.storage import disk


@contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Path]:
    """A disk of this size, mounted below `folder`."""
    mount = folder / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(mount)]
    mounting = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounting.returncode:
        pytest.fail(f"Only root may mount the small disk of this test. {mounting.stderr.strip()}", pytrace=False)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


@contextmanager
def full(folder: Path, spare_bytes: int = 0) -> Iterator[None]:
    """Somebody else's file takes all but so much."""
    free_bytes = disk.free_bytes(folder)
    filler = folder / f"filler-{free_bytes}"
    try:
        filler.write_bytes(bytes(max(0, free_bytes - spare_bytes)))
        yield
    finally:
        filler.unlink()


@contextmanager
def no_file_may_grow_beyond(size_bytes: int) -> Iterator[None]:
    """The kernel refuses to write behind this place of any file, as a failing disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def nothing_can_be_opened() -> Iterator[None]:
    """This process has all the descriptors that it may have."""
    gc.collect()  # what tests before have left to it would be closed when it happens to run
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, hard))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in held:
            os.close(each)
