"""Power cuts on a recording file system: every planted fault is noticed. That promises hold: test_small_figures.py."""

from __future__ import annotations

import pytest

from tools.torture import planted
from tools.torture.power import power

STATES_OF_A_LIFE = 1000
LIVES_UNTIL_CAUGHT = 40  # it ends with the first that shows it


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", planted.names("power"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    lives = (power(STATES_OF_A_LIFE, seed, name) for seed in range(1, LIVES_UNTIL_CAUGHT + 1))
    assert any(report.broken for report in lives), f"“{name}” was not noticed in {LIVES_UNTIL_CAUGHT} lives"
