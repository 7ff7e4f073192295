"""How visitors hand in papers, from the first touch to the number, at both sizes, whatever fails meanwhile."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress

from playwright.sync_api import Browser, TimeoutError

from tests.journeys import kiosk_screens
from tests.journeys.kiosk import Cabin, Visitor, visitor
from tests.journeys.stage import kabine
from tests.journeys.waiting import until


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
    one.lay(3)
    one.enough()
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
    one.lay(2)
    one.enough()
    assert one.page.locator(".thumb").count() == 1


def test_both_sides_of_a_card_become_one_page(one: Visitor) -> None:
    kiosk_screens.WAYS["place-card-back"](one)
    assert "Bitte drehen Sie den Ausweis um." in one.text()
    one.cabin.lay_card(back=True)
    one.at("judge")
    one.enough()
    assert one.page.locator(".thumb").count() == 1
    one.tap("page:")
    one.at("page")
    one.tap("again")  # both sides once more
    one.at("place")
    assert "Bitte legen Sie den Ausweis hin." in one.text()
    one.cabin.lay_card()
    one.at("judge")
    one.tap("good-back")
    one.at("place")
    one.cabin.lay_card(back=True)
    one.at("judge")
    one.tap("good-another")
    one.at("place")
    assert "Bitte legen Sie das Blatt hin." in one.text(), "the next one is a sheet again"
    one.lay(1)
    one.enough()
    assert one.page.locator(".thumb").count() == 2
    one.confirm()


def test_nothing_is_taken_while_somebody_says_what_lies_there(one: Visitor) -> None:
    kiosk_screens.WAYS["kind"](one)
    one.stage.put(one.cabin.sheet(4, "receipt"))
    one.tap("kind:receipt")
    one.at("judge")
    one.enough()
    one.confirm()


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
    one.lay(1)
    one.enough()
    one.confirm()
    status = one.cabin.house.status(one.cabin.site)
    assert status is not None
    assert next(row.agency for row in status.documents if row.receipt == one.number) == "vermittlung"


def test_without_a_line_papers_are_stored_and_go_on_later(somebody: Visitor) -> None:
    line = somebody.cabin.house.lines[somebody.cabin.site]  # type: ignore[index]
    line.cut()
    until(
        lambda: "Die Leitung ist gerade unterbrochen" in somebody.text(), "the page that stands there says so by itself"
    )
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
    assert one.page.locator(".notice.warning").count() == 0

    one.tap("more")
    one.at("start")
    number = one.to_number()
    until(lambda: "beim Amt angekommen" in one.text(), "the hub has it")
    said = kabine(
        *("inbox", "pull", "--keys", house.keys(agency), "--hub", house.folder / "hub-card.txt"),
        *(
            "--into",
            house.folder / "opened",
            "--receipt",
            number,
            "--return",
            "wrong-agency",
            "--text",
            "Nicht bei uns.",
        ),
    )
    assert said.returncode == 0, said.stderr
    until(lambda: "Das Amt hat Ihre Unterlagen zurückgegeben" in one.text(), "so is a return")
    assert one.page.locator(".notice.warning", has_text="Bitte rufen Sie dort an.").is_visible()


def test_a_jam_in_the_middle_keeps_what_was_taken(somebody: Visitor) -> None:
    kiosk_screens.WAYS["problem"](somebody)
    assert "klemmt" in somebody.text()
    assert "Das Bild Ihres Blattes ist noch da" in somebody.text(), "and the sheet itself is stuck"
    somebody.stage.mend("scanner")
    somebody.cabin.lay(2)
    somebody.tap("retry")
    somebody.at("judge")
    somebody.enough()
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
    one.confirm()


def test_a_worker_that_is_killed_loses_pictures_and_says_so(one: Visitor) -> None:
    one.to_check()
    os.kill(one.cabin.worker, signal.SIGKILL)
    one.page.reload()  # and looks at the pictures again
    one.at("problem")
    assert "Die Bilder sind leider verloren" in one.text()
    one.tap("retry")
    one.at("place")
    one.lay(1)
    one.tap("good-another")
    one.at("place")
    with one.cabin.holding_its_breath():
        one.cabin.lay(2)
        one.at("taking")
        os.kill(one.cabin.worker, signal.SIGKILL)  # while it has a sheet in hand
    one.at("problem")
    assert "Die Bilder sind leider verloren" in one.text()
    one.tap("retry")
    one.at("place")
    one.lay(1)
    one.enough()
    assert one.page.locator(".thumb").count() == 1, "what was taken before is gone, too"


def test_a_slip_that_does_not_come_is_said(one: Visitor) -> None:
    one.to_number()
    kiosk_screens.slip_fails(one)
    assert "Nummer aufschreiben" in one.page.inner_text("h1"), "and what is to be done instead"
    one.stage.mend("printer")
    one.tap("print-slip")
    until(lambda: "Bitte nehmen Sie Ihren Zettel" in one.text())


def test_how_it_was_is_told_at_the_hub(one: Visitor) -> None:
    before: dict[str, int] = {}
    for face in ("good", "bad"):
        one.tap("privacy")
        one.at("privacy")
        one.tap("back")
        one.at("start")
        one.to_number()
        if not before:
            until(lambda: "angekommen" in one.text(), "the hub has this document, and the visits before it")
            before = _visits(one)
        one.tap("done")
        one.at("feedback")
        one.tap(f"face-{face}")
        one.at("parting")
        one.tap_if_there("home")
        one.at("start")
    until(lambda: _visits(one)["answers"] == before["answers"] + 2, "the hub has counted them")
    assert _visits(one)["handed_in"] >= before["handed_in"] + 2


def _visits(one: Visitor) -> dict[str, int]:
    """What `kabine fleet status --json` says of the last weeks here."""
    said = kabine("fleet", "status", "--hub", one.cabin.house.hub, "--json", "--site", one.cabin.site)
    told = json.loads(said.stdout)
    found: dict[str, int] = told["sites"][0]["visits"]
    return found


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
    one.lay(1)
    press("good-done")
    one.at("check")
    press("confirm")
    one.at("number")
    # Then the page is drawn once more, and the focus begins anew.
    until(lambda: "angekommen" in one.text(), "the hub has it")
    press("done")
    one.at("feedback")
    press("skip")
    one.at("parting", "start")


def test_plain_forms_do_without_any_script(chrome: Browser, screens: dict[str, Cabin]) -> None:
    with visitor(chrome, screens["1920"], java_script_enabled=False) as plain:

        def touch(do: str, *then: str) -> None:
            """The page is loaded anew every two seconds, and a touch in that very moment is lost: whoever sees nothing happen touches again."""
            looking_seconds = 5.0
            there = ",".join(f"body[data-screen={name}]" for name in then)
            for _ in range(12):
                with suppress(TimeoutError):
                    plain.button(do).tap(timeout=1000 * looking_seconds)
                with suppress(TimeoutError):
                    plain.page.wait_for_selector(there, timeout=1000 * looking_seconds)
                    return
            raise AssertionError(f"“{do}” did not lead to {then}, but to {plain.screen}")

        touch("hand-in", "concern")
        touch("concern:0", "place")
        plain.cabin.lay(1)
        plain.at("judge")  # the page looks again by itself
        touch("good-done", "check")
        touch("confirm", "number")
        touch("end", "parting", "start")
        assert not plain.mishaps
