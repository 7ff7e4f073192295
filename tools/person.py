"""What only a person can say: a passphrase, from a file for machines, and whether it shall be done. Without a terminal each answer is a line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click
from click.decorators import FC

from protocol.errors import Code, Refused, Unavailable

_BYTES_MAX: Final = 64 * 1024
_TERMINAL: Final = "/dev/tty"


def passphrase_option(function: FC) -> FC:
    """`--passphrase-file`, or KABINE_PASSPHRASE_FILE."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, readable=False),
        envvar="KABINE_PASSPHRASE_FILE",
        help="Read the passphrase of the authority's key from the first line of this file (or KABINE_PASSPHRASE_FILE).",
    )(function)


def ask_passphrase(file: Path | None, question: str, *, twice: bool = False) -> str:
    """The first line of `file`, or what is typed. Raises Refused when there is none, Unavailable when the file cannot be read."""
    if file is None:
        return typed_passphrase(question, twice=twice)
    try:
        with file.open("rb") as opened:
            lines = opened.read(_BYTES_MAX).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise Unavailable(f"{file} cannot be read: {error.strerror}.", "Check the path and who may read it.") from error
    if not lines or not lines[0].strip():
        raise Refused(Code.BAD_FILE, f"{file} holds no passphrase.", "Write the passphrase into its first line.")
    return lines[0]


def typed_passphrase(question: str, *, twice: bool = False) -> str:
    """What is typed, unseen; without a terminal the next line of standard input, once. Raises Refused when there is none."""
    if _at_a_terminal():
        try:
            typed: str = click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)
        except click.Abort as error:
            raise _none_given() from error
        return typed
    click.echo(f"{question}: ", nl=False, err=True)
    given = _line()
    click.echo(err=True)
    if not given.strip():
        raise _none_given()
    return given


def agreed(question: str) -> bool:
    """Is it answered with yes? Without a terminal by the next line of standard input, and silence is no."""
    if sys.stdin.isatty():
        return click.confirm(question)
    click.echo(f"{question} [y/N]: ", nl=False)
    answer = _line().strip().lower()
    click.echo()
    return answer in ("y", "yes")


def _line() -> str:
    """Bytes, and no more of them than one line: what follows may be the next answer, or a document."""
    return sys.stdin.buffer.readline(_BYTES_MAX).decode("utf-8", "replace").rstrip("\r\n")


def _none_given() -> Refused:
    return Refused(Code.BAD_KEY, "No passphrase was given.", "Type it, or name a file with --passphrase-file.")


def _at_a_terminal() -> bool:
    """Somebody can type unseen here. Where nobody can, asking for that prints a warning of Python's own, with a line of its source."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin.isatty()
    return True
