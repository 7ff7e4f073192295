"""A scanner that can only drop files into a folder (network share, „Scan to folder“ of a multifunction device).

Tried with: files written by hand and by `scanimage --batch`. A device that writes slowly is waited for: a file is taken when nothing about it has
changed for a while, by our own clock, because a share's times are those of some other machine. It is deleted when the caller has asked for the next
one, so that a crash leaves it where it was; and what somebody leaves behind is deleted when they have gone (`clear`).
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from hardware.complaint import Complaint
from hardware.scanner import Scan, ScannerFailure, ScannerState, closed

# What a whole file has near its end, where its format says so.
ENDS: Final = {
    ".jpg": b"\xff\xd9",
    ".jpeg": b"\xff\xd9",
    ".png": b"IEND\xaeB`\x82",
    ".pdf": b"%%EOF",
    ".tif": b"",
    ".tiff": b"",
    ".webp": b"",
}
END_BYTES: Final = 1024
UNSURE_SECONDS: Final = 5.0  # a file without its end: the device may be about to pull in the next sheet
LOOK_SECONDS: Final = 0.25

Looks = tuple[int, int, int]  # inode, bytes, time of its last change in nanoseconds


class _Sight(NamedTuple):
    """How a file looks, and since when, on our clock."""

    looks: Looks
    since: float


class FolderScanner:
    """Takes what lies in `folder`, by name; other endings, empty files, links and names with a leading dot are left alone. A file that has its end
    is taken when it has not changed for `settle_seconds`, another one after `UNSURE_SECONDS`. `file_bytes_max` bounds what is read into memory;
    `clock` gives monotonic seconds."""

    def __init__(
        self,
        folder: Path,
        *,
        settle_seconds: float = 1.0,
        file_bytes_max: int = 400 * 1000 * 1000,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._settle_seconds = settle_seconds
        self._file_bytes_max = file_bytes_max
        self._clock = clock
        self._wait = wait
        self._guard = threading.Lock()
        self._seen: dict[Path, _Sight] = {}
        # Delivered, or left behind (then None: it may still be growing), and could not be removed.
        self._given: dict[Path, Looks | None] = {}
        self._place: tuple[int, int] | None = None  # device and inode of the folder as it was seen last
        self._uncleared = False
        self._closed = False

    def state(self) -> ScannerState:
        """READY when a whole file lies there; UNREACHABLE when the folder cannot be read or what was taken could not be removed."""
        try:
            return ScannerState.READY if self._ripe() else ScannerState.NO_PAPER
        except ScannerFailure as failure:
            return failure.state

    def scan(self) -> Iterator[Scan]:
        """Everything that lies there now; what comes later is the next batch. A file that was not seen before is watched first."""
        deadline = self._clock() + self._settle_seconds + UNSURE_SECONDS
        while not (ripe := self._ripe()) and self._seen and self._clock() < deadline:
            self._wait(LOOK_SECONDS)
        if not ripe:
            raise _nothing()
        return self._taken(ripe)

    def complaint(self) -> Complaint | None:
        """Which folder, and what the system says about it."""
        try:
            self._ripe()
        except ScannerFailure as failure:
            return Complaint(failure.what.removesuffix("."), failure.remedy)
        return None

    def clear(self) -> int:
        """Remove what lies there, also what is still being written, and say how many files that were. Raises ScannerFailure where one stays; then
        nothing is delivered until it is gone."""
        removed, failure = 0, None
        with self._guard:
            try:
                paths = [path for path in self._lying() if _could_be_taken(path)]
            except OSError as error:
                self._uncleared = True
                raise self._unreachable(error) from error
            self._given.clear()
            for path in paths:
                try:
                    path.unlink(missing_ok=True)
                    removed += 1
                except OSError as error:
                    self._given[path] = None
                    failure = self._not_emptied(path, error)
        if failure is not None:
            raise failure
        return removed

    def close(self) -> None:
        """Files stay where they are."""
        self._closed = True

    def _taken(self, ripe: dict[Path, Looks]) -> Iterator[Scan]:
        taken = 0
        for path, looks in ripe.items():
            if self._closed:
                raise closed()
            image = self._read(path, looks)
            if image is None:
                continue
            taken += 1
            try:
                yield Scan(_called(path), image)
            finally:
                # Also when the caller stops here: it has the scan, and a scan must not come twice.
                self._remove(path, looks)
        if not taken:
            raise _nothing()

    def _read(self, path: Path, looks: Looks) -> bytes | None:
        """None: it is another file by now, or none."""
        try:
            # A link or a pipe that has taken its place is neither followed nor waited for.
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                facts = os.fstat(file.fileno())
                if _looks(facts) != looks:
                    return None
                if facts.st_size > self._file_bytes_max:
                    # It would stand before all that come after it, and nobody here can take it away.
                    self._remove(path, looks)
                    raise ScannerFailure(
                        ScannerState.JAMMED,
                        f"“{_called(path)}” has {facts.st_size} bytes; at most {self._file_bytes_max} are taken.",
                        "Scan again, fewer sheets at a time.",
                    )
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreachable(error) from error

    def _remove(self, path: Path, looks: Looks) -> None:
        try:
            path.unlink()
        except FileNotFoundError:  # somebody has removed it; or the folder is away, and brings it back
            with self._guard:
                self._given[path] = looks
        except OSError as error:
            with self._guard:
                self._given[path] = looks
            raise self._not_emptied(path, error) from error

    def _ripe(self) -> dict[Path, Looks]:
        """Files that nobody writes any more."""
        if self._closed:
            raise closed()
        with self._guard:
            now, seen, ripe = self._clock(), dict[Path, _Sight](), dict[Path, Looks]()
            try:
                if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
                    os.stat(self._folder)  # is it there at all?
                    raise PermissionError(errno.EACCES, "no right to read and empty it")
                paths = self._lying()
                self._given = {path: looks for path, looks in self._given.items() if path in paths}
                for path in paths:
                    looks = _looks_of(path)
                    if looks is None or self._put_away(path, looks):
                        continue
                    before = self._seen.get(path)
                    since = before.since if before is not None and before.looks == looks else now
                    seen[path] = _Sight(looks, since)
                    if now - since >= self._settle_seconds and (now - since >= UNSURE_SECONDS or _has_end(path)):
                        ripe[path] = looks
            except OSError as error:
                raise self._unreachable(error) from error
            finally:
                self._seen = seen
            return ripe

    def _lying(self) -> list[Path]:
        """What lies in the folder. One that was away, as a share may be, brings back what should have been removed meanwhile: what lies in it then is
        nobody's. Raises OSError."""
        facts = os.stat(self._folder)
        paths = sorted(self._folder.iterdir())
        place = facts.st_dev, facts.st_ino
        if self._uncleared or self._place not in (None, place):
            self._given |= {path: None for path in paths if _could_be_taken(path)}
        self._place, self._uncleared = place, False
        return paths

    def _put_away(self, path: Path, looks: Looks) -> bool:
        """Whether this was delivered before or left behind, and is gone only now. Raises ScannerFailure if it stays: the next visitor must not get
        it."""
        if path not in self._given or self._given[path] not in (looks, None):
            return False
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._not_emptied(path, error) from error
        del self._given[path]
        return True

    def _unreachable(self, error: OSError) -> ScannerFailure:
        return ScannerFailure(
            ScannerState.UNREACHABLE,
            f"The scanner's folder “{self._folder}” cannot be used: {error.strerror or error}.",
            f"See that it is mounted, or make it the node's, who must read and empty it, as with `install -d -o kabine {self._folder}`.",
        )

    def _not_emptied(self, path: Path, error: OSError) -> ScannerFailure:
        return ScannerFailure(
            ScannerState.UNREACHABLE,
            f"“{_called(path)}” may not be given to anybody else and cannot be removed from “{self._folder}”: {error.strerror or error}.",
            "Remove it, and let the node delete files there.",
        )


def _nothing() -> ScannerFailure:
    return ScannerFailure(ScannerState.NO_PAPER, "Nothing has been scanned yet.", "Scan the sheets, then try again.")


def _looks_of(path: Path) -> Looks | None:
    """None: nothing to be taken. Devices make the file before they scan, so an empty one has not begun."""
    facts = _could_be_taken(path)
    return _looks(facts) if facts is not None and facts.st_size else None


def _could_be_taken(path: Path) -> os.stat_result | None:
    """None: by its name or its kind it never will be."""
    if path.suffix.lower() not in ENDS or path.name.startswith("."):
        return None
    try:
        facts = path.lstat()
    except FileNotFoundError:  # between two looks
        return None
    return facts if stat.S_ISREG(facts.st_mode) else None


def _looks(facts: os.stat_result) -> Looks:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _has_end(path: Path) -> bool:
    end = ENDS[path.suffix.lower()]
    if not end:
        return False
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - END_BYTES))
            return end in file.read(END_BYTES)
    except OSError:  # whoever takes it tells
        return False


def _called(path: Path) -> str:
    """Its name as it can be said: a share's may be in any encoding, and is written into messages."""
    name = os.fsencode(path.name).decode(errors="replace")
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
