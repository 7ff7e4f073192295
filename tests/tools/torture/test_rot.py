"""Bits flip on the disks of a cabin and of a hub: nothing altered is used or acknowledged without a word."""

from __future__ import annotations

import os

import pytest

from tools.torture import planted
from tools.torture.rot import rot

BITS = 1_000
BITS_UNTIL_CAUGHT = 20_000  # it ends with the first that shows it


@pytest.mark.timeout(1800)  # on a busy machine; half a minute on two idle cores
def test_whatever_is_altered_is_noticed_or_healed() -> None:
    report = rot(BITS, 3, jobs=os.cpu_count() or 1)
    assert report.broken == []
    noticed = {name.removesuffix("-noticed") for name in report.counts if name.endswith("-noticed")}
    assert {"buffer.sqlite", "blobs"} <= noticed


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", planted.names("rot"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    report = rot(BITS_UNTIL_CAUGHT, 1, name)
    assert report.broken, f"{report.replay} found nothing"
