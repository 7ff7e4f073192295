"""Who is not let in, who is thrown out, and that everything delivered stays."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from protocol.asking import ShowDirectory
from protocol.contacts import read_hub_card
from protocol.errors import Unavailable
from protocol.keys import CurvePair
from protocol.runtime.asker import Asker
from tests.journeys.stage import Stage, process
from tests.journeys.waiting import until


def test_a_stranger_is_not_admitted(town: Stage) -> None:
    card = read_hub_card((town.house.folder / "hub-card.txt").read_text())
    stranger = Asker(card.address, card.curve_key, CurvePair.generate(os.urandom), time.monotonic)
    with stranger, pytest.raises(Unavailable, match=r"does not know this key\..*`kabine agency list`"):
        stranger.ask(ShowDirectory())


def test_a_cabin_with_other_keys_is_a_stranger(town: Stage) -> None:
    folder = copied(town, "gartz", "stranger")
    (folder / "curve.key").write_bytes(CurvePair.generate(os.urandom).secret)
    town.house.start_cabin("stranger")
    until(lambda: "does not know this key" in reason(town, "stranger"), "the cabin says why")
    town.hand_in("stranger", town.page(1))
    assert town.waiting("stranger") == 1
    until(lambda: shut(town, "stranger") == "closed", "no visitor is received, who would be promised a line")
    town.house.stop("cabin-stranger")
    until(lambda: town.connected("gartz"), "the real one is let in")


def test_a_cabin_cannot_pose_as_another(town: Stage) -> None:
    """It has Templin's keys, and says that it is Gartz."""
    receipt = town.hand_in("gartz", town.page(2), secured=True)
    folder = copied(town, "templin", "impostor")
    config = (folder / "edge.toml").read_text()
    assert 'site = "templin"' in config
    (folder / "edge.toml").write_text(config.replace('site = "templin"', 'site = "gartz"'))
    town.house.start_cabin("impostor")
    forged = town.hand_in("impostor", town.page(3))
    until(lambda: "gartz" in reason(town, "impostor") and "templin" in reason(town, "impostor"), "the hub says why")
    assert town.waiting("impostor") == 1
    town.house.stop("cabin-impostor")
    assert town.ask("SELECT receipt FROM document WHERE site = 'gartz'") == [(receipt,)]
    assert not town.ask("SELECT receipt FROM document WHERE receipt = ?", forged)
    until(lambda: town.connected("gartz"), "the real one is let in")


def test_two_nodes_do_not_work_on_one_folder(town: Stage) -> None:
    for node, folder in (("edge", town.house.cabin("templin")), ("hub", town.house.hub)):
        second = process(node, "run", folder)
        assert second.returncode == 1
        assert f"Another {node} node (process " in second.stderr
        assert "Stop it first" in second.stderr
    town.hand_in("templin", town.page(4), secured=True)


def test_a_copied_cabin_is_noticed_and_quarantined(templin: Stage) -> None:
    """An image that was restored elsewhere goes on with the same numbers: the hub believes neither copy blindly."""
    copied(templin, "templin", "copy")
    kept = templin.hand_in("templin", templin.page(1), secured=True)
    templin.house.stop("cabin-templin")
    templin.house.start_cabin("copy")
    templin.hand_in("copy", templin.page(2))
    until(lambda: "cloned" in reason(templin, "copy"), "the hub says why")
    assert templin.ask("SELECT receipt FROM document") == [(kept,)]
    # It may call before and after it has written: each time for another entry.
    alarms = "SELECT DISTINCT kind FROM alarm WHERE site = 'templin'"
    assert until(lambda: templin.ask(alarms), "a person is called") == [("log-fork",)]
    texts = templin.ask("SELECT text FROM alarm WHERE site = 'templin'")
    assert all(text.count("enrol it anew") == 1 for (text,) in texts), "what to do is said once"
    templin.house.stop("cabin-copy")
    templin.house.start_cabin("templin")
    templin.hand_in("templin", templin.page(3), secured=True)


def test_two_twins_at_once_one_is_believed_and_nobodys_papers_are_lost(templin: Stage) -> None:
    """Each call ends the other's, which has the same key: whose entry comes first has the log; the other's papers wait, and a person is called."""
    copied(templin, "templin", "copy")
    templin.house.start_cabin("copy")
    numbers = {name: templin.hand_in(name, templin.page(seed)) for seed, name in enumerate(("templin", "copy"))}
    alarms = "SELECT DISTINCT kind FROM alarm WHERE site = 'templin'"
    assert until(lambda: templin.ask(alarms), "a person is called") == [("log-fork",)]

    def cast_out() -> list[str]:
        return [name for name in numbers if "cloned" in reason(templin, name)]

    [other] = until(cast_out, "one of them is told why it is not heard")
    [believed] = numbers.keys() - {other}
    until(lambda: templin.connected(believed), "the other one keeps the line")
    templin.drained(believed)
    later = templin.hand_in(believed, templin.page(2), secured=True)
    assert templin.waiting(other) == 1
    assert templin.ask("SELECT receipt FROM document ORDER BY place") == [(numbers[believed],), (later,)]


def test_a_revoked_cabin_is_cut_off_and_what_it_delivered_stays(templin: Stage) -> None:
    """Within a second: the simulation sees to that, in its own time (tools/simulator/people.py)."""
    receipt = templin.hand_in("templin", templin.page(1), secured=True)
    done = templin.kabine("cabin", "revoke", "templin", "--yes", *templin.as_authority())
    assert done.returncode == 0, done.stderr
    until(lambda: not templin.connected("templin"), "the link ends")
    log = templin.house.hub / "hub.log"
    until(lambda: "The cabin templin was revoked." in log.read_text(), "the hub says why")
    [(revoked_at,)] = templin.ask("SELECT revoked_at FROM cabin WHERE site = 'templin'")
    [(cut_at,)] = until(lambda: templin.ask("SELECT since FROM link WHERE site = 'templin' AND NOT connected"))
    assert revoked_at <= cut_at
    print(f"cut off {cut_at} after it was revoked at {revoked_at}")

    templin.hand_in("templin", templin.page(2))
    until(lambda: "does not know this key" in reason(templin, "templin"), "its key is refused from then on")
    templin.house.stop("cabin-templin")
    templin.house.start_cabin("templin")
    until(lambda: "does not know this key" in reason(templin, "templin"), "after a restart too")
    assert templin.waiting("templin") == 1
    assert templin.pull().returncode == 0
    assert list(templin.opened()) == [receipt]
    listed = templin.kabine("cabin", "list", "--hub", templin.house.hub)
    assert "revoked" in listed.stdout


def test_a_replaced_cabin_works_and_both_machines_documents_verify(templin: Stage) -> None:
    old = templin.hand_in("templin", templin.page(1), secured=True)
    invitation = templin.says("cabin", "invite", "templin", "--hub", templin.house.hub)["invitation"]
    enrolled = templin.enrol(invitation, "new")
    assert enrolled.returncode == 0, enrolled.stderr
    templin.house.start_cabin("new")
    until(lambda: "confirm" in reason(templin, "new"), "the new one waits for confirmation")
    until(lambda: templin.connected("templin"), "the old one works until then")
    confirmed = templin.kabine("cabin", "confirm", "templin", "--yes", *templin.as_authority())
    assert confirmed.returncode == 0, confirmed.stderr
    [words] = [line.strip() for line in enrolled.stdout.splitlines() if line.startswith("    ")]
    assert words.split() == next(line.split() for line in confirmed.stdout.splitlines() if line.startswith("    "))

    until(lambda: not templin.connected("templin"), "the old one is let in no more")
    new = templin.hand_in("new", templin.page(2), secured=True)
    pulled = templin.pull()
    assert pulled.returncode == 0
    assert not pulled.stderr
    assert sorted(templin.opened()) == sorted([old, new])
    assert old[:3] != new[:3], "two machines never give the same receipt number"
    assert templin.ask("SELECT machine, counter FROM document ORDER BY place") == [(1, 1), (2, 1)]


def copied(stage: Stage, site: str, name: str) -> Path:
    """A copy of a cabin's folder, as it lies on the disk while its node rests."""
    stage.house.stop(f"cabin-{site}")
    folder = Path(shutil.copytree(stage.house.cabin(site), stage.house.cabin(name)))
    stage.house.start_cabin(site)
    until(lambda: stage.connected(site), f"{site} is connected")
    return folder


def shut(stage: Stage, site: str) -> str:
    """Why this cabin receives nobody."""
    status = stage.house.status(site)
    assert status is not None
    return status.shut


def reason(stage: Stage, site: str) -> str:
    """Why this cabin has no link."""
    status = stage.house.status(site)
    assert status is not None
    return status.link.reason
