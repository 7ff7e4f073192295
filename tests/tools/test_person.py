"""Where nobody sits at a terminal: answers and a passphrase come through standard input, without a word of Python's own."""

from __future__ import annotations

import subprocess
import sys

ASK = "import sys; from tools.person import ask_passphrase; print(ask_passphrase(None, 'Wort', twice=True), sys.stdin.readline())"


AGREE = "from tools.person import agreed, ask_passphrase; print(agreed('Stimmen sie?'), ask_passphrase(None, 'Wort'))"


def asked(typed: str, program: str = ASK) -> subprocess.CompletedProcess[str]:
    """A process of its own session has no terminal, wherever the tests run."""
    return subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        input=typed,
        capture_output=True,
        text=True,
        start_new_session=True,
    )


def test_one_line_is_the_passphrase_and_what_follows_is_left_alone() -> None:
    done = asked("sieben Reiher\nein Dokument\n")
    assert (done.stdout, done.stderr) == ("sieben Reiher ein Dokument\n\n", "Wort: \n")


def test_without_a_line_it_is_said_what_to_do() -> None:
    for typed in ("", "  \n"):
        done = asked(typed)
        assert done.returncode != 0
        assert "No passphrase was given. Type it, or name a file with --passphrase-file." in done.stderr
        assert "getpass" not in done.stderr


def test_an_answer_leaves_the_passphrase_behind_it_alone() -> None:
    for typed, agreed in (("y", True), ("YES", True), ("n", False), ("", False), ("vielleicht", False)):
        done = asked(f"{typed}\nsieben Reiher\n", AGREE)
        assert (done.stdout, done.returncode) == (f"Stimmen sie? [y/N]: \n{agreed} sieben Reiher\n", 0)
