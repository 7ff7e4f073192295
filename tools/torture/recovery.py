"""What SQLite makes of a file and its WAL after a power cut: the bytes of every page, as whoever opens it now would read them.

A node sees its file through SQLite alone. Two folders that differ in nothing but what SQLite leaves aside (frames behind the last sound commit, pages
of the file that the WAL has anew) are the same folder to it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tools.torture.operations import MEMORY


class Recovery:
    """Of one file of SQLite's, called `name`, in many states. `folder` is its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._there: dict[str, bytes] = {}  # as it was left by the state before
        folder.mkdir()

    def seen(self, left: dict[str, bytes]) -> int | None:
        """A hash of all that a node can see of the files `left`, which are called as in `Disk.left`. None where SQLite does not get so far."""
        files = {path: raw for path, raw in left.items() if path.startswith(f"/{self._name}")}
        self._lay_out(files)
        pages = self._pages()
        others = [(path, "" if path in files else raw) for path, raw in left.items()]
        return hash((pages, *sorted(others))) if pages else None

    def _lay_out(self, files: dict[str, bytes]) -> None:
        for path in self._there.keys() - files.keys():
            self._at(path).unlink()
        for path, raw in files.items():
            if self._there.get(path) != raw:
                self._at(path).write_bytes(raw)
        self._there = files

    def _pages(self) -> bytes:
        try:
            with closing(sqlite3.connect(f"file:{self._folder / self._name}?mode=ro", uri=True)) as connection:
                return connection.serialize()
        except sqlite3.Error:
            for path in self._folder.iterdir():  # whatever it has done to them
                path.unlink()
            self._there = {}
            return b""
        finally:
            self._at(f"/{self._name}{MEMORY}").unlink(missing_ok=True)

    def _at(self, path: str) -> Path:
        return self._folder / path[1:]
