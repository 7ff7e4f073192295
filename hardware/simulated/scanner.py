"""A scanner without hardware: draws plausible paper from a seed, and misbehaves when it is told to."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Final

from hardware.scanner import Scan, ScannerFailure, ScannerState
from hardware.simulated.paper import Kind, draw_page

_WORDS: Final = {
    ScannerState.NO_PAPER: ("There is no paper in the scanner.", "Put the sheets into the scanner."),
    ScannerState.JAMMED: ("A sheet is stuck.", "Open the scanner, take the sheet out and put it in again."),
    ScannerState.UNREACHABLE: ("The scanner does not answer.", "Check its cable and its power."),
}
_KINDS: Final[tuple[Kind, ...]] = ("letter", "form", "letter", "receipt")


class SimulatedScanner:
    """Every batch has `pages` sheets drawn from `seed`, the next batch other ones. `faults`: one state per batch to come; READY goes well,
    JAMMED fails after the first sheet, NO_PAPER and UNREACHABLE at once. `mark` is printed on every sheet."""

    def __init__(
        self, seed: int, *, pages: int = 3, dpi: int = 200, faults: Sequence[ScannerState] = (), mark: str = ""
    ) -> None:
        self._seed = seed
        self._pages = pages
        self._dpi = dpi
        self._faults = list(faults)
        self._mark = mark
        self._sheets = 0
        self._closed = False

    def state(self) -> ScannerState:
        """What the next batch will meet at once."""
        if self._closed:
            return ScannerState.UNREACHABLE
        return self._at_once()

    def scan(self) -> Iterator[Scan]:
        """The next batch."""
        state = self.state()
        fault = self._faults.pop(0) if self._faults and not self._closed else ScannerState.READY
        if state is not ScannerState.READY:
            raise ScannerFailure(state, *_WORDS[state])
        return self._batch(jams=fault is ScannerState.JAMMED)

    def close(self) -> None:
        """It does not answer from now on."""
        self._closed = True

    def _at_once(self) -> ScannerState:
        if self._faults and self._faults[0] in (ScannerState.NO_PAPER, ScannerState.UNREACHABLE):
            return self._faults[0]
        return ScannerState.READY if self._pages else ScannerState.NO_PAPER

    def _batch(self, *, jams: bool) -> Iterator[Scan]:
        for sheet in range(self._pages):
            if jams and sheet == 1:
                raise ScannerFailure(ScannerState.JAMMED, *_WORDS[ScannerState.JAMMED])
            self._sheets += 1
            yield Scan(f"sheet-{self._sheets:04d}.jpg", self._draw(self._sheets))
        if jams and self._pages < 2:
            raise ScannerFailure(ScannerState.JAMMED, *_WORDS[ScannerState.JAMMED])

    def _draw(self, sheet: int) -> bytes:
        page = draw_page(self._seed * 10_000 + sheet, self._dpi, _KINDS[sheet % len(_KINDS)], self._mark)
        file = io.BytesIO()
        page.save(file, "JPEG", quality=85, dpi=(self._dpi, self._dpi))
        return file.getvalue()
