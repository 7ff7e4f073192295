"""The page of large figures is its own memory: what a machine that is gone has done stays on it, and what is done elsewhere adds to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.torture.evidence import written

PAGE = Path(__file__).parents[3] / "docs" / "evidence.md"
NOTHING = Path("no such folder")


def keep(folder: Path, kind: str, seed: int, rounds: int, planted: str = "", **more: Any) -> None:
    found = {
        **{"kind": kind, "seed": seed, "rounds": rounds, "planted": planted, "violations": 0, "seconds": 1234.4},
        **{"counts": {"cabin-torn": 1200, "hub-all": 3, "none": 0}, "broken": [], "caught": bool(planted)},
        **{"replay": f"kabine torture {kind} --rounds {rounds} --seed {seed}"},
        **{
            "commit": "49617e4",
            "at": "2026-11-22 14:16 UTC",
            "machine": "2 × AMD EPYC, 23 GiB, Linux 6.18.44, Python 3.11.7",
        },
        **more,
    }
    (folder / f"{kind}-{planted or 'sound'}-{seed}.json").write_text(json.dumps(found), encoding="utf-8")


@pytest.fixture
def full(tmp_path: Path) -> str:
    """A page with everything that may stand on one."""
    keep(tmp_path, "power", 1, 20_000)
    keep(
        tmp_path, "power", 10, 500, violations=2, broken=["hub, torn, life 10.0: It forgot. Twice.", "cabin, all: gone"]
    )
    keep(tmp_path, "simulate", 100_000, 2501, counts={})
    keep(tmp_path, "rot", 2, 0, failed="OSError: [Errno 28] No space left on device")
    keep(tmp_path, "power", 1, 43, "no-segment-fsync", broken=["hub | nothing: bytes are absent " + "abc " * 50])
    keep(tmp_path, "power", 1, 1000, "no-folder-fsync", caught=False)
    keep(tmp_path, "rot", 1, 0, "no-row-seals", caught=False, failed="KeyError: 'planted'")
    return written(tmp_path, "")


def test_a_page_without_what_it_was_made_of_stays_as_it_is(full):
    assert "- Broken: cabin, all: gone" in full
    assert "| `power`: crash states opened and checked | 20,500 | 1,000,000 | 2 | 1 of 2 |" in full
    assert "| `rot`: flipped bits | 0 | 100,000 | 0 | 0 of 1 |" in full
    assert written(NOTHING, full) == full


def test_what_is_done_elsewhere_adds_up(full, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    keep(elsewhere, "power", 2, 700)
    page = written(elsewhere, full)
    assert "| `power`: crash states opened and checked | 21,200 | 1,000,000 | 2 | 1 of 2 |" in page
    sections = [line for line in page.splitlines() if line.startswith("## power")]
    assert sections == ["## power, seed 1", "## power, seed 2", "## power, seed 10"]


def test_what_is_done_again_takes_the_place_of_what_was_there(full, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    keep(elsewhere, "power", 10, 900)
    keep(elsewhere, "power", 1, 5, "no-folder-fsync", broken=["caught"])
    page = written(elsewhere, full)
    assert "| `power`: crash states opened and checked | 20,900 | 1,000,000 | 0 | 2 of 2 |" in page
    assert page.count("## power, seed 10\n") == page.count("`no-folder-fsync`") == 1
    assert "- Broken: " not in page
    for told in (page, written(NOTHING, page), written(elsewhere, page)):  # a fault that was mended is not unsaid
        assert told.count("- Broken once, and mended: hub, torn, life 10.0: It forgot. Twice.; at 49617e4\n") == 1
        assert told == page


def test_the_page_in_the_repository_was_written_by_the_command():
    page = PAGE.read_text(encoding="utf-8")
    assert written(NOTHING, page) == page
