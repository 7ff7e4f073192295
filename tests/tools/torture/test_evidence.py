"""The record of large figures: what is done with another seed, or elsewhere, adds to it; the page for people is made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import Unavailable
from tools.torture.evidence import Record, World, _as_torture, _simulate, gather, page

PAGE = Path(__file__).parents[3] / "docs" / "evidence.md"


def keep(record: Record, kind: str, seed: int, rounds: int, planted: str = "", **more: Any) -> None:
    found = {
        **{"kind": kind, "seed": seed, "rounds": rounds, "planted": planted, "violations": 0, "seconds": 1234.4},
        **{"counts": {"cabin-torn": 1200, "hub-all": 3, "none": 0, "frames-branches": seed}, "broken": []},
        **{"replay": f"kabine torture {kind} --rounds {rounds} --seed {seed}", "caught": bool(planted)},
        **{"commit": "49617e4", "at": "2026-11-22 14:16", "machine": "2 × AMD EPYC, 23 GiB, Python 3.11.7"},
    }
    broken = more.get("broken", [])
    record.add({**found, "violations": len(broken), **more})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A page with everything that may stand on one, and its record."""
    record = Record(tmp_path / "page.md")
    keep(record, "power", 1, 20_000)
    keep(record, "power", 10, 500, broken=["hub, torn, life 10.0: It forgot. Twice.", "cabin, all: gone"])
    keep(record, "simulate", 100_000, 2501, counts={}, machine="another")
    keep(record, "rot", 2, 0, failed="OSError: [Errno 28] No space left on device")
    keep(record, "power", 1, 43, "no-segment-fsync", broken=["hub | nothing: bytes are absent " + "abc " * 50])
    keep(record, "power", 1, 1000, "no-folder-fsync", caught=False)
    keep(record, "rot", 1, 0, "no-row-seals", caught=False, failed="KeyError: 'planted'")
    return tmp_path / "page.md"


def test_a_page_says_everything_once(out: Path) -> None:
    said = out.read_text()
    assert "| `power`: crash states opened and checked | 20,500 | 1,000,000 | 2 | 1 of 2 |" in said
    assert "| `rot`: flipped bits | 0 | 100,000 | 0 | 0 of 1 |" in said
    assert "cabin-torn 2,400; frames-branches 10; hub-all 6." in said
    row = "| `kabine torture power --rounds 20000 --seed 1` | 20,000 | 0 | 1,234 | A | 49617e4 | 2026-11-22 14:16 |"
    assert said.count(row) == 1
    assert "- Machine B: another" in said
    assert "- Broken: cabin, all: gone" in said
    assert "seed 2 did not come to its end: OSError: [Errno 28] No space left on device" in said
    assert "| power | `no-folder-fsync` | 1,000 | not caught |" in said


def test_what_was_done_is_not_done_again_but_for_what_was_broken_failed_or_not_caught(out: Path) -> None:
    record = Record(out)
    assert record.has("power", "", 1)
    assert record.has("power", "no-segment-fsync", 77)
    for place in (
        *(("power", "", 10), ("power", "", 2), ("rot", "", 2)),
        *(("power", "no-folder-fsync", 1), ("rot", "no-row-seals", 1)),
    ):
        assert not record.has(*place), place


def test_another_seed_adds_to_what_is_there(out: Path) -> None:
    keep(Record(out), "power", 2, 700)
    said = out.read_text()
    assert "| `power`: crash states opened and checked | 21,200 | 1,000,000 | 2 | 1 of 2 |" in said
    rows = [line.partition("--seed ")[2][:2] for line in said.splitlines() if "torture power --rounds" in line]
    assert rows == ["1`", "2`", "10"]


def test_what_is_done_again_takes_the_place_of_what_was_there(out: Path) -> None:
    keep(Record(out), "power", 10, 900)
    keep(Record(out), "power", 1, 5, "no-folder-fsync", broken=["caught"])
    keep(Record(out), "power", 10, 800)
    said = out.read_text()
    assert "| `power`: crash states opened and checked | 20,800 | 1,000,000 | 0 | 2 of 2 |" in said
    assert said.count("--seed 10`") == said.count("`no-folder-fsync`") == 1
    assert "- Broken: " not in said
    # A fault that was mended is not unsaid.
    assert said.count("- Broken once, and mended: hub, torn, life 10.0: It forgot. Twice.; at 49617e4\n") == 1


def test_a_page_that_cannot_be_written_is_said_before_hours_of_work(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"missing/page\.jsonl is not there"):
        gather(("bytes",), 1e-9, 1, Record(tmp_path / "missing" / "page.md"), World(1))


def test_the_page_in_the_repository_was_written_by_the_command() -> None:
    lines = PAGE.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    assert page([json.loads(line) for line in lines]) == PAGE.read_text(encoding="utf-8")


def test_a_simulation_is_asked_for_as_many_cabins_and_days_on_end_as_were_named() -> None:
    common = ["simulate", "--days", "30", "--seed", "300000"]
    assert _simulate(60, 3, "", World(2)) == [*common, "--cabins", "2"]
    assert _simulate(1500, 3, "", World(50, 30.0)) == [*common, "--world-days", "30", "--cabins", "50"]


def test_of_what_a_simulation_says_beside_its_figures_only_broken_promises_are_kept() -> None:
    """A traceback of a library, with paths of the machine on which it ran, stood on the page for people."""
    figures = {
        "planted": None,
        "seed": 3,
        "cabin_days": 1.2,
        "faults": {},
        "recoveries": {},
        "violations": 1,
        "caught": False,
    }
    said = 'Traceback (most recent call last):\n  File "/somewhere/base.py", line 372\nBroken promise: it forgot (2026-03-02)\n'
    assert _as_torture(figures, said, 1.0, ["simulate"])["broken"] == ["it forgot (2026-03-02)"]
