"""A node's folder on a disk that outlives its process, and what is left of it after a crash.

A killed process leaves everything that it has written; a power cut only what was fsynced. SQLite's own files are believed to be as the last commit
left them (synchronous FULL); of all others the sizes at the last fsync are known. Issue: a recording file system takes the place of `Fsyncs` and
then knows it of all files, torn and reordered writes too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SQLITE: Final = (".sqlite", "-wal")
_SMALL_BYTES: Final = 64 * 1024  # so small a file is remembered as a whole
_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a disk whose fsync costs nothing: we ask what is fsynced, not how long it takes


class Fsyncs:
    """What the code in Python has fsynced: size of every file, and the bytes of small ones."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, bytes | None]] = {}

    def note(self, descriptor: int) -> None:
        """This open file is on the disk as it is now."""
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        size_bytes = os.fstat(descriptor).st_size
        small = Path(path).is_file() and size_bytes <= _SMALL_BYTES and not path.endswith(".segment")
        self._known[path] = (size_bytes, os.pread(descriptor, size_bytes, 0) if small else None)

    def leave(self, original: Path, copy: Path) -> None:
        """Take back from `copy` what of `original` was never fsynced."""
        size_bytes, whole = self._known.get(str(original), (0, None))
        if whole is not None:
            copy.write_bytes(whole)
        elif copy.stat().st_size > size_bytes:
            os.truncate(copy, size_bytes)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Within this block nothing is fsynced unnoticed. The whole process is concerned: one simulation at a time."""
        real = os.fsync, os.fdatasync

        def fsync(descriptor: int) -> None:
            real[0](descriptor)
            self.note(descriptor)

        def fdatasync(descriptor: int) -> None:
            real[1](descriptor)
            self.note(descriptor)

        os.fsync, os.fdatasync = fsync, fdatasync  # type: ignore[assignment]
        try:
            yield
        finally:
            os.fsync, os.fdatasync = real


class Disk:
    """`folder` is where the node works now; after a crash it is another one, with what was left."""

    def __init__(self, place: Path, fsyncs: Fsyncs) -> None:
        self._place = place
        self._fsyncs = fsyncs
        self._crashes = 0
        self.folder = place / "0"
        self.folder.mkdir(parents=True)

    def crash(self, *, power: bool) -> None:
        """The process is gone; with `power`, so is what it had not fsynced. What it still does in the old folder counts for nothing."""
        self._crashes += 1
        old, new = self.folder, self._place / str(self._crashes)
        for path in sorted(old.rglob("*")):
            copy = new / path.relative_to(old)
            if path.is_dir() or path.name.endswith("-shm"):
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            if power and not path.name.endswith(_SQLITE):
                self._fsyncs.leave(path, copy)
        for path in sorted(new.rglob("*")):
            if path.is_file() and path.name.endswith(".segment"):
                with path.open("rb") as there:
                    self._fsyncs.note(there.fileno())
        self.folder = new

    def tidy(self) -> None:
        """Remove the folders of earlier lives, once nobody has them open."""
        for folder in self._place.iterdir():
            if folder != self.folder:
                shutil.rmtree(folder)


@contextmanager
def room() -> Iterator[Path]:
    """A folder for one simulation, in memory where there is room."""
    memory = _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kabine-simulation-", dir=memory) as folder:
        yield Path(folder)
