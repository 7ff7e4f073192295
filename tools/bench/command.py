"""`kabine bench`: speed, side by side with references in one run. Quote ratios, not seconds: machines differ, and are noisy."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from protocol.errors import Unavailable
from tools.bench import kiosk_figures, quiet_net, slow_disk, sync
from tools.farewell import tidied_up


@click.group()
def bench() -> None:
    """Measure speed, side by side with references."""


@bench.command("sync")
@click.option(
    "--workload", "workloads", multiple=True, type=click.Choice(list(sync.WORKLOADS)), help="Which; all, when not told."
)
@click.option("--peers", is_flag=True, help="Beside NATS, rsync, Syncthing … too, where they are installed.")
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1, 50), help="The median of so many.")
@click.option(
    "--fsync-ms", default=0.0, type=click.FloatRange(0, 100), help="Every fsync costs so much more; count them."
)
@click.option(
    "--scale", default=1.0, type=click.FloatRange(0.0001, 10), help="So much of every workload: to try it out."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False, writable=True),
    help="Where to work: on the disk that matters.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@tidied_up()
def sync_(
    workloads: tuple[str, ...],
    peers: bool,
    runs: int,
    fsync_ms: float,
    scale: float,
    folder: Path | None,
    as_json: bool,
) -> None:
    """The link between cabins and hub, from their buffers to durable, in six workloads. All of them in full take hours: W6 first fills a hub with
    five million entries. One that cannot run here does not take the others with it."""
    if fsync_ms:
        slow_disk.under(fsync_ms)
    quiet_net.enter()
    order = sync.Order(runs=runs, peers=peers, scale=scale, folder=folder)
    names = tuple(dict.fromkeys(workloads)) or tuple(sync.WORKLOADS)
    found: dict[str, object] = {}
    left_out: Unavailable | None = None
    for name in names:
        click.echo(f"{name} …", err=True)
        try:
            result = sync.WORKLOADS[name](order)
        except Unavailable as error:
            if len(names) == 1:
                raise
            click.echo(f"{name} is left out: {error}", err=True)
            left_out = error
            continue
        found[name] = msgspec.to_builtins(result)
        if not as_json:
            for line in sync.table(name, result):
                click.echo(line)
    if not found and left_out is not None:
        raise left_out
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@bench.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--no-references", is_flag=True, help="Leave img2pdf and OCRmyPDF out.")
@click.option(
    "--ocrmypdf", default="ocrmypdf", show_default=True, help="The command; its img2pdf is found beside it or on PATH."
)
@click.option(
    "--spoilt",
    default=12,
    show_default=True,
    type=click.IntRange(0, 1000),
    help="Drawn pages to spoil; 0 leaves defects out.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def capture(folder: Path, no_references: bool, ocrmypdf: str, spoilt: int, as_json: bool) -> None:
    """Bytes, legibility, CPU and memory of every page in a folder of scans, against JPEG, img2pdf and OCRmyPDF; and which defects are noticed."""
    from tools.bench import capture as pages  # late: it needs MuPDF

    found = pages.measure(
        folder,
        references=not no_references,
        spoilt=spoilt,
        ocrmypdf=ocrmypdf,
        tell=lambda line: click.echo(line, err=True),
    )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for line in pages.table(found):
        click.echo(line)


@bench.command()
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1, 50), help="The median of so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def kiosk(runs: int, as_json: bool) -> None:
    """The visitor's screen: its cold start, how soon a touch is seen, and how soon nothing of a visitor is left."""
    from tools.bench import kiosk as screen  # late: it needs a browser

    found = screen.measure(runs, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for line in kiosk_figures.table(found):
        click.echo(line)
