"""kill -9 of whole processes: every planted fault is noticed. That promises hold: test_small_figures.py, and tests/journeys/test_kills.py."""

from __future__ import annotations

import pytest

from tools.torture import planted
from tools.torture.kill import kill

KILLS_UNTIL_CAUGHT = 90  # it ends with the first that shows it


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", planted.names("kill"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    report = kill(KILLS_UNTIL_CAUGHT, 1, name)
    assert report.broken, f"{report.replay} found nothing"
