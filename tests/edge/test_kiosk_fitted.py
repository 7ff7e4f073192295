"""What is said and drawn as this cabin is fitted: how its device wants a sheet, whether it has a telephone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import structs

from edge.config import KioskConfig
from hardware.fittings import Lying
from tests.edge.story import SIMULATED, Cabin, in_force, play, publish


@pytest.mark.parametrize(
    ("writing", "told"), [("down", "Die Schrift zeigt nach unten."), ("auto", "Die Schrift zeigt nach oben.")]
)
def test_how_a_sheet_is_laid_is_told_as_the_fitted_device_wants_it(path: Path, writing: Lying, told: str) -> None:
    async def story(cabin: Cabin) -> None:
        assert await cabin.tap("hand-in", "concern:0") == "place"
        assert told in await cabin.text()

    play(path, story, scanner=structs.replace(SIMULATED, writing=writing))


@pytest.mark.parametrize(
    ("writing", "front", "back", "receipt"),
    [
        ("down", ("held-photo lies-back", "Foto zeigt nach unten"), ("held-back lies-photo", "Foto zeigt nach oben"),
         ("held-strip lies-strip-blank", "nach unten")),
        ("up", ("lies-photo", "Foto zeigt nach oben"), ("held-photo lies-back", "Foto zeigt nach unten"), ("lies-strip", "nach oben")),
    ],
)  # fmt: skip
def test_which_side_of_a_card_is_up_is_drawn_and_said(
    path: Path, writing: Lying, front: tuple[str, str], back: tuple[str, str], receipt: tuple[str, str]
) -> None:
    async def story(cabin: Cabin) -> None:
        async def shown(drawn: str, told: str) -> None:
            page = (await cabin.kiosk.page()).content
            assert re.findall(r"#((?:held|lies)-[a-z-]+)", page) == drawn.split()
            assert told in await cabin.text()

        await cabin.tap("hand-in", "concern:0", "kind", "kind:card")
        await shown(*front)
        await cabin.tap("take")
        await cabin.at("judge")
        await cabin.tap("good-back")
        await cabin.at("place")
        await shown(*back)
        await cabin.tap("kind", "kind:receipt")
        await shown(*receipt)

    play(path, story, scanner=structs.replace(SIMULATED, writing=writing))


@pytest.mark.parametrize(
    ("telephone", "told"),
    [
        (False, "Ohne Telefon fragen Sie bitte im Rathaus."),
        (True, "Nehmen Sie das Telefon in der Kabine."),
    ],
)
def test_nobody_is_sent_to_a_telephone_that_is_not_there(path: Path, telephone: bool, told: str) -> None:
    async def story(cabin: Cabin) -> None:
        dispatcher = next(agency for agency in in_force(cabin).agencies if agency.dispatcher)
        others = tuple(agency for agency in in_force(cabin).agencies if agency is not dispatcher)
        publish(cabin, agencies=(*others, structs.replace(dispatcher, phone="115")))
        assert await cabin.tap("help") == "help"
        assert told in await cabin.text()

    play(path, story, kiosk=KioskConfig(telephone=telephone))
