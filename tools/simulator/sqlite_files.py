"""SQLite's own file operations, told to a disk before they are carried out: writes, fsyncs, lengths and names of database and WAL.

SQLite reaches the operating system through a table of functions (sqlite3_vfs, https://www.sqlite.org/vfs.html). Within `told` the functions of the
default table that change anything are ours; the others stay SQLite's own, and so does every byte that they find. ctypes is enough for that: no
seam in the product, no compiler.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from tools.simulator.disk import Disk
from tools.simulator.shadow import Shadow
from tools.simulator.tripwire import Crash

_OK, _FULL, _CANTOPEN = 0, 13, 14
_IOERR_WRITE, _IOERR_FSYNC, _IOERR_TRUNCATE, _IOERR_DELETE = (10 | kind << 8 for kind in (3, 4, 6, 10))
_OPEN_CREATE: Final = 0x4
_OPEN_LOGS: Final = 0x800 | 0x80000  # a rollback journal, a WAL: SQLite fsyncs their folder with their first fsync
_pointer, _int, _long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64

_Open = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _pointer, _int, _pointer)
_Delete = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _int)
_Close = ctypes.CFUNCTYPE(_int, _pointer)
_Write = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _int, _long)
_Truncate = ctypes.CFUNCTYPE(_int, _pointer, _long)
_Sync = ctypes.CFUNCTYPE(_int, _pointer, _int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", _int),
        ("file_bytes", _int),
        ("path_chars_max", _int),
        ("next", _pointer),
        ("name", ctypes.c_char_p),
        ("app", _pointer),
        ("open", _Open),
        ("delete", _Delete),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", _int),
        ("close", _Close),
        ("read", _pointer),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("rest", _pointer * 13),
    )


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


Where = Callable[[str], tuple[Disk, str] | None]


class Handle:
    """An open file of SQLite's."""

    def __init__(self, disk: Disk, name: str, shadow: Shadow, real: _Methods, names_owed: bool) -> None:
        self.disk = disk
        self.name = name
        self.shadow = shadow
        self.real = real  # SQLite's own functions for it
        self.write = real.write
        self.names_owed = names_owed  # its first fsync is one of its folder too


class SqliteFiles:
    """`where` says on which disk a path lies; None: on none that is followed. `handles` are the open ones."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self.handles: dict[int, Handle] = {}
        self._tables: dict[int, tuple[_Methods, Any]] = {}  # SQLite's own tables, by address, and ours in their place
        self._calls = (
            _Close(self._close),
            _Write(self._write),
            _Truncate(self._truncate),
            _Sync(self._sync),
            _Open(self._open),
            _Delete(self._delete),
        )

    @contextmanager
    def told(self) -> Iterator[None]:
        """Within this block nothing that SQLite does goes past unnoticed. The whole process is concerned."""
        # From the interpreter's own module: it finds the library that is linked into it or beside it.
        find = ctypes.CDLL(_sqlite3.__file__).sqlite3_vfs_find
        find.restype = ctypes.POINTER(_Vfs)
        vfs = find(None).contents
        self._real_open, self._real_delete = _copy(vfs, "open", _Open), _copy(vfs, "delete", _Delete)
        vfs.open, vfs.delete = self._calls[4], self._calls[5]
        try:
            yield
        finally:
            vfs.open, vfs.delete = self._real_open, self._real_delete

    def open_on(self, disk: Disk) -> list[str]:
        """Names of files on this disk that are open."""
        return [handle.name for handle in self.handles.values() if handle.disk is disk]

    # --- what SQLite calls ---------------------------------------------------------------------------------------
    def _open(self, vfs: int, path: int | None, file: int, flags: int, out: int) -> int:
        where = self._where(os.fsdecode(ctypes.string_at(path))) if path else None
        shadow, owed = None, False
        if where is not None:
            disk, name = where
            owed = bool(flags & _OPEN_LOGS and flags & _OPEN_CREATE)
            code = _code(lambda: disk.shadow(name, make=bool(flags & _OPEN_CREATE)), _CANTOPEN)
            if code != _OK:
                ctypes.cast(file, ctypes.POINTER(_pointer))[0] = None
                return code
            shadow = disk.names.get(name)
        code = self._real_open(vfs, path, file, flags, out)
        if code == _OK and where is not None and shadow is not None:
            opened = ctypes.cast(file, ctypes.POINTER(_File)).contents
            real, opened.methods = self._tables_for(opened.methods)
            self.handles[file] = Handle(*where, shadow, real, owed)
        return int(code)

    def _tables_for(self, methods: Any) -> tuple[_Methods, Any]:
        """SQLite's table, and the same with our functions in it: there are several, one for each way of locking."""
        address = ctypes.addressof(methods.contents)
        if address not in self._tables:
            table = _Methods.from_buffer_copy(methods.contents)
            table.close, table.write, table.truncate, table.sync = self._calls[:4]
            self._tables[address] = (_Methods.from_buffer_copy(methods.contents), ctypes.pointer(table))
        return self._tables[address]

    def _close(self, file: int) -> int:
        return int(self.handles.pop(file).real.close(file))

    def _write(self, file: int, data: int, length_bytes: int, offset_bytes: int) -> int:
        handle = self.handles[file]
        try:  # as `_code` does; half of all that is asked is this
            handle.disk.write(handle.shadow, offset_bytes, ctypes.string_at(data, length_bytes))
        except Crash:
            return _IOERR_WRITE
        except OSError as error:
            return _refusal(error, _IOERR_WRITE)
        return handle.write(file, data, length_bytes, offset_bytes)  # type: ignore[no-any-return]  # ctypes knows it

    def _truncate(self, file: int, size_bytes: int) -> int:
        handle = self.handles[file]
        code = _code(lambda: handle.disk.cut(handle.shadow, size_bytes), _IOERR_TRUNCATE)
        return code or int(handle.real.truncate(file, size_bytes))

    def _sync(self, file: int, flags: int) -> int:
        handle = self.handles[file]
        code = _code(lambda: handle.disk.sync(handle.name, handle.shadow), _IOERR_FSYNC)
        if code == _OK and handle.names_owed:
            handle.names_owed = False
            code = _code(lambda: handle.disk.sync_names(os.path.dirname(handle.name)), _IOERR_FSYNC)
        return code  # the disk itself lies in memory: there is nothing to wait for

    def _delete(self, vfs: int, path: int, sync_folder: int) -> int:
        where = self._where(os.fsdecode(ctypes.string_at(path)))
        if where is not None:
            disk, name = where
            code = _code(lambda: disk.remove(name), _IOERR_DELETE)
            if code != _OK:
                return code
            if sync_folder:
                code = _code(lambda: disk.sync_names(os.path.dirname(name)), _IOERR_FSYNC)
        return int(self._real_delete(vfs, path, 0))


def _copy(vfs: _Vfs, name: str, kind: Any) -> Any:
    return kind(ctypes.cast(getattr(vfs, name), _pointer).value)


def _code(act: Callable[[], object], refused: int) -> int:
    """What SQLite is told. No exception may leave a function that C has called."""
    try:
        act()
    except Crash:
        return refused
    except OSError as error:
        return _refusal(error, refused)
    return _OK


def _refusal(error: OSError, refused: int) -> int:
    return _FULL if error.errno == errno.ENOSPC else refused
