"""How many spoilt pages are noticed, and how many good ones are blamed: defects are put into drawn pages and into those of a folder.

A defect is harmful: so strong that print of ten points is no longer read, or part of the page is gone. A page lying wrong is caught when it
is turned upright, or asked about.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from edge.capture import pipeline, source
from edge.capture.page import Page
from edge.capture.pipeline import Taken
from edge.capture.scale import shrunk
from edge.capture.verdict import Fault
from hardware.simulated import wear
from hardware.simulated.paper import Kind, draw_page

Pixels = npt.NDArray[np.uint8]
Spoil = Callable[[Page, np.random.Generator], Page]

KINDS: Final[tuple[Kind, ...]] = ("letter", "form", "receipt")
BLUR_MM: Final = (0.35, 0.6)  # sigma: half the height of a small letter of ten points is 0.9 mm
MOVED_MM: Final = (1.2, 2.5)
PHOTO_PIXELS: Final = (2000, 2667)
PHOTO_DPI: Final = 2667 / 11.69
FOLDED_INCHES: Final = (0.4, 0.7)


class Rate(msgspec.Struct, frozen=True):
    """One defect. `seconds_max`: the longest that any page took, from pixels to verdict and bytes."""

    defect: str
    pages: int
    caught: int
    seconds_max: float


class Found(msgspec.Struct, frozen=True):
    """`caught`: share over all defects; `false_alarms`: share of `good` pages that were blamed; `blamed`: which of them, and for what."""

    rates: list[Rate]
    caught: float
    good: int
    false_alarms: float
    blamed: list[str]


def measure(folder: Path | None, drawn: int, tell: Callable[[str], None] = lambda _: None) -> Found:
    """Over `drawn` drawn pages, half of them photographed, and the first page of every file in `folder` that is good as it is."""
    random = np.random.default_rng(1)
    good, blamed, usable = 0, [], list[tuple[str, Page]]()
    for name, page in itertools.chain(_drawn(drawn), _given(folder)):
        good += 1
        faults = _take(page).faults
        if faults:
            blamed.append(f"{name}: {' '.join(faults)}")
        else:
            usable.append((name, page))
    rates = []
    for defect, (spoil, sign) in DEFECTS.items():
        caught, pages, seconds_max = 0, 0, 0.0
        for name, page in usable:
            spoilt = spoil(page, random)
            began = time.process_time()
            taken = _take(spoilt)
            seconds_max = max(seconds_max, time.process_time() - began)
            pages += 1
            noticed = sign(taken)
            caught += noticed
            if not noticed:
                tell(f"not noticed: {defect} in {name}")
        rates.append(Rate(defect, pages, caught, round(seconds_max, 3)))
    total = sum(rate.pages for rate in rates)
    share = sum(rate.caught for rate in rates) / total if total else 0.0
    return Found(rates, share, good, len(blamed) / good if good else 0.0, blamed)


def table(found: Found) -> Iterator[str]:
    """The run as people read it."""
    yield "defect             pages   caught   longest s"
    for rate in found.rates:
        yield f"{rate.defect:<17} {rate.pages:6d}   {rate.caught / max(1, rate.pages):6.1%}   {rate.seconds_max:9.2f}"
    yield f"caught {found.caught:.1%}; {found.false_alarms:.1%} of {found.good} good pages blamed"
    yield from found.blamed


def _take(page: Page) -> Taken:
    (taken,) = pipeline.take([page])
    return taken


def _drawn(count: int) -> Iterator[tuple[str, Page]]:
    for seed in range(count):
        kind = KINDS[seed % 3]
        if seed % 2:
            picture = wear.photograph(draw_page(seed, 200, kind), seed, PHOTO_PIXELS)
            yield f"photographed {kind} {seed}", Page(np.asarray(picture), PHOTO_DPI, guessed=True)
        else:
            yield (
                f"drawn {kind} {seed}",
                Page(
                    np.asarray(draw_page(seed, (150, 200, 300)[seed // 2 % 3], kind)),
                    (150.0, 200.0, 300.0)[seed // 2 % 3],
                ),
            )


def _given(folder: Path | None) -> Iterator[tuple[str, Page]]:
    kinds = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".pdf"}
    for path in sorted(folder.iterdir()) if folder is not None else ():
        if path.suffix.lower() in kinds:
            yield path.name, next(iter(source.pages(path)))


# --- the defects ------------------------------------------------------------------------------------------------------


def _blurred(page: Page, random: np.random.Generator) -> Page:
    sigma = float(random.uniform(*BLUR_MM)) / 25.4 * page.dpi
    return _with(page, cv2.GaussianBlur(page.pixels, (0, 0), sigma))


def _moved(page: Page, random: np.random.Generator) -> Page:
    length = max(3, round(float(random.uniform(*MOVED_MM)) / 25.4 * page.dpi))
    angle = float(random.uniform(0, np.pi))
    way = np.zeros((length, length), np.float32)
    middle, reach = (length - 1) / 2, (length - 1) / 2
    start = (round(middle - reach * np.cos(angle)), round(middle - reach * np.sin(angle)))
    end = (round(middle + reach * np.cos(angle)), round(middle + reach * np.sin(angle)))
    cv2.line(way, start, end, 1.0)
    return _with(page, cv2.filter2D(page.pixels, -1, way / way.sum()))


def _dark(page: Page, random: np.random.Generator) -> Page:
    return _with(page, (page.pixels * np.float32(random.uniform(0.18, 0.35))).astype(np.uint8))


def _glare(page: Page, random: np.random.Generator) -> Page:
    """A lamp on shiny paper, somewhere in the middle of the sheet; the camera has closed its eye a little."""
    height, width = page.pixels.shape[:2]
    spot = np.zeros((height, width), np.float32)
    across, down = random.uniform(0.08, 0.16, 2)
    at = (round(width * random.uniform(0.35, 0.65)), round(height * random.uniform(0.35, 0.65)))
    cv2.ellipse(spot, at, (round(width * across), round(height * down)), float(random.uniform(0, 180)), 0, 360, 1.0, -1)
    soft = max(width, height) / 110
    light = cv2.GaussianBlur(spot, (0, 0), soft)
    light = light if page.pixels.ndim == 2 else light[:, :, None]
    dull = page.pixels * np.float32(0.82)
    return _with(page, np.clip(dull + (270 - dull) * light, 0, 255).astype(np.uint8))


def _folded(page: Page, random: np.random.Generator) -> Page:
    """An ear at one corner shows what lies behind: the dark of the table, or of the lid."""
    leg = float(random.uniform(*FOLDED_INCHES)) * page.dpi
    height, width = page.pixels.shape[:2]
    corners = [(0, 0, 1, 1), (width, 0, -1, 1), (width, height, -1, -1), (0, height, 1, -1)]
    x, y, right, down = corners[int(random.integers(0, 4))]
    tone = 45
    if page.guessed:  # the sheet lies within the picture
        found = _corners_of(page)
        if found is not None:
            return _with(page, _ear(page.pixels, found, int(random.integers(0, 4)), leg, tone))
    ear = np.array([(x, y), (x + right * leg, y), (x, y + down * leg)], np.int32)
    return _with(page, cv2.fillPoly(page.pixels.copy(), [ear], (tone,) * 3))


def _corners_of(page: Page) -> npt.NDArray[np.float64] | None:
    from edge.capture import outline, survey

    found = outline.find(survey.survey(page))
    return found.in_pixels(page.width, page.height) if found is not None else None


def _ear(pixels: Pixels, corners: npt.NDArray[np.float64], number: int, leg: float, tone: int) -> Pixels:
    corner = corners[number]
    ends = [corners[number - 1], corners[(number + 1) % 4]]
    beyond = corner + (corner - corners.mean(axis=0)) * 0.01
    legs = [corner + (end - corner) / np.hypot(*(end - corner)) * leg for end in ends]
    return cv2.fillPoly(pixels.copy(), [np.rint([beyond, *legs]).astype(np.int32)], (tone,) * 3)  # type: ignore[return-value]


def _cut(page: Page, random: np.random.Generator) -> Page:
    """A part of the sheet is out of view."""
    away = float(random.uniform(0.25, 0.4))
    width = page.width
    part = (
        page.pixels[:, round(width * away) :] if random.random() < 0.5 else page.pixels[:, : round(width * (1 - away))]
    )
    return _with(page, np.ascontiguousarray(part))


def _upside_down(page: Page, random: np.random.Generator) -> Page:
    return _with(page, np.ascontiguousarray(page.pixels[::-1, ::-1]))


def _empty(page: Page, random: np.random.Generator) -> Page:
    """The other side of the sheet."""
    tone = random.uniform(215, 250)
    return Page(random.normal(tone, 3, (1754, 1240)).clip(0, 255).astype(np.uint8), 150.0)


def _coarse(page: Page, random: np.random.Generator) -> Page:
    scale = float(random.uniform(60, 95)) / page.dpi
    size = (round(page.width * scale), round(page.height * scale))
    return Page(shrunk(page.pixels, size), page.dpi * scale, page.guessed)


def _with(page: Page, pixels: npt.NDArray[np.generic]) -> Page:
    return Page(pixels.astype(np.uint8), page.dpi, page.guessed)


def _says(*faults: Fault) -> Callable[[Taken], bool]:
    return lambda taken: any(fault in taken.faults for fault in faults)


DEFECTS: Final[dict[str, tuple[Spoil, Callable[[Taken], bool]]]] = {
    "blurred": (_blurred, _says(Fault.BLURRED, Fault.TOO_COARSE)),
    "moved": (_moved, _says(Fault.BLURRED, Fault.TOO_COARSE)),
    "too dark": (_dark, _says(Fault.TOO_DARK)),
    "glare": (_glare, _says(Fault.GLARE)),
    "corner folded": (_folded, _says(Fault.CORNER_MISSING)),
    "part out of view": (_cut, _says(Fault.EDGE_CUT, Fault.CORNER_MISSING)),
    "upside down": (
        _upside_down,
        lambda taken: taken.turned_degrees == 180 or Fault.UNSURE_WAY_UP in taken.faults,
    ),
    "empty": (_empty, _says(Fault.EMPTY)),
    "too coarse": (_coarse, _says(Fault.TOO_COARSE)),
}
