"""A folder on the recording file system: mounted for a while, spoken to, and afterwards read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from protocol.errors import Unavailable
from tools.farewell import begun
from tools.torture import operations
from tools.torture.operations import Operation
from tools.torture.recorder import ORDERS, SAID, Refusal

_MOUNT_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.01  # between two looks whether it is there
_WELL: Final = Refusal("", "", 0)


class Recording:
    """`folder` is recorded while the block of `recorded` lasts; `operations` is there when it has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.operations: list[Operation] = []

    def say(self, words: bytes) -> None:
        """A word into the recording, in its place among the operations."""
        _write(self.folder / SAID[1:], words)

    def refuse(self, refusal: Refusal) -> None:
        """From now on the disk is a bad one."""
        _write(self.folder / ORDERS[1:], msgspec.json.encode(refusal))


def _write(path: Path, words: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, words)
    finally:
        os.close(descriptor)


def missing() -> str:
    """What this machine lacks for a file system of ours, empty when nothing."""
    if not Path("/dev/fuse").exists():
        return "There is no /dev/fuse here."
    if shutil.which("fusermount3") is None:
        return "fusermount3 is not installed (Debian: fuse3)."
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError) as error:
        return f"mfusepy cannot be loaded: {error}."
    return ""


@contextmanager
def recorded(place: Path) -> Iterator[Recording]:
    """A recorded folder below the empty folder `place`. Raises Unavailable where FUSE is."""
    lacking = missing()
    if lacking:
        raise Unavailable(lacking, "Install fuse3 and the development tools (`make test` does), on a kernel with FUSE.")
    backing, mount, record = place / "backing", place / "recorded", place / "recording"
    backing.mkdir()
    mount.mkdir()
    command = [sys.executable, "-m", "tools.torture.recorder", str(backing), str(mount), str(record)]
    recording = Recording(mount)
    with begun(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            _until_mounted(mount, process)
            yield recording
            failed = not _settled(recording)
        finally:
            # It is not waited for: whoever still holds a file, or made a mount namespace meanwhile, would keep it going.
            _unmount(mount)
            process.kill()
            _, said = process.communicate()
    if failed:
        raise Unavailable(f"The recording file system failed: {said.strip()[-400:]}", "Look at its last words.")
    recording.operations = operations.read(record)


def _settled(recording: Recording) -> bool:
    """Is all that was done written down?"""
    try:
        recording.refuse(_WELL)
    except OSError:
        return False
    return True


def _unmount(mount: Path) -> None:
    # Lazily, where somebody still holds a file.
    subprocess.run(["fusermount3", "-u", "-z", str(mount)], check=False, capture_output=True)


def _until_mounted(mount: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + _MOUNT_SECONDS
    while not os.path.ismount(mount):
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise Unavailable(
                "The recording file system cannot be mounted.", "Is this process allowed to (root, or fuse3)?"
            )
        time.sleep(_LOOK_SECONDS)
