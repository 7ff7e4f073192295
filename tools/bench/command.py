"""`kabine bench`: speed, side by side with references in one run. Quote ratios, not seconds: machines differ, and are noisy."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

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
    found = w1.measure(documents, document_bytes, runs, with_rsync=not no_rsync, folder=folder)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"W1": found})))
        return
    click.echo(f"{documents} documents of {document_bytes / 1000:.0f} kB, median of {runs} runs")
    click.echo(
        f"  Kabine                {found.kabine_s:7.3f} s   {found.mb_per_s:7.0f} MB/s   wire/payload {found.wire_ratio:.4f}"
    )
    click.echo(f"    CPU of cabin, hub   {found.cpu_s.cabin:7.3f} s   {found.cpu_s.hub:7.3f} s")
    click.echo(
        f"  write and fsync       {found.reference_s:7.3f} s   Kabine is {found.faster_than['fsync']:.2f} times as fast"
    )
    for name, seconds in found.peers_s.items():
        click.echo(f"  {name:<21} {seconds:7.3f} s   Kabine is {found.faster_than[name]:.2f} times as fast")


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
