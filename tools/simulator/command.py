"""`kabine simulate`."""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Final

import click

from tools.command import answering
from tools.farewell import tidied_up
from tools.simulator.planted import PLANTED
from tools.simulator.report import Report
from tools.simulator.simulation import WORLD_DAYS
from tools.simulator.worlds import simulate as play

_PLANTED_DAYS: Final = 64.0  # within so many each planted fault is caught, and the run ends
CABINS_MAX: Final = 50  # at one hub: more of them would tell nothing new
_LIST: Final = "list"


@click.command()
@click.option(
    "--days",
    type=click.FloatRange(0, min_open=True),
    show_default=f"{WORLD_DAYS}; with --plant, enough to catch it",
    help="Of virtual time.",
)
@click.option(
    "--world-days",
    type=click.FloatRange(0, min_open=True),
    default=WORLD_DAYS,
    show_default=True,
    help="Of one world; a longer run is several.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed gives the same run.")
@click.option("--cabins", type=click.IntRange(1, CABINS_MAX), default=2, show_default=True, help="At one hub.")
@click.option(
    "--plant",
    type=click.Choice([*sorted(PLANTED), _LIST]),
    metavar="FAULT",
    help="Put in a fault of our own: it must be caught. `list` names them.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=lambda: os.cpu_count() or 1,
    show_default="one for each core",
    help="Worlds side by side; the result is the same.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@tidied_up()
def simulate(
    days: float | None, world_days: float, seed: int, cabins: int, plant: str | None, jobs: int, as_json: bool
) -> None:
    """Cabins and hub under virtual time, with faults, from a seed.

    Real logs, buffers, ledgers and links; lines, disks, clocks, people and luck are ours. Every promise is checked at every step; then the faults
    stop, and everything accepted must become secured. A run that is longer than one world is several; in one of less than four days faults are
    denser, so that six cabin-days see each of them. Exit code 1, and the command that replays it, when a promise was broken; with --plant, when none
    was."""
    if plant == _LIST:
        _list(as_json)
        return
    if days is None:
        days = _PLANTED_DAYS if plant else WORLD_DAYS
    if not math.isfinite(days + world_days + days / world_days):
        raise click.BadParameter("no run has an end then.", param_hint="--days, --world-days")
    report = play(seed, days, cabins, plant or "", jobs, world_days)
    with answering():
        if as_json:
            click.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
            for what in report.broken:
                click.echo(f"Broken promise: {what}", err=True)
        else:
            _tell(report)
    sys.exit(bool(report.broken) != bool(plant))


def _list(as_json: bool) -> None:
    """Names alone, one a line, as a loop of the shell takes them; for machines with the faults that provoke each."""
    known = {name: planted.provoked_by for name, planted in sorted(PLANTED.items())}
    click.echo(json.dumps(known, indent=2) if as_json else "\n".join(known))


def _tell(report: Report) -> None:
    click.echo(
        f"{report.cabin_days:.1f} cabin-days, {report.documents} documents, {report.messages} messages, seed {report.seed}."
    )
    for title, counts in (("Faults", report.faults), ("Recoveries", report.recoveries)):
        click.echo(f"\n{title}:")
        for name, count in sorted(counts.items()):
            if count:
                click.echo(f"  {count:6}  {name}")
    click.echo("")
    for what in report.broken:
        click.echo(f"Broken promise: {what}")
    if report.planted:
        click.echo(f"The planted fault “{report.planted}” was {'caught' if report.broken else 'NOT caught'}.")
    elif not report.broken:
        click.echo("Every promise held.")
