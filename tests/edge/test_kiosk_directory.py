"""Another directory comes while somebody stands at the screen."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from protocol.directory import Route
from protocol.ids import AgencyId, ServiceId
from tests.edge.story import PRINTER, Cabin, in_force, play, publish


def test_a_directory_in_which_nobody_takes_papers_is_told_on_the_start_page(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        agencies = in_force(cabin).agencies
        assert await cabin.tap("info", "back") == "start"
        before = cabin.usher.bell.version
        publish(cabin, agencies=tuple(structs.replace(agency, inboxes=()) for agency in agencies))
        cabin.usher.look_at_directory()
        assert cabin.usher.bell.version != before, "whoever stands there sees it"
        assert "Abgeben geht gerade nicht, Kopieren geht." in await cabin.text()
        assert await cabin.offered() == ["copy", "info", "privacy"]
        assert await cabin.tap("hand-in") == "start"
        before = cabin.usher.bell.version
        publish(cabin, agencies=agencies)
        cabin.usher.look_at_directory()
        assert cabin.usher.bell.version != before, "it comes back by itself"
        assert await cabin.tap("hand-in") == "concern"

    play(path, story, printer=PRINTER)


def test_a_tap_means_what_stood_on_the_button_when_it_was_drawn(path: Path) -> None:
    """Another directory, another order of concerns: whoever touches in that moment chooses nothing that they have not read."""

    async def story(cabin: Cabin) -> None:
        assert await cabin.tap("hand-in") == "concern"
        drawn, [wohngeld], [route] = cabin.usher.bell.turn, in_force(cabin).services, in_force(cabin).routes
        tax = structs.replace(wohngeld, id=ServiceId("99102013000000"), name="Hundesteuer", plain="Steuer für den Hund")
        to_another = Route(tax.id, route.area, AgencyId("sozialamt-uckermark"))
        publish(cabin, services=(tax, wohngeld), routes=(to_another, route))
        await cabin.usher.tap(cabin.usher.stamp, drawn, "concern:0")
        assert cabin.usher.scene == "concern", "it is asked anew"
        assert "Hund" in await cabin.text()
        assert await cabin.tap("concern:1") == "place"
        assert "An: Wohngeld" in await cabin.text()

    play(path, story)


def test_another_directory_does_not_swallow_a_touch_of_what_means_the_same_in_it(path: Path) -> None:
    """One comes just when a cabin is connected: whoever touched its first tile in that moment saw nothing happen."""

    async def story(cabin: Cabin) -> None:
        drawn = cabin.usher.bell.turn
        publish(cabin)
        await cabin.usher.tap(cabin.usher.stamp, drawn, "hand-in")
        assert cabin.usher.scene == "concern"

    play(path, story)


def test_another_directory_does_not_swallow_a_touch_of_a_choice_that_is_in_both(path: Path) -> None:
    async def story(cabin: Cabin) -> None:
        async def touched_meanwhile(do: str) -> str:
            drawn, agencies = cabin.usher.bell.turn, in_force(cabin).agencies
            publish(cabin, agencies=tuple(structs.replace(agency, phone="03984 70-0") for agency in agencies))
            await cabin.usher.tap(cabin.usher.stamp, drawn, do)
            return cabin.usher.scene

        [wohngeld] = in_force(cabin).services
        publish(cabin, services=(structs.replace(wohngeld, bring=("Mietvertrag",)),))
        assert await cabin.tap("info", "offices") == "offices"
        assert await touched_meanwhile("office:1") == "agency"
        assert "Wohngeldstelle" in await cabin.text()
        assert await cabin.tap("back", "back", "bring") == "bring"
        assert await touched_meanwhile("papers:0") == "papers"
        assert await cabin.tap("back", "back", "back", "hand-in") == "concern"
        assert await touched_meanwhile("concern:0") == "place"

    play(path, story)
