"""`kabine bench`: speed, side by side with references in one run. Quote ratios, not seconds: machines differ, and are noisy."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from tools.bench import quiet_net, report
from tools.bench import sync as w1


@click.group()
def bench() -> None:
    """Measure speed, side by side with references."""


@bench.command()
@click.option("--documents", default=400, show_default=True, type=click.IntRange(1, 20_000))
@click.option("--bytes", "document_bytes", default=300_000, show_default=True, type=click.IntRange(1_000, 50_000_000))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1, 50))
@click.option("--no-rsync", is_flag=True, help="Leave the rsync daemon out.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where to work: on the disk that matters.",
)
@click.option("--json", "as_json", is_flag=True)
def sync(documents: int, document_bytes: int, runs: int, no_rsync: bool, folder: Path | None, as_json: bool) -> None:
    """Sealed documents from a cabin's buffer to durable at the hub, until every signed receipt is stored in the cabin."""
    quiet_net.enter()
    found = w1.measure(documents, document_bytes, runs, with_rsync=not no_rsync, folder=folder)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"W1": found})))
        return
    for line in report.race(f"W1: {documents} documents of {document_bytes / 1000:.0f} kB", found):
        click.echo(line)


@bench.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--no-references", is_flag=True, help="Leave img2pdf and OCRmyPDF out.")
@click.option("--json", "as_json", is_flag=True)
def capture(folder: Path, no_references: bool, as_json: bool) -> None:
    """Bytes, legibility, CPU and memory of every page in a folder of scans, against JPEG, img2pdf and OCRmyPDF."""
    from tools.bench import capture as pages  # late: it needs MuPDF

    found = pages.measure(folder, references=not no_references, tell=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for line in pages.table(found):
        click.echo(line)
