"""Makes edge/capture/upright.npz: teaches a small network which way up print is. `python -m tools.letters`.

Letters are drawn with the fonts of this machine (Debian: fonts-urw-base35, fonts-dejavu), as German, English, Polish and Ukrainian text,
capitals and figures; blurred, made noisy, turned a little and cut out by the very code that will look at pages. The same seed gives the
same weights on the same machine.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from edge.capture import turn

FOLDERS: Final = (Path("/usr/share/fonts/opentype/urw-base35"), Path("/usr/share/fonts/truetype/dejavu"))
LEFT_OUT: Final = ("D050000L", "StandardSymbols", "Math", "Z003")
FREQUENT: Final = {
    "german": "eeeeeeeeenniiisssrrraattdddhhuulllccggmmoobbwwffkkzzppvvüäößjyxq",
    "english": "eeeeeettttaaaoooiinnsshhrrddllccuummwwffggyyppbbvvkkjxqz",
    "polish": "aaaiiieeeooonzzrwstcykdpmuljłbgęhąóżśćfńź",
    "ukrainian": "ооонннаааииивіітттеесррккллддмуупзябгйхчьжшєїцюф",
}
SIZES_POINTS: Final = (7, 8, 9, 10, 10.5, 11, 12, 14, 18)
PAGES_PER_FONT: Final = 6
HIDDEN: Final = (48, 24)
ROUNDS: Final = 30
BATCH: Final = 512
Array = npt.NDArray[np.float32]


def main() -> None:
    """Draw, teach, tell how often it is right on fonts that it has not seen, and write the weights."""
    random = np.random.default_rng(1)
    fonts = sorted(
        path for folder in FOLDERS for path in folder.glob("*.[ot]tf") if not any(x in path.name for x in LEFT_OUT)
    )
    kept_back = [path for path in fonts if "Bookman" in path.name or "Condensed-" in path.name]
    known = _all_letters([path for path in fonts if path not in kept_back], random)
    unknown = _all_letters(kept_back, random)
    weights = _taught(known, random)
    print(
        f"{len(known)} letters; right: {_right(weights, known):.4f}, of fonts never seen: {_right(weights, unknown):.4f}"
    )
    arrays = {}
    for number, weight in enumerate(weights):
        scale = np.float32(max(1e-6, float(np.abs(weight).max())) / 127)
        arrays[f"w{number}"], arrays[f"s{number}"] = np.rint(weight / scale).astype(np.int8), scale
    np.savez_compressed(turn.WEIGHTS, **arrays)
    print(f"{turn.WEIGHTS}: {turn.WEIGHTS.stat().st_size} bytes")


def _all_letters(fonts: list[Path], random: np.random.Generator) -> Array:
    found = []
    for font in fonts:
        for _ in range(PAGES_PER_FONT):
            # Cut out as they lie, and only then turned upright: nothing but the letter itself may say which way up it is.
            way = int(random.integers(0, 4))
            lying = turn.letters(np.ascontiguousarray(np.rot90(_page(font, random), way)), turn.LOOK_DPI)
            found.append(np.rot90(lying, -way, axes=(1, 2)))
    return np.concatenate(found)


def _page(font: Path, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A quarter of a sheet of nonsense at 150 dpi, drawn at 300."""
    points = float(random.choice(SIZES_POINTS))
    face = ImageFont.truetype(str(font), round(points * 300 / 72))
    languages = list(FREQUENT) if "dejavu" in str(font) else list(FREQUENT)[:3]
    letters = FREQUENT[str(random.choice(languages))]
    sheet = Image.new("L", (1600, 1200), int(random.integers(215, 255)))
    draw, y = ImageDraw.Draw(sheet), 30
    shade = int(random.integers(0, 110))
    while y < 1130:
        row = " ".join(_word(letters, random) for _ in range(20))
        draw.text((30 + random.random(), y + random.random()), row, fill=shade, font=face)
        y += round(points * 300 / 72 * 1.35)
    turned = sheet.rotate(random.uniform(-4, 4), Image.Resampling.BICUBIC, fillcolor=sheet.getpixel((2, 2)))
    soft = turned.filter(ImageFilter.GaussianBlur(float(random.uniform(0.2, 2.2))))
    small = np.asarray(soft.reduce(2), np.float32)
    noisy = small + random.normal(0, random.uniform(0, 9), small.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def _word(letters: str, random: np.random.Generator) -> str:
    kind = random.random()
    word = "".join(random.choice(list(letters), int(random.integers(2, 11))))
    if kind < 0.12:
        return word.upper()
    if kind < 0.24:
        return "".join(random.choice(list("0123456789.,-/:€")) for _ in range(int(random.integers(2, 8))))
    return word.capitalize() if kind < 0.45 else word


def _taught(letters: Array, random: np.random.Generator) -> list[Array]:
    """Adam on the cross entropy of the four ways; the network is the same for each."""
    sizes = (turn.SIDE**2, *HIDDEN)
    weights: list[Array] = []
    for before, after in itertools.pairwise(sizes):
        weights.append(random.normal(0, np.sqrt(2 / before), (before, after)).astype(np.float32))
        weights.append(np.zeros(after, np.float32))
    weights.append(random.normal(0, np.sqrt(1 / sizes[-1]), sizes[-1]).astype(np.float32))
    mean = [np.zeros_like(weight) for weight in weights]
    square = [np.zeros_like(weight) for weight in weights]
    step = 0
    for turn_number in range(ROUNDS):
        rate = 2e-3 * (1 - turn_number / ROUNDS) + 5e-5
        order = random.permutation(len(letters))
        for start in range(0, len(order) - BATCH, BATCH):
            step += 1
            for number, slope in enumerate(_slopes(weights, letters[order[start : start + BATCH]])):
                mean[number] += 0.1 * (slope - mean[number])
                square[number] += 0.001 * (slope * slope - square[number])
                unbiased = mean[number] / (1 - 0.9**step), square[number] / (1 - 0.999**step)
                weights[number] -= (rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)).astype(np.float32)
    return weights


def _slopes(weights: list[Array], letters: Array) -> list[Array]:
    count = len(letters)
    seen = np.concatenate([np.rot90(letters, way, axes=(1, 2)).reshape(count, -1) for way in range(4)])
    first, first_bias, second, second_bias, last = weights
    one = np.maximum(seen @ first + first_bias, 0)
    two = np.maximum(one @ second + second_bias, 0)
    readable = (two @ last).reshape(4, count)
    share = np.exp(readable - readable.max(axis=0))
    share /= share.sum(axis=0)
    share[0] -= 1
    slope = (share / count).reshape(-1)
    slope_two = np.outer(slope, last) * (two > 0)
    slope_one = (slope_two @ second.T) * (one > 0)
    return [
        seen.T @ slope_one + 1e-4 * first,
        slope_one.sum(axis=0),
        one.T @ slope_two + 1e-4 * second,
        slope_two.sum(axis=0),
        two.T @ slope,
    ]


def _right(weights: list[Array], letters: Array) -> float:
    first, first_bias, second, second_bias, last = weights
    ways = [
        np.maximum(
            np.maximum(np.rot90(letters, way, axes=(1, 2)).reshape(len(letters), -1) @ first + first_bias, 0) @ second
            + second_bias,
            0,
        )
        @ last
        for way in range(4)
    ]
    return float((np.argmax(np.stack(ways), axis=0) == 0).mean())


if __name__ == "__main__":
    main()
