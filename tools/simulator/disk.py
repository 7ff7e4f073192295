"""A node's folder on a disk that outlives its process: every write, fsync and name goes past here (kernel.py), and here it goes wrong.

A killed process leaves everything that it has written. A power cut leaves what was fsynced, and of the rest what luck leaves (shadow.py); a new,
second, moved or removed name counts once its folder was fsynced, and before that the newest names go first, as on a file system with a journal.
A process that has ended writes nothing any more, whatever its destructors try.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools.simulator.shadow import LOSSES, Shadow

ROOM_BYTES: Final = 20_000_000_000
_UNTRACKED: Final = "-shm"  # SQLite's shared memory: built anew by whoever opens the file first
Image = dict[str, bytes]


class Name:
    """A name was made, removed (`shadow` None) or moved; a folder's name has the shadow of an empty file."""

    __slots__ = ("name", "old", "shadow")

    def __init__(self, name: str, shadow: Shadow | None, old: str = "") -> None:
        self.name = name
        self.shadow = shadow
        self.old = old

    def happen(self, names: dict[str, Shadow]) -> None:
        """Do it."""
        if self.old:
            names.pop(self.old, None)
        if self.shadow is None:
            names.pop(self.name, None)
        else:
            names[self.name] = self.shadow


class Disk:
    """`folder` is the node's. `toll` is rung before each step and may raise Crash."""

    def __init__(self, folder: Path, dice: random.Random, losses: Counter[str] | None = None) -> None:
        self.folder = folder
        self.losses: Counter[str] = (
            Counter() if losses is None else losses
        )  # how writes fared that no fsync had confirmed
        self.toll: Callable[[], None] = lambda: None
        self.followed = True  # what is done to it now is done by a node
        self.read_only = False
        self.free_bytes = ROOM_BYTES
        self.greedy = False  # somebody else takes at once what is given back
        self.syncs_until_failure = 0  # 0: none fails
        self.failed_syncs = 0
        self.steps = (
            0  # so often something was written, fsynced, named: where nothing was, nothing can have been committed
        )
        self.names: dict[str, Shadow] = {}  # as the process sees them
        self.dice = dice
        self._durable_names: dict[str, Shadow] = {}
        self._waiting_names: list[Name] = []
        self._dropped: set[str] = set()  # whose failed fsync has taken from the process what it had written
        folder.mkdir(parents=True)

    def adopt(self) -> None:
        """What lies in the folder now is on the disk."""
        self.names = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if not name.endswith(_UNTRACKED):
                self.names[name] = Shadow(b"" if path.is_dir() else path.read_bytes())
        self._durable_names = dict(self.names)
        self._waiting_names.clear()

    # --- what the kernel is asked --------------------------------------------------------------------------------
    def shadow(self, name: str, *, make: bool) -> Shadow | None:
        """The file of this name; a new one with `make`. None for what is not followed, and for a name that is not there."""
        if name.endswith(_UNTRACKED):
            return None
        found = self.names.get(name)
        if found is None and make:
            self._step(writes=True)
            found = Shadow()
            self._rename(Name(name, found))
        return found

    def write(self, shadow: Shadow, offset_bytes: int, data: bytes) -> None:
        """Raises OSError when the disk refuses."""
        self._step(writes=True)
        if offset_bytes + len(data) > shadow.size_bytes:
            self._take(offset_bytes + len(data) - shadow.size_bytes)
        shadow.write(offset_bytes, data)

    def cut(self, shadow: Shadow, size_bytes: int) -> None:
        """Make a file shorter or longer."""
        self._step(writes=True)
        self._take(size_bytes - shadow.size_bytes)
        shadow.cut(size_bytes)

    def reserve(self, shadow: Shadow, size_bytes: int) -> None:
        """Space is set apart; nothing is written."""
        self._step(writes=True)
        self._take(max(0, size_bytes - shadow.size_bytes))
        shadow.size_bytes = max(shadow.size_bytes, size_bytes)

    def sync(self, name: str, shadow: Shadow) -> None:
        """fsync or fdatasync of a file. Raises OSError when it fails."""
        self._step(writes=False)
        if self.syncs_until_failure and not shadow.clean:
            self.syncs_until_failure -= 1
            if not self.syncs_until_failure:
                self.failed_syncs += 1
                if self.dice.random() < 0.5:
                    shadow.fail()
                else:
                    self._dropped.add(name)
                raise OSError(errno.EIO, "Input/output error")
        path = self.folder / name

        def seen(offset_bytes: int, length_bytes: int) -> bytes:
            with path.open("rb") as file:
                file.seek(offset_bytes)
                return file.read(length_bytes)

        shadow.sync(seen)

    def sync_names(self, folder: str) -> None:
        """fsync of a folder: `folder` is its own name, empty for the node's."""
        self._step(writes=False)
        rest = []
        for change in self._waiting_names:
            if os.path.dirname(change.name) == folder:
                change.happen(self._durable_names)
            else:
                rest.append(change)
        self._waiting_names = rest

    def remove(self, name: str) -> None:
        """A name is taken away."""
        self._step(writes=True)
        shadow = self.names.get(name)
        if shadow is not None:
            if sum(other is shadow for other in self.names.values()) == 1:
                self._take(-shadow.size_bytes)
            self._rename(Name(name, None))

    def move(self, old: str, new: str) -> None:
        """A file gets another name."""
        self._step(writes=True)
        shadow = self.names.get(old)
        if shadow is not None:
            self._rename(Name(new, shadow, old))

    def link(self, old: str, new: str) -> None:
        """A file gets a second name."""
        self._step(writes=True)
        if new in self.names:
            raise OSError(errno.EEXIST, "File exists")
        shadow = self.names.get(old)
        if shadow is not None:
            self._rename(Name(new, shadow))

    def make_folder(self, name: str) -> None:
        """A new folder."""
        self._step(writes=True)
        if name not in self.names:
            self._rename(Name(name, Shadow()))

    def _rename(self, change: Name) -> None:
        change.happen(self.names)
        self._waiting_names.append(change)

    def _step(self, *, writes: bool) -> None:
        self.toll()
        self.steps += 1
        if writes and self.read_only:
            raise OSError(errno.EROFS, "Read-only file system")

    def _take(self, size_bytes: int) -> None:
        if size_bytes > self.free_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        if size_bytes > 0 or not self.greedy:
            self.free_bytes -= size_bytes

    # --- what goes wrong -----------------------------------------------------------------------------------------
    def bury(self, *, power: bool) -> None:
        """The process is gone and holds nothing open any more; with `power`, so is what luck takes of what it had not fsynced."""
        with self._by_fate():
            for leftover in self.folder.glob(f"*{_UNTRACKED}"):
                leftover.unlink()
            if power:
                self._lose()
            for name in sorted(self._dropped & self.names.keys()):
                self.names[name].forget()
                self._lay_down(name)
        self._dropped.clear()
        self.syncs_until_failure = 0

    @contextmanager
    def _by_fate(self) -> Iterator[None]:
        self.followed = False
        try:
            yield
        finally:
            self.followed = True

    def _lose(self) -> None:
        loss = self.dice.choice(LOSSES)
        survived = self.dice.randint(0, len(self._waiting_names))
        for change in self._waiting_names[:survived]:
            change.happen(self._durable_names)
        self._waiting_names.clear()
        folders = {"", *(name for name in self._durable_names if (self.folder / name).is_dir())}
        names = {name: shadow for name, shadow in self._durable_names.items() if os.path.dirname(name) in folders}
        for name in sorted(self.names.keys() - names.keys(), reverse=True):
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        before, self.names, self._durable_names = self.names, names, dict(names)
        for name, shadow in names.items():
            same = before.get(name) is shadow and shadow.clean
            shadow.lose(loss, self.dice, self.losses)
            if not same and name not in folders:
                self._lay_down(name)

    def _lay_down(self, name: str) -> None:
        """What the process sees from now on, under all names of it."""
        path, shadow = self.folder / name, self.names[name]
        path.unlink(missing_ok=True)
        path.write_bytes(shadow.durable)
        for other, same in self.names.items():
            if same is shadow and other != name:
                (self.folder / other).unlink(missing_ok=True)
                os.link(path, self.folder / other)

    def owes(self) -> bool:
        """Does a write wait for its fsync that a power cut may tear?"""
        return any(shadow.tearable() for shadow in self.names.values())

    def heal(self) -> None:
        """Nothing is wrong with it any more."""
        self.read_only, self.free_bytes, self.greedy, self.syncs_until_failure = False, ROOM_BYTES, False, 0

    def flip(self, name: str, place: int, bit: int) -> None:
        """One bit turns over, on the disk and before the eyes of whoever reads it next."""
        shadow = self.names[name]
        if place < len(shadow.durable):
            shadow.durable[place] ^= 1 << bit
        with self._by_fate(), (self.folder / name).open("r+b", buffering=0) as file:
            file.seek(place)
            old = file.read(1)
            if old:
                file.seek(place)
                file.write(bytes([old[0] ^ (1 << bit)]))

    def lose(self, name: str, size_bytes: int | None) -> None:
        """All of a file behind these bytes is gone from the disk, or with None its name; no process must run."""
        shadow = self.names[name]
        if size_bytes is None:
            self._forget_names({name})
        else:
            shadow.durable[:] = (self.folder / name).read_bytes()[:size_bytes]
            shadow.forget()
        with self._by_fate():
            if size_bytes is None:
                (self.folder / name).unlink()
            else:
                os.truncate(self.folder / name, len(shadow.durable))

    def _forget_names(self, gone: set[str]) -> None:
        for name in gone:
            self.names.pop(name, None)
            self._durable_names.pop(name, None)
        self._waiting_names = [change for change in self._waiting_names if change.name not in gone]

    def image(self) -> Image:
        """A copy of everything, as a snapshot of the file system gives it."""
        return {
            name: (self.folder / name).read_bytes() for name in sorted(self.names) if (self.folder / name).is_file()
        }

    def exchange(self, names: set[str], image: Image) -> None:
        """Bring a copy back in place of these files, and leave all others as they are; no process must run. Copying takes time: meanwhile the kernel
        has written out whatever waited."""
        for shadow in self.names.values():
            shadow.sync(lambda _offset_bytes, _length_bytes: b"")
        self._durable_names = dict(self.names)
        self._waiting_names.clear()
        self._forget_names(names | image.keys())
        with self._by_fate():
            for name in names:
                (self.folder / name).unlink()
            for name, raw in image.items():
                self.names[name] = self._durable_names[name] = Shadow(raw)
                (self.folder / name).write_bytes(raw)

    def restore(self, image: Image) -> None:
        """Bring a copy back in place of everything that is here; no process must run."""
        with self._by_fate():
            for path in self.folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            for name, raw in image.items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(raw)
        self.adopt()
