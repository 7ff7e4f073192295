"""No touch ends in nothing, whatever holds it up on its way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Route

from tests.journeys.kiosk import Visitor


@contextmanager
def node_standing_still(one: Visitor) -> Iterator[None]:
    """What is touched meanwhile is answered behind it."""
    node = one.cabin.house.processes[f"cabin-{one.cabin.site}"].pid
    os.kill(node, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node, signal.SIGCONT)


def test_a_touch_is_not_lost_behind_another_that_is_on_its_way(one: Visitor) -> None:
    """Larger letters, and at once the tile: as long as the node had not answered, the glass heard nothing."""
    with node_standing_still(one):
        one.page.locator("button[value='text:130']:visible").tap()
        one.page.wait_for_selector("body[data-sent]")
        one.button("info").tap()
    one.at("info")
    assert one.page.get_attribute("html", "data-text") == "130"
    with node_standing_still(one):
        one.button("offices").tap()
        one.page.wait_for_selector("body[data-sent]")
        one.button("back").tap()
        one.page.locator("button[value='contrast:dark']:visible").tap()
    one.page.wait_for_selector("html[data-kern-theme=dark] body:not([data-sent])")
    assert one.screen == "offices", "what was touched first was answered, and a setting holds on any page"
    with node_standing_still(one):
        one.page.locator("button[value='contrast:light']:visible").tap()
        one.page.wait_for_selector("body[data-sent]")
        one.page.locator("button[value='contrast:light']:visible").tap()
    one.page.wait_for_selector("html[data-kern-theme=light] body:not([data-sent])")


def test_a_touch_that_did_not_get_through_is_told_once_more(one: Visitor) -> None:
    """Chromium breaks off what it has asked for when a modem of this machine comes or goes; whoever had touched saw nothing happen."""
    broken: list[str] = []

    def breaks_off(route: Route) -> None:
        broken.append(route.request.post_data or "")
        if len(broken) == 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    one.page.route("**/tap", breaks_off)
    one.tap("hand-in")
    one.at("concern")
    assert len(broken) == 2
    assert broken[0] == broken[1]
    one.page.unroute("**/tap")
    one.mishaps.clear()  # that it was broken off
