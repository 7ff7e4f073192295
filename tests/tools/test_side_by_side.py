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
import signal, sys, tempfile, weakref
from tools.side_by_side import players

class Thing:
    pass

def play(where):
    folder, deaf = where
    with tempfile.TemporaryDirectory(dir=folder):
        thing = Thing()
        watched = weakref.ref(thing, lambda _: signal.pause())  # Python believes no exception in there
        if deaf:
            del thing
        while True:
            signal.pause()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever began the tests in the background has it ignored
    with players(2) as play_all:
        list(play_all(play, [(sys.argv[1], sys.argv[2:])] * 2))
"""


@pytest.mark.parametrize(("times", "deaf"), [(1, []), (3, []), (1, ["deaf"])])
def test_ctrl_c_leaves_no_folder_of_theirs_behind(tmp_path: Path, times: int, deaf: list[str]) -> None:
    """They lie in memory, which was gone until the next start of the machine. One that was told in a bad moment heard of nothing any more, and
    whoever had begun it waited for ever."""
    program, folder = tmp_path / "program.py", tmp_path / "folder"
    program.write_text(PROGRAM)
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, program, folder, *deaf],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
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
