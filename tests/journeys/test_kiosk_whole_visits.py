"""Whole visits, one thing after the other, as people make them: with fingers alone and with keys alone, and while devices go and come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.kiosk import Visitor
from tests.journeys.waiting import until

TABS_MAX = 60
Press = Callable[[Visitor, str], None]


def with_a_finger(one: Visitor, value: str) -> None:
    one.page.locator(f'button[value^="{value}"]:visible').first.tap()


def with_keys(one: Visitor, value: str) -> None:
    """Forward with Tab until the button has the focus, then Enter."""
    for _ in range(TABS_MAX):
        one.page.keyboard.press("Tab")
        if one.page.evaluate("document.activeElement.value ?? ''").startswith(value):
            one.page.keyboard.press("Enter")
            return
    raise AssertionError(f"no way to “{value}” by keyboard on {one.screen}")


@pytest.mark.parametrize("press", [with_a_finger, with_keys])
def test_papers_a_number_and_a_copy_in_arabic_with_the_largest_letters(one: Visitor, press: Press) -> None:
    def then(value: str, *screens: str) -> None:
        press(one, value)
        one.at(*screens)

    html = one.page.locator("html")
    for text in ("130", "160"):
        press(one, f"text:{text}")
        until(lambda text=text: html.get_attribute("data-text") == text)  # type: ignore[misc]
    press(one, "language:ar")
    until(lambda: html.get_attribute("dir") == "rtl")

    then("hand-in", "concern")
    then("concern:", "place")
    one.cabin.lay(1)
    one.at("judge")
    then("good-done", "check")
    then("confirm", "number")
    number = one.number

    then("more", "start")
    then("info", "info")
    then("ask", "ask")
    for count, digit in enumerate(number.partition("-")[2], 1):
        press(one, f"digit:{digit}")
        until(lambda count=count: sum(map(str.isdigit, one.number)) >= count)  # type: ignore[misc]
        one.at("ask")  # and has come to rest: the next Tab goes on from where the focus stays
    then("look", "state")
    assert number in one.text()
    then("back", "info")
    then("back", "start")

    then("copy", "place")
    one.cabin.lay(2)
    one.at("copy_check")
    then("print", "copied")
    then("done", "feedback")
    then("face-good", "parting")
    assert html.get_attribute("dir") == "rtl"


def test_what_a_device_does_is_offered_while_it_is_there_and_comes_back_by_itself(one: Visitor) -> None:
    one.tap("info")
    one.at("info")
    one.tap("back")
    one.at("start")
    papers, copy = one.button("hand-in"), one.button("copy")
    one.stage.unplug("printer")
    copy.wait_for(state="detached")
    assert "Kopieren geht gerade nicht" in one.text()
    one.stage.unplug()
    papers.wait_for(state="detached")
    assert "Bitte holen Sie Hilfe, oder gehen Sie selbst zum Amt." in one.text()
    one.stage.plug("printer")
    one.stage.plug()
    papers.wait_for()
    copy.wait_for()
    assert "gerade nicht" not in one.text()
