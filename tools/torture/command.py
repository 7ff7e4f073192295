"""`kabine torture`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
from click.decorators import FC

from tools.command import answering
from tools.farewell import tidied_up
from tools.torture import planted
from tools.torture.report import Report

SIDE_BY_SIDE: Final = (
    "power",
    "rot",
    "kill",
    "bytes",
)  # of these several go on at once; the others start many processes by themselves
ROUNDS: Final = {"power": 1000, "kill": 12, "network": 16, "rot": 400, "bytes": 30_000}  # some minutes of work at most


def options(kind: str) -> Callable[[FC], FC]:
    """What all of them take."""

    def decorate(function: FC) -> FC:
        jobs = click.option(
            "--jobs",
            type=click.IntRange(1),
            default=lambda: os.cpu_count() or 1,
            show_default="one for each core",
            help="Lives side by side; of what no clock decides, the result is the same.",
        )
        for option in (
            *([jobs] if kind in SIDE_BY_SIDE else []),
            click.option("--json", "as_json", is_flag=True, help="For machines."),
            click.option(
                "--plant", default="", help="Put in a fault of our own: it must be caught. `list` names them."
            ),
            click.option(
                "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same does the same."
            ),
            click.option(
                "--rounds",
                type=click.IntRange(1),
                show_default=f"{ROUNDS[kind]}; with --plant, enough to catch it",
                help="How much.",
            ),
        ):
            function = option(function)
        return function

    return decorate


def run(kind: str, rounds: int, seed: int, plant: str, **more: int) -> Report:
    """One torture, by its name."""
    torture: Callable[..., Report] = getattr(import_module(f"tools.torture.{kind}"), kind)
    return torture(rounds, seed, plant, **more)


@click.group()
def torture() -> None:
    """Do to real nodes what the world does: cut their power, kill them, break their lines, flip their bits, send them rubbish.

    Exit code 1, and the command that does it again, when a promise was broken; with --plant, when none was."""


def _tortured(kind: str, rounds: int | None, seed: int, plant: str, as_json: bool, **more: int) -> None:
    if plant == "list":
        names = planted.names(kind)
        click.echo(json.dumps(names) if as_json else "\n".join(names))
        return
    if plant and plant not in planted.names(kind):
        raise click.BadParameter(f"There is no fault “{plant}” here. `--plant list` names them.")
    if rounds is None:
        rounds = planted.rounds(kind, plant) if plant else ROUNDS[kind]
    report = run(kind, rounds, seed, plant, **more)
    with answering():
        if as_json:
            click.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
        else:
            _tell(report)
    sys.exit(not report.sound)


def _tell(report: Report) -> None:
    click.echo(f"{report.rounds} rounds, seed {report.seed}.\n")
    for name, count in sorted(report.counts.items()):
        click.echo(f"  {count:9}  {name}")
    click.echo("")
    for what in report.broken:
        click.echo(f"Broken promise: {what}")
    if report.planted:
        click.echo(f"The planted fault “{report.planted}” was {'caught' if report.violations else 'NOT caught'}.")
    elif not report.violations:
        click.echo("Every promise held.")
    if not report.sound:
        click.echo(f"The same again: {report.replay}")


def _add(kind: str, text: str) -> None:
    @torture.command(name=kind, help=text)
    @options(kind)
    @tidied_up()
    def command(**given: Any) -> None:
        _tortured(kind, **given)


_add(
    "power",
    "Power cuts, enumerated: a cabin and a hub live on a recording file system; each round opens one state that a cut at some moment may have "
    "left: writes dropped, reordered, torn at a sector, names lost. Needs FUSE.",
)
_add("kill", "kill -9 of real cabins, hubs and connectors under load, at moments of chance; each round is one kill.")
_add(
    "network",
    "Real cabins in network namespaces, and lines that lose, swallow, reset, throttle, corrupt; each round is one fault. Needs root.",
)
_add("rot", "Bits flip in what lies on the disks of a cabin and of a hub; each round is one bit.")
_add(
    "bytes",
    "Hostile bytes for everything that decodes what comes from outside; each round is one input. Guided by coverage where atheris is installed.",
)


@torture.command()
@click.option("--only", multiple=True, help="Some of them only: simulate, power, … (as often as needed).")
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True, help="Of the large figures."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another one adds to what is kept.")
@click.option("--cabins", type=click.IntRange(1, 50), default=2, show_default=True, help="At the hub of a simulation.")
@click.option("--world-days", type=click.FloatRange(0, min_open=True), help="And its days on end; without, four.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("docs/evidence.md"), show_default=True, help="The page."
)
@tidied_up()
def evidence(only: tuple[str, ...], share: float, seed: int, cabins: int, world_days: float | None, out: Path) -> None:
    """Take the large figures, hours of them, and write them down with commit, seeds and machine.

    What stands on record beside the page OUT is not done again, but for what was broken."""
    from tools.torture import evidence as figures

    if unknown := [name for name in only if name not in figures.STEPS]:
        raise click.BadParameter(f"{', '.join(unknown)}: choose of {', '.join(figures.STEPS)}.", param_hint="--only")
    world = figures.World(cabins, world_days) if world_days else figures.World(cabins)
    figures.gather(only, share, seed, figures.Record(out), world)
    click.echo(f"Written: {out}")
