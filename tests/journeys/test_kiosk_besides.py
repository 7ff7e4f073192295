"""What the screen does besides taking papers in: copies, information, numbers that are looked up, waiting, cleaning."""

from __future__ import annotations

import shutil
import subprocess
import threading
from itertools import cycle

import pytest
from playwright.sync_api import Browser

from edge.knock import knock
from edge.orders import Submit
from protocol.errors import Unavailable
from tests.journeys import kiosk_screens
from tests.journeys.kiosk import Cabin, Visitor, visitor
from tests.journeys.kiosk_screens import standing
from tests.journeys.waiting import until


def test_every_page_of_the_screen_has_a_way() -> None:
    pages = {path.stem for path in kiosk_screens.PAGES.glob("*.html")}
    reached = {name.partition("-")[0] for name in kiosk_screens.ALL}
    assert pages - kiosk_screens.NOT_SCREENS - kiosk_screens.BY_SENSOR == reached


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
    kiosk_screens.WAYS["copy_check"](one)
    one.stage.flag("printer", "no-paper")
    one.tap("print")
    one.at("problem")
    assert "kein Papier" in one.text()
    one.stage.mend("printer")
    one.tap("retry")
    one.at("copied")


def test_whoever_gets_no_copy_goes_back(one: Visitor) -> None:
    kiosk_screens.WAYS["copy_check"](one)
    one.tap("back")
    one.at("start")
    one.to_place()
    assert one.button("done").count() == 0, "what was for the printer is not handed in"


def test_the_farewell_is_said_as_the_visitor_reads_and_nobody_else_does(one: Visitor) -> None:
    for look in ("language:uk", "text:130", "contrast:dark", "low:on"):
        one.set(look)
    one.tap("end")
    one.at("parting")
    html = one.page.locator("html")
    assert html.get_attribute("class") == "uk"
    assert [html.get_attribute(f"data-{name}") for name in ("text", "kern-theme", "low")] == ["130", "dark", "on"]
    one.set("text:160")  # whoever touches it now begins anew
    one.at("start")
    assert html.get_attribute("class") == "de"
    assert [html.get_attribute(f"data-{name}") for name in ("text", "kern-theme", "low")] == ["160", "light", "off"]


def test_a_face_ends_the_visit(one: Visitor) -> None:
    kiosk_screens.WAYS["feedback"](one)
    one.tap("face-good")
    one.at("parting")


def test_opening_hours_need_no_line_and_say_how_old_they_are(one: Visitor) -> None:
    line = one.cabin.house.lines[one.cabin.site]  # type: ignore[index]
    line.cut()
    kiosk_screens.WAYS["agency"](one)
    assert "Stand:" in one.text()
    assert "Telefon" in one.text()
    for page in ("offices", "info", "start"):
        one.tap("back")
        one.at(page)
    until(lambda: "unterbrochen" in one.text(), "the page that stands there says that the line is away")
    line.mend()
    until(lambda: "unterbrochen" not in one.text(), "and no longer when it is back")


def test_what_to_bring_needs_no_line_and_comes_out_of_the_printer(one: Visitor) -> None:
    one.cabin.house.lines[one.cabin.site].cut()  # type: ignore[index]
    kiosk_screens.WAYS["papers"](one)
    assert "Mietvertrag" in one.text()
    assert "Stand:" in one.text()
    one.tap("print-papers")
    until(lambda: "Bitte nehmen Sie Ihren Zettel" in one.text(), "the list is printed")
    one.tap("back")
    one.at("bring")


def test_a_number_tells_how_the_papers_stand_and_not_what_they_are(one: Visitor) -> None:
    number = one.to_number()
    agency = one.cabin.house.status(one.cabin.site).documents[0].agency  # type: ignore[union-attr]
    until(lambda: "beim Amt angekommen" in one.text(), "the hub has it")
    one.tap("end")
    one.at("parting")
    one.cabin.house.lines[one.cabin.site].cut()  # type: ignore[index]
    until(lambda: not one.cabin.house.status(one.cabin.site).link.connected)  # type: ignore[union-attr]
    one.tap_if_there("home")
    one.at("start")
    one.tap("info")
    one.at("info")
    one.tap("ask")
    one.ask(number)
    one.at("state")
    said = one.text()
    assert number in said
    assert "beim Amt angekommen" in said
    assert "Stand:" in said
    assert agency == "aok-nordost"
    assert "AOK" not in said


def test_nobody_tries_numbers_out(chrome: Browser, screens: dict[str, Cabin]) -> None:
    """Neither in one visit, nor in many."""
    with visitor(chrome, screens["1280"], "1280") as curious:
        kiosk_screens.WAYS["paused"](curious)
        assert "115" in curious.text()
        curious.end()
        curious.tap("info")
        curious.at("info")
        curious.tap("ask")
        for number in curious.cabin.unknown_numbers(6)[3:]:
            if curious.at("ask", "paused") == "ask":
                curious.ask(number)
        curious.at("paused")
        curious.end()
        curious.tap("info")
        curious.at("info")
        curious.tap("ask")
        curious.ask(curious.cabin.unknown_numbers(7)[-1])
        curious.at("paused")
        curious.end()
        assert not curious.mishaps


def test_whoever_cleans_is_not_disturbed_and_nobody_is_cut_off(one: Visitor) -> None:
    one.to_judge()
    one.stage.turn_key()
    one.at("more_time")
    assert "gereinigt" in one.text(), "whoever is there is asked, and told why"
    one.tap("stay")
    one.at("judge")
    one.enough()
    one.confirm()
    one.tap("end")
    one.at("parting")
    one.tap_if_there("home")
    one.at("cleaning")
    one.set("language:uk")
    assert "прибирають" in one.text()
    one.tap("help")
    one.at("help")
    one.tap("back")
    one.at("cleaning")
    status = one.cabin.house.status(one.cabin.site)
    assert status is not None
    assert (status.shut, status.visitor) == ("cleaning", False)
    one.stage.turn_key_back()
    one.at("start")


def test_whoever_waits_may_read_it_in_their_own_language(one: Visitor) -> None:
    with standing(one, "occupied"):
        one.set("language:pl")
        one.set("text:130")
        sizes = cycle(("160", "100", "130"))

        def told() -> bool:
            one.set(f"text:{next(sizes)}")
            return "To jeszcze chwilę potrwa." in one.text()

        until(told, "a page that is drawn anew and anew tells all the same that it takes longer")
        assert one.screen == "occupied"
    assert one.page.get_attribute("html", "class") == "de", "the next visitor begins anew"


def test_a_modem_that_comes_and_goes_darkens_no_screen(one: Visitor) -> None:
    """Chromium breaks off what it has asked for when an interface of the machine gets another address, loopback or not."""
    assert shutil.which("ip") is not None, "iproute2 is missing: see tools/setup.sh"
    stop = threading.Event()
    modem = threading.Thread(target=_flaps, args=(stop,))
    modem.start()
    try:
        for _ in range(10):
            one.tap_until("info", "info")
            one.tap_until("offices", "offices")
            one.tap_until("back", "info")
            one.tap_until("back", "start")
    finally:
        stop.set()
        modem.join()
    one.tap_until("end", "parting")
    one.mishaps[:] = [mishap for mishap in one.mishaps if "ERR_NETWORK_CHANGED" not in mishap]


def _flaps(stop: threading.Event) -> None:
    """An interface comes, gets an address, and goes, as fast as it can; until `stop`."""
    once = """
        link add kabine-modem type veth peer name kabine-mast
        addr add 192.0.2.1/24 dev kabine-modem
        link set kabine-modem up
        link set kabine-mast up
        link del kabine-modem
    """
    while not stop.is_set():
        subprocess.run(["ip", "-batch", "-"], input=once * 20, text=True, check=True)


def test_the_hatch_is_refused_while_somebody_is_there(one: Visitor) -> None:
    one.to_place()
    order = Submit("wohngeldstelle-uckermark", paths=(str(one.cabin.sheet()),))
    with pytest.raises(Unavailable, match="A visitor is in the cabin"):
        list(knock(one.cabin.folder, order, 30.0) or ())
