"""The first moments of every command, in which nothing is done yet."""

from __future__ import annotations

import functools
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[2]
# As in a terminal, and as behind a shell's `&`; whoever runs these tests may sit there themselves, and hands it on.
AT_A_TERMINAL: Final = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
IN_THE_BACKGROUND: Final = functools.partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
# Ctrl-C while the module that is named loads: a finder comes before all others, sends the signal, and finds nothing.
PROGRAM = """
import os, signal, sys
class Press:
    def find_spec(self, name, path=None, target=None, wanted=sys.argv.pop(1)):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
from tools.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["click", "protocol.errors", "cloud.premises", "sqlalchemy"])
def test_ctrl_c_while_a_command_loads_ends_it_without_a_word(module: str) -> None:
    command = [sys.executable, "-c", PROGRAM, module, "hub", "show", "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, preexec_fn=AT_A_TERMINAL)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_ctrl_c_that_a_shell_keeps_from_its_background_is_not_taken_up_again() -> None:
    command = [sys.executable, "-c", PROGRAM, "click", "hub", "show", "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, preexec_fn=IN_THE_BACKGROUND)
    assert done.returncode == 1
    assert b"no hub node in" in done.stderr


def test_a_command_that_is_called_hears_of_ctrl_c() -> None:
    command = [sys.executable, "-c", PROGRAM, "cloud.app", "hub", "run", "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, preexec_fn=AT_A_TERMINAL)
    assert (done.returncode, done.stderr.strip()) == (1, b"Aborted!")


@pytest.mark.parametrize("words", [["simulate", "--days", "0.01"], ["torture", "bytes", "--rounds", "100"]])
def test_where_no_folder_of_temporary_files_can_be_written_it_is_said_in_words(words: list[str]) -> None:
    """As for another user than root on a machine that is set up too narrowly; here whoever asks for one is refused."""
    program = (
        "import errno, tempfile\n"
        "def _get_default_tempdir(*_):\n"
        "    raise FileNotFoundError(errno.ENOENT, 'No usable temporary directory found')\n"
        "tempfile._get_default_tempdir = _get_default_tempdir\n"
        "import tools.room\n"
        "tools.room._MEMORY = tools.room.Path('/nonexistent')\n"
        "from tools.__main__ import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("kabine: There is no folder for temporary files that you may write to.\n  Set TMPDIR")
