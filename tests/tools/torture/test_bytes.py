"""Hostile bytes: only Refused comes out of any decoder that faces the outside, and every planted fault is noticed."""

from __future__ import annotations

import pytest

from tools.torture import planted
from tools.torture.bytes import bytes as torture
from tools.torture.targets import targets

INPUTS = 1_600_000  # ninety seconds of one core: three times thirty
INPUTS_FOR_A_PLANTED_FAULT = 8_000
INPUTS_UNTIL_CAUGHT = {"secret-word": 200_000, "room-in-advance": 400, "slow-on-spaces": 800}


@pytest.mark.parametrize("name", targets())
def test_what_is_sound_is_read(name: str) -> None:
    target = targets()[name]
    for example in target.examples:
        target.call(example)


@pytest.mark.timeout(1800)  # beside the other tests, on a busy machine
def test_only_refused_comes_out() -> None:
    report = torture(INPUTS, 1)
    assert report.broken == []
    assert sum(count for name, count in report.counts.items() if name.endswith("-guided")) >= INPUTS // 3
    assert report.counts["refused"] > report.counts["accepted"] > 0


@pytest.mark.parametrize("name", planted.names("bytes"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    report = torture(INPUTS_UNTIL_CAUGHT.get(name, INPUTS_FOR_A_PLANTED_FAULT), 1, name)
    assert report.broken, f"{report.replay} found nothing"
