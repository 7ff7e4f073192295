"""`kabine`: one word per family of commands. A family is imported only when it is used, so that `kabine --help` answers at once."""

from __future__ import annotations

import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click

from protocol.errors import Code, Refused, Trouble, Unavailable

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
FAMILIES: Final = {
    "agency": ("tools.agency:agency", "Agencies: add, change, list, give a key, remove."),
    "bench": ("tools.bench.command:bench", "Measure speed, side by side with references."),
    "cabin": ("tools.cabin:cabin", "Cabins at the hub: invite, confirm, list, revoke."),
    "capture": ("tools.capture:capture", "From pictures and PDFs to one compact PDF, by itself."),
    "demo": ("tools.demo:demo", "From paper to inbox: hub, cabins and agencies on this machine."),
    "directory": ("tools.directory:directory", "The signed directory: show, publish, verify; services and texts."),
    "edge": ("tools.edge:edge", "In the cabin: enrol, run, show the screen, submit, examine."),
    "envelope": ("tools.envelope:envelope", "Seal and open age files by hand."),
    "fleet": ("tools.fleet:fleet", "Has every site delivered everything? Alarms."),
    "hub": ("tools.hub:hub", "The hub: init, run, show."),
    "inbox": ("tools.inbox:inbox", "At the agency: make keys, list, pull documents."),
    "scanner": ("tools.scanner:scanner", "Scanners: find them, try them, and one without hardware."),
    "simulate": ("tools.simulator.command:simulate", "Cabins and hub under virtual time, with faults, from a seed."),
    "torture": (
        "tools.torture.command:torture",
        "Cut power, kill, break lines, flip bits, send rubbish; with evidence.",
    ),
}


class Families(click.Group):
    """Group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All families."""
        return sorted(FAMILIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one family."""
        if cmd_name not in FAMILIES:
            return None
        place, name = FAMILIES[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(place), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the families without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(FAMILIES.items())])


@click.group(cls=Families, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kabine", prog_name="kabine")
def kabine() -> None:
    """Cabins in rural towns: speak with the right public body, hand in papers. Nothing is lost, nobody in between can read."""
    # The family is loaded; see tools/__main__.py.
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def say(trouble: Trouble) -> None:
    """What happened, and what to do about it."""
    click.echo(f"kabine: {trouble.what}", err=True)
    if trouble.remedy.strip():
        click.echo(f"  {trouble.remedy}", err=True)


@contextmanager
def answering() -> Iterator[None]:
    """What is printed in this block may find nobody who reads on, as before `| head -1`: the exit code behind it is an answer too."""
    try:
        yield
        if sys.stdout is not None:  # closed from the beginning
            sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = None  # what waits there would be tried once more at the end


def main() -> None:
    """Entry point. What went wrong is said in two lines: what happened, what to do about it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character shows its number
    try:
        _expect_characters(sys.argv[1:])
        kabine(prog_name="kabine")
    except Trouble as trouble:
        say(trouble)
        sys.exit(1)
    except OSError as error:
        told = _in_words(error)
        if told is None:
            raise
        if error.errno in _FULL:
            sys.stdout = None  # what waits there would be tried once more at the end, with a traceback
        say(told)
        sys.exit(1)


def _in_words(error: OSError) -> Unavailable | None:
    """What the machine refuses to every command alike; None where only a traceback helps."""
    if error.errno in _FULL:
        return Unavailable(
            "The disk is full: what this command says could not be written.",
            "Free some space, or send the output elsewhere; then give the command again.",
        )
    if error.filename is None and "temporary directory" in str(error):  # so says tempfile
        return Unavailable(
            "There is no folder for temporary files that you may write to.", "Set TMPDIR to one, with 1 GB of room."
        )
    return None


def _expect_characters(words: Sequence[str]) -> None:
    """Bytes that spell nothing here, as names on old sticks have them, fit into no message, no database and no record. Raises Refused."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            shown = os.fsencode(word).decode(errors="backslashreplace")
            raise Refused(
                Code.MALFORMED,
                f"“{shown}” has bytes that spell no characters here.",
                "Rename the file, or type the word anew.",
            ) from error
