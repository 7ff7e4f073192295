"""A hub that comes back from a backup: cabins go on with it by themselves, and what is lost is named, down to the number in a visitor's hand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud import premises
from protocol.ids import SiteId
from tests.journeys.stage import AGENCY, Stage, stage
from tests.journeys.waiting import until

SITES = ("templin", "gartz")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("backup"), *SITES) as made:
        yield made


def test_everybody_goes_on_and_what_is_lost_is_named(town: Stage, tmp_path: Path) -> None:
    line = town.house.lines[SiteId("templin")]
    before = [town.hand_in(site, town.page(seed), secured=True) for seed, site in enumerate(SITES)]
    assert town.pull().returncode == 0
    stored = town.hand_in("gartz", town.page(2), secured=True)
    town.house.stop("hub")
    shutil.copytree(town.house.hub, tmp_path / "backup")
    town.house.start_hub()

    # Life goes on: secured and fetched, secured and not fetched, an agency's word about what the copy knows, another directory, and one that waits.
    until(lambda: all(town.connected(site) for site in SITES), "both cabins are connected")
    fetched = [town.hand_in("templin", town.page(seed), secured=True) for seed in (3, 4)]
    with premises.opened(town.house.hub) as place:
        town.house.publish(place)
    [(newest,)] = town.ask("SELECT max(version) FROM published")
    until(lambda: all(held(town, site) == newest for site in SITES), "it is in force in the cabins")
    assert town.pull().returncode == 0
    only_here = town.hand_in("gartz", town.page(5), secured=True)
    line.cut()
    waits = town.hand_in("templin", town.page(6))

    town.house.stop("hub")
    shutil.rmtree(town.house.hub)
    shutil.copytree(tmp_path / "backup", town.house.hub)
    town.house.start_hub()
    line.mend()
    until(lambda: all(town.connected(site) for site in SITES), "both cabins are connected again")
    town.drained("templin")
    after = town.hand_in("gartz", town.page(7), secured=True)

    # Nobody is refused, a person is called, and the fleet names what neither end has.
    kinds = town.ask("SELECT DISTINCT kind FROM alarm WHERE cleared_at IS NULL ORDER BY kind")
    assert kinds == [("hub-restored",)]
    until(lambda: town.ask("SELECT count(*) FROM document WHERE state = 'lost'") == [(3,)], "three are lost")
    for site, receipts in (("templin", fetched), ("gartz", [only_here])):
        said = town.kabine("fleet", "status", "--hub", town.house.hub, "--site", site)
        assert said.returncode == 2
        for receipt in receipts:
            assert f"{receipt} ({AGENCY})" in said.stdout
        assert "fehl" in said.stdout

    # The agency goes on as well: it has what it had fetched, and takes the rest without a warning about numbers.
    done = town.pull()
    assert done.returncode == 0, done.stderr
    assert "The hub came back from an older copy" in done.stderr
    assert f"The hub shows directory {newest - 1}; {newest} is in force here." in done.stderr
    assert "numbering" not in done.stderr
    assert "note: 1 document of the cabin gartz before" in done.stderr
    assert set(town.opened()) == {*before, stored, *fetched, waits, after}
    for receipt in (stored, waits, after):
        until(lambda: town.state("templin", receipt) or town.state("gartz", receipt) == "accepted", receipt)  # noqa: B023

    # Somebody has looked; a directory is published that comes after the one that the cabins hold.
    assert town.kabine("fleet", "clear", "--hub", town.house.hub).returncode == 0
    assert town.kabine("directory", "publish", *town.as_authority()).returncode == 0
    assert town.ask("SELECT max(version) FROM published") == [(newest + 2,)]
    for site in SITES:
        until(lambda: held(town, site) == newest + 2, "it is in force in the cabin")  # noqa: B023
        status = town.house.status(site)
        assert status is not None
        assert status.troubles == ()
        assert town.kabine("fleet", "status", "--hub", town.house.hub, "--site", site).returncode < 2
    assert "numbering" not in town.pull().stderr


def held(town: Stage, site: str) -> int:
    """The directory in force in this cabin."""
    status = town.house.status(site)
    return status.directory_version if status else 0
