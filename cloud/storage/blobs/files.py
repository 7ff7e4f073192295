"""The segment files of one folder: append to the newest, read anywhere, fdatasync what was touched.

After one failed write or fsync every further one is refused: what the file holds is unknown until it is opened again.

Beside them `recorded` tells how far the database has spoken of them. It is written after the transaction and never fsynced, so it is never ahead of
the database that goes with the files; one that it is ahead of is an older copy.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from cloud.storage.blobs.holes import begin_to_write, punch
from protocol.errors import Mistake, Unavailable

_OPEN_MAX: Final = 64  # descriptors kept for reading; a year of documents has thousands of segments
_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE)
_SUFFIX: Final = ".segment"
_ASIDE: Final = ".aside"
_MARK_FILE: Final = "recorded"
_BEGIN_BYTES: Final = 1024 * 1024  # written between two hints to the disk to begin


class End(NamedTuple):
    """Up to here bytes were ever appended; only grows."""

    segment: int
    end_bytes: int


class NoDescriptor(Unavailable):
    """This process can open nothing more for the moment: that says nothing about the disk."""


class SegmentFiles:
    """Numbered files `000001.segment` … in `folder`, which is made when it is missing. Raises Unavailable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reading: OrderedDict[int, int] = OrderedDict()
        self._lock = threading.Lock()  # a descriptor must not be closed under a reading thread
        self._touched: dict[int, int] = {}  # segment → descriptor, to be fdatasynced
        self._folder_touched = False
        self._broken = ""
        self._writing = -1
        self._marking = -1
        self.newest = 0
        self.end_bytes = 0
        self._begun_bytes = 0  # of the newest: so far the disk was told to begin
        self.aside: list[Path] = []  # files with bytes that the database does not know, because it is an older copy
        self._untouched = 0  # up to this segment a newer database may know of what this one lets go
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._trouble("made", error) from error

    def recover(self, ends: Mapping[int, int], recorded: End) -> list[Path]:
        """Cut off what lies behind `ends` (segment → bytes that rows speak of), remove files without any, go on at `recorded`.

        Where the database is older than the files, what it does not know may have been promised to somebody: it is kept `aside`, under names that
        no later opening touches, and a new segment is begun. While such files are there nothing in them and before them is given back: of what this
        database lets go a newer one may know more. Returns the files that are missing or too short."""
        try:
            for number in ends:
                if not self._path(number).exists() and self._aside(number).exists():
                    self._aside(number).rename(self._path(number))  # the database that knows it is back
            marked = self._marked()
            older = marked > recorded
            self._untouched = self._last_aside()
            for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
                number, size_bytes = int(path.name.removesuffix(_SUFFIX)), path.stat().st_size
                end_bytes = max(ends.get(number, 0), recorded.end_bytes if number == recorded.segment else 0)
                if older and size_bytes > end_bytes:
                    self._set_aside(number, known=number in ends)
                elif number not in ends and number != recorded.segment:
                    self._drop(number)
                elif self._aside(number).exists():
                    if size_bytes <= end_bytes and self._aside(number).samefile(path):
                        self._aside(number).unlink()  # the database that knows all of it is back
                elif size_bytes > end_bytes:
                    os.truncate(path, end_bytes)
            damaged = [self._path(number) for number, end in ends.items() if self.size_bytes(number) < end]
            self._untouched = self._last_aside()
            if older:
                self.aside = sorted(self._folder.glob(f"*{_ASIDE}"))
                recorded = End(self._last(marked, recorded) + 1, 0)
        except (OSError, ValueError) as error:
            raise self._trouble("opened", error) from error
        self.newest, self.end_bytes = recorded
        self._begun_bytes = self.end_bytes
        self._open_newest()
        return damaged

    @property
    def marked(self) -> bool:
        """Has this process done that? What an earlier one has written a crash may have taken away."""
        return self._marking >= 0

    def mark(self) -> None:
        """The database speaks of all that was appended, durably."""
        self._check()
        try:
            if self._marking < 0:
                self._marking = os.open(self._folder / _MARK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
            os.pwrite(self._marking, _spell(self.end), 0)
        except OSError as error:
            raise self._broke("written", error) from error

    @property
    def end(self) -> End:
        """Of what was appended."""
        return End(self.newest, self.end_bytes)

    def begin(self, number: int) -> None:
        """Append to a new segment from now on."""
        self._check()
        if self._writing >= 0 and self.newest not in self._touched:
            os.close(self._writing)
        self.newest, self.end_bytes = number, 0
        self._begun_bytes = 0
        self._open_newest()

    def append(self, chunk: bytes | memoryview) -> int:
        """Write at the end; the position where it begins."""
        self._check()
        position, rest = self.end_bytes, memoryview(chunk)
        self._touched[self.newest] = self._writing
        try:
            while rest:
                written = os.pwrite(self._writing, rest, self.end_bytes)
                self.end_bytes += written
                rest = rest[written:]
        except OSError as error:
            raise self._broke("written", error) from error
        if self.end_bytes - self._begun_bytes >= _BEGIN_BYTES:
            begin_to_write(self._writing, self._begun_bytes, self.end_bytes - self._begun_bytes)
            self._begun_bytes = self.end_bytes
        return position

    def read(self, segment: int, position_bytes: int, length_bytes: int) -> bytes:
        """Exactly these bytes. Raises NoDescriptor where the process may open nothing more, Unavailable where the disk refuses."""
        try:
            with self._lock:
                found = os.pread(self._descriptor(segment), length_bytes, position_bytes)
        except OSError as error:
            if error.errno in _NONE_LEFT:
                raise NoDescriptor(
                    f"{self._path(segment)} cannot be read: {error.strerror}.",
                    "Let the hub have more open files (LimitNOFILE=).",
                ) from error
            raise self._trouble("read", error) from error
        if len(found) != length_bytes:
            raise Unavailable(f"{self._path(segment)} ends too early.", "Bring the folder back from a copy.")
        return found

    def sync(self) -> None:
        """What was appended, and the names of new files, are on the disk."""
        self._check()
        try:
            for descriptor in self._touched.values():
                os.fdatasync(descriptor)
            if self._folder_touched:
                folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as error:
            raise self._broke("written", error) from error
        for segment, descriptor in self._touched.items():
            if segment != self.newest:
                os.close(descriptor)
        self._touched.clear()
        self._folder_touched = False

    def punch(self, segment: int, position_bytes: int, length_bytes: int) -> None:
        """Give these bytes back; where that cannot be done, they stay until the whole segment is free."""
        if segment <= self._untouched:
            return
        if segment == self.newest:
            punch(self._writing, position_bytes, length_bytes)
            return
        try:
            descriptor = os.open(self._path(segment), os.O_RDWR)
        except OSError:
            return  # space only; read() says what is wrong with the file
        try:
            punch(descriptor, position_bytes, length_bytes)
        finally:
            os.close(descriptor)

    def allocated_bytes(self, segment: int) -> int:
        """What the file occupies on the disk."""
        path = self._path(segment)
        return path.stat().st_blocks * 512 if path.exists() else 0

    def size_bytes(self, segment: int) -> int:
        """So long is the file; -1 when it is not there."""
        path = self._path(segment)
        return path.stat().st_size if path.exists() else -1

    def remove(self, segment: int) -> None:
        """Nothing lives in this file any more."""
        if segment == self.newest:
            raise Mistake(f"Segment {segment} is being written.")
        with self._lock:
            descriptor = self._reading.pop(segment, None)
            if descriptor is not None:
                os.close(descriptor)
        self._drop(segment)

    def close(self) -> None:
        """Close every descriptor."""
        with self._lock:
            for descriptor in {*self._reading.values(), *self._touched.values(), self._writing, self._marking} - {-1}:
                os.close(descriptor)
            self._reading.clear()
        self._touched.clear()
        self._writing = self._marking = -1

    # --- inside ---------------------------------------------------------------------------------------------------
    def _open_newest(self) -> None:
        try:
            self._writing = os.open(self._path(self.newest), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._broke("made", error) from error
        self._folder_touched = True

    def _marked(self) -> End:
        """How far a database has spoken of these files, as far as anybody can tell."""
        path = self._folder / _MARK_FILE
        return _parse(path.read_bytes()) if path.exists() else End(0, 0)

    def _set_aside(self, segment: int, *, known: bool) -> None:
        """All of it, or where rows speak of its beginning a second name of it."""
        if not known:
            self._path(segment).rename(self._aside(segment))
        elif not self._aside(segment).exists():
            os.link(self._path(segment), self._aside(segment))
        self._folder_touched = True

    def _drop(self, segment: int) -> None:
        if segment > self._untouched or self._aside(segment).exists():
            self._path(segment).unlink(missing_ok=True)
        elif self._path(segment).exists():
            self._set_aside(segment, known=False)

    def _last_aside(self) -> int:
        return max((int(path.stem) for path in self._folder.glob(f"*{_ASIDE}")), default=0)

    def _last(self, *ends: End) -> int:
        """No segment that is or was here has a higher number."""
        here = (*self._folder.glob(f"*{_SUFFIX}"), *self._folder.glob(f"*{_ASIDE}"))
        return max(*(end.segment for end in ends), *(int(path.stem) for path in here))

    def _descriptor(self, segment: int) -> int:
        found = self._reading.get(segment)
        if found is None:
            found = self._reading[segment] = self._opened(self._path(segment))
            if len(self._reading) > _OPEN_MAX:
                os.close(self._reading.popitem(last=False)[1])
        self._reading.move_to_end(segment)
        return found

    def _opened(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDONLY)
        except OSError as error:
            if error.errno not in _NONE_LEFT or not self._reading:
                raise
            os.close(self._reading.popitem(last=False)[1])
            return os.open(path, os.O_RDONLY)

    def _path(self, segment: int) -> Path:
        return self._folder / f"{segment:06}{_SUFFIX}"

    def _aside(self, segment: int) -> Path:
        return self._folder / f"{segment:06}{_ASIDE}"

    def _check(self) -> None:
        if self._broken:
            raise Unavailable(self._broken, "Look after the disk, then start the hub again.")

    def _broke(self, what: str, error: OSError) -> Unavailable:
        trouble = self._trouble(what, error)
        self._broken = trouble.what
        return trouble

    def _trouble(self, what: str, error: OSError | ValueError) -> Unavailable:
        return Unavailable(
            f"{self._folder} cannot be {what}: {getattr(error, 'strerror', None) or error}.",
            "Make room on the disk and check it, then start the hub again.",
        )


def _spell(end: End) -> bytes:
    words = f"{end.segment:012} {end.end_bytes:012} "
    return f"{words}{hashlib.sha256(words.encode()).hexdigest()}\n".encode()


def _parse(raw: bytes) -> End:
    try:
        segment, end_bytes, _ = raw.split()
        end = End(int(segment), int(end_bytes))
    except ValueError:
        return End(0, 0)
    return end if _spell(end) == raw else End(0, 0)
