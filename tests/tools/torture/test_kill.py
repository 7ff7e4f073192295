"""kill -9 of whole processes: a few here, many by `kabine torture kill`; tests/journeys/test_kills.py aims at single moments."""

from __future__ import annotations

import pytest

from tools.torture import planted
from tools.torture.kill import kill

KILLS = 4
KILLS_UNTIL_CAUGHT = 90  # it ends with the first that shows it


@pytest.mark.timeout(1800)  # on a busy machine
def test_everything_accepted_is_opened_once() -> None:
    report = kill(KILLS, 1)
    assert report.broken == []
    assert report.rounds == KILLS
    assert report.counts["documents-opened"] >= 1


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", planted.names("kill"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    report = kill(KILLS_UNTIL_CAUGHT, 1, name)
    assert report.broken, f"{report.replay} found nothing"
