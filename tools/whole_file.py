"""A file that is there whole or not at all."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from protocol import limits
from protocol.errors import Code, Refused, Unavailable
from tools.farewell import tidied_up

STDOUT: Final = "-"


@contextmanager
def whole_file(path: str | Path, mode: int) -> Iterator[Callable[[bytes], object]]:
    """Give out `write`; what was written appears under `path`, fsynced, only when the block ends without an error.

    `mode` as in `os.open` (less the umask). `-` is stdout: then everything waits in memory until the block ends, up to the size of the
    largest envelope. Raises Refused when `path` is there and no file, Unavailable when the disk does not let us."""
    if str(path) == STDOUT:
        yield from _whole_stream()
        return
    with tidied_up():
        yield from _whole(path, mode)


def _whole(path: str | Path, mode: int) -> Iterator[Callable[[bytes], object]]:
    goal = Path(os.path.realpath(path))  # through a link to the file itself
    if goal.exists() and not goal.is_file():
        raise Refused(Code.BAD_FILE, f"“{path}” is there and is no file.", "Give the name of a file.")
    draft = goal.with_name(f".{goal.name[:200]}.{secrets.token_hex(4)}.part")
    with _said(path):
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)

    def write(piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:
            with _said(path):
                rest = rest[os.write(descriptor, rest) :]

    try:
        try:
            yield write
            with _said(path):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with _said(path):
            draft.replace(goal)
            _sync_folder(goal.parent)
    finally:
        with suppress(OSError):
            draft.unlink()


def expect_another(read: str | Path, written: str | Path) -> None:
    """What is read is kept: nobody could seal or capture it a second time. Raises Refused where both are one file."""
    if STDOUT in (str(read), str(written)) or not (os.path.exists(read) and os.path.exists(written)):
        return
    if os.path.samefile(read, written):
        raise Refused(Code.BAD_FILE, f"“{written}” is read and written at once.", "Give another name with --out.")


def _whole_stream() -> Iterator[Callable[[bytes], object]]:
    held = bytearray()

    def write(piece: bytes) -> None:
        if len(held) + len(piece) > limits.ENVELOPE_BYTES_MAX:
            raise Refused(
                Code.TOO_LARGE,
                "This is too large for stdout, which is written only when all is well.",
                "Use --out FILE.",
            )
        held.extend(piece)

    yield write
    sys.stdout.buffer.write(held)
    sys.stdout.buffer.flush()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _said(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"“{path}” cannot be written: {error.strerror}.", "Check the folder, who may write there, and free space."
        ) from error
