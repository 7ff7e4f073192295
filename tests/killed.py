"""`kabine`, killed at a moment that a test chooses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]
# Python tells an audit hook of every renaming before it is done.
_KILLED = """
import os, signal, sys
left = int(sys.argv.pop(1))
def look(event, _):
    global left
    if event == "os.rename":
        left -= 1
    if event == "os.rename" and not left:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(look)
from tools.command import main
main()
"""


def killed_before(count: int, *words: str) -> subprocess.CompletedProcess[str]:
    """`kabine WORDS` as a process, killed before its `count`th file has got its final name; it ends well where there are fewer."""
    command = [sys.executable, "-c", _KILLED, str(count), *words]
    return subprocess.run(command, cwd=_ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
