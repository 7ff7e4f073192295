"""Which way up a page lies, from its letters: each is looked at in four ways, and says how much it looks as letters do when they are read.

A letter is a picture of 16 × 16 and goes through a network of 48 and 24 neurons (upright.npz, made by tools/letters.py from fonts: it knows which
way up print is, not what it says). One letter knows little; two hundred are right. Where they do not agree, as in handwriting, lines are
asked, and where they do not know either, somebody.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.capture import lines
from edge.capture.flatten import Grey
from edge.capture.scale import grey
from edge.capture.survey import Survey

LOOK_DPI: Final = 150
SIDE: Final = 16  # of the picture of a letter
BODY: Final = 14  # of its longer side in it
HEIGHT_PIXELS: Final = (7, 48)  # at 150 dpi: from 4 to 30 points, capitals and small letters
LENGTHY_MAX: Final = 3.0  # longer things are rules, or letters that hang together
LETTERS_MAX: Final = 400
LETTERS_MIN: Final = 12  # fewer say nothing
DOUBT: Final = 0.12  # how often a letter may be something else than a letter
SURE: Final = 8.0  # nats between the likeliest way and the next; and as many for every
SURE_PER_LETTER: Final = 0.1  # letter: nonsense agrees a little, script that the network never saw up to 0.09 wrongly, print that it knows 0.15
TURNED_PER_LETTER: Final = (
    0.3  # to turn a page: flowing handwriting may agree by 0.17 on the wrong way, print that it knows by 0.6 and more
)
PRINT_PER_LETTER: Final = 0.7  # less may be handwriting, on the wrong way up to 0.43: then lines must not say otherwise
STANDING: Final = (
    3.5  # standard errors: then lines stand as the letters weakly say; sideways, or in drawings, they have up to 3.4
)
STANDING_ALONE: Final = 6.0  # whatever else letters say, unless they are sure
LIGHT_PER_LETTER: Final = 1.0  # of print lighter than its ground: what lies between dark letters agrees by up to 0.6
WEIGHTS: Final = Path(__file__).with_name("upright.npz")


@dataclass(frozen=True)
class Turn:
    """`degrees`: by how much the page must be turned counter-clockwise to be read: 0, 90, 180 or 270. `sure`: False when somebody must be
    asked."""

    degrees: int
    sure: bool


def measure(page: Survey) -> Turn:
    """Where there is hardly any print: 0, and sure, because nothing speaks against it."""
    plain = grey(page.fine)
    dark = _likeliest(letters(plain, page.fine_dpi))
    if dark is not None and dark.agree > PRINT_PER_LETTER:
        return Turn(dark.degrees, True)
    standing = 0.0 if dark is None else lines.standing(plain, page.fine_dpi)
    if dark is not None and dark.agree > (TURNED_PER_LETTER if dark.degrees else SURE_PER_LETTER):
        otherwise = standing > STANDING if dark.degrees else standing < -STANDING
        if not otherwise:
            return Turn(dark.degrees, True)
    light = _likeliest(letters(~plain, page.fine_dpi))
    if light is not None and light.agree > LIGHT_PER_LETTER:
        return Turn(light.degrees, True)
    if dark is None or standing > (STANDING_ALONE if dark.degrees else STANDING):
        return Turn(0, True)
    return Turn(dark.degrees, False)


@dataclass(frozen=True)
class _Likeliest:
    """A way, and how much each letter speaks for it rather than for the next, in nats; without those that are asked of every page."""

    degrees: int
    agree: float


def _likeliest(seen: npt.NDArray[np.float32]) -> _Likeliest | None:
    """None where there are too few letters."""
    if len(seen) < LETTERS_MIN:
        return None
    ways = likelihoods(seen)
    best, next_best = np.argsort(-ways)[:2].tolist()
    return _Likeliest(90 * best, (float(ways[best] - ways[next_best]) - SURE) / len(seen))


def letter_boxes(page: Survey) -> npt.NDArray[np.int32]:
    """int32 [n, 4]: left, top, width, height of whatever may be a letter, in pixels of `page.fine`, whichever way up the page lies. The shorter
    side of half of them is as long as that of an n, or a little longer."""
    _, stats = _pieces(grey(page.fine))
    _, _, across, down, area = stats.T
    longer, shorter = np.maximum(across, down), np.minimum(across, down)
    fits = (shorter >= 3) & (longer <= 64) & (longer <= 2.2 * shorter)
    fits &= (area > 0.12 * across * down) & (area < 0.92 * across * down)
    boxes: npt.NDArray[np.int32] = stats[fits, :4]
    return boxes


def _pieces(plain: Grey) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """What hangs together in ink: the number of its piece for each pixel, from 1 on, and [n, 5] left, top, width, height, area of each."""
    ink = (cv2.subtract(cv2.blur(plain, (25, 25)), plain) > 28).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink)
    return labels, stats[1:]  # type: ignore[return-value]


def letters(plain: Grey, dpi: float) -> npt.NDArray[np.float32]:
    """float32 [n, 16, 16] from 0 to 1, ink is 1: what on a page at about 150 dpi may be letters, at most 400 of them from everywhere."""
    labels, stats = _pieces(plain)
    left, top, across, down, area = stats.T
    least, most = (limit * min(1.0, dpi / LOOK_DPI) for limit in HEIGHT_PIXELS)
    longer, shorter = np.maximum(across, down), np.maximum(1, np.minimum(across, down))
    fits = (longer >= max(5, least)) & (longer <= most) & (longer <= LENGTHY_MAX * shorter) & (shorter >= 3)
    fits &= (area > 0.12 * across * down) & (area < 0.92 * across * down)
    fits &= (left > 1) & (top > 1) & (left + across < plain.shape[1] - 1) & (top + down < plain.shape[0] - 1)
    found = np.flatnonzero(fits)
    if len(found) > LETTERS_MAX:
        found = found[(np.arange(LETTERS_MAX) * (len(found) / LETTERS_MAX)).astype(int)]
    pictures = np.zeros((len(found), SIDE, SIDE), np.float32)
    for number, index in enumerate(found.tolist()):
        x, y, width, height = left[index], top[index], across[index], down[index]
        letter = (labels[y : y + height, x : x + width] == index + 1).astype(np.float32)
        _lay(letter, pictures[number])
    return pictures


def _lay(letter: npt.NDArray[np.float32], picture: npt.NDArray[np.float32]) -> None:
    """In the middle, its longer side 14 pixels."""
    height, width = letter.shape
    scale = BODY / max(height, width)
    # Even, so that it lies in the very middle: half a pixel would give away which way up the page was when it was cut out.
    size = (max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2)))
    laid = cv2.resize(letter, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    picture[top : top + size[1], left : left + size[0]] = laid


def likelihoods(seen: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """float64 [4]: how likely all these letters are when the page is turned counter-clockwise by 0, 90, 180, 270 degrees, in nats."""
    readable = np.stack(
        [_readable(np.rot90(seen, way, axes=(1, 2)).reshape(len(seen), -1)) for way in range(4)], axis=1
    )
    readable -= readable.max(axis=1, keepdims=True)
    share = np.exp(readable)
    share /= share.sum(axis=1, keepdims=True)
    return np.log((1 - DOUBT) * share + DOUBT / 4).sum(axis=0, dtype=np.float64)  # type: ignore[no-any-return]


def _readable(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    first, first_bias, second, second_bias, last = _weights()
    hidden = np.maximum(pictures @ first + first_bias, 0)
    found: npt.NDArray[np.float32] = np.maximum(hidden @ second + second_bias, 0) @ last
    return found


@functools.cache
def _weights() -> tuple[npt.NDArray[np.float32], ...]:
    with np.load(WEIGHTS, allow_pickle=False) as kept:
        return tuple(kept[f"w{number}"].astype(np.float32) * kept[f"s{number}"] for number in range(5))
