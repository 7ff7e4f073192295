"""What a SANE device can do, as `scanimage -A` prints it, and what we ask of it: paper from where, in colour, how fine, how large.

Written after scanimage(1) and the texts that the backends test, pnm, airscan, fujitsu, genesys, epjitsu and brother4 print.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hardware.scanner import Mode, ScannerState, Source

WIDTH_MM: Final = 216.0  # A4 and US letter
HEIGHT_MM: Final = 300.0  # A4 and a little, so that a sheet that lies askew keeps its corners
OPTIONS_MAX: Final = 400
_LINE: Final = re.compile(r" {2,8}(?P<name>--?[a-zA-Z0-9][a-zA-Z0-9-]*)(?P<yes_no>\[=\([^)]*\)\])?(?: (?P<rest>.*))?")
_RANGE: Final = re.compile(r"(?P<low>-?[0-9]{1,9}(?:\.[0-9]+)?)\.\.(?P<high>-?[0-9]{1,9}(?:\.[0-9]+)?)")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]+)?")
_FEEDER: Final = ("feeder", "adf")
_GLASS: Final = ("flatbed", "platen", "normal")
# Sensors that some devices show as options that only the device sets.
_SENSORS: Final = {
    ("cover-open", "yes"): ScannerState.COVER_OPEN,
    ("adf-jammed", "yes"): ScannerState.JAMMED,
    ("page-loaded", "no"): ScannerState.NO_PAPER,
    ("adf-loaded", "no"): ScannerState.NO_PAPER,
}


@dataclass(frozen=True)
class Option:
    """One option: `values` in words, or numbers between `low` and `high`; `now` is what it is set to. Not `usable`: inactive or for reading only."""

    values: tuple[str, ...]
    low: float | None
    high: float | None
    now: str
    usable: bool

    def named(self, *words: str, without: str = "") -> str | None:
        """The first value with one of these words in it, those of the first word first, and without that one."""
        for word in words:
            for value in self.values:
                if word in value.lower() and not (without and without in value.lower()):
                    return value
        return None

    def nearest(self, wanted: float) -> str | None:
        """The value next above `wanted`, else the largest; None if it takes no numbers."""
        if self.low is not None and self.high is not None:
            return f"{min(max(wanted, self.low), self.high):g}"
        numbers = sorted(float(value) for text in self.values for value in _NUMBER.findall(text))
        return f"{next((number for number in numbers if number >= wanted), numbers[-1]):g}" if numbers else None


Options = Mapping[str, Option]


def parse(text: str) -> dict[str, Option]:
    """Options by name without hyphens, from what `scanimage -A` printed; lines that are none are left out."""
    found: dict[str, Option] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.rstrip())
        if match is None or len(found) >= OPTIONS_MAX:
            continue
        # “24bit Color[Fast] [24bit Color[Fast]] [inactive]”: what is set and how it may be used stands behind a blank.
        constraint, *marks = f" {match['rest'] or ''}".split(" [")
        marks = [mark.removesuffix("]") for mark in marks]
        constraint = constraint.strip()
        span = _RANGE.match(constraint)
        found[match["name"].lstrip("-")] = Option(
            values=() if span else tuple(value.strip() for value in constraint.split("|") if value.strip()),
            low=float(span["low"]) if span else None,
            high=float(span["high"]) if span else None,
            now=marks[0] if marks else "",
            usable=not {"inactive", "read-only"} & set(marks),
        )
    return found


def sources(options: Options, wanted: Source) -> list[str | None]:
    """The device's words for where paper may lie, in the order to try them; [None] where it knows one place only."""
    option = options.get("source")
    if option is None or not option.values:
        return [None]
    simplex = option.named(*_FEEDER, without="duplex")
    feeder = (option.named("duplex") if wanted == "duplex" else simplex) or simplex or option.named("duplex")
    glass = option.named(*_GLASS)
    match wanted:
        case "flatbed":
            order = [glass]
        case "feeder" | "duplex":
            order = [feeder]
        case "auto":
            order = [feeder, glass]
    return [place for place in order if place] or [None]


def is_feeder(source: str | None, options: Options) -> bool:
    """Whether sheets come from there one after the other. A device that knows one place only has a feeder if it has a sensor for it."""
    if source is None:
        return "page-loaded" in options or "adf-loaded" in options
    return any(word in source.lower() for word in (*_FEEDER, "duplex"))


def arguments(options: Options, mode: Mode, dpi: int) -> Iterator[str]:
    """How scanimage is told the mode, the resolution and an area of A4; only what this device knows."""
    usable = {name: option for name, option in options.items() if option.usable}
    if option := usable.get("mode"):
        words = ("color", "colour") if mode == "color" else ("true gray", "gray", "grey", "color")
        if value := option.named(*words):
            yield f"--mode={value}"
    if (option := usable.get("depth")) and "8" in option.values and option.now != "8":
        yield "--depth=8"
    if (option := usable.get("resolution")) and (value := option.nearest(dpi)):
        yield f"--resolution={value}"
    for name, millimetres in (("page-width", WIDTH_MM), ("page-height", HEIGHT_MM)):
        if (option := usable.get(name)) and option.high is not None:
            yield f"--{name}={min(millimetres, option.high):g}"
    for name, millimetres in (("x", WIDTH_MM), ("y", HEIGHT_MM)):
        if (option := usable.get(name)) and option.high is not None:
            yield f"-{name}"
            yield f"{min(millimetres, option.high):g}"


def sensed(options: Options) -> ScannerState:
    """What the device's sensors say; READY where it has none."""
    for (name, value), state in _SENSORS.items():
        if (option := options.get(name)) and option.now == value:
            return state
    return ScannerState.READY
