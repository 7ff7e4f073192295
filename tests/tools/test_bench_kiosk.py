"""What `kabine bench kiosk` reckons and looks for; the clock itself is in no test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench.kiosk_figures import Spread, spread
from tools.bench.kiosk_traces import Marks, family, ways

MARK = "Kanarienvogel 4711"


def test_a_spread_names_the_middle_the_tail_and_the_worst() -> None:
    assert spread([float(value) for value in range(1, 101)]) == Spread(100, 50.5, 95.0, 100.0)
    assert spread([7.0]) == Spread(1, 7.0, 7.0, 7.0)


@pytest.mark.parametrize("form", sorted(ways(MARK)))
def test_a_mark_is_found_however_it_is_written(tmp_path: Path, form: bytes) -> None:
    (tmp_path / "log").write_bytes(b"x" * 70_000 + form + b"x")
    assert Marks([MARK]).in_files(tmp_path) == [f"{tmp_path}/log: {MARK}"]
    assert Marks([MARK]).in_files(tmp_path, but=[tmp_path.name]) == []
    assert Marks(["another mark"]).in_files(tmp_path) == []


def test_a_name_is_a_place_too(tmp_path: Path) -> None:
    (tmp_path / MARK).mkdir()
    assert Marks([MARK]).in_files(tmp_path)


def test_a_piece_of_a_picture_is_found_in_whatever_holds_it(tmp_path: Path) -> None:
    piece = bytes(range(64))
    (tmp_path / "cache").write_bytes(b"y" * 100 + piece)
    assert Marks([], [piece]).in_files(tmp_path) == [f"{tmp_path}/cache: a picture"]


def test_a_family_is_a_process_and_whom_it_started() -> None:
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE) as child:
        assert child.pid in family(os.getpid())
        child.communicate(b"\n")
