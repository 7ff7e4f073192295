"""A document camera without hardware: looks down on a drawn table on which sheets are drawn or laid, and misbehaves when it is told to."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from random import Random
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import pymupdf
from PIL import Image, ImageFilter

from hardware.camera import CameraState, Glimpse, blind, closed
from hardware.scanner import Scan
from hardware.simulated import stage as stages
from hardware.simulated import wear
from hardware.simulated.paper import Kind, draw_page
from hardware.simulated.stage import Stage
from hardware.stillness import Stillness

DEVICE: Final = "camera"
PREVIEW_PIXELS: Final = (480, 640)
STILL_PIXELS: Final = (2000, 2667)
SHEET_DPI_MAX: Final = 200
SLOW_SECONDS: Final = 4.0
_KINDS: Final[tuple[Kind, ...]] = ("letter", "form", "letter", "receipt")


class SimulatedCamera:
    """Sees the sheet that was laid last on the `stage` (device “camera”); where none lies there, `pages` drawn ones from `seed`, of which the next
    comes as soon as one was taken. `size`: width and height of a picture in pixels. Every look sees one picture. Heeds the flags unplugged,
    no-paper (a bare table), moving (a hand), blurred and slow (SLOW_SECONDS a picture)."""

    def __init__(
        self, seed: int, *, pages: int = 3, stage: Stage | None = None, size: tuple[int, int] = STILL_PIXELS
    ) -> None:
        self._size = size
        self._dpi = min(SHEET_DPI_MAX, size[1] // 12)
        self._seed = seed
        self._pages = pages
        self._stage = stage
        self._random = Random(seed)  # noqa: S311 - a drawing, not a secret
        self._stillness = Stillness()
        self._drawn = 0
        self._taken = 0
        self._scene: tuple[str, Image.Image] | None = None
        self._gone = threading.Event()

    def state(self) -> CameraState:
        """READY while it is plugged in."""
        away = self._gone.is_set() or stages.UNPLUGGED in self._flags()
        return CameraState.UNREACHABLE if away else CameraState.READY

    def look(self) -> Glimpse:
        """One picture more."""
        small = self._see().resize(PREVIEW_PIXELS, Image.Resampling.BOX)
        picture = np.asarray(small).copy()
        if stages.MOVING in self._flags():
            self._lay_hand(picture)
        noise = np.random.default_rng(self._random.getrandbits(32)).integers(-3, 4, picture.shape[:2], np.int16)
        picture = np.clip(picture.astype(np.int16) + noise[:, :, None], 0, 255).astype(np.uint8)
        sign = self._stillness.see(picture)
        return Glimpse(_jpeg(Image.fromarray(picture, "RGB"), 70), sign)

    def still(self) -> Scan:
        """What lies there, in full size."""
        if stages.SLOW in self._flags():
            self._gone.wait(SLOW_SECONDS)
        scene = self._see()
        if stages.BLURRED in self._flags():
            scene = scene.filter(ImageFilter.GaussianBlur(6))
        self._stillness.taken()
        self._taken += 1
        if self._laid() is None:
            self._drawn = min(self._drawn + 1, self._pages)
        return Scan(f"picture-{self._taken:04d}.jpg", _jpeg(scene, 92))

    def close(self) -> None:
        """It sees nothing from now on."""
        self._gone.set()

    def _see(self) -> Image.Image:
        """The scene, drawn once for each sheet. Raises ScannerFailure."""
        if self._gone.is_set():
            raise closed()
        if stages.UNPLUGGED in self._flags():
            raise blind()
        laid = self._laid()
        bare = stages.NO_PAPER in self._flags() or (laid is None and self._drawn >= self._pages)
        name = "" if bare else laid.name if laid else f"{self._drawn}"
        if self._scene is None or self._scene[0] != name:
            self._scene = (name, self._draw(None if bare else self._sheet(laid)))
        return self._scene[1]

    def _sheet(self, laid: Path | None) -> Image.Image:
        if laid is None:
            return draw_page(self._seed * 10_000 + self._drawn, self._dpi, _KINDS[self._drawn % len(_KINDS)])
        content = laid.read_bytes()
        if content.startswith(b"%PDF"):
            with pymupdf.open(stream=content) as document:
                pixels = document[0].get_pixmap(dpi=self._dpi, colorspace=pymupdf.csRGB, alpha=False)
                return Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
        with Image.open(io.BytesIO(content)) as picture:
            return picture.convert("RGB")

    def _draw(self, sheet: Image.Image | None) -> Image.Image:
        if sheet is None:
            return Image.fromarray(wear.table(self._seed, self._size), "RGB")
        return wear.photograph(sheet, self._seed * 10_000 + self._drawn, self._size)

    def _lay_hand(self, picture: npt.NDArray[np.uint8]) -> None:
        height, width = picture.shape[:2]
        at = (round(width * self._random.uniform(0.2, 0.8)), round(height * self._random.uniform(0.6, 0.9)))
        cv2.ellipse(picture, at, (width // 7, height // 8), 0, 0, 360, (206, 160, 134), -1)

    def _flags(self) -> frozenset[str]:
        return self._stage.flags(DEVICE) if self._stage is not None else frozenset()

    def _laid(self) -> Path | None:
        lying = self._stage.lying(DEVICE) if self._stage is not None else ()
        return lying[-1] if lying else None


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()
