"""Bits flip on the disks of a cabin and of a hub: every planted fault is noticed. That promises hold: test_small_figures.py."""

from __future__ import annotations

import pytest

from tools.torture import planted
from tools.torture.rot import rot


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", planted.names("rot"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    report = rot(planted.rounds("rot", name), 1, name)
    assert report.broken, f"{report.replay} found nothing"
