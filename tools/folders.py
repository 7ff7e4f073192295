"""Folders that a command writes into."""

from __future__ import annotations

from pathlib import Path

from protocol.errors import Unavailable
from protocol.runtime.folder import make_folder


def made(path: Path, option: str = "") -> Path:
    """`path`, made with what is missing above it, on stable storage; `option` is where it was named. Raises Unavailable."""
    try:
        make_folder(path)
    except OSError as error:
        remedy = f"Choose another with {option}." if option else "Choose another."
        raise Unavailable(f"Cannot make the folder {path}: {error.strerror}.", remedy) from error
    return path
