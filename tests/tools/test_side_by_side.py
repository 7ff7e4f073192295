"""A pool of processes ends with whoever began it, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.waiting import until

ROOT = Path(__file__).parents[2]
PROGRAM = """
import signal, sys, tempfile
from tools.side_by_side import players

def play(folder):
    with tempfile.TemporaryDirectory(dir=folder):
        while True:
            signal.pause()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever began the tests in the background has it ignored
    with players(2) as pool:
        list(pool.imap(play, [sys.argv[1]] * 2))
"""


@pytest.mark.parametrize("times", [1, 3])
def test_ctrl_c_leaves_no_folder_of_theirs_behind(tmp_path: Path, times: int) -> None:
    """They lie in memory, which was gone until the next start of the machine."""
    program, folder = tmp_path / "program.py", tmp_path / "folder"
    program.write_text(PROGRAM)
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, program, folder], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as main:
        try:
            until(lambda: len(os.listdir(folder)) == 2, "both are at work")
            for _ in range(times):
                os.killpg(main.pid, signal.SIGINT)  # as a terminal does
            said = main.communicate(timeout=60)[1]
        finally:
            main.kill()  # of one that hangs the test is to say so
    assert os.listdir(folder) == []
    assert "SpawnPoolWorker" not in said, said  # only whoever began it says something
