"""A scanner that can only drop files into a folder (network share, „Scan to folder“ of a multifunction device).

Tried with: files written by hand and by `scanimage --batch`. A device that writes slowly is waited for: a file is taken when it has not
changed for `settle_seconds`. A file is deleted when the caller has asked for the next one, so that a crash leaves it where it was.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hardware.scanner import Scan, ScannerFailure, ScannerState, closed

ENDINGS: Final = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".pdf"})


class FolderScanner:
    """Takes what lies in `folder`, by name; other endings and names with a leading dot are left alone. `file_bytes_max` bounds what is read
    into memory; `clock` gives seconds since 1970, as file times do."""

    def __init__(
        self,
        folder: Path,
        *,
        settle_seconds: float = 1.0,
        file_bytes_max: int = 400 * 1000 * 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._settle_seconds = settle_seconds
        self._file_bytes_max = file_bytes_max
        self._clock = clock
        self._closed = False

    def state(self) -> ScannerState:
        """READY when a whole file lies there; UNREACHABLE when the folder cannot be read or what is taken could not be removed."""
        try:
            return ScannerState.READY if self._ripe() else ScannerState.NO_PAPER
        except ScannerFailure as failure:
            return failure.state

    def scan(self) -> Iterator[Scan]:
        """Everything that lies there now; what comes later is the next batch."""
        ripe = self._ripe()
        if not ripe:
            raise ScannerFailure(
                ScannerState.NO_PAPER, "Nothing has been scanned yet.", "Scan the sheets, then try again."
            )
        return self._taken(ripe)

    def close(self) -> None:
        """Files stay where they are."""
        self._closed = True

    def _taken(self, paths: list[Path]) -> Iterator[Scan]:
        for path in paths:
            if self._closed:
                raise closed()
            try:
                size_bytes = path.stat().st_size
                if size_bytes > self._file_bytes_max:
                    raise ScannerFailure(
                        ScannerState.JAMMED,
                        f"“{path.name}” has {size_bytes} bytes; at most {self._file_bytes_max} are taken.",
                        "Remove the file and scan fewer sheets at a time.",
                    )
                image = path.read_bytes()
            except OSError as error:
                raise self._unreachable(error) from error
            try:
                yield Scan(path.name, image)
            finally:
                # Also when the caller stops here: it has the scan, and a scan must not come twice.
                self._remove(path)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unreachable(error) from error

    def _ripe(self) -> list[Path]:
        if self._closed:
            raise closed()
        youngest = self._clock() - self._settle_seconds
        ripe = []
        try:
            if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(f"no right to read and empty it: {self._folder}")
            for path in sorted(self._folder.iterdir()):
                if path.suffix.lower() not in ENDINGS or path.name.startswith("."):
                    continue
                facts = path.lstat()
                if stat.S_ISREG(facts.st_mode) and facts.st_mtime <= youngest:
                    ripe.append(path)
        except OSError as error:
            raise self._unreachable(error) from error
        return ripe

    def _unreachable(self, error: OSError) -> ScannerFailure:
        return ScannerFailure(
            ScannerState.UNREACHABLE,
            f"The scanner's folder “{self._folder}” cannot be used: {error.strerror or error}.",
            "Check that it exists and that the node may read and empty it.",
        )
