"""A file that is there whole or not at all: also where the process is told to end in the midst of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, sys
from tools.whole_file import whole_file
with whole_file(sys.argv[1], 0o600) as write:
    write(b"half")
    os.kill(os.getpid(), int(sys.argv[2]))
"""


def test_told_to_end_it_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    goal = tmp_path / "letter.age"
    goal.write_bytes(b"before")
    done = subprocess.run([sys.executable, "-c", PROGRAM, goal, str(int(signal.SIGTERM))], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["letter.age"]
    assert goal.read_bytes() == b"before"
