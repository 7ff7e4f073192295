"""A node's folder: its keys, its configuration and its database; one process at a time works on it.

The file `kabine-node` says what kind of node it is; `lock` is locked while a process works here and names it. What is written is whole and
on stable storage under its final name, or not there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

from protocol.errors import Code, Mistake, Refused, Unavailable

Kind = Literal["edge", "hub", "inbox"]

SECRET_BYTES_MAX: Final = 1024 * 1024
_MARKER: Final = "kabine-node"
_LOCK: Final = "lock"
_BEGUN: Final = ", begun"  # behind the kind, in the marker of a folder that is being made
_UNFINISHED: Final = ".unfinished"
_ENDLESS: Final = {stat.S_IFIFO: "pipe", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}  # reading them may never end


class Occupied(Unavailable):
    """Another process works on the folder."""


class NodeFolder:
    """An open folder. Close it, or use it as a context, to let another process have it; a process that dies lets it go too."""

    def __init__(self, path: Path, kind: Kind, lock: int | None) -> None:
        self.path = path
        self.kind = kind
        self._lock = lock

    @classmethod
    def create(cls, path: Path | str, kind: Kind, whole: bool = False) -> NodeFolder:
        """A new folder (mode 0700) or an empty one, open. With `whole` it is no node before `finished`: until then nobody opens it, and whoever
        creates it anew begins from nothing. Raises Refused when something is in it, Unavailable when it cannot be written."""
        path = Path(path).absolute()
        try:
            make_folder(path, 0o700)
            there = {name for name in os.listdir(path) if not name.endswith(_UNFINISHED)}
        except OSError as error:
            raise _unavailable(error, path) from error
        _only_files(path)
        left = whole and _kind_of(path) == kind + _BEGUN
        if not left and (there - {_MARKER, _LOCK} or (_MARKER in there and _kind_of(path) != kind)):
            what = (
                f"There is a node of kind “{_kind_of(path)}” in {path} already."
                if _MARKER in there
                else f"{path} is not empty."
            )
            raise Refused(Code.BAD_FILE, what, "Name a folder that does not exist yet or is empty.")
        folder = cls(path, kind, _locked(path, kind))
        try:
            path.chmod(0o700)
            if left:
                _emptied(path)
            folder.write_file(_MARKER, f"{kind}{_BEGUN if whole else ''}\n".encode())
        except OSError as error:
            folder.close()
            raise _unavailable(error, path) from error
        except BaseException:
            folder.close()
            raise
        return folder

    @classmethod
    def open(cls, path: Path | str, kind: Kind, exclusive: bool = True, looking: bool = False) -> NodeFolder:
        """A folder that `create` made. With `exclusive=False` only to look at it, also while a process works there. `looking`: nobody works there
        meanwhile, and nothing is made; whoever makes something there must be the folder's owner.

        Raises Refused when it is no node's folder or another kind's, or something in it is no file but a pipe or a device; Occupied while another
        process works on it, Unavailable where it is another user's."""
        path = Path(path).absolute()
        _only_files(path)
        found = _kind_of(path)
        if found != kind:
            what = f"There is no {kind} node in {path}" + (f", but one of kind “{found}”." if found else ".")
            raise Refused(Code.BAD_FILE, what, _MAKE[kind])
        if not exclusive:
            return cls(path, kind, None)
        if not looking:
            owned(path)
        folder = cls(path, kind, _locked(path, kind))
        for unfinished in path.rglob(f".*{_UNFINISHED}"):
            _clear_away(unfinished)
        return folder

    def finished(self) -> None:
        """All that belongs into it is there: from now on it is a node's. Raises Unavailable."""
        self.write_file(_MARKER, f"{self.kind}\n".encode())

    def write_file(self, name: str, content: bytes, mode: int = 0o600) -> None:
        """As the function `write_file`; `name` is relative to the folder, and folders on the way are made (0700)."""
        path = self._inside(name)
        try:
            if not path.parent.is_dir():
                make_folder(path.parent, 0o700)
        except OSError as error:
            raise _unavailable(error, path.parent) from error
        write_file(path, content, mode)

    def read_file(self, name: str) -> bytes:
        """Raises Unavailable when it is not there or cannot be read."""
        try:
            return self._inside(name).read_bytes()
        except OSError as error:
            raise _unavailable(error, self.path / name) from error

    def read_secret(self, name: str) -> bytes:
        """As `read_file`; raises Refused when others than the owner may read it, for then it is no secret any more."""
        path = self._inside(name)
        try:
            found = path.stat()
        except FileNotFoundError as error:  # of a folder that is a node's: nobody has mistyped a path
            raise Unavailable(
                f"{path} is not there.",
                "Take it back from a backup of this folder; where there is none, docs/keys.md says what its loss means.",
            ) from error
        except OSError as error:
            raise _unavailable(error, path) from error
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise Refused(
                Code.BAD_KEY,
                f"Others than its owner may read the secret {path}.",
                f"Run `chmod 600 {path}`; if somebody may have read it, make new keys.",
            )
        if found.st_size > SECRET_BYTES_MAX:
            raise Refused(Code.BAD_KEY, f"{path} is too large for a secret.")
        return self.read_file(name)

    def has(self, name: str) -> bool:
        """Is there such a file?"""
        return self._inside(name).is_file()

    def close(self) -> None:
        """Let another process work here."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> NodeFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _inside(self, name: str) -> Path:
        parts = Path(name).parts
        if not parts or Path(name).is_absolute() or ".." in parts:
            raise Mistake(f"“{name}” is no name inside a node's folder.")
        return self.path / name


_MAKE: Final[dict[Kind, str]] = {
    "edge": "Name the folder of a cabin, or make one with `kabine edge enrol INVITATION --dir DIR`.",
    "hub": "Name the folder of a hub (--hub or KABINE_HUB), or make one with `kabine hub init DIR`.",
    "inbox": "Name the folder of an inbox's keys, or make them with `kabine inbox keygen`.",
}


def write_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `content`: whole and on stable storage when this returns, unchanged when it raises Unavailable. What a writer of `path`
    that was killed has left beside it is cleared away."""
    temporary = None
    try:
        descriptor, temporary = begun(path)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            os.rename(temporary, path)
            temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise _unavailable(error, path) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _is_unfinished(name: str, of: str) -> bool:
    return name.startswith(f".{of}.") and name.endswith(_UNFINISHED)


def begun(path: Path) -> tuple[int, str]:
    """A new file beside `path`, descriptor and name, for its owner alone; locked as long as it is open: its writer lives, so nobody clears it away.
    What a writer of `path` that was killed has left is cleared away. Raises OSError."""
    with os.scandir(path.parent) as beside:
        left = [each.path for each in beside if _is_unfinished(each.name, path.name)]
    for each in left:
        _clear_away(each)
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_UNFINISHED, dir=path.parent)
        with suppress(OSError):  # a file system without locks: there nothing is cleared away either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # cleared away in the moment before it was locked


def _clear_away(unfinished: str | Path) -> None:
    """Remove what a process has begun to write, unless that process still lives."""
    with suppress(OSError):
        descriptor = os.open(unfinished, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(unfinished)
        finally:
            os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Names that were made, renamed or removed in `path` are on stable storage when this returns. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _emptied(path: Path) -> None:
    """Of all but what says whose it is. Raises OSError."""
    for each in path.iterdir():
        if each.name not in (_MARKER, _LOCK):
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()


def make_folder(path: Path, mode: int = 0o777) -> None:
    """`path`, with what is missing above it, where it is not there: on stable storage when this returns. Files that are fsynced in a folder whose own
    name is not on the disk are gone with it when the power fails. Raises OSError."""
    path = path.absolute()
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)
    if not missing:  # whoever made it may have been killed before that
        with suppress(OSError):  # somebody else's folder, which may be shut to us
            sync_folder(path.parent)


def _only_files(folder: Path) -> None:
    """Whoever opens a pipe waits for its other end. Raises Refused where one lies in a file's place; what cannot be looked at is left to whoever
    opens it."""
    with suppress(OSError), os.scandir(folder) as there:
        for each in there:
            if each.is_dir(follow_symlinks=False):
                _only_files(Path(each.path))
            elif not each.is_file():
                with suppress(OSError):  # a link that leads nowhere
                    if kind := _ENDLESS.get(stat.S_IFMT(each.stat().st_mode)):
                        raise Refused(
                            Code.BAD_FILE,
                            f"{each.path} is a {kind}, no file.",
                            "Move it away; if it stands in a file's place, bring that back from a copy.",
                        )


def _kind_of(path: Path) -> str | None:
    try:
        return (path / _MARKER).read_text("utf-8", "replace").strip()[:20]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unavailable(error, path) from error


def owned(path: Path) -> None:
    """What root makes in a folder of others, its owner cannot open: a node would find its disk shut. Raises Unavailable for another user's."""
    owner = path.stat().st_uid
    if owner != os.geteuid():
        name = owner_of(path)
        raise Unavailable(
            f"{path} belongs to {name}, who could not open what is made in it by others.",
            f"Give this command as that user: `runuser -u {name} -- kabine …`.",
        )


def owner_of(path: Path) -> str:
    """The name of the user to whom it belongs; the number where that has no name."""
    number = path.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _locked(path: Path, kind: Kind) -> int:
    try:
        # O_CLOEXEC: a program we start must not keep the folder locked after us.
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unavailable(error, path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        process = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise Occupied(
            f"Another {kind} node (process {process}) works on {path}.",
            "Stop it first, or give this one a folder of its own.",
        ) from error
    except OSError as error:
        os.close(descriptor)
        raise _unavailable(error, path) from error
    return descriptor


def _unavailable(error: OSError, path: Path) -> Unavailable:
    """The same in words, with what to do about it."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Unavailable(f"The disk is full: {path} cannot be written.", "Free some space on it.")
        case errno.EROFS:
            return Unavailable(
                f"The disk is read-only: {path} cannot be written.", "Look at `dmesg`; the disk may fail."
            )
        case errno.EACCES | errno.EPERM:
            return Unavailable(
                f"{path} cannot be read or written by this user.",
                "Give this command as the user who owns it, or give it to the node's user (`chown -R`).",
            )
        case errno.ENOENT:
            return Unavailable(f"{path} is not there.", "Check the path.")
        case errno.ENOTDIR | errno.EEXIST:
            return Unavailable(f"{path} cannot be made: a file of this name is in the way.", "Name another folder.")
    return Unavailable(f"{path} cannot be used: {error.strerror or error}.", "Check the path and the disk.")
