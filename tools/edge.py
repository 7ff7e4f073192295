"""`kabine edge`: in the cabin. Enrol it, run it, hand in as a scanner would, see how it is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import click

from edge.knock import knock_or_open
from edge.orders import Accepted, Clean, Secured, ShowStatus, Status, Submit, Told
from protocol.errors import Refused, Unavailable
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL
from tools import edge_words

DOCTOR_VERSION: Final = 1
ANSWER_SECONDS: Final = 10.0
_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))
_json = click.option("--json", "as_json", is_flag=True, help="For programs: JSON, one object a line.")


@click.group()
def edge() -> None:
    """In the cabin: enrol it, run it, hand in, see how it is."""


@edge.command()
@click.argument("invitation")
@click.option(
    "--dir", "folder", required=True, type=click.Path(path_type=Path, readable=False), help="The cabin's new folder."
)
def enrol(invitation: str, folder: Path) -> None:
    """Make this machine a cabin. INVITATION is the line that `kabine cabin invite SITE` prints, `-` reads it from standard input; or a picture
    of its QR code (JPEG, PNG, TIFF, WebP, PDF), as in `--qr` photographed.

    An enrolment that was cut goes on when the same command is given again."""
    from edge.app import software
    from edge.enrol import enrol as enrolled_with
    from edge.invitation_picture import is_picture, read_picture

    text = sys.stdin.read() if invitation == "-" else invitation
    if invitation != "-" and is_picture(invitation):
        text = read_picture(Path(invitation))
    enrolled = enrolled_with(text, folder, REAL, software())
    click.echo(f"{enrolled.name} ({enrolled.site}) has made its keys in {enrolled.folder} and told the hub.")
    click.echo(f"\n    {' '.join(enrolled.words)}\n")
    click.echo(f"1. At the hub: kabine cabin confirm {enrolled.site}   (the words there must be the same)")
    click.echo(f"2. Here:       kabine edge run {edge_words.typed(enrolled.folder)}")


@edge.command()
@_folder
def run(folder: Path) -> None:
    """Run the cabin in DIR until it is told to end (SIGTERM, Ctrl-C)."""
    from edge.start import run as run_cabin

    run_cabin(folder)


@edge.command()
@_folder
@click.option(
    "--memory",
    "base",
    type=click.Path(path_type=Path, readable=False),
    envvar="XDG_RUNTIME_DIR",
    default=Path("/dev/shm"),  # noqa: S108 - in memory, as it must be
    show_default="$XDG_RUNTIME_DIR, or /dev/shm",
    help="A folder in memory (tmpfs) for the browser's profiles.",
)
@click.option("--flag", "flags", multiple=True, help="One more flag for Chromium, as in --flag=--headless.")
def screen(folder: Path, base: Path, flags: tuple[str, ...]) -> None:
    """Show the visitor's screen of the cabin in DIR, full screen, until told to end. Each visitor gets a browser that nobody has used.

    Runs beside `kabine edge run`, in a graphical login or below a kiosk compositor such as cage (docs/install-cabin.md)."""
    import signal
    import threading

    from edge.screen import Screen

    NodeFolder.open(folder, "edge", exclusive=False).close()  # says so where there is no cabin at all
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    Screen(folder, base, flags, lambda seconds: not ending.wait(seconds)).run()


@edge.command()
@_folder
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path, readable=False))
@click.option("--agency", default="", help="For whom, as in sozialamt-uckermark.")
@click.option("--service", default="", help="LeiKa key; without --agency it decides which agency is competent here.")
@click.option("--title", default="", help="What the agency reads in its list; nobody on the way can.")
@click.option(
    "--wait",
    type=click.Choice(["accepted", "secured"]),
    default="accepted",
    show_default=True,
    help="Until the document is durable in this cabin, or until the hub has it too.",
)
@_json
def submit(
    folder: Path,
    files: tuple[Path, ...],
    agency: str,
    service: str,
    title: str,
    wait: Literal["accepted", "secured"],
    as_json: bool,
) -> None:
    """Hand in FILEs (JPEG, PNG, TIFF, WebP, PDF) as one document; without a FILE, what lies in the fitted scanner.

    Goes through the node that runs on DIR. When none runs the document is accepted all the same, and sent when one does."""
    order = Submit(agency, service, tuple(str(file.absolute()) for file in files), title, wait)
    show = edge_words.as_json if as_json else edge_words.told
    told = knock_or_open(folder, order, looking=False)
    if isinstance(told, NodeFolder):
        _submitted_alone(told, order, show)
        return
    last: Told | None = None
    try:
        for last in told:
            show(last)
    except Refused as refused:
        raise _seen_here(refused, files) from refused
    if not isinstance(last, Secured if wait == "secured" else Accepted):
        raise Unavailable(
            "The node ended before it had answered.",
            f"Look with `kabine edge status {edge_words.typed(folder)}` whether the document is there before handing it in again.",
        )


@edge.command()
@_folder
@_json
def status(folder: Path, as_json: bool) -> None:
    """What waits, what became of what was handed in, and how the line is."""
    found = _status(folder)
    if as_json:
        edge_words.as_json(found)
    else:
        edge_words.status(found)


@edge.command()
@_folder
@click.option("--done", is_flag=True, help="Visitors may come again.")
def clean(folder: Path, done: bool) -> None:
    """Receive no visitor for a while: the screen says that the cabin is being cleaned. A visit that is on is not cut.

    Ends with --done, or by itself after [opening] cleaning_minutes_max."""
    told = knock_or_open(folder, Clean(not done), ANSWER_SECONDS)
    if isinstance(told, NodeFolder):
        told.close()
        raise Unavailable(f"No node runs on {folder}.", f"Start it with `kabine edge run {edge_words.typed(folder)}`.")
    for found in told:
        if isinstance(found, Status):
            edge_words.clean(found, folder)
            return
    raise Unavailable("The node gave no answer.", "Look at its log.")


@edge.command()
@_folder
@_json
@click.pass_context
def doctor(context: click.Context, folder: Path, as_json: bool) -> None:
    """Examine the cabin in DIR, line by line with what to do. Exit code: 0 all is well, 1 warning, 2 critical."""
    from edge.doctor.examination import examine
    from edge.doctor.finding import Finding, Severity

    worst, findings = Severity.OK, list[Finding]()
    for finding in examine(folder, REAL):
        findings.append(finding)
        worst = max(worst, finding.severity)
        if not as_json:
            colour = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}[finding.severity]
            word = click.style(f"{finding.severity.name.lower():<8}", fg=colour)
            click.echo(f"{word}  {finding.name:<10}  {finding.what}")
            if finding.remedy:
                click.echo(f"{'':<22}{finding.remedy}")
    if as_json:
        rows = [
            {"name": row.name, "state": row.severity.name.lower(), "what": row.what, "remedy": row.remedy}
            for row in findings
        ]
        click.echo(
            json.dumps({"version": DOCTOR_VERSION, "state": worst.name.lower(), "findings": rows}, ensure_ascii=False)
        )
    context.exit(int(worst))


def _seen_here(refused: Refused, files: tuple[Path, ...]) -> Refused:
    """The node reads the files itself, and a unit hides from it what its owner sees."""
    from edge.capture.delivered import not_there

    for file in files:
        if refused.what == not_there(file.name).what and file.exists():
            return Refused(
                refused.code,
                f"You see “{file.name}”, and the node does not.",
                "Copy it to where the node may look, as /var/lib/kabine: its unit hides /tmp, /home and /root from it.",
            )
    return refused


def _submitted_alone(opened: NodeFolder, order: Submit, show: Callable[[Told], None]) -> None:
    """Without a node: accept, and leave it to the next run."""
    from edge import hygiene
    from edge.app import house
    from edge.config import FILE, EdgeConfig
    from protocol.runtime.config import read_config
    from protocol.runtime.logs import written_to

    folder = opened.path
    with opened:
        if order.wait == "secured":
            raise Unavailable(
                f"No node runs on {folder}, so nothing can be secured.",
                f"Start it with `kabine edge run {edge_words.typed(folder)}`, or hand in with --wait accepted.",
            )
        config = read_config(opened.path / FILE, EdgeConfig)
        hygiene.no_core_dumps()

        async def hand_in() -> None:
            async def tell(told: Told) -> None:
                show(told)

            async with house(opened, config, REAL) as (node, _, _):
                await node.answer(order, tell, asyncio.Event())

        with written_to(opened.path / config.log.file if config.log.file else None, site=config.cabin.site):
            asyncio.run(hand_in())
    click.echo(f"No node runs here: it is sent when `kabine edge run {edge_words.typed(folder)}` does.", err=True)


def _status(folder: Path) -> Status:
    told = knock_or_open(folder, ShowStatus(), ANSWER_SECONDS)
    if isinstance(told, NodeFolder):
        return _resting(told)
    for found in told:
        if isinstance(found, Status):
            return found
    raise Unavailable("The node gave no answer.", "Look at its log.")


def _resting(opened: NodeFolder) -> Status:
    """The same from a folder on which no node runs."""
    from edge.config import FILE, EdgeConfig
    from edge.enrol import read_directory
    from edge.node import NOT_RUNNING, STATUS_VERSION, row
    from edge.offline import look
    from protocol.runtime.config import read_config

    with opened:
        config = read_config(opened.path / FILE, EdgeConfig)
        found = look(opened.path)
        _, directory = read_directory(opened, config.authority_key)
        now, oldest = REAL.utc(), found.waiting.oldest_at
        return Status(
            version=STATUS_VERSION,
            at=now,
            site=config.cabin.site,
            running=False,
            process=0,
            link=NOT_RUNNING,
            waiting_documents=found.waiting.documents,
            waiting_bytes=found.waiting.bytes,
            oldest_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
            disk_free_bytes=found.disk_free_bytes,
            visitor=False,
            devices={},
            troubles=(found.fault,) if found.fault else (),
            directory_version=directory.version,
            documents=tuple(map(row, found.documents)),
            kept_documents=found.kept.documents,
            kept_bytes=found.kept.bytes,
        )
