"""Real nodes with network scanners: Templin speaks eSCL itself, Gartz through SANE's airscan; both scan from our virtual scanner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from edge.orders import PageCaptured
from hardware.fittings import ScannerConfig
from hardware.simulated.escl import VirtualEscl
from hardware.simulated.stage import Stage as Scene
from protocol.errors import Unavailable
from tests.hardware.sane import airscan_conf, needs_scanimage
from tests.journeys.stage import Stage
from tests.journeys.waiting import until

PAGES = 2


@pytest.fixture(scope="module")
def scenes(town: Stage) -> Iterator[dict[str, tuple[Scene, VirtualEscl]]]:
    """Each cabin with a scanner of its own."""
    needs_scanimage()
    with ExitStack() as kept:
        made = {}
        for site in ("templin", "gartz"):
            scene = Scene(town.house.folder / f"scene-{site}")
            virtual = VirtualEscl(len(made), pages=PAGES, stage=scene)
            kept.callback(virtual.close)
            config = (
                ScannerConfig("escl", url=virtual.url, dpi=75)
                if site == "templin"
                else ScannerConfig("sane", device="airscan", conf=airscan_conf(virtual.url), dpi=75)
            )
            town.house.stop(f"cabin-{site}")
            town.house.equip(site, scanner=config)
            town.house.start_cabin(site)
            town.house.until_connected(site)
            made[site] = scene, virtual
        yield made


@pytest.mark.parametrize("site", ["templin", "gartz"])
def test_a_batch_goes_from_the_scanner_to_the_inbox_and_an_unplugged_scanner_comes_back(
    town: Stage, scenes: dict[str, tuple[Scene, VirtualEscl]], site: str
) -> None:
    scene, _ = scenes[site]
    told = town.submit(site, secured=True)
    assert sum(isinstance(each, PageCaptured) for each in told) == PAGES

    scene.unplug()
    with pytest.raises(Unavailable, match="The scanner does not answer"):
        town.submit(site)
    until(lambda: device(town, site) == "unreachable", "the cabin says that its scanner is away")
    scene.plug()
    assert sum(isinstance(each, PageCaptured) for each in town.submit(site, secured=True)) == PAGES
    until(lambda: device(town, site) == "ready", "and that it is back")


@pytest.mark.parametrize("site", ["templin", "gartz"])
def test_a_jam_ends_a_handing_in_with_nothing_handed_in_and_the_next_one_is_whole(
    town: Stage, scenes: dict[str, tuple[Scene, VirtualEscl]], site: str
) -> None:
    scene, _ = scenes[site]
    before = town.handed_in(site)
    scene.jam()
    with pytest.raises(Unavailable, match="stuck"):
        town.submit(site)
    assert town.handed_in(site) == before
    scene.mend()
    assert sum(isinstance(each, PageCaptured) for each in town.submit(site)) == PAGES


def test_everything_that_was_handed_in_is_at_the_agency_once(town: Stage, scenes: object) -> None:
    for site in ("templin", "gartz"):
        town.drained(site)
    assert town.pull().returncode == 0
    town.whole(["templin", "gartz"])


def device(town: Stage, site: str) -> str:
    """What the cabin says about its scanner."""
    status = town.house.status(site)
    assert status is not None
    return status.devices["scanner"]
