"""What visitors do at the screen, from the first touch to the number, at both sizes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from edge.knock import knock
from edge.orders import Submit
from protocol.errors import Unavailable
from tests.journeys import kiosk_screens
from tests.journeys.kiosk import Cabin, Visitor, visitor
from tests.journeys.kiosk_screens import standing
from tests.journeys.waiting import until


@pytest.fixture(params=["1920", "1280"])
def somebody(request: pytest.FixtureRequest, chrome: Browser, screens: dict[str, Cabin]) -> Iterator[Visitor]:
    """Somebody at a screen of each size."""
    with visitor(chrome, screens[request.param], request.param) as came:
        yield came
        came.cabin.mended()
        came.end()
        assert not came.mishaps


@pytest.fixture
def one(chrome: Browser, screens: dict[str, Cabin]) -> Iterator[Visitor]:
    """Somebody at the usual screen."""
    with visitor(chrome, screens["1920"]) as came:
        yield came
        came.cabin.mended()
        came.end()
        assert not came.mishaps


def test_every_page_of_the_screen_has_a_way() -> None:
    pages = {path.stem for path in kiosk_screens.PAGES.glob("*.html")}
    reached = {name.partition("-")[0] for name in kiosk_screens.ALL}
    assert pages - kiosk_screens.NOT_SCREENS - kiosk_screens.BY_SENSOR == reached


def test_one_sheet_takes_five_taps_and_arrives(somebody: Visitor) -> None:
    number = somebody.to_number()
    assert somebody.taps <= 5
    until(lambda: "beim Amt angekommen" in somebody.text(), "the hub has it")
    status = somebody.cabin.house.status(somebody.cabin.site)
    assert status is not None
    assert [row.state for row in status.documents if row.receipt == number] == ["secured"]
    assert number not in somebody.page.title() + somebody.page.url


def test_three_sheets_at_once_and_one_more(one: Visitor) -> None:
    kiosk_screens.WAYS["another"](one)
    assert "2 Blätter" in one.text()
    one.tap("another")
    one.at("place")
    one.cabin.lay(3)
    one.at("judge")
    one.tap("good-done")
    one.at("check")
    assert one.page.locator(".thumb").count() == 3
    assert "Diese 3 Blätter" in one.text()
    one.tap("page:")
    one.at("page")
    one.tap("drop")
    one.at("drop")
    one.tap("drop-yes")
    one.at("check")
    assert one.page.locator(".thumb").count() == 2


def test_a_blurred_sheet_is_said_and_taken_again_in_its_place(one: Visitor) -> None:
    kiosk_screens.WAYS["fault"](one)
    assert "unscharf" in one.text()
    one.cabin.mended()
    one.tap("again")
    one.at("place")
    one.cabin.lay(2)
    one.at("judge")
    one.tap("good-done")
    one.at("check")
    assert one.page.locator(".thumb").count() == 1


def test_two_touches_hand_in_once(one: Visitor) -> None:
    one.to_check()
    before = len(one.cabin.house.status(one.cabin.site).documents)  # type: ignore[union-attr]
    # Faster than any finger: both are under way before the first is answered.
    one.page.evaluate(
        """() => {
            const form = document.querySelector('button[value=confirm]').form;
            const said = new URLSearchParams(new FormData(form, form.querySelector('button')));
            return Promise.all([1, 2, 3].map(() => fetch('/tap', {method: 'POST', body: said})));
        }"""
    )
    one.at("number")
    assert len(one.cabin.house.status(one.cabin.site).documents) == before + 1  # type: ignore[union-attr]


def test_whoever_does_not_know_is_sent_to_the_dispatcher(one: Visitor) -> None:
    one.tap("hand-in")
    one.at("concern")
    one.page.get_by_text("Ich weiß es nicht").tap()
    one.at("place")
    assert "Vermittlung" in one.text()
    one.cabin.lay(1)
    one.at("judge")
    one.tap("good-done")
    one.at("check")
    one.tap("confirm")
    one.at("number")
    status = one.cabin.house.status(one.cabin.site)
    assert status is not None
    assert next(row.agency for row in status.documents if row.receipt == one.number) == "vermittlung"


def test_without_a_line_papers_are_stored_and_go_on_later(somebody: Visitor) -> None:
    line = somebody.cabin.house.lines[somebody.cabin.site]  # type: ignore[index]
    line.cut()
    until(lambda: not somebody.cabin.house.status(somebody.cabin.site).link.connected)  # type: ignore[union-attr]
    somebody.page.reload()
    assert "Die Leitung ist gerade unterbrochen" in somebody.text()
    somebody.to_number()
    said = somebody.text()
    assert "sicher gespeichert" in said
    assert "sobald die Leitung wieder da ist" in said
    assert "angekommen" not in said
    line.mend()
    until(lambda: "beim Amt angekommen" in somebody.text(), "the line is back and the screen says so")


def test_the_agency_has_accepted_only_when_it_has(one: Visitor) -> None:
    one.to_number()
    until(lambda: "beim Amt angekommen" in one.text())
    house = one.cabin.house
    status = house.status(one.cabin.site)
    assert status is not None
    agency = next(row.agency for row in status.documents if row.receipt == one.number)
    connector = house.start_connector(agency, house.folder / "opened")
    assert connector.stdout is not None
    while json.loads(connector.stdout.readline())["receipt"] != one.number:
        pass
    until(lambda: "Das Amt hat Ihre Unterlagen angenommen" in one.text(), "the agency's word is on the screen")
    house.stop(f"inbox-{agency}")


def test_a_jam_in_the_middle_keeps_what_was_taken(somebody: Visitor) -> None:
    kiosk_screens.WAYS["problem"](somebody)
    assert "klemmt" in somebody.text()
    assert "Ihr Blatt ist noch da" in somebody.text()
    somebody.stage.mend("scanner")
    somebody.cabin.lay(2)
    somebody.tap("retry")
    somebody.at("judge")
    somebody.tap("good-done")
    somebody.at("check")
    assert somebody.page.locator(".thumb").count() == 2


def test_a_scanner_that_is_unplugged_keeps_what_was_taken_and_comes_back(one: Visitor) -> None:
    one.to_judge()
    one.tap("good-another")
    one.at("place")
    one.stage.unplug()
    one.at("problem")
    assert "antwortet nicht" in one.text()
    one.tap("go-on")
    one.at("another")
    one.stage.plug()
    one.tap("done")
    one.at("check")
    one.tap("confirm")
    one.at("number")


def test_a_worker_that_is_killed_loses_pictures_and_says_so(one: Visitor) -> None:
    one.to_check()
    os.kill(one.cabin.worker, signal.SIGKILL)
    one.page.reload()  # and looks at the pictures again
    one.at("problem")
    assert "Die Bilder sind leider verloren" in one.text()
    one.tap("retry")
    one.at("place")
    one.cabin.lay(1)
    one.at("judge")


def test_a_touch_counts_that_comes_while_the_cabin_is_busy(one: Visitor) -> None:
    """Whoever comes meanwhile is asked for a moment, and need not say again what they want."""
    with standing(one, "occupied"):
        assert one.screen == "occupied"


def test_a_copy_comes_out_of_the_printer_and_nothing_stays(one: Visitor) -> None:
    kiosk_screens.WAYS["copied"](one)
    assert "nichts davon gespeichert" in one.text()
    status = one.cabin.house.status(one.cabin.site)
    assert status is not None
    assert status.waiting_documents == 0


def test_a_printer_without_paper_is_said_and_the_copy_can_be_tried_again(one: Visitor) -> None:
    one.stage.flag("printer", "no-paper")
    kiosk_screens.WAYS["copy_check"](one)
    one.tap("print")
    one.at("problem")
    assert "kein Papier" in one.text()
    one.stage.mend("printer")
    one.tap("retry")
    one.at("copied")


def test_a_slip_that_does_not_come_is_said(one: Visitor) -> None:
    one.stage.flag("printer", "no-paper")
    one.to_number()
    one.tap("print-slip")
    until(lambda: "Der Drucker geht gerade nicht" in one.text())
    one.stage.mend("printer")
    one.tap("print-slip")
    until(lambda: "Bitte nehmen Sie Ihren Zettel" in one.text())


def test_a_face_ends_the_visit(one: Visitor) -> None:
    kiosk_screens.WAYS["feedback"](one)
    one.tap("face-good")
    one.at("parting")


def test_opening_hours_need_no_line_and_say_how_old_they_are(one: Visitor) -> None:
    one.cabin.house.lines[one.cabin.site].cut()  # type: ignore[index]
    kiosk_screens.WAYS["agency"](one)
    assert "Stand:" in one.text()
    assert "Telefon" in one.text()
    one.tap("back")
    one.at("info")
    one.tap("back")
    one.at("start")


def test_by_keyboard_alone(one: Visitor) -> None:
    def press(do: str) -> None:
        """Forward with Tab until the button has the focus, then Enter."""
        for _ in range(60):
            one.page.keyboard.press("Tab")
            if one.page.evaluate("document.activeElement.value ?? ''").startswith(do):
                one.page.keyboard.press("Enter")
                return
        raise AssertionError(f"no way to “{do}” by keyboard on {one.screen}")

    press("hand-in")
    one.at("concern")
    press("concern:1")
    one.at("place")
    press("take")  # nothing lies there
    one.at("problem")
    press("retry")
    one.at("place")
    one.cabin.lay(1)
    one.at("judge")
    press("good-done")
    one.at("check")
    press("confirm")
    one.at("number")
    press("done")
    one.at("feedback")
    press("skip")
    one.at("parting", "start")


def test_the_hatch_is_refused_while_somebody_is_there(one: Visitor) -> None:
    one.to_place()
    order = Submit("wohngeldstelle-uckermark", paths=(str(one.cabin.sheet()),))
    with pytest.raises(Unavailable, match="A visitor is in the cabin"):
        list(knock(one.cabin.folder, order, 30.0) or ())


def test_plain_forms_do_without_any_script(chrome: Browser, screens: dict[str, Cabin]) -> None:
    with visitor(chrome, screens["1920"], java_script_enabled=False) as plain:
        plain.to_place()
        plain.cabin.lay(1)
        plain.at("judge")  # the page looks again by itself
        plain.tap("good-done")
        plain.at("check")
        plain.tap("confirm")
        plain.at("number")
        plain.tap("end")
        plain.at("parting")
        assert not plain.mishaps
