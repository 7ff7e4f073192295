"""A node's log: one JSON object a line, events with fields, identifiers only, never about people."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

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
        if stream is not sys.stderr:
            stream.close()


def to_file(path: Path | None, **always: str) -> TextIO:
    """Send all logs of this process to `path` (0600, appended), or to stderr; `always` are fields of every line. Returns where they go.

    Raises Unavailable when it cannot be written."""
    stream: TextIO = sys.stderr
    if path is not None:
        try:
            if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
                path.replace(path.with_name(f"{path.name}.1"))
            stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "a", 1)
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
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(**always)
    return stream
