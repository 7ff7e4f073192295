"""The power goes at any point of a visit: the screen tells the truth then, no given number is lost, and what was not handed in is gone.

CI cuts where most could go wrong; `KABINE_CUTS=all pytest tests/journeys/test_kiosk_traces_cut.py` cuts everywhere.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import structs
from playwright.sync_api import Browser

from tests.journeys import kiosk_screens
from tests.journeys.kiosk import MARK, PATIENT, Cabin, Visitor, before_glass, cabins, children
from tests.journeys.waiting import until
from tools.bench.kiosk_glass import Glass, profiles_in_memory
from tools.bench.kiosk_traces import Marks

Way = Callable[[Visitor], None]
PAPER = "Kanarienvogel-4711-Papier"


def _way(name: str) -> Way:
    return kiosk_screens.WAYS[name]


def _confirmed(visitor: Visitor) -> None:
    """In the same moment in which it is handed in: whatever comes first."""
    visitor.to_check(9)
    visitor.page.evaluate("document.querySelector('button[value=confirm]').click()")


def _taking(visitor: Visitor) -> None:
    """While a sheet is worked on: the worker stands still, and the cut comes before it goes on."""
    visitor.to_place()
    os.kill(visitor.cabin.worker, signal.SIGSTOP)
    visitor.cabin.lay(9)
    visitor.at("taking")


def _handing(visitor: Visitor) -> None:
    """While it is being sealed, in the same way."""
    visitor.to_check(9)
    os.kill(visitor.cabin.worker, signal.SIGSTOP)
    visitor.tap("confirm")
    visitor.at("handing")


def _second(visitor: Visitor) -> None:
    """One is handed in, and its number was shown; the next one is not."""
    visitor.to_number(9)
    visitor.given = visitor.number  # type: ignore[attr-defined]
    visitor.tap("more")
    visitor.at("start")
    visitor.to_check(9)


def _ended(visitor: Visitor) -> None:
    visitor.to_number(9)
    visitor.given = visitor.number  # type: ignore[attr-defined]
    visitor.tap("end")


POINTS: dict[str, Way] = {
    **{name: _way(name) for name in ("concern", "place", "judge", "fault", "another", "check", "page", "drop")},
    **{
        name: _way(name)
        for name in ("problem", "number", "number-offline", "feedback", "copy_check", "copying", "copied")
    },
    "taking": _taking,
    "handing": _handing,
    "confirmed": _confirmed,
    "second": _second,
    "ended": _ended,
}
IN_CI = ("taking", "handing", "confirmed", "second")
CHOSEN = tuple(POINTS) if os.environ.get("KABINE_CUTS") == "all" else IN_CI


@pytest.fixture(scope="module")
def cabin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cabin]:
    with cabins(tmp_path_factory.mktemp("cut"), "1920", visit=structs.replace(PATIENT, parting_seconds=0.5)) as made:
        found = made["1920"]
        found.sheet(9)  # drawn now, marked below
        yield found


@pytest.fixture
def base() -> Iterator[Path]:
    with profiles_in_memory() as made:
        yield made


def numbers(cabin: Cabin) -> set[str]:
    status = cabin.house.status(cabin.site)
    assert status is not None
    return {row.receipt for row in status.documents}


@pytest.mark.parametrize("point", CHOSEN)
def test_after_a_power_cut_the_screen_tells_the_truth(chrome: Browser, cabin: Cabin, base: Path, point: str) -> None:
    marks = Marks([PAPER, MARK])
    sheet = cabin.sheet(9)
    if PAPER.encode() not in sheet.read_bytes():
        sheet.write_bytes(sheet.read_bytes() + PAPER.encode())
    if f"cabin-{cabin.site}" not in cabin.house.processes:  # another point has failed
        cabin.house.start_cabin(cabin.site)
    # A browser that has stood there during a visit is replaced behind it.
    until(lambda: (status := cabin.house.status(cabin.site)) and not status.visitor, "the visit before is over")
    handed_in = numbers(cabin)
    first = Glass(cabin.folder, base)
    try:
        came = before_glass(first, chrome.browser_type, cabin)
        POINTS[point](came)
        given = came.number if point in ("number", "number-offline") else getattr(came, "given", "")
    finally:
        # The power goes: node, worker, screen and browser in the same moment, and nobody is asked. A worker that was stopped while it began has not
        # said yet that it dies with its node, and would stand there for ever.
        born = children(cabin.house.processes[f"cabin-{cabin.site}"].pid)
        cabin.house.kill(f"cabin-{cabin.site}")
        for process in born:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        first.cut()
    assert marks.in_files(cabin.folder, cabin.house.folder / "logs", but=["stage"]) == []
    cabin.mended()
    cabin.house.start_cabin(cabin.site)
    second = Glass(cabin.folder, base)
    try:
        came = before_glass(second, chrome.browser_type, cabin)
        assert len(second.profiles()) == 1, "the browser of before has left nothing"
        assert marks.in_files(base) == []
        assert "/thumb/" not in came.page.content()
        if given:
            assert given not in came.page.content()
        new = numbers(cabin) - handed_in
        if point == "confirmed":
            assert len(new) <= 1, "one touch hands in once, or not at all"
        elif point == "feedback":
            assert len(new) == 1
        else:
            assert new == ({given} if given else set())
        until(lambda: not cabin.house.status(cabin.site).waiting_documents, "what was handed in arrives")  # type: ignore[union-attr]
        came.to_place()  # and the next visitor is served
        came.tap("end")
        came.at("parting", "start")
    finally:
        second.close()
