"""What was measured of the visitor's screen, against its goals, and how a terminal shows it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from typing import Final

import msgspec

START_GOAL_SECONDS: Final = 3.0
REACTION_GOAL_MS: Final = 100.0
FIRST_SCREEN_GOAL_MS: Final = 300.0
WIPE_GOAL_SECONDS: Final = 2.0


class Spread(msgspec.Struct, frozen=True):
    """Of `count` measurements."""

    count: int
    p50: float
    p95: float
    max: float


class Start(msgspec.Struct, frozen=True):
    """Seconds from the start of node and browser to the painted start page; medians."""

    with_hub_s: float
    without_hub_s: float
    all_s: list[float]


class Wipe(msgspec.Struct, frozen=True):
    """Seconds from the touch that ends a visit until nothing was found any more; the longest of all runs. `memory_marks`: how often marks stood in
    memory that is free but was not overwritten, of node and worker, afterwards (-1: we may not look)."""

    page_s: float
    files_s: float
    profile_s: float
    all_s: float
    memory_marks: dict[str, int]


class Found(msgspec.Struct, frozen=True):
    """Everything. `felt_ms`: from the touch to a visible answer of the button; `answered_ms`: to the next page; while nothing else happens, while
    the worker works, and while it refuses a page of 20,000 × 20,000 pixels."""

    runs: int
    start: Start
    felt_ms: dict[str, Spread]
    answered_ms: dict[str, Spread]
    by_touch_ms: dict[str, Spread]
    first_screen_ms: Spread
    wipe: Wipe
    goals: dict[str, bool]


class Touch(msgspec.Struct, frozen=True):
    """One touch: what was asked for on which page, when an answer was seen, and when the next page stood there (None: none came)."""

    what: str
    origin: str
    felt_ms: float
    answered_ms: float | None


def spread(values: list[float]) -> Spread:
    """Of at least one value."""
    ordered = sorted(values)
    at = min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))
    return Spread(len(ordered), statistics.median(ordered), ordered[at], ordered[-1])


def found_of(
    runs: int, started: list[float], alone: list[float], touches: dict[str, list[Touch]], wiped: list[Wipe]
) -> Found:
    """Figures of all runs; seconds of starts with a hub and `alone`, touches by what else was going on, one wipe a run."""
    every = [touch for kind in touches.values() for touch in kind]
    felt = {name: spread([touch.felt_ms for touch in kind]) for name, kind in touches.items() if kind}
    answered = {
        name: spread([touch.answered_ms for touch in kind if touch.answered_ms is not None])
        for name, kind in touches.items()
        if kind
    }
    by_touch = {
        what: spread([touch.answered_ms for touch in every if touch.what == what and touch.answered_ms is not None])
        for what in sorted({touch.what for touch in every})
    }
    first = spread([touch.answered_ms for touch in every if touch.what == "hand-in" and touch.answered_ms is not None])
    longest = Wipe(
        max(one.page_s for one in wiped),
        max(one.files_s for one in wiped),
        max(one.profile_s for one in wiped),
        max(one.all_s for one in wiped),
        {name: max(one.memory_marks[name] for one in wiped) for name in wiped[0].memory_marks},
    )
    start = Start(statistics.median(started), statistics.median(alone), [*started, *alone])
    goals = {
        "start": max(start.with_hub_s, start.without_hub_s) <= START_GOAL_SECONDS,
        "reaction": max(one.max for one in felt.values()) <= REACTION_GOAL_MS,
        "first_screen": first.max <= FIRST_SCREEN_GOAL_MS,
        "wipe": longest.all_s <= WIPE_GOAL_SECONDS,
    }
    return Found(runs, start, felt, answered, by_touch, first, longest, goals)


def table(found: Found) -> Iterator[str]:
    """For a terminal."""

    def verdict(goal: str) -> str:
        return "" if found.goals[goal] else "   short of the goal"

    yield f"the visitor's screen, {found.runs} runs"
    yield (
        f"  cold start to the painted start page   {found.start.with_hub_s:6.2f} s   without a hub {found.start.without_hub_s:.2f} s"
        f"   (goal {START_GOAL_SECONDS:.0f} s){verdict('start')}"
    )
    for name, one in found.felt_ms.items():
        yield (
            f"  a touch is seen, {name:<10} ({one.count:>3})    p50 {one.p50:5.0f} ms   p95 {one.p95:5.0f} ms   max {one.max:5.0f} ms"
            f"   (goal {REACTION_GOAL_MS:.0f} ms){'' if one.max <= REACTION_GOAL_MS else '   short of the goal'}"
        )
    for name, one in found.answered_ms.items():
        yield f"  the next page,   {name:<10} ({one.count:>3})    p50 {one.p50:5.0f} ms   p95 {one.p95:5.0f} ms   max {one.max:5.0f} ms"
    yield (
        f"  from the start page to the first question  p50 {found.first_screen_ms.p50:4.0f} ms   max {found.first_screen_ms.max:.0f} ms"
        f"   (goal {FIRST_SCREEN_GOAL_MS:.0f} ms){verdict('first_screen')}"
    )
    wipe = found.wipe
    yield (
        f"  nothing left of a visitor              {wipe.all_s:6.2f} s   page {wipe.page_s:.2f}   cabin's files {wipe.files_s:.2f}"
        f"   browser's profile {wipe.profile_s:.2f}   (goal {WIPE_GOAL_SECONDS:.0f} s){verdict('wipe')}"
    )
    yield f"  marks in memory that is free: {json.dumps(wipe.memory_marks)}"
