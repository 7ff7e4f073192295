"""The passphrase of the authority's key: from a file for machines, asked for where a person sits."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from click.decorators import FC

from protocol.errors import Code, Refused, Unavailable

_BYTES_MAX: Final = 64 * 1024


def passphrase_option(function: FC) -> FC:
    """`--passphrase-file`, or KABINE_PASSPHRASE_FILE."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path),
        envvar="KABINE_PASSPHRASE_FILE",
        help="Read the passphrase of the authority's key from the first line of this file (or KABINE_PASSPHRASE_FILE).",
    )(function)


def ask_passphrase(file: Path | None, question: str, *, twice: bool = False) -> str:
    """The first line of `file`, or what is typed. Raises Refused when there is none, Unavailable when the file cannot be read."""
    if file is None:
        try:
            typed: str = click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)
        except click.Abort as error:
            raise Refused(
                Code.BAD_KEY, "No passphrase was given.", "Type it, or name a file with --passphrase-file."
            ) from error
        return typed
    try:
        with file.open("rb") as opened:
            lines = opened.read(_BYTES_MAX).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise Unavailable(f"{file} cannot be read: {error.strerror}.", "Check the path and who may read it.") from error
    if not lines or not lines[0].strip():
        raise Refused(Code.BAD_FILE, f"{file} holds no passphrase.", "Write the passphrase into its first line.")
    return lines[0]
