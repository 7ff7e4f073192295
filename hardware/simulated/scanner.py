"""A scanner without hardware: draws plausible paper from a seed, and misbehaves when it is told to, also while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hardware.scanner import Scan, ScannerState, closed, failed
from hardware.simulated.pile import Pile
from hardware.simulated.stage import Stage


class SimulatedScanner:
    """Every batch has `pages` sheets drawn from `seed`, the next batch other ones; or what somebody has laid on the `stage`, whose flags it heeds
    (`pile.Pile` names them). `faults`: one state per batch to come; READY goes well, JAMMED fails after the first sheet, others at once.
    `mark` is printed on every drawn sheet."""

    def __init__(
        self,
        seed: int,
        *,
        pages: int = 3,
        dpi: int = 200,
        faults: Sequence[ScannerState] = (),
        mark: str = "",
        stage: Stage | None = None,
    ) -> None:
        self._pile = Pile(seed, pages=pages, dpi=dpi, stage=stage, mark=mark)
        self._faults = list(faults)
        self._closed = False

    def state(self) -> ScannerState:
        """What the next batch will meet at once."""
        if self._closed:
            return ScannerState.UNREACHABLE
        if self._faults and self._faults[0] not in (ScannerState.READY, ScannerState.JAMMED):
            return self._faults[0]
        return self._pile.state(refilled=True)

    def scan(self) -> Iterator[Scan]:
        """The next batch."""
        if self._closed:
            raise closed()
        state = self.state()
        fault = self._faults.pop(0) if self._faults else ScannerState.READY
        if state is not ScannerState.READY:
            raise failed(state)
        self._pile.refill()
        return self._batch(jams=fault is ScannerState.JAMMED)

    def close(self) -> None:
        """It does not answer from now on."""
        self._closed = True
        self._pile.drop()

    def _batch(self, *, jams: bool) -> Iterator[Scan]:
        sheets = 0
        while True:
            if self._closed:
                raise closed()
            if jams and sheets == 1:
                raise failed(ScannerState.JAMMED)
            if sheets and self._pile.state() is ScannerState.NO_PAPER:
                return
            yield Scan(*self._pile.lift())
            sheets += 1
