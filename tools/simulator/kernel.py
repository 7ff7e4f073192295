"""All that the nodes ask of the operating system about files, told to their disks first: what Python's code calls, and what SQLite does itself.

Within `watched` the functions of `os` that change files are ours, for the whole process: one simulation at a time. What lies on no node's disk
is none of our business. Whoever changes a file there in a way that no disk would be told of is stopped: its crashes would be too kind.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from cloud.storage.blobs import files
from protocol.errors import Mistake
from tools.simulator.disk import Disk
from tools.simulator.shadow import Shadow
from tools.simulator.sqlite_files import SqliteFiles

_BLOCK_BYTES: Final = 4096
# What nobody who is simulated does to files, and no disk is told of; and by which of its arguments it says where.
_UNFOLLOWED: Final = {
    "write": 0,
    "writev": 0,
    "pwritev": 0,
    "sendfile": 0,
    "copy_file_range": 1,
    "replace": 1,
    "symlink": 1,
    "rmdir": 0,
}


class Opened(NamedTuple):
    """What a descriptor stands for; a folder has no `shadow`."""

    disk: Disk
    name: str
    shadow: Shadow | None


class Kernel:
    """Knows all disks of one simulation."""

    def __init__(self) -> None:
        self._disks: dict[str, Disk] = {}
        self._opened: dict[int, Opened] = {}
        self.sqlite = SqliteFiles(self.where)
        self._real: dict[str, Callable[..., Any]] = {}

    def mount(self, disk: Disk) -> Disk:
        """From now on this disk is told everything about its folder."""
        self._disks[str(disk.folder)] = disk
        return disk

    def where(self, path: object) -> tuple[Disk, str] | None:
        """The disk and the name on it."""
        text = os.fspath(path)  # type: ignore[call-overload]
        for folder, disk in self._disks.items():
            if disk.followed and text.startswith(folder) and text[len(folder) : len(folder) + 1] in ("", "/"):
                return disk, text[len(folder) + 1 :]
        return None

    def hang_up(self, disk: Disk) -> None:
        """A process has ended: whatever it has open on this disk is closed, as nobody in it does where it dies while it opens its files."""
        for descriptor in [descriptor for descriptor, one in self._opened.items() if one.disk is disk]:
            self._close(descriptor)

    def left_open(self, disk: Disk) -> list[str]:
        """Names of files on this disk that somebody has open."""
        return self.sqlite.open_on(disk) + [one.name for one in self._opened.values() if one.disk is disk]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within this block no file changes unnoticed."""
        ours: dict[str, Callable[..., Any]] = {
            "open": self._open,
            "close": self._close,
            "pwrite": self._pwrite,
            "fsync": self._fsync,
            "fdatasync": self._fsync,
            "truncate": self._truncate,
            "ftruncate": self._ftruncate,
            "posix_fallocate": self._reserve,
            "unlink": self._unlink,
            "remove": self._unlink,
            "rename": self._rename,
            "link": self._link,
            "mkdir": self._mkdir,
            "statvfs": self._statvfs,
            **{name: self._unfollowed(getattr(os, name), at) for name, at in _UNFOLLOWED.items()},
        }
        self._real = {name: getattr(os, name) for name in ours}
        opens = io.open
        names = vars(files)
        punch = names["punch"]

        def punched(descriptor: int, position_bytes: int, length_bytes: int) -> bool:
            opened = self._opened.get(descriptor)
            if opened is not None and opened.shadow is not None:
                end_bytes = min(position_bytes + length_bytes, opened.shadow.size_bytes)  # no file grows by a hole
                try:
                    opened.disk.write(opened.shadow, position_bytes, bytes(max(0, end_bytes - position_bytes)))
                except OSError:
                    return False
            return bool(punch(descriptor, position_bytes, length_bytes))

        for name, function in ours.items():
            setattr(os, name, function)
        names["punch"] = punched
        io.open = builtins.open = self._looks_only(opens)
        try:
            with self.sqlite.told():
                yield
        finally:
            names["punch"] = punch
            io.open = builtins.open = opens
            for name, function in self._real.items():
                setattr(os, name, function)

    # --- in the place of the functions of `os` -------------------------------------------------------------------
    def _open(self, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        where = self.where(path) if isinstance(path, str | os.PathLike) else None
        if where is None:
            return int(self._real["open"](path, flags, *rest, **more))
        disk, name = where
        shadow = None
        if not flags & os.O_DIRECTORY:
            shadow = disk.shadow(name, make=bool(flags & os.O_CREAT))
            if shadow is not None and flags & os.O_TRUNC and shadow.size_bytes:
                disk.cut(shadow, 0)
        descriptor = int(self._real["open"](path, flags, *rest, **more))
        self._opened[descriptor] = Opened(disk, name, shadow)
        return descriptor

    def _close(self, descriptor: int) -> None:
        self._opened.pop(descriptor, None)
        self._real["close"](descriptor)

    def _pwrite(self, descriptor: int, data: Any, offset_bytes: int) -> int:
        opened = self._opened.get(descriptor)
        if opened is not None and opened.shadow is not None:
            opened.disk.write(opened.shadow, offset_bytes, bytes(data))
        return int(self._real["pwrite"](descriptor, data, offset_bytes))

    def _fsync(self, descriptor: int) -> None:
        opened = self._opened.get(descriptor)
        if opened is None:
            return
        if opened.shadow is None:
            opened.disk.sync_names(opened.name)
        else:
            opened.disk.sync(opened.name, opened.shadow)

    def _truncate(self, path: Any, length_bytes: int) -> None:
        where = self.where(path) if not isinstance(path, int) else None
        if where is not None:
            shadow = where[0].shadow(where[1], make=False)
            if shadow is not None:
                where[0].cut(shadow, length_bytes)
        self._real["truncate"](path, length_bytes)

    def _ftruncate(self, descriptor: int, length_bytes: int) -> None:
        opened = self._opened.get(descriptor)
        if opened is not None and opened.shadow is not None:
            opened.disk.cut(opened.shadow, length_bytes)
        self._real["ftruncate"](descriptor, length_bytes)

    def _reserve(self, descriptor: int, offset_bytes: int, length_bytes: int) -> None:
        opened = self._opened.get(descriptor)
        if opened is None or opened.shadow is None:
            self._real["posix_fallocate"](descriptor, offset_bytes, length_bytes)
        else:  # only reckoned: the ballast of every cabin would hold 32 MiB of this machine's memory
            opened.disk.reserve(opened.shadow, offset_bytes + length_bytes)

    def _unlink(self, path: Any, **more: Any) -> None:
        where = self.where(path) if not more else None
        if where is not None:
            where[0].remove(where[1])
        self._real["unlink"](path, **more)

    def _rename(self, old: Any, new: Any, **more: Any) -> None:
        there, here = self.where(old), self.where(new)
        if there is not None and here is not None and there[0] is here[0]:
            there[0].move(there[1], here[1])
        self._real["rename"](old, new, **more)

    def _link(self, old: Any, new: Any, **more: Any) -> None:
        there, here = self.where(old), self.where(new)
        if there is not None and here is not None and there[0] is here[0]:
            there[0].link(there[1], here[1])
        self._real["link"](old, new, **more)

    def _mkdir(self, path: Any, *rest: Any, **more: Any) -> None:
        where = self.where(path) if not more else None
        self._real["mkdir"](path, *rest, **more)
        if where is not None:
            where[0].make_folder(where[1])

    def _statvfs(self, path: Any) -> Any:
        where = self.where(path) if not isinstance(path, int) else None
        if where is None:
            return self._real["statvfs"](path)
        blocks = where[0].free_bytes // _BLOCK_BYTES
        return os.statvfs_result((_BLOCK_BYTES, _BLOCK_BYTES, 1 << 40, blocks, blocks, 0, 0, 0, 0, 255))

    # --- what would go past a disk --------------------------------------------------------------------------------
    def _unfollowed(self, real: Callable[..., Any], at: int) -> Callable[..., Any]:
        """The same, where no node's disk is concerned."""

        def refused(*args: Any, **more: Any) -> Any:
            self._expect_elsewhere(args[at], real.__name__)
            return real(*args, **more)

        return refused

    def _looks_only(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """`open`, which on a node's disk only reads."""

        def opened(file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
            if mode.strip("bt") != "r":
                self._expect_elsewhere(file, f"open({mode})")
            return real(file, mode, *rest, **more)

        return opened

    def _expect_elsewhere(self, place: Any, what: str) -> None:
        followed = place in self._opened if isinstance(place, int) else self.where(place) is not None
        if followed:
            raise Mistake(f"{what} of {place} goes past its disk.")
