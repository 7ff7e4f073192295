"""Faults between network namespaces: every planted fault is noticed. That all drains: test_small_figures.py. Needs root, iproute2, nftables."""

from __future__ import annotations

import pytest

from tools.torture import planted
from tools.torture.network import network


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", planted.names("network"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    report = network(planted.rounds("network", name), 2, name)
    assert report.broken, f"{report.replay} found nothing"
