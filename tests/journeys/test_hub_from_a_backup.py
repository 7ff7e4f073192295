"""A hub that comes back from a backup: cabins go on with it by themselves and give back what they keep; what is lost is named, down to the number
in a visitor's hand, and nothing is called lost that the agency has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud import premises
from edge.config import DiskConfig
from protocol import limits
from protocol.ids import SiteId
from tests.journeys.stage import AGENCY, Stage, stage
from tests.journeys.waiting import until

SITES = ("templin", "gartz")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Templin keeps what it has secured, as every cabin; Gartz was told not to."""
    with stage(tmp_path_factory.mktemp("backup"), *SITES) as made:
        for site, keep_days in zip(SITES, (3.0, 0.0), strict=True):
            made.house.stop(f"cabin-{site}")
            made.house.equip(site, disk=DiskConfig(free_bytes_min=16 * limits.MIB, keep_days=keep_days))
            made.house.start_cabin(site)
            made.house.until_connected(site)
        yield made


def test_what_cabins_keep_comes_back_and_what_is_lost_is_named(town: Stage, tmp_path: Path) -> None:
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
    proven = town.hand_in("gartz", town.page(8), secured=True)
    with premises.opened(town.house.hub) as place:
        town.house.publish(place)
    [(newest,)] = town.ask("SELECT max(version) FROM published")
    until(lambda: all(held(town, site) == newest for site in SITES), "it is in force in the cabins")
    assert town.pull().returncode == 0
    kept = town.hand_in("templin", town.page(9), secured=True)
    only_here = town.hand_in("gartz", town.page(5), secured=True)
    line.cut()
    waits = town.hand_in("templin", town.page(6))
    # The agency files what it has fetched somewhere else, as agencies do.
    assert set(town.opened()) == {*before, stored, *fetched, proven}
    shutil.move(town.into(), tmp_path / "filed")

    town.house.stop("hub")
    shutil.rmtree(town.house.hub)
    shutil.copytree(tmp_path / "backup", town.house.hub)
    town.house.start_hub()
    line.mend()
    until(lambda: all(town.connected(site) for site in SITES), "both cabins are connected again")
    town.drained("templin")
    after = town.hand_in("gartz", town.page(7), secured=True)

    # Templin gives back all that it had handed in: nobody need come because of it, and the fleet says what has been.
    until(lambda: alarms(town) == [("gartz", "hub-restored")], "only Gartz lacks something")
    given_back = "SELECT count(*) FROM document WHERE site = 'templin' AND stored_at IS NOT NULL"
    until(lambda: town.ask(given_back) == [(5,)], "all of Templin's are there")
    said = town.kabine("fleet", "status", "--hub", town.house.hub, "--site", "templin")
    assert said.returncode < 2
    assert "4 Dokumente angefordert, alle gekommen." in said.stdout
    # Gartz has let go of two: they are named, and nobody there is told anything before the agency was asked.
    until(lambda: town.ask("SELECT count(*) FROM document WHERE state = 'lost'") == [(2,)], "two are lost")
    said = town.kabine("fleet", "status", "--hub", town.house.hub, "--site", "gartz")
    assert said.returncode == 2
    for receipt in (proven, only_here):
        assert f"{receipt} ({AGENCY})" in said.stdout
    assert "sagt das Amt, ob es sie hat" in said.stdout
    assert town.state("gartz", only_here) == "secured"

    # The agency goes on as well. It proves what it had fetched, is handed nothing twice without being told, and hears no warning about numbers.
    done = town.pull()
    assert done.returncode == 0, done.stderr
    assert "The hub came back from an older copy" in done.stderr
    assert f"The hub shows directory {newest - 1}; {newest} is in force here." in done.stderr
    assert "numbering" not in done.stderr
    assert f"note: {proven} was lost to the hub" in done.stderr
    assert f"WARNING: {only_here} of the cabin gartz never came here" in done.stderr
    for receipt in (stored, *fetched):
        assert f"note: {receipt} came a second time" in done.stderr
    assert set(town.opened()) == {kept, waits, after}
    for site, receipts in (("templin", [*fetched, kept, waits]), ("gartz", [stored, proven, after])):
        for receipt in receipts:
            until(lambda: town.state(site, receipt) == "accepted", receipt)  # noqa: B023
    assert town.ask("SELECT receipt FROM document WHERE state <> 'accepted'") == [(only_here,)]

    # What is lost is lost, and said at both ends.
    until(lambda: town.state("gartz", only_here) == "lost", "the cabin says so")
    said = town.kabine("fleet", "status", "--hub", town.house.hub, "--site", "gartz")
    assert (said.returncode, proven in said.stdout) == (2, False)
    assert f"{only_here} ({AGENCY}) kam dort nie an" in said.stdout
    folder = town.house.cabin("gartz")
    assert f"{only_here}  " in (status := town.kabine("edge", "status", folder).stdout)
    assert "lost" in status
    assert f"not at the agency: {only_here}." in town.kabine("edge", "doctor", folder).stdout
    assert "kept sealed for a while" in town.kabine("edge", "status", town.house.cabin("templin")).stdout
    again = town.pull()
    assert (again.returncode, again.stdout) == (0, "")
    assert "lost" not in again.stderr
    assert "second time" not in again.stderr

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


def alarms(town: Stage) -> list[tuple[str, str]]:
    """For which somebody is to come."""
    return town.ask("SELECT site, kind FROM alarm WHERE cleared_at IS NULL ORDER BY site, kind")


def held(town: Stage, site: str) -> int:
    """The directory in force in this cabin."""
    status = town.house.status(site)
    return status.directory_version if status else 0
