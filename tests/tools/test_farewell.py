"""Whoever is told to end leaves everything in order, wherever it was told."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.processes import working_in

ROOT = Path(__file__).parents[2]
PROGRAM = """
import logging, os, signal, sys, tempfile, weakref
from tools.farewell import tidied_up

class Thing:
    pass

def tell(*_):
    os.kill(os.getpid(), signal.SIGTERM)

with tidied_up(), tempfile.TemporaryDirectory(dir=sys.argv[1]):
    if sys.argv[2] == "here":
        tell()
    if sys.argv[2] == "where others write it down":  # as SQLAlchemy does
        try:
            tell()
        except BaseException:
            logging.getLogger("other").error("it failed", exc_info=True)
            raise
    thing = Thing()
    watched = weakref.ref(thing, tell)
    del thing  # Python prints what is raised in there, and goes on
    while True:
        signal.pause()
"""


@pytest.mark.parametrize("where", ["here", "where others write it down", "where Python believes no exception"])
def test_told_to_end_it_tidies_up_and_ends_as_told(tmp_path: Path, where: str) -> None:
    """In the last place a simulation went on, and heard of nothing any more."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, tmp_path, where], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert (process.returncode, said) == (-signal.SIGTERM, "")
    assert list(tmp_path.iterdir()) == []


BEGINNING = """
import functools, os, signal, subprocess, sys
from pathlib import Path
from tools.farewell import begun, tidied_up
from tools.rig import Rig
from tools.town import uckermark

class Sleepers(Rig):
    def command(self, name, *arguments):
        return [sys.executable, "-c", "import time; time.sleep(100)", str(self.folder)]

def tell():  # in the new process, before it becomes another: whoever begins it still waits for that
    os.kill(os.getppid(), signal.SIGTERM)

folder = Path(sys.argv[1])
rig = Sleepers(folder, uckermark(), 1)
subprocess.Popen = functools.partial(subprocess.Popen, preexec_fn=tell)
with tidied_up():
    if sys.argv[2] == "in a rig":
        try:
            rig.start("sleeper")
        finally:
            rig.close()
    else:
        with begun(rig.command("sleeper")):
            pass
"""


@pytest.mark.parametrize("where", ["in a rig", "by itself"])
def test_told_to_end_while_a_process_begins_it_leaves_none(tmp_path: Path, where: str) -> None:
    """The exception came out of the midst of Popen, and nobody knew of the process: a cabin's node went on after `torture network`."""
    order = [sys.executable, "-W", "ignore", "-c", BEGINNING, tmp_path, where]
    process = subprocess.run(order, cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (process.returncode, process.stderr, working_in(tmp_path)) == (-signal.SIGTERM, "", set())
