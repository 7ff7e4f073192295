"""Hostile bytes: only Refused comes out of any decoder that faces the outside, and every planted fault is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.torture import planted
from tools.torture.bytes import _tell as tell
from tools.torture.bytes import bytes as torture
from tools.torture.command import torture as command
from tools.torture.mutation import neighbours
from tools.torture.report import Report, luck
from tools.torture.targets import targets

INPUTS = 1_600_000  # ninety seconds of one core: three times thirty


@pytest.mark.parametrize("name", targets())
def test_what_is_sound_is_read(name: str) -> None:
    target = targets()[name]
    for example in target.examples:
        target.call(example)


def test_another_process_has_the_same_examples() -> None:
    """Hostile bytes are made of them: what a seed has found must be had again."""
    script = (
        "from tools.torture.targets import targets; print([(name, each.examples) for name, each in targets().items()])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{[(name, each.examples) for name, each in targets().items()]}\n"


def test_the_envelope_that_is_kept_opens_to_the_inner_one() -> None:
    where = targets()
    assert where["envelopes"].call(where["envelopes"].examples[0]) == where["inner"].examples[0]


def test_what_coverage_has_led_to_is_told_in_full(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "code").write_text("77")
    (tmp_path / "frames" / "crash-1").write_bytes(bytes(range(250)) * 4)
    report = Report("bytes", 1)
    tell(tmp_path / "frames", "", report)
    assert report.broken[0].endswith(f" for {(bytes(range(250)) * 4).hex()}")


def test_a_neighbour_has_another_byte_in_one_place() -> None:
    raw = bytes(range(40))
    near = list(neighbours(luck("near"), raw, 500))
    assert len(near) == 500
    assert all(len(each) == 40 and sum(map(int.__ne__, each, raw)) == 1 for each in near)
    assert {next(place for place in range(40) if each[place] != raw[place]) for each in near} == set(range(40))


def test_as_much_is_mutated_however_many_work_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.torture.bytes.INPUTS_A_LIFE", 800)
    monkeypatch.setattr("tools.torture.bytes.GUIDED_MAX", 0)
    alone, both = torture(1_600, 1), torture(1_600, 1, jobs=2)
    assert alone.broken == both.broken == []
    mutated = {name: count for name, count in alone.counts.items() if name.endswith("-mutated")}
    assert alone.rounds == both.rounds == sum(mutated.values()) == alone.counts["refused"] + alone.counts["accepted"]
    assert mutated.keys() == {f"{name}-mutated" for name in targets()}
    assert mutated.items() <= both.counts.items()


@pytest.mark.timeout(1800)  # beside the other tests, on a busy machine
def test_only_refused_comes_out() -> None:
    report = torture(INPUTS, 1)
    assert report.broken == []
    assert sum(count for name, count in report.counts.items() if name.endswith("-guided")) >= INPUTS // 3
    assert report.counts["refused"] > report.counts["accepted"] > 0


@pytest.mark.parametrize("name", planted.names("bytes"))
def test_a_planted_fault_is_noticed(name: str) -> None:
    report = torture(planted.rounds("bytes", name), 1, name)
    assert report.broken, f"{report.replay} found nothing"


def test_whoever_plants_one_need_not_know_how_many_inputs_it_takes() -> None:
    done = CliRunner().invoke(command, ["bytes", "--plant", "room-in-advance", "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["caught"]
    assert f"--rounds {planted.rounds('bytes', 'room-in-advance')} " in found["replay"]
