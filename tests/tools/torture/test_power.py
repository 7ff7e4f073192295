"""Power cuts on a recording file system: whatever was promised holds, and every planted fault is noticed."""

from __future__ import annotations

import os

import pytest

from tools.torture import planted
from tools.torture.power import power

STATES = 6_000
STATES_OF_A_LIFE = 1000
LIVES_UNTIL_CAUGHT = 40  # it ends with the first that shows it


@pytest.mark.timeout(1800)  # on a busy machine; a minute on two idle cores
def test_whatever_was_promised_holds_after_a_power_cut() -> None:
    report = power(STATES, 1, jobs=os.cpu_count() or 1)
    assert report.broken == []
    assert report.rounds >= STATES * 0.9
    for kind in ("torn", "dropped", "reordered", "prefix", "chance"):
        for node in ("cabin", "hub"):
            assert report.counts[f"{node}-{kind}"] >= 1, kind
    assert report.counts["hub-names-lost"] + report.counts["cabin-names-lost"] >= 1


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", planted.names("power"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    lives = (power(STATES_OF_A_LIFE, seed, name) for seed in range(1, LIVES_UNTIL_CAUGHT + 1))
    assert any(report.broken for report in lives), f"“{name}” was not noticed in {LIVES_UNTIL_CAUGHT} lives"
