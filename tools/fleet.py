"""`kabine fleet`: has every site delivered everything? The words are those of the page, in German."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click
import msgspec

from cloud import config, enrolment, premises, visits
from cloud.fleet import facts, status, words
from cloud.fleet.report import report
from cloud.fleet.status import FleetStatus, Severity, SiteStatus
from cloud.restored import RESTORED
from cloud.visits import Visits
from protocol.errors import Trouble
from protocol.ids import site_id
from protocol.runtime.world import REAL
from tools.command import answering, say
from tools.office import hub_option


@click.group()
def fleet() -> None:
    """Has every site delivered everything?"""


@fleet.command("status")
@hub_option
@click.option("--site", help="Only this one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def status_(hub: Path, site: str | None, as_json: bool) -> None:
    """State of every site, and the proof that everything has arrived. Exit code 0: all is well, 1: warning, 2: critical; where nothing can be seen,
    2 as well."""
    now = REAL.utc()
    try:
        with premises.opened(hub) as place, place.database.reading() as connection:
            found = facts.read(connection, now)
            free_bytes = config.free_bytes(place.config, place.folder.path)
            found = facts.on_disk(found, free_bytes, place.config.disk.free_bytes_min)
            if site is not None:
                wanted = enrolment.cabin(connection, site_id(site), now).site
                found = facts.only(found, wanted)
    except Trouble as trouble:  # whoever watches must not take it for one of the usual warnings
        say(trouble)
        sys.exit(int(Severity.CRITICAL))
    state = status.fleet(found, now)
    with answering():
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(report(state, now))).decode())
        else:
            _say(state, now)
    sys.exit(int(state.severity))


@fleet.command()
@hub_option
@click.option("--site", help="Only alarms about this site.")
def clear(hub: Path, site: str | None) -> None:
    """Somebody has looked: put open alarms away. One whose cause is still there is raised anew."""
    now = REAL.utc()
    with premises.opened(hub) as place, place.database.turn() as connection:
        wanted = enrolment.cabin(connection, site_id(site), now).site if site is not None else None
        cleared = facts.clear_alarms(connection, wanted, now)
    for alarm in cleared:
        click.echo(f"{alarm.raised_at:%Y-%m-%d %H:%M} UTC  {alarm.text}")
    click.echo(f"{len(cleared)} alarm{'s' * (len(cleared) != 1)} put away.")


def _say(state: FleetStatus, now: datetime) -> None:
    click.echo(state.sentence)
    for site in state.sites:
        width = max(len(each.facts.site) for each in state.sites)
        since = f" seit {words.moment(site.since, now)}" if site.since else ""
        click.echo(f"\n{site.facts.site:<{width}}  {site.state}{since}{f': {site.reason}' if site.reason else ''}")
        lines = [finding.text for finding in site.findings if finding.text != site.reason]
        if site.facts.contact is not None:
            lines += [_numbers(site), site.proof.text, *_healed(site, now), *_visits(site.facts.visits)]
        for line in lines:
            click.echo(f"{'':<{width}}  {line}")


def _healed(site: SiteStatus, now: datetime) -> list[str]:
    """For some days after it is over: nothing need be done."""
    restored = site.facts.restored
    healing = any(alarm.kind == RESTORED for alarm in site.facts.alarms)
    if restored is None or healing:
        return []
    return [f"{words.restored(restored.at, restored.asked, restored.came, now)}."]


def _visits(counted: Visits) -> list[str]:
    """What the last weeks were like for visitors; nothing where nobody came."""
    if not counted.visits:
        return []
    told = [f"{counted.visits} {words.agree(counted.visits, 'Besuch', 'Besuche')} in {visits.DAYS} Tagen"]
    told.append(f"{counted.handed_in} mit Abgabe")
    if counted.good is not None:
        told.append(f"wie es war: {counted.good} gut, {counted.fair} geht so, {counted.bad} schlecht")
    elif counted.answers:
        told.append(f"wie es war, sagten erst {counted.answers}: ab {visits.ANSWERS_MIN} steht es hier")
    return [" · ".join(told)]


def _numbers(site: SiteStatus) -> str:
    """What the cabin last said, with its age."""
    contact = site.facts.contact
    assert contact is not None
    told = []
    if contact.vitals is not None:
        vitals = contact.vitals
        if vitals.waiting_documents:
            told.append(
                f"{words.documents(vitals.waiting_documents)} {words.agree(vitals.waiting_documents, 'wartet', 'warten')}"
                f" ({words.size(vitals.waiting_bytes)}, das älteste seit {words.duration(site.oldest_seconds or 0.0)})"
            )
        else:
            told.append("nichts wartet")
    if contact.clock_offset_seconds is not None:
        told.append(f"Uhr {contact.clock_offset_seconds:+.1f} s".replace(".", ","))
    if site.age_seconds is not None:
        told.append(f"Stand {words.ago(site.age_seconds)}")
    return " · ".join(told)
