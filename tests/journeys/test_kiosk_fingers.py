"""Hands as they are: they slip, touch twice, miss the button, hold a key down; and a page that is drawn anew takes nothing from under them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from edge.config import VisitConfig
from tests.journeys.kiosk import Cabin, Visitor, cabins, visitor
from tests.journeys.waiting import until

SLIP_PIXELS = 32  # 8 mm on 15 inches
# In the moment in which the page comes: touch it where the finger was last. What the touch has hit, and whether it was heard.
_AGAIN = """
    name => {
        window.again = null;
        let at = null;
        document.addEventListener("pointerup", (up) => up.isTrusted && (at = up), true);
        document.addEventListener("screen", () => {
            if (document.body.dataset.screen !== name || window.again) return;
            const { clientX, clientY } = at;
            const hit = document.elementFromPoint(clientX, clientY)?.closest("button")?.value ?? "";
            for (const kind of ["pointerdown", "pointerup"])
                document.elementFromPoint(clientX, clientY).dispatchEvent(
                    new PointerEvent(kind, { bubbles: true, clientX, clientY, pointerId: 99, pointerType: "touch" }));
            window.again = { hit, heard: document.body.hasAttribute("data-sent") };
        });
    }
"""


@pytest.fixture(scope="module")
def cabin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cabin]:
    """One that knows of hands that tremble, as every cabin does unless it is told otherwise."""
    with cabins(tmp_path_factory.mktemp("fingers"), "1280", pause_seconds=VisitConfig().pause_seconds) as made:
        yield made["1280"]


@pytest.fixture
def one(chrome: Browser, cabin: Cabin) -> Iterator[Visitor]:
    with visitor(chrome, cabin, "1280") as came:
        yield came
        cabin.mended()
        came.tap_until("end", "parting")
        came.tap_until("home", "start")
        assert not came.mishaps


def again(one: Visitor, do: str, name: str) -> dict[str, object]:
    """Touch `do`, and once more on the page that follows, in the same place and before anybody could have read it."""
    one.page.evaluate(_AGAIN, name)
    one.tap(do)
    found: dict[str, object] = one.page.wait_for_function("() => window.again").json_value()
    return found


def middle(one: Visitor, do: str) -> tuple[float, float, float]:
    """Where the middle of this button is, and how high it is. A page that is drawn anew in that moment has none."""
    box = until(lambda: one.button(do).bounding_box(), f"“{do}” stands there")
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"]


def test_the_second_of_two_touches_does_not_answer_the_page_that_has_come_in_between(one: Visitor) -> None:
    assert again(one, "hand-in", "concern") == {"hit": "concern:0", "heard": False}
    one.tap_until("concern:0", "place")  # whoever touches behind that has read it


def test_the_second_of_two_touches_does_not_press_what_stands_in_the_place_of_the_first(one: Visitor) -> None:
    """Behind „Zettel drucken“ the button beside it moves up, and leads away from the number; „Dunkler Kontrast“ became light again."""
    one.tap_until("hand-in", "concern")
    one.page.evaluate(_AGAIN, "concern")
    one.page.locator('button[value="contrast:dark"]').tap()
    found = one.page.wait_for_function("() => window.again").json_value()
    assert found == {"hit": "contrast:light", "heard": False}


def test_a_finger_that_was_on_its_way_does_not_answer_a_page_that_came_by_itself(one: Visitor) -> None:
    one.tap_until("hand-in", "concern")
    one.tap_until("concern:1", "place")
    one.page.evaluate(
        """() => document.addEventListener("screen", () => {
            if (document.body.dataset.screen !== "judge" || window.heard !== undefined) return;
            const button = document.querySelector("button[value=again]");
            const { left, top } = button.getBoundingClientRect();
            const at = { bubbles: true, clientX: left + 9, clientY: top + 9, pointerId: 99, pointerType: "touch" };
            for (const kind of ["pointerdown", "pointerup"]) button.dispatchEvent(new PointerEvent(kind, at));
            window.heard = document.body.hasAttribute("data-sent");
        })"""
    )
    one.cabin.lay(1)
    one.at("judge")
    assert one.page.evaluate("window.heard") is False


def test_a_finger_that_slips_on_its_button_has_touched_it(one: Visitor) -> None:
    fingers = one.page.context.new_cdp_session(one.page)

    def finger(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y} for x, y in places]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    x, y, _ = middle(one, "info")
    finger("touchStart", (x, y))
    for step in range(SLIP_PIXELS):
        finger("touchMove", (x + step, y + step / 4))
    finger("touchEnd")
    one.at("info")
    one.tap_until("offices", "offices")
    one.page.evaluate(
        """() => {
            window.scenes = [];
            document.addEventListener("screen", () => window.scenes.push(document.body.dataset.screen));
        }"""
    )
    # Off the button again: that was not meant.
    x, y, height = middle(one, "back")
    finger("touchStart", (x, y))
    finger("touchMove", (x, y - 40))
    finger("touchMove", (x, y - 2 * height))
    finger("touchEnd")
    one.tap_until("office:", "agency")
    assert "info" not in one.page.evaluate("window.scenes"), "it went back"


def test_a_hand_that_wipes_over_the_glass_does_not_leaf_back(one: Visitor) -> None:
    """Before the screen another page may have stood there, as in a demo's tab; a cabin's browser has a flag of its own besides."""
    one.tap("info")
    one.at("info")
    left: list[str] = []
    one.page.on("framenavigated", lambda frame: left.append(frame.url))
    fingers = one.page.context.new_cdp_session(one.page)
    width, height = one.size
    for turn in range(3):
        for place in range(9):
            kind, at = ("touchMove", 2 + place * width // 9) if place else ("touchStart", 2)
            fingers.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": at, "y": (turn + 1) * height // 4}]}
            )
            one.page.evaluate("new Promise(requestAnimationFrame)")
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    one.tap_until("back", "start")
    assert not left


def test_whoever_touches_beside_the_buttons_is_there(one: Visitor) -> None:
    one.tap_until("info", "info")
    with one.page.expect_request(lambda asked: "do=stay" in (asked.post_data or "")) as told:
        one.page.touchscreen.tap(5, one.size[1] / 2)
    answer = told.value.response()
    assert answer is not None
    assert answer.status == 303
    assert one.screen == "info"


def test_the_keyboard_goes_on_where_it_was_and_a_held_key_asks_once(one: Visitor) -> None:
    one.tap_until("info", "info")
    one.tap_until("ask", "ask")
    one.page.focus("button[value='digit:5']")
    for _ in range(3):
        one.page.keyboard.down("Enter")
    one.page.keyboard.up("Enter")
    typed = "digits => !document.body.hasAttribute('data-sent') && document.querySelector('.number').innerText.endsWith('-' + digits)"
    one.page.wait_for_function(typed, arg="5")
    one.page.keyboard.press("Enter")
    one.page.wait_for_function(typed, arg="55")
    one.page.focus("button[value='text:130']:visible")
    one.page.keyboard.press("Enter")
    one.page.wait_for_function(
        "() => document.documentElement.dataset.text === '130' && !document.body.hasAttribute('data-sent')"
    )
    assert one.page.evaluate("document.activeElement.value") == "text:160"
