"""Whoever is told to end leaves everything in order, wherever it was told."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
