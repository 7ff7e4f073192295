"""Characters that a terminal lacks, and names that are none: told in words, as everything else."""

from __future__ import annotations

import os
import subprocess
import sys


def kabine(*words: str | bytes, **settings: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tools", *words]
    return subprocess.run(command, check=False, capture_output=True, env=os.environ | settings)


def test_a_terminal_that_lacks_a_character_shows_its_number() -> None:
    told = kabine("envelope", "keygen", "--help", PYTHONIOENCODING="latin-1")
    assert (told.returncode, told.stderr) == (0, b"")
    assert b"age1pq1\\u2026" in told.stdout


def test_a_name_that_spells_nothing_is_refused_and_shown() -> None:
    told = kabine("capture", b"B\xfcrgeramt.pdf", PYTHONUTF8="1")
    assert told.returncode == 1
    assert told.stderr.decode().startswith(
        "kabine: “B\\xfcrgeramt.pdf” has bytes that spell no characters here.\n  Rename the file"
    )


def test_output_to_a_full_disk_is_told_in_words() -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "tools", "--help"]
        told = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE)
    assert told.returncode == 1
    assert told.stderr.decode().startswith(
        "kabine: The disk is full: what this command says could not be written.\n  Free"
    )
    assert b"Traceback" not in told.stderr
    assert b"Exception" not in told.stderr
