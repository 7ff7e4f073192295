"""What the hub knows of each cabin, read from its tables in a handful of queries whatever the number of cabins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs
from sqlalchemy import Connection, Row, case, func, select, update

from cloud import visits
from cloud.directory import publish
from cloud.enrolment_table import State
from cloud.fleet.proof import Held, Reported
from cloud.lost import ANSWERED
from cloud.restored import healing
from cloud.storage import runs, schema
from cloud.visits import Visits
from protocol import codec, limits
from protocol.entries import GENESIS
from protocol.errors import Refused
from protocol.frames import Vitals
from protocol.ids import SiteId
from protocol.soundness import printable

RESTORED_TOLD: Final = timedelta(
    days=14
)  # for so long after a hub came back: who has brought no copy back must still see it

_SINCE: Final = {
    State.INVITED: "invited_at",
    State.CLAIMED: "claimed_at",
    State.CONFIRMED: "confirmed_at",
    State.REPLACING: "claimed_at",
    State.REVOKED: "revoked_at",
}


@dataclass(frozen=True)
class HubFacts:
    """Of the hub process: `alive_at` is its own last word; None when it never ran. `disk_free_bytes`: of its disk, None when nobody has looked;
    below `disk_free_bytes_min` it asks cabins for no more documents."""

    alive_at: datetime | None = None
    started_at: datetime | None = None
    software: str = ""
    disk_free_bytes: int | None = None
    disk_free_bytes_min: int = 0


@dataclass(frozen=True)
class DocumentFacts:
    """Documents of one cabin: `announced` ever, `stored` of them („gesichert“), `under_way` neither stored nor stuck. Those `stuck` will not
    come by themselves: their bytes are gone, or the machine that holds them was replaced. Those `quarantined` came and are not what was
    signed. Those `lost` were stored here before the hub came back from an older copy, and neither end has them any more. `oldest_at`: when the
    oldest one under way was announced."""

    announced: int = 0
    stored: int = 0
    under_way: int = 0
    stuck: int = 0
    quarantined: int = 0
    oldest_at: datetime | None = None
    lost: int = 0


@dataclass(frozen=True)
class LostDocument:
    """By the number that its visitor has; `agency` may have fetched it in time. `answered`: it has not, says its connector, and the cabin was
    told."""

    receipt: str
    agency: str
    answered: bool = False


@dataclass(frozen=True)
class Restored:
    """The hub came back from an older copy `at`: how many documents it has `asked` this cabin for since, which it may have had before, and how
    many of them `came`."""

    at: datetime
    asked: int = 0
    came: int = 0


@dataclass(frozen=True)
class Alarm:
    """Something raised and not cleared."""

    kind: str
    text: str
    raised_at: datetime


@dataclass(frozen=True)
class Contact:
    """The link of a cabin. `since`: of the present state of `connected`. `vitals` are as old as `last_contact_at`; None when never sent."""

    connected: bool
    since: datetime | None
    last_contact_at: datetime | None
    software: str
    directory_version: int
    round_trip_seconds: float | None
    clock_offset_seconds: float | None
    vitals: Vitals | None
    reported: Reported | None
    held: Held


@dataclass(frozen=True)
class SiteFacts:
    """Everything known of one cabin. `enrolled`: where it is in cloud.enrolment_table. `contact` is None while it never had a link.
    `quarantined`: entries that are here and could not be applied, because a check failed. `lost`: documents that nobody has put away yet.
    `restored` is None where this hub did not come back from an older copy than this cabin knew, or long ago."""

    site: SiteId
    name: str
    enrolled: str
    enrolled_at: datetime | None
    contact: Contact | None = None
    documents: DocumentFacts = field(default_factory=DocumentFacts)
    quarantined: int = 0
    alarms: tuple[Alarm, ...] = ()
    lost: tuple[LostDocument, ...] = ()
    restored: Restored | None = None
    visits: Visits = field(default_factory=Visits)


@dataclass(frozen=True)
class FleetFacts:
    """The hub, its cabins by name, and alarms that are nobody's in particular. `directory_version`: in force, 0 when none. `directory_needed`:
    cabins may hold another one, from before this hub came back from an older copy."""

    hub: HubFacts
    sites: tuple[SiteFacts, ...]
    alarms: tuple[Alarm, ...] = ()
    directory_version: int = 0
    directory_needed: bool = False


def read(connection: Connection, now: datetime) -> FleetFacts:
    """The facts as of one reading transaction. `now`: aware UTC, for what is told of the last days."""
    counted = visits.read(connection, now)
    documents = _documents(connection)
    quarantined = _quarantined(connection)
    alarms = _alarms(connection)
    lost = _lost(connection)
    restored = _restored(connection, now - RESTORED_TOLD)
    contacts = _contacts(connection)
    rows = connection.execute(select(schema.cabin).order_by(schema.cabin.c.site)).all()
    sites = tuple(
        SiteFacts(
            site=row.site,
            name=row.name,
            enrolled=row.state,
            enrolled_at=getattr(row, _SINCE[State(row.state)]),
            contact=contacts.get(row.site),
            documents=documents.get(row.site, DocumentFacts()),
            quarantined=quarantined.get(row.site, 0),
            alarms=tuple(alarms.get(row.site, ())),
            lost=tuple(lost.get(row.site, ())),
            restored=restored.get(row.site),
            visits=counted.get(row.site, Visits()),
        )
        for row in rows
    )
    version = connection.execute(select(func.max(schema.published.c.version))).scalar_one()
    needed = publish.needed(connection)
    return FleetFacts(_hub(connection), sites, tuple(alarms.get(None, ())), version or 0, needed)


def only(facts: FleetFacts, site: SiteId) -> FleetFacts:
    """The same, of one cabin."""
    return replace(facts, sites=tuple(each for each in facts.sites if each.site == site))


def on_disk(facts: FleetFacts, free_bytes: int, free_bytes_min: int) -> FleetFacts:
    """The same, and how full the hub's disk is."""
    return replace(facts, hub=replace(facts.hub, disk_free_bytes=free_bytes, disk_free_bytes_min=free_bytes_min))


def _hub(connection: Connection) -> HubFacts:
    row = connection.execute(select(schema.hub).order_by(schema.hub.c.alive_at.desc())).first()
    return HubFacts() if row is None else HubFacts(row.alive_at, row.started_at, row.software or "")


def _contacts(connection: Connection) -> dict[str, Contact]:
    link, contact = schema.link, schema.contact
    query = select(link, contact.c.heard_at).select_from(link.outerjoin(contact, contact.c.site == link.c.site))
    rows = connection.execute(query).all()
    return {row.site: _contact(connection, row) for row in rows}


def _contact(connection: Connection, row: Row[tuple[object, ...]]) -> Contact:
    reported = None
    if row.heard_at is not None and row.reported_hash is not None:
        reported = Reported(row.reported_number, row.reported_hash, row.heard_at)
    held = Held(row.up_number, _hash_at(connection, row, row.reported_number), row.up_missing)
    return Contact(
        connected=row.connected,
        since=row.since,
        last_contact_at=row.heard_at,
        software=row.software or "",
        directory_version=row.directory_version,
        round_trip_seconds=row.round_trip_seconds,
        clock_offset_seconds=row.clock_offset_seconds,
        vitals=_vitals(row.vitals),
        reported=reported,
        held=held,
    )


def _hash_at(connection: Connection, row: Row[tuple[object, ...]], number: int) -> bytes | None:
    """Of this entry as it is here. The ends of a log are known without its rows, and where all has arrived nothing else is asked for."""
    if number == row.up_number:
        return row.up_hash  # type: ignore[no-any-return]  # a column of bytes
    if number == 0:
        return GENESIS
    found = None if number > row.up_number else runs.entry(connection, row.site, row.machine, number)
    return None if found is None else found.hash


def _vitals(raw: bytes | None) -> Vitals | None:
    try:
        return None if raw is None else _shown(codec.decode(Vitals, raw, limits.WHISPER_BYTES_MAX))
    except Refused:
        return None  # written by another release: unknown is shown as unknown


def _shown(vitals: Vitals) -> Vitals:
    """Fit for a terminal: a cabin in wrong hands chooses its words, and none of them is to look like the hub's own."""
    return structs.replace(
        vitals,
        devices={_words(device): _words(state) for device, state in vitals.devices.items()},
        troubles=tuple(map(_words, vitals.troubles)),
        shut=_words(vitals.shut),
    )


def _words(text: str) -> str:
    return printable(text[: limits.TEXT_CHARS_MAX])


def _documents(connection: Connection) -> Mapping[str, DocumentFacts]:
    """Rows are wide and there are many: all of them are counted in an index, and only those that are not stored are looked at."""
    document, link = schema.document, schema.link
    column = document.c
    there = connection.execute(select(column.site, func.count().label("announced")).group_by(column.site))
    announced = {row.site: row.announced for row in there}
    waits = column.state == "announced"
    comes = column.trouble.is_(None) & (func.coalesce(link.c.machine, column.machine) == column.machine)
    query = (
        select(
            column.site,
            func.count(),
            func.sum(case((waits & comes, 1), else_=0)),
            func.sum(case((waits & ~comes, 1), else_=0)),
            func.sum(case((column.state == "quarantined", 1), else_=0)),
            func.min(case((waits & comes, column.announced_at), else_=None)),
            func.sum(case((column.state == "lost", 1), else_=0)),
        )
        .select_from(document.outerjoin(link, link.c.site == column.site))
        .where(column.stored_at.is_(None))
        .group_by(column.site)
    )
    found = {site: DocumentFacts(count, count) for site, count in announced.items()}
    for site, outstanding, *counts in connection.execute(query):
        found[site] = DocumentFacts(announced[site], announced[site] - outstanding, *counts)
    return found


def _quarantined(connection: Connection) -> dict[str, int]:
    column = schema.quarantine.c
    rows = connection.execute(select(column.site, func.count().label("entries")).group_by(column.site))
    return {row.site: row.entries for row in rows}


def _lost(connection: Connection) -> dict[str, list[LostDocument]]:
    column = schema.document.c
    query = (
        select(column.site, column.receipt, column.agency, ANSWERED.label("answered"))
        .where(column.stored_at.is_(None), column.state == "lost", column.trouble.is_not(None))
        .order_by(column.site, column.number)
    )
    lost: dict[str, list[LostDocument]] = {}
    for row in connection.execute(query):
        lost.setdefault(row.site, []).append(LostDocument(row.receipt, row.agency, row.answered))
    return lost


def _restored(connection: Connection, since: datetime) -> dict[str, Restored]:
    """Of machines that are in place now, and since then, or because of which a person was called: every document of such a cabin is looked at. A
    document counts as asked for when the copy did not have it in its inbox."""
    epoch, link, column = schema.down_epoch.c, schema.link.c, schema.document.c
    newest = (
        select(epoch.site, epoch.machine, func.max(epoch.epoch).label("epoch"))
        .group_by(epoch.site, epoch.machine)
        .subquery()
    )
    asked = (
        column.stored_at.is_(None) | (column.announced_at >= epoch.opened_at) | (column.stored_at >= epoch.opened_at)
    )
    query = (
        select(epoch.site, epoch.opened_at, func.count(column.envelope), func.count(column.stored_at))
        .select_from(schema.down_epoch)
        .join(
            newest,
            (newest.c.site == epoch.site) & (newest.c.machine == epoch.machine) & (newest.c.epoch == epoch.epoch),
        )
        .join(schema.link, (link.site == epoch.site) & (link.machine == epoch.machine))
        .outerjoin(
            schema.document,
            (column.site == epoch.site)
            & (column.machine == epoch.machine)
            & (column.number <= epoch.up_number)
            & asked,
        )
        .where((epoch.opened_at >= since) | epoch.site.in_(healing(connection)))
        .group_by(epoch.site, epoch.opened_at)
    )
    return {site: Restored(*found) for site, *found in connection.execute(query)}


def _alarms(connection: Connection) -> dict[str | None, list[Alarm]]:
    query = select(schema.alarm).where(schema.alarm.c.cleared_at.is_(None)).order_by(schema.alarm.c.raised_at)
    alarms: dict[str | None, list[Alarm]] = {}
    for row in connection.execute(query):
        alarms.setdefault(row.site, []).append(Alarm(row.kind, row.text, row.raised_at))
    return alarms


def clear_alarms(connection: Connection, site: SiteId | None, now: datetime) -> list[Alarm]:
    """Put open alarms away, and the list of lost documents, all or those about one site; which alarms they were."""
    column = schema.alarm.c
    where = [column.cleared_at.is_(None), *([column.site == site] if site is not None else [])]
    rows = connection.execute(select(schema.alarm).where(*where).order_by(column.raised_at)).all()
    connection.execute(update(schema.alarm).where(*where).values(cleared_at=now))
    document = schema.document.c
    lost = [
        document.stored_at.is_(None),
        document.state == "lost",
        *([document.site == site] if site is not None else []),
    ]
    connection.execute(update(schema.document).where(*lost).values(trouble=None))
    return [Alarm(row.kind, row.text, row.raised_at) for row in rows]
