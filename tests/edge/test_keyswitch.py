"""Staff turn their key: tables of (second, is it turned) and whether somebody cleans then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cleaning import FILE, Cleaning
from edge.keyswitch import Keyswitch
from hardware.simulated.presence import SimulatedPresence
from hardware.simulated.stage import TURNED, UNPLUGGED, Stage
from protocol.runtime.folder import NodeFolder
from tests.edge.house import enrolled

NINE = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTES_MAX = 60
OFF, ON, OUT = "off", "on", "unplugged"


class Front:
    """What stands in front of the cabin, and its clock."""

    def __init__(self, folder: NodeFolder, *, springs: bool) -> None:
        self._stage = Stage(folder.path / "stage")
        self.folder = folder
        self.seconds = 0.0
        self.cleaning = Cleaning(folder, lambda: NINE + timedelta(seconds=self.seconds), MINUTES_MAX)
        switch = SimulatedPresence(self._stage, "keyswitch", TURNED)
        self.keyswitch = Keyswitch(switch, self.cleaning, hold_seconds=0.5, springs=springs)

    def at(self, seconds: float, how: str) -> bool:
        """How the switch stands then; is somebody cleaning after that?"""
        self._stage.mend("keyswitch")
        if how != OFF:
            self._stage.flag("keyswitch", TURNED if how == ON else UNPLUGGED)
        self.seconds = seconds
        self.keyswitch.look(seconds)
        return self.cleaning.on


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[NodeFolder]:
    with NodeFolder.open(enrolled(tmp_path / "cabin"), "edge") as opened:
        yield opened


@pytest.mark.parametrize(
    ("day", "cleaned"),
    [
        pytest.param([(0, OFF), (10, ON), (10.5, ON), (600, ON), (601, OFF), (601.5, OFF)], [10.5, 600, 601], id="cleans"),
        pytest.param([(0, OFF), (10, ON), (10.2, OFF), (20, OFF)], [], id="a knock in passing"),
        pytest.param([(0, ON), (1, ON), (90, ON)], [], id="found turned, nobody knows since when"),
        pytest.param([(0, OFF), (10, OUT), (11, OUT), (20, ON), (30, ON)], [], id="found turned behind a plug"),
        pytest.param([(0, OFF), (10, ON), (11, ON), (20, OUT), (30, OUT), (40, OFF), (50, OFF)], [11, 20, 30, 40, 50],
                     id="a plug that falls out ends nothing"),
        pytest.param([(0, OFF), (10, ON), (11, ON), (3611, ON), (3700, ON), (3710, OFF), (3711, OFF)], [11],
                     id="forgotten"),
    ],
)  # fmt: skip
def test_a_switch_that_stays(folder: NodeFolder, day: list[tuple[float, str]], cleaned: list[float]) -> None:
    front = Front(folder, springs=False)
    assert [at for at, how in day if front.at(at, how)] == cleaned


def test_a_switch_that_springs_back_begins_and_ends(folder: NodeFolder) -> None:
    front = Front(folder, springs=True)
    day = [(0, OFF), (10, ON), (10.5, ON), (11, OFF), (12, OFF), (600, ON), (600.5, ON), (601, OFF), (602, OFF)]
    assert [at for at, how in day if front.at(at, how)] == [10.5, 11, 12, 600]


def test_what_was_begun_by_command_is_ended_by_the_key(folder: NodeFolder) -> None:
    front = Front(folder, springs=True)
    front.at(0, OFF)
    front.cleaning.begin()
    front.at(10, ON)
    assert not front.at(11, ON)


def test_a_full_disk_is_told_and_the_next_turn_tries_again(folder: NodeFolder) -> None:
    front = Front(folder, springs=False)
    front.at(0, OFF)
    (folder.path / FILE).mkdir()  # nothing can be written in its place
    front.at(10, ON)
    assert not front.at(11, ON)
    (folder.path / FILE).rmdir()
    front.at(20, OFF)
    front.at(21, OFF)
    front.at(30, ON)
    assert front.at(31, ON)
