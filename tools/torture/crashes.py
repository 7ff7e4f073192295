"""What a power cut may leave: all that was fsynced, and of the rest any part, in any order, torn at any sector.

A name in a folder is on the disk once the folder was fsynced; before that, names come in the order in which they were given. That is what
POSIX promises and no more: a real file system is kinder.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from tools.torture.operations import (
    Cut,
    FolderMade,
    FolderSynced,
    Made,
    Moved,
    Operation,
    Removed,
    Synced,
    Wrote,
)

SECTOR_BYTES: Final = 512
_FOLDER: Final = -1  # in a file's place
CHANCES: Final = 6  # random states at each moment, beside those that are enumerated
Write = Wrote | Cut
Naming = Made | Moved | Removed | FolderMade
Ranges = tuple[tuple[int, int], ...]  # of one write: the bytes that reached the disk, from … to


class PowerCut(NamedTuple):
    """One way in which the power may go now: `place` among the pending writes, or among the pending names of `folder`."""

    kind: str
    place: int = 0
    ranges: Ranges | None = None
    folder: str = ""


class Choice(NamedTuple):
    """What of the pending writes and names came through. `writes`: (file, place among its pending ones) → its ranges, None for all of it;
    `names`: how many of each folder's pending ones."""

    writes: dict[tuple[int, int], Ranges | None]
    names: dict[str, int]


@dataclass
class Disk:
    """After some operations: what is on the disk for certain, and what is pending."""

    files: dict[int, bytearray] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    writes: dict[int, list[Write]] = field(default_factory=dict)
    namings: dict[str, list[Naming]] = field(default_factory=dict)
    _wholes: dict[int, bytes] = field(default_factory=dict)  # of files of which nothing is chosen
    _pending: int = 0  # writes, and …
    _parts: int = 0  # … parts that may be left of them

    def happens(self, operation: Operation) -> None:
        """The next operation."""
        match operation:
            case Made(file, path):
                self.files[file] = bytearray()
                self.namings.setdefault(folder_of(path), []).append(operation)
            case Moved(path) | Removed(path):
                self.namings.setdefault(folder_of(path), []).append(operation)
            case Wrote(file) | Cut(file):
                self.writes.setdefault(file, []).append(operation)
                self._pending += 1
                self._parts += len(torn(operation))
            case Synced(file):
                self._wholes.pop(file, None)
                for write in self.writes.pop(file, ()):
                    perform(self.files[file], write, None)
                    self._pending -= 1
                    self._parts -= len(torn(write))
            case FolderSynced(path):
                for naming in self.namings.pop(path, ()):
                    rename(self.names, naming)
            case FolderMade(path):
                self.folders.add(path)
                self.namings.setdefault(folder_of(path), []).append(operation)
            case _:
                pass

    def left(self, choice: Choice) -> dict[str, bytes]:
        """Name and bytes of every file that such a power cut leaves."""
        names = dict(self.names)
        for folder, count in choice.names.items():
            for naming in self.namings[folder][:count]:
                rename(names, naming)
        found = {}
        for path, file in names.items():
            if file == _FOLDER or not _leads(path, names):
                continue
            chosen = [
                (write, choice.writes[file, place])
                for place, write in enumerate(self.writes.get(file, ()))
                if (file, place) in choice.writes
            ]
            found[path] = self._after(file, chosen) if chosen else self._whole(file)
        return found

    def _whole(self, file: int) -> bytes:
        whole = self._wholes.get(file)
        if whole is None:
            whole = self._wholes[file] = bytes(self.files[file])
        return whole

    def _after(self, file: int, chosen: list[tuple[Write, Ranges | None]]) -> bytes:
        whole = bytearray(self.files[file])
        for write, ranges in chosen:
            perform(whole, write, ranges)
        return bytes(whole)

    # --- choices -----------------------------------------------------------------------------------------------------
    def ways(self) -> dict[str, int]:
        """How many power cuts of each kind there may be now: nothing, all, each write dropped, each alone, each prefix, the last torn at each sector,
        each prefix of names. So many that they are counted, and only those that are chosen are made."""
        if not self.writes and not self.namings:
            return {"nothing": 1}
        names = sum(map(len, self.namings.values()))
        return {
            "nothing": 1,
            "all": 1,
            **dict.fromkeys(("dropped", "reordered", "prefix"), self._pending),
            "torn": self._parts,
            **dict.fromkeys(("names-lost", "names-and-bytes-lost"), names),
            "chance": CHANCES if self.writes else 0,
        }

    def cut(self, kind: str, number: int) -> PowerCut:
        """The `number`th of this kind."""
        if kind == "torn":
            for place, (file, of_file) in enumerate(self.pending()):
                parts = torn(self.writes[file][of_file])
                if number < len(parts):
                    return PowerCut(kind, place, parts[number])
                number -= len(parts)
        for folder, namings in self.namings.items() if kind.startswith("names") else ():
            if number < len(namings):
                return PowerCut(kind, number, folder=folder)
            number -= len(namings)
        return PowerCut(kind, number)

    def cuts(self) -> Iterator[PowerCut]:
        """All of them."""
        return (self.cut(kind, number) for kind, count in self.ways().items() for number in range(count))

    def choice(self, cut: PowerCut, dice: random.Random) -> Choice:
        """What this power cut means here."""
        pending = self.pending()
        everything: dict[tuple[int, int], Ranges | None] = dict.fromkeys(pending)
        names = {folder: len(namings) for folder, namings in self.namings.items()}
        match cut.kind:
            case "nothing":
                return Choice({}, {})
            case "all":
                return Choice(everything, names)
            case "dropped":
                return Choice({one: None for one in pending if one != pending[cut.place]}, names)
            case "reordered":
                return Choice({pending[cut.place]: None}, names)
            case "prefix":
                return Choice(dict.fromkeys(pending[: cut.place]), names)
            case "torn":
                return Choice({**dict.fromkeys(pending[: cut.place]), pending[cut.place]: cut.ranges}, names)
            case "names-lost":
                return Choice(everything, {**names, cut.folder: cut.place})
            case "names-and-bytes-lost":
                return Choice({}, {**names, cut.folder: cut.place})
            case _:
                return self.chance(dice)

    def chance(self, dice: random.Random) -> Choice:
        """Any part of what is pending, in any pieces."""
        share = dice.random()
        writes: dict[tuple[int, int], Ranges | None] = {}
        for one in self.pending():
            if dice.random() < share:
                pieces = torn(self.writes[one[0]][one[1]])
                writes[one] = dice.choice(pieces) if pieces and dice.random() < 0.3 else None
        names = {folder: dice.randint(0, len(namings)) for folder, namings in self.namings.items()}
        return Choice(writes, names)

    def pending(self) -> list[tuple[int, int]]:
        """Writes that no fsync has confirmed: file, and place among its own."""
        return [(file, place) for file, writes in self.writes.items() for place in range(len(writes))]


class Parts(Sequence[Ranges]):
    """Parts of a write that may be left of it: the front up to each sector's border, and the rest behind it."""

    def __init__(self, begin: int, end: int) -> None:
        self._begin, self._end = begin, end
        self._borders = range(begin - begin % SECTOR_BYTES + SECTOR_BYTES, end, SECTOR_BYTES)

    def __len__(self) -> int:
        return 2 * len(self._borders)

    def __getitem__(self, number: int) -> Ranges:  # type: ignore[override]  # nobody asks for several
        border = self._borders[number // 2] - self._begin
        return ((border, self._end - self._begin),) if number % 2 else ((0, border),)


def torn(write: Write) -> Sequence[Ranges]:
    """How it may be torn."""
    if isinstance(write, Cut):
        return ()
    return Parts(write.offset_bytes, write.offset_bytes + len(write.written))


def perform(file: bytearray, write: Write, ranges: Ranges | None) -> None:
    """Write it, or these ranges of it."""
    if isinstance(write, Cut):
        del file[write.size_bytes :]
        file.extend(bytes(write.size_bytes - len(file)))
        return
    for begin, end in ((0, len(write.written)),) if ranges is None else ranges:
        at = write.offset_bytes + begin
        if len(file) < at:
            file.extend(bytes(at - len(file)))
        file[at : at + end - begin] = write.written[begin:end]


def rename(names: dict[str, int], naming: Naming) -> None:
    """Let it come true; a name that a lost operation before it should have given is none."""
    match naming:
        case Made(file, path):
            names[path] = file
        case FolderMade(path):
            names[path] = _FOLDER
        case Moved(path, new_path):
            if path in names:
                names[new_path] = names.pop(path)
        case Removed(path):
            names.pop(path, None)


def _leads(path: str, names: dict[str, int]) -> bool:
    """Are all folders on the way to it there?"""
    folder = folder_of(path)
    return folder == "/" or (names.get(folder) == _FOLDER and _leads(folder, names))


def folder_of(path: str) -> str:
    """In which folder this name stands."""
    return path.rpartition("/")[0] or "/"


def lay_out(left: dict[str, bytes], folders: Sequence[str], place: Path) -> None:
    """Put these files into the empty or new folder `place`."""
    place.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        (place / folder.strip("/")).mkdir(parents=True, exist_ok=True)
    for path, raw in left.items():
        (place / path.lstrip("/")).write_bytes(raw)
