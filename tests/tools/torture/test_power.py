"""Power cuts on a recording file system: whatever was promised holds, and every planted fault is noticed."""

from __future__ import annotations

import os

import pytest

from tools.torture import planted
from tools.torture.power import power

STATES = 6_000
STATES_UNTIL_CAUGHT = 1000


@pytest.mark.timeout(1800)  # on a busy machine; a minute on two idle cores
def test_whatever_was_promised_holds_after_a_power_cut() -> None:
    report = power(STATES, 1, jobs=os.cpu_count() or 1)
    assert report.broken == []
    assert report.rounds >= STATES * 0.9
    for kind in ("torn", "dropped", "reordered", "prefix", "chance"):
        for node in ("cabin", "hub"):
            assert report.counts[f"{node}-{kind}"] >= 1, kind
    assert report.counts["hub-names-lost"] + report.counts["cabin-names-lost"] >= 1


@pytest.mark.parametrize("name", planted.names("power"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    report = power(STATES_UNTIL_CAUGHT, 1, name)
    assert report.broken, f"{report.replay} found nothing"
