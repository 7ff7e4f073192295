"""What happens on a disk, as nouns: recorded by `recorder`, played back by `crashes`. A file keeps its id when it is renamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec


class Noun(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of all: one operation that has succeeded."""


class Made(Noun, frozen=True):
    """A new, empty file under this name."""

    file: int
    path: str


class Wrote(Noun, frozen=True):
    """Bytes at a place of a file."""

    file: int
    offset_bytes: int
    written: bytes


class Cut(Noun, frozen=True):
    """A file has this size now: cut off, or filled with zeros."""

    file: int
    size_bytes: int


class Synced(Noun, frozen=True):
    """fsync or fdatasync of a file: what was written before it is on the disk."""

    file: int


class Moved(Noun, frozen=True):
    """Another name; what had that name is gone."""

    path: str
    new_path: str


class Removed(Noun, frozen=True):
    """The name is gone."""

    path: str


class FolderMade(Noun, frozen=True):
    """A new folder."""

    path: str


class FolderSynced(Noun, frozen=True):
    """fsync of a folder: its names are on the disk."""

    path: str


class Said(Noun, frozen=True):
    """No operation of a disk: at this moment the node told somebody something."""

    words: bytes


Operation = Made | Wrote | Cut | Synced | Moved | Removed | FolderMade | FolderSynced | Said
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Operation)
_LENGTH_BYTES = 4
MEMORY = "-shm"


def append(file: BinaryIO, operation: Operation) -> None:
    """Write one behind the others."""
    spelled = _encoder.encode(operation)
    file.write(len(spelled).to_bytes(_LENGTH_BYTES, "big") + spelled)


def read(path: Path) -> list[Operation]:
    """All of a recording."""
    return list(_each(path.read_bytes()))


def _each(raw: bytes) -> Iterator[Operation]:
    at, view = 0, memoryview(raw)
    while at < len(view):
        end = at + _LENGTH_BYTES + int.from_bytes(view[at : at + _LENGTH_BYTES], "big")
        yield _decoder.decode(view[at + _LENGTH_BYTES : end])
        at = end


def below(operations: Iterable[Operation], folder: str) -> list[Operation]:
    """What concerns this folder (a name with a slash before it), with names as seen from within; all that was said stays."""
    files: set[int] = set()  # without SQLite's shared memory, which is no disk
    found: list[Operation] = []
    for operation in operations:
        match operation:
            case Made(file, path) if inside(path, folder) and not path.endswith(MEMORY):
                files.add(file)
                found.append(Made(file, path[len(folder) :]))
            case Wrote(file) | Cut(file) | Synced(file) if file in files:
                found.append(operation)
            case Moved(path, new_path) if inside(path, folder):
                found.append(Moved(path[len(folder) :], new_path[len(folder) :]))
            case Removed(path) if inside(path, folder) and not path.endswith(MEMORY):
                found.append(Removed(path[len(folder) :]))
            case FolderMade(path) if inside(path, folder):
                found.append(FolderMade(path[len(folder) :]))
            case FolderSynced(path) if path == folder or inside(path, folder):
                found.append(FolderSynced(path[len(folder) :] or "/"))
            case Said():
                found.append(operation)
            case _:
                pass
    return found


def inside(path: str, folder: str) -> bool:
    """Does it lie in this folder, at any depth?"""
    return path.startswith(f"{folder}/")
