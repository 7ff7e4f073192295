"""What `kabine edge` prints: how a cabin is, and what becomes of a document that is handed in. For people, or a JSON object a line."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import msgspec

from edge.orders import Accepted, Captured, DocumentStatus, LinkStatus, PageCaptured, SealedUp, Secured, Status, Told


def typed(folder: Path) -> str:
    """As it can be copied into a command."""
    return shlex.quote(str(folder))


def clean(found: Status, folder: Path) -> None:
    """Whether visitors are received, and how to receive them again."""
    if found.visitor and found.shut:
        click.echo("A visitor is in the cabin and is not cut off. Nobody is received after that.")
    elif found.shut == "cleaning":
        click.echo(f"No visitor is received. When the cabin is clean: kabine edge clean {typed(folder)} --done")
    else:
        click.echo(f"The cabin is {found.shut or 'open'}.")


def as_json(what: Told) -> None:
    """One line."""
    click.echo(msgspec.json.encode(what))


def told(what: Told) -> None:
    """A step of a document."""
    match what:
        case PageCaptured(_, page, encoding, size_bytes, blank, seconds):
            click.echo(
                f"  page {page}: {encoding}, {size_bytes / 1000:.1f} kB, {seconds:.2f} s{', blank' if blank else ''}"
            )
        case Captured(_, _, pages, input_bytes, seconds):
            click.echo(
                f"captured  {pages} page{'s' * (pages != 1)} from {input_bytes / 1000:.0f} kB in {seconds:.2f} s"
            )
        case SealedUp(_, _, pdf_bytes, envelope_bytes, seconds):
            click.echo(
                f"sealed    PDF {pdf_bytes / 1000:.1f} kB, envelope {envelope_bytes / 1000:.1f} kB, {seconds:.2f} s"
            )
        case Accepted(_, receipt, words, agency, connected, seconds):
            click.echo(f"accepted  {receipt}  ({' '.join(words)})  for {agency}, {seconds:.2f} s")
            if not connected:
                click.echo(
                    "          safely stored in this cabin; it goes on once hub and cabin are connected (`kabine edge status`)"
                )
        case Secured(receipt, seconds):
            click.echo(f"secured   {receipt}  the hub has it, {seconds:.2f} s")
        case _:
            pass


def status(found: Status) -> None:
    """How the cabin is: the line, what waits, what is wrong, the devices, the documents."""
    click.echo(f"{found.site}: {'running' if found.running else 'not running'}, {_link(found.link)}")
    click.echo(
        f"{found.waiting_documents} waiting ({found.waiting_bytes / 1000:.0f} kB, oldest {found.oldest_seconds:.0f} s); "
        f"directory {found.directory_version}; {found.disk_free_bytes // 1_000_000} MB free"
    )
    if found.kept_documents:
        kept = f"{found.kept_documents} secured, kept sealed for a while ({found.kept_bytes / 1000:.0f} kB)"
        click.echo(f"{kept}, should the hub come back from a backup")
    if found.shut:
        click.echo(f"no visitor is received: {found.shut}")
    for trouble in found.troubles:
        click.echo(f"trouble: {trouble}")
    for name, state in found.devices.items():
        click.echo(f"{name}: {state}")
    for row in found.documents:
        click.echo(_document(row))


def _link(link: LinkStatus) -> str:
    since = f" since {link.since:%Y-%m-%d %H:%M} UTC" if link.since else ""
    return f"connected{since}" if link.connected else f"not connected{since} ({link.reason})"


def _document(row: DocumentStatus) -> str:
    return f"  {row.receipt:<12} {row.state:<10} {row.agency:<32} {row.size_bytes / 1000:>9.1f} kB  {row.handed_in_at:%Y-%m-%d %H:%M:%S}"
