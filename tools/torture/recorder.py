"""A file system that passes everything on to a folder and writes down what was done, in the order in which it was done.

    python -m tools.torture.recorder BACKING MOUNT RECORDING

It runs as a process of its own (a process that waits for itself never goes on) and ends when it is told to. BACKING must be empty. Two names
mean something else: what is written to `/said` becomes a word in the recording, and `/orders` takes a `Refusal`: from then on the disk is a bad one.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

import mfusepy
import msgspec

from cloud.storage.blobs import holes
from tools.torture import operations
from tools.torture.operations import Cut, FolderMade, FolderSynced, Made, Moved, Removed, Wrote

SAID: Final = "/said"
ORDERS: Final = "/orders"
_HIDDEN: Final = ".fuse_hidden"
_PUNCH: Final = 0x02
_SPECIAL_FD: Final = 1 << 40  # no descriptor of the kernel's
_ATTRIBUTES: Final = (
    *("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks"),
    *("st_atime_ns", "st_mtime_ns", "st_ctime_ns"),
)


class Refusal(msgspec.Struct, frozen=True):
    """The disk refuses: operations of this kind (`fsync`, `write`) on files whose name ends so, after `spare` more, `times` times.
    `errno` 0 takes every refusal back."""

    kind: str
    ends: str
    errno: int
    spare: int = 0
    times: int = 1 << 30


class Recorder(mfusepy.Operations):  # type: ignore[misc]  # its author gives it no types
    """The operations that SQLite and Kabine use; whatever else is asked for is refused by libfuse."""

    use_ns = True

    def __init__(self, backing: Path, record: BinaryIO) -> None:
        self._backing = str(backing)
        self._record = record
        self._files: dict[str, int] = {}  # name → id
        self._open: dict[int, int] = {}  # descriptor → id
        self._made = 0
        self._refusals: list[Refusal] = []

    def _at(self, path: str) -> str:
        return self._backing + path

    def _note(self, operation: operations.Operation) -> None:
        operations.append(self._record, operation)

    def _may(self, kind: str, path: str) -> None:
        for place, refusal in enumerate(self._refusals):
            if refusal.kind != kind or not path.endswith(refusal.ends):
                continue
            if refusal.spare:
                self._refusals[place] = msgspec.structs.replace(refusal, spare=refusal.spare - 1)
            elif refusal.times:
                self._refusals[place] = msgspec.structs.replace(refusal, times=refusal.times - 1)
                raise OSError(refusal.errno, os.strerror(refusal.errno))

    # --- names -------------------------------------------------------------------------------------------------------
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """Of a file or folder."""
        if path in (SAID, ORDERS):
            return {"st_mode": 0o100600, "st_nlink": 1, "st_size": 0}
        there = os.fstat(fh) if fh is not None and fh < _SPECIAL_FD else os.lstat(self._at(path))
        return {name.removesuffix("_ns"): getattr(there, name) for name in _ATTRIBUTES}

    def readdir(self, path: str, fh: int) -> list[str]:
        """Names in a folder."""
        return [".", "..", *os.listdir(self._at(path))]

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        """A new file, open."""
        self._may("write", path)
        descriptor = os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)
        self._made += 1
        self._files[path] = self._open[descriptor] = self._made
        self._note(Made(self._made, path))
        return descriptor

    def open(self, path: str, flags: int) -> int:
        """A file that is there."""
        if path in (SAID, ORDERS):
            return _SPECIAL_FD
        descriptor = os.open(self._at(path), os.O_RDWR)
        self._open[descriptor] = self._files[path]
        return descriptor

    def release(self, path: str, fh: int) -> int:
        """Closed."""
        if fh < _SPECIAL_FD:
            os.close(fh)
            del self._open[fh]
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        """A new folder."""
        os.mkdir(self._at(path), mode)
        self._note(FolderMade(path))
        return 0

    def rename(self, old: str, new: str) -> int:
        """A file gets another name; folders keep theirs here."""
        if old not in self._files:
            raise OSError(errno.EPERM, "Folders are not renamed here.")
        os.rename(self._at(old), self._at(new))
        self._files[new] = self._files.pop(old)
        # libfuse hides a file that is removed while somebody has it open: for everybody else it is gone.
        self._note(Removed(old) if _HIDDEN in new else Moved(old, new))
        return 0

    def unlink(self, path: str) -> int:
        """A name goes."""
        os.unlink(self._at(path))
        del self._files[path]
        if _HIDDEN not in path:
            self._note(Removed(path))
        return 0

    # --- bytes -------------------------------------------------------------------------------------------------------
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """As it was written."""
        self._may("read", path)
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Bytes, or a word, or an order."""
        if path == SAID:
            self._note(operations.Said(bytes(data)))
            return len(data)
        if path == ORDERS:
            order = msgspec.json.decode(data, type=Refusal)
            self._refusals = [*self._refusals, order] if order.errno else []
            self._record.flush()  # before it ends, it is told that its disk is well
            return len(data)
        self._may("write", path)
        written = os.pwrite(fh, data, offset)
        self._note(Wrote(self._open[fh], offset, bytes(data[:written])))
        return written

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """Another size."""
        if path in (SAID, ORDERS):
            return 0
        self._may("write", path)
        os.truncate(self._at(path), length)
        self._note(Cut(self._files[path] if fh is None else self._open[fh], length))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        """Who may read it is no matter of a power cut."""
        os.chmod(self._at(path), mode)
        return 0

    def fallocate(self, path: str, mode: int, offset: int, size: int, fh: int) -> int:
        """Room in advance, or a hole."""
        self._may("write", path)
        if mode & _PUNCH:
            if not holes.punch(fh, offset, size):
                raise OSError(errno.EOPNOTSUPP, "No holes below.")
            size = min(size, os.fstat(fh).st_size - offset)
            self._note(Wrote(self._open[fh], offset, bytes(max(0, size))))
        else:
            os.posix_fallocate(fh, offset, size)
            self._note(Cut(self._open[fh], os.fstat(fh).st_size))
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """On the disk. The folder below is not asked: what counts is what this recording says of it."""
        self._may("fsync", path)
        if fh < _SPECIAL_FD:
            self._note(operations.Synced(self._open[fh]))
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        """Names are on the disk."""
        self._may("fsync", path)
        self._note(FolderSynced(path))
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        """Of the disk below."""
        there = os.statvfs(self._backing)
        return {name: getattr(there, name) for name in dir(there) if name.startswith("f_") and name != "f_fsid"}


def main() -> None:
    """Until it is told to end."""
    backing, mount, recording = map(Path, sys.argv[1:])
    assert not any(backing.iterdir()), f"{backing} is not empty"
    with recording.open("wb", buffering=1 << 20) as record:
        mfusepy.FUSE(Recorder(backing, record), str(mount), foreground=True, nothreads=True, fsname="kabine-recorder")


if __name__ == "__main__":
    main()
