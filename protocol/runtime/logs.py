"""A node's log: one JSON object a line, events with fields, identifiers only, never about people.

Nobody fails for a log: what cannot be written, on a full disk say, is not in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO, cast

import structlog

from protocol.errors import Unavailable

LOG_BYTES_MAX: Final = 16 * 1024 * 1024  # then the file becomes `.1`, the one before is gone


@contextmanager
def written_to(path: Path | None, **always: str) -> Iterator[None]:
    """As `to_file`, inside this block only: for a command that works on a node's folder for a moment."""
    stream = to_file(path, **always)
    try:
        yield
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        stream.close()


class LogFile:
    """The file `path` (0600, appended). Raises OSError where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._torn = False  # the last line came to no end
        self._descriptor, self._size_bytes = self._opened()

    def write(self, line: str) -> None:
        """One line with its end. Does not fail."""
        raw = b"\n" * self._torn + line.encode("utf-8", "replace")
        with suppress(OSError):
            if self._size_bytes > LOG_BYTES_MAX:
                older, (self._descriptor, self._size_bytes) = self._descriptor, self._opened()
                os.close(older)
            written = os.write(self._descriptor, raw)
            self._size_bytes += written
            self._torn = written < len(raw)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)

    def _opened(self) -> tuple[int, int]:
        if self._path.exists() and self._path.stat().st_size > LOG_BYTES_MAX:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return descriptor, os.fstat(descriptor).st_size


class Stderr:
    """Whoever started this process may not read it any more."""

    def write(self, line: str) -> None:
        """One line with its end. Does not fail."""
        with suppress(OSError):
            sys.stderr.write(line)

    def flush(self) -> None:
        """At once. Does not fail."""
        with suppress(OSError):
            sys.stderr.flush()

    def close(self) -> None:
        """It is everybody's."""


def to_file(path: Path | None, **always: str) -> LogFile | Stderr:
    """Send all logs of this process to `path`, or to stderr; `always` are fields of every line. Returns where they go.

    Raises Unavailable when it cannot be opened."""
    try:
        stream = Stderr() if path is None else LogFile(path)
    except OSError as error:
        raise Unavailable(
            f"The log {path} cannot be written: {error.strerror}.", "Check the folder's owner and the disk."
        ) from error
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(**always)
    return stream
