"""The pile of paper in a simulated scanner: drawn sheets from a seed, or what somebody has laid there; gets stuck and runs empty on request."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image, ImageFilter

from hardware.scanner import ScannerState, failed
from hardware.simulated import stage as stages
from hardware.simulated.paper import Kind, draw_page
from hardware.simulated.stage import Stage

DEVICE: Final = "scanner"
SLOW_SECONDS: Final = 4.0
_KINDS: Final[tuple[Kind, ...]] = ("letter", "form", "letter", "receipt")
# In the order in which they hide each other.
_FLAGS: Final = {
    stages.UNPLUGGED: ScannerState.UNREACHABLE,
    stages.DENIED: ScannerState.DENIED,
    stages.BUSY: ScannerState.BUSY,
    stages.COVER_OPEN: ScannerState.COVER_OPEN,
    stages.JAMMED: ScannerState.JAMMED,
    stages.NO_PAPER: ScannerState.NO_PAPER,
}


class Lifted(NamedTuple):
    """One sheet's scan: a whole file, named as its format is."""

    name: str
    image: bytes


class Pile:
    """`pages` sheets drawn from `seed`, and as many other ones after `refill`; first of all what lies on the `stage`. Heeds the flags unplugged,
    denied, busy, cover-open, jammed, no-paper, slow (SLOW_SECONDS a sheet) and blurred (drawn sheets and pictures, not PDF)."""

    def __init__(self, seed: int, *, pages: int, dpi: int, stage: Stage | None = None, mark: str = "") -> None:
        self._seed = seed
        self._pages = pages
        self._dpi = dpi
        self._stage = stage
        self._mark = mark
        self._drawn = 0
        self._left = pages
        self._gone = threading.Event()

    def state(self, *, refilled: bool = False) -> ScannerState:
        """What lifting the next sheet would meet, now or after a refill."""
        flags = self._flags()
        for flag, state in _FLAGS.items():
            if flag in flags:
                return state
        drawn = self._pages if refilled else self._left
        return ScannerState.READY if drawn or self._lying() else ScannerState.NO_PAPER

    def refill(self) -> None:
        """As many drawn sheets again as at the beginning."""
        self._left = self._pages

    def lift(self, *, dpi: int | None = None, grey: bool = False) -> Lifted:
        """The next sheet as a JPEG at `dpi`; what somebody has laid there comes as it is, whatever was asked. Raises ScannerFailure; the sheet then
        still lies there."""
        if stages.SLOW in self._flags():
            self._gone.wait(SLOW_SECONDS)
        state = self.state()
        if state is not ScannerState.READY:
            raise failed(state)
        blurred = stages.BLURRED in self._flags()
        if lying := self._lying():
            path = lying[0]
            image = path.read_bytes()
            path.unlink(missing_ok=True)
            self._left = 0 if len(lying) == 1 else self._left  # drawn sheets do not come in one batch with laid ones
            return Lifted(path.name, _blur_file(image) if blurred else image)
        self._left -= 1
        self._drawn += 1
        return Lifted(f"sheet-{self._drawn:04d}.jpg", self._draw(self._drawn, dpi or self._dpi, grey, blurred))

    def drop(self) -> None:
        """Nobody waits for a slow sheet any more."""
        self._gone.set()

    def _draw(self, sheet: int, dpi: int, grey: bool, blurred: bool) -> bytes:
        page = draw_page(self._seed * 10_000 + sheet, dpi, _KINDS[sheet % len(_KINDS)], self._mark)
        if grey:
            page = page.convert("L")
        return encode(page.filter(ImageFilter.GaussianBlur(dpi / 60)) if blurred else page, dpi)

    def _flags(self) -> frozenset[str]:
        return self._stage.flags(DEVICE) if self._stage is not None else frozenset()

    def _lying(self) -> tuple[Path, ...]:
        return self._stage.lying(DEVICE) if self._stage is not None else ()


def encode(page: Image.Image, dpi: float | None) -> bytes:
    """As scanners do: a JPEG that names its resolution; as cameras do, without it, if that is None."""
    file = io.BytesIO()
    named = {} if dpi is None else {"dpi": (dpi, dpi)}
    page.save(file, "JPEG", quality=85, **named)
    return file.getvalue()


def _blur_file(image: bytes) -> bytes:
    if image.startswith(b"%PDF"):
        return image
    with Image.open(io.BytesIO(image)) as picture:
        dpi = float(picture.info.get("dpi", (200, 200))[0])
        return encode(picture.convert("RGB").filter(ImageFilter.GaussianBlur(max(picture.size) / 500)), dpi)
