"""Every page of the visitor's screen, with a way to reach it from the start page. What is measured and looked at is measured on all of them.

A way ends with the page standing there; `leave` brings the cabin back to where it was. A new page of edge/kiosk/pages needs its way here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.knock import knock
from edge.orders import Submit
from hardware.simulated.stage import NO_PAPER, SLOW
from tests.journeys.kiosk import Visitor, blurred
from tests.journeys.waiting import until

PAGES = Path(__file__).parents[2] / "edge" / "kiosk" / "pages"
NOT_SCREENS = {"base", "bars", "parts", "drawer"}
BY_SENSOR = {
    "rest",
    "goodbye",
    "stranger",
    "more_time",
    "closed",
}  # stand there when nobody does; see test_kiosk_timeouts.py
Way = Callable[[Visitor], None]


def _taps(*steps: str) -> Way:
    def way(visitor: Visitor) -> None:
        for step in steps:
            visitor.tap(step) if not step.startswith("@") else visitor.at(step[1:])

    return way


def _place_again(visitor: Visitor) -> None:
    visitor.to_judge()
    visitor.tap("good-another")
    visitor.at("place")


def _taking(visitor: Visitor) -> None:
    visitor.stage.flag("scanner", SLOW)
    visitor.to_place()
    visitor.cabin.lay(1)
    visitor.at("taking")


def _fault(visitor: Visitor) -> None:
    visitor.to_place()
    blurred(visitor.cabin)
    visitor.cabin.lay(1)
    visitor.at("fault")


def _another(visitor: Visitor) -> None:
    visitor.to_place()
    visitor.stage.flag("scanner", NO_PAPER)
    visitor.cabin.lay(1, 2)
    visitor.stage.unflag("scanner", NO_PAPER)
    visitor.at("another")


def _check(visitor: Visitor) -> None:
    visitor.to_check(1, 2)


def _page(visitor: Visitor) -> None:
    visitor.to_check()
    visitor.tap("page:")
    visitor.at("page")


def _drop(visitor: Visitor) -> None:
    _page(visitor)
    visitor.tap("drop")
    visitor.at("drop")


def _arrived(visitor: Visitor) -> None:
    visitor.to_number()
    until(lambda: "angekommen" in visitor.text(), "the papers have arrived")


def _offline(visitor: Visitor) -> None:
    visitor.cabin.house.lines[visitor.cabin.site].cut()  # type: ignore[index]
    visitor.to_number()


def _slip(visitor: Visitor) -> None:
    visitor.to_number()
    visitor.tap("print-slip")
    until(lambda: "nehmen Sie Ihren Zettel" in visitor.text(), "the slip is printed")


def slip_fails(visitor: Visitor) -> None:
    """The paper is at its end while the slip is on its way."""
    visitor.stage.flag("printer", SLOW)
    visitor.tap("print-slip")
    until(lambda: "Zettel wird gedruckt" in visitor.text(), "the slip is on its way")
    visitor.stage.flag("printer", NO_PAPER)
    until(lambda: "Der Drucker geht gerade nicht" in visitor.text(), "the slip does not come")


def _slip_failed(visitor: Visitor) -> None:
    """The most that ever stands beside a number: all three buttons, both news at their longest."""
    _offline(visitor)
    slip_fails(visitor)
    visitor.stage.mend("printer")
    visitor.page.wait_for_selector("button[value=print-slip]")


def _feedback(visitor: Visitor) -> None:
    visitor.to_number()
    visitor.tap("done")
    visitor.at("feedback")


def _jam(visitor: Visitor) -> None:
    visitor.to_judge()
    visitor.tap("good-another")
    visitor.at("place")
    visitor.stage.jam()
    visitor.at("problem")


def _at_start(visitor: Visitor) -> None:
    """A visit is on: then devices are looked at often. Whoever stood there before may have set another language."""
    visitor.tap("info")
    visitor.at("info")
    visitor.end()
    visitor.tap("info")
    visitor.at("info")
    visitor.tap("back")
    visitor.at("start")


def _without(device: str) -> Way:
    def way(visitor: Visitor) -> None:
        _at_start(visitor)
        visitor.stage.unplug(device)
        told = {"scanner": "gehen Sie selbst zum Amt", "printer": "Kopieren geht"}[device]
        visitor.page.get_by_text(told).wait_for()

    return way


def _jammed(visitor: Visitor) -> None:
    _at_start(visitor)
    visitor.stage.jam()
    visitor.page.get_by_text("klemmt").wait_for()


def _without_line_and_printer(visitor: Visitor) -> None:
    visitor.cabin.house.lines[visitor.cabin.site].cut()  # type: ignore[index]
    _without("printer")(visitor)
    visitor.page.get_by_text("Die Leitung ist unterbrochen, und").wait_for()


def _still(visitor: Visitor) -> None:
    visitor.to_judge()
    visitor.tap("good-another")
    visitor.at("place")
    visitor.stage.unplug()
    visitor.at("problem")
    visitor.tap("retry")
    visitor.page.get_by_text("immer noch nicht").wait_for()


def _copy_check(visitor: Visitor) -> None:
    visitor.tap("copy")
    visitor.at("place")
    visitor.cabin.lay(1)
    visitor.at("copy_check")


def _copying(visitor: Visitor) -> None:
    visitor.stage.flag("printer", SLOW)
    _copy_check(visitor)
    visitor.tap("print")
    visitor.at("copying")


def _copied(visitor: Visitor) -> None:
    _copy_check(visitor)
    visitor.tap("print")
    visitor.at("copied")


def _parting(visitor: Visitor) -> None:
    visitor.tap("info")
    visitor.at("info")
    visitor.tap("end")
    visitor.at("parting")


def _papers(visitor: Visitor) -> None:
    """The longest list of them."""
    visitor.tap("info")
    visitor.at("info")
    visitor.tap("bring")
    visitor.at("bring")
    visitor.page.get_by_text("Zuschuss zur Miete").tap()
    visitor.at("papers")


def _state_offline(visitor: Visitor) -> None:
    """The most that is ever said of papers."""
    visitor.cabin.house.lines[visitor.cabin.site].cut()  # type: ignore[index]
    _state(visitor)


def _state(visitor: Visitor) -> None:
    number = visitor.to_number()
    visitor.tap("more")
    visitor.at("start")
    visitor.tap("info")
    visitor.at("info")
    visitor.tap("ask")
    visitor.ask(number)
    visitor.at("state")


def _ask_wrong(visitor: Visitor) -> None:
    visitor.tap("info")
    visitor.at("info")
    visitor.tap("ask")
    visitor.ask(visitor.cabin.unknown_numbers(1)[0])
    visitor.page.get_by_text("kennen wir hier nicht").wait_for()


def _paused(visitor: Visitor) -> None:
    visitor.tap("info")
    visitor.at("info")
    visitor.tap("ask")
    for number in visitor.cabin.unknown_numbers(3):
        if visitor.at("ask", "paused") == "ask":
            visitor.ask(number)
    visitor.at("paused")


def _kind(visitor: Visitor) -> None:
    visitor.to_place()
    visitor.tap("kind")
    visitor.at("kind")


def _card(visitor: Visitor) -> None:
    _kind(visitor)
    visitor.tap("kind:card")
    visitor.at("place")


def _card_judged(visitor: Visitor) -> None:
    _card(visitor)
    visitor.cabin.lay_card()
    visitor.at("judge")


def _card_back(visitor: Visitor) -> None:
    _card_judged(visitor)
    visitor.tap("good-back")
    visitor.at("place")


def _cleaning(visitor: Visitor) -> None:
    visitor.cabin.clean()
    visitor.at("cleaning")


# Name of the page, or of the page and what is particular, and the way to it. What lasts only a moment is in MOMENTS, which go before.
WAYS: dict[str, Way] = {
    "start": lambda visitor: None,
    "start-jammed": _jammed,
    "start-no-scanner": _without("scanner"),
    "start-no-printer-no-line": _without_line_and_printer,
    "privacy": _taps("privacy", "@privacy"),
    "help": _taps("help", "@help"),
    "info": _taps("info", "@info"),
    "offices": _taps("info", "@info", "offices", "@offices"),
    "agency": _taps("info", "@info", "offices", "@offices", "office:", "@agency"),
    "bring": _taps("info", "@info", "bring", "@bring"),
    "papers": _papers,
    "ask": _taps("info", "@info", "ask", "@ask"),
    "ask-wrong": _ask_wrong,
    "state": _state,
    "state-offline": _state_offline,
    "paused": _paused,
    "concern": _taps("hand-in", "@concern"),
    "place": Visitor.to_place,
    "place-again": _place_again,
    "kind": _kind,
    "place-card": _card,
    "place-card-back": _card_back,
    "judge-card": _card_judged,
    "taking": _taking,
    "judge": Visitor.to_judge,
    "fault": _fault,
    "another": _another,
    "check": _check,
    "page": _page,
    "drop": _drop,
    "problem": _jam,
    "problem-still": _still,
    "number": _arrived,
    "number-offline": _offline,
    "number-slip": _slip,
    "number-slip-failed": _slip_failed,
    "feedback": _feedback,
    "copy_check": _copy_check,
    "copying": _copying,
    "copied": _copied,
    "parting": _parting,
    "cleaning": _cleaning,
}


@contextmanager
def _handing(visitor: Visitor) -> Iterator[None]:
    visitor.to_check()
    with visitor.cabin.holding_its_breath():
        visitor.tap("confirm")
        visitor.at("handing")
        yield
    visitor.at("number")


@contextmanager
def _occupied(visitor: Visitor) -> Iterator[None]:
    """Somebody hands in through the hatch meanwhile."""
    order = Submit("wohngeldstelle-uckermark", paths=(str(visitor.cabin.sheet()),))
    # What the visit before has left is wiped first, and perhaps its worker with it.
    until(lambda: (status := visitor.cabin.house.status(visitor.cabin.site)) and not status.visitor)
    with visitor.cabin.holding_its_breath():
        handing = threading.Thread(target=lambda: list(knock(visitor.cabin.folder, order) or ()))
        handing.start()
        until(lambda: (status := visitor.cabin.house.status(visitor.cabin.site)) and status.visitor)
        visitor.tap("info")
        visitor.at("occupied")
        yield
    handing.join()
    visitor.at("info")  # what was touched counts: nobody has to say it again


@contextmanager
def _held_taking(visitor: Visitor) -> Iterator[None]:
    """As long as one looks at it, not as long as the device is slow."""
    visitor.to_place()
    with visitor.cabin.holding_its_breath():
        visitor.cabin.lay(1)
        visitor.at("taking")
        yield
    visitor.at("judge")


MOMENTS = {"handing": _handing, "occupied": _occupied, "taking": _held_taking}
ALL = tuple(dict.fromkeys((*WAYS, *MOMENTS)))


@contextmanager
def standing(visitor: Visitor, name: str) -> Iterator[None]:
    """From the start page to this one, and back again."""
    try:
        if name in MOMENTS:
            with MOMENTS[name](visitor):
                yield
        else:
            WAYS[name](visitor)
            yield
    finally:
        visitor.cabin.mended()
        visitor.end()
