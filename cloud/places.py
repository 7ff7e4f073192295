"""Where the logs of all cabins stand: looked up once, kept in memory, written with each turn. The hub alone writes `link`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from cloud.known import Known
from cloud.site_log import Place
from cloud.storage import bulk
from cloud.storage.database import Database, upsert
from cloud.storage.schema import document, down_entry, down_epoch, link
from cloud.turn import ANNOUNCED, Turn
from protocol import limits
from protocol.entries import Mark
from protocol.ids import SiteId

REPLACED = "machine-replaced"  # kind of alarm


class Places:
    """One `Place` for each cabin that was ever asked for. Rows change with `write`, inside a turn."""

    def __init__(self, database: Database, known: Known) -> None:
        self._database = database
        self._known = known
        self._places: dict[SiteId, Place] = {}
        self._changed: set[Place] = set()
        self._acknowledged: set[Place] = set()
        self._restarted: set[Place] = set()

    @property
    def pending(self) -> bool:
        """Is there anything to write?"""
        return bool(self._changed or self._acknowledged)

    def load(self) -> None:
        """All at once, when a hub process begins: ten thousand cabins come back in the same seconds. Cabins whose machine was replaced meanwhile
        wait until they are asked for."""
        with self._database.reading() as connection:
            for row in connection.execute(_LINKS):
                site = SiteId(row.site)
                if self._known.signing_key(connection, site) in (None, row.signing_key):
                    self._places[site] = self._stood(row)

    def at(self, site: SiteId) -> Place:
        """The place of this cabin; a new one begins at nothing."""
        place = self._places.get(site)
        if place is None:
            with self._database.reading() as connection:
                place = self._places[site] = self._load(connection, site)
        return place

    def acknowledged(self, place: Place) -> None:
        """The cabin holds more of the hub's log."""
        self._acknowledged.add(place)

    def renew(self, connection: Connection) -> None:
        """Cabins may have been confirmed with other machines."""
        for place in self._places.values():
            self._renew(connection, place)

    def bury(self, turn: Turn) -> None:
        """What machines that were replaced had announced and not delivered will not come any more: said openly."""
        for place in self._restarted:
            turn.connection.execute(delete(down_entry).where(down_entry.c.site == place.site))
            lost = (
                document.c.site == place.site,
                document.c.machine < place.machine,
                document.c.stored_at.is_(None),
                document.c.state == ANNOUNCED,
                document.c.trouble.is_(None),
            )
            count = turn.connection.execute(select(func.count()).select_from(document).where(*lost)).scalar()
            if count:
                words = "The cabin's machine was replaced before it arrived."
                turn.connection.execute(update(document).where(*lost).values(trouble=words))
                words = f"{count} documents lie in the machine that was replaced. Keep its disk: they are sealed in it."
                turn.alarm(place.site, REPLACED, words)

    def write(self, turn: Turn) -> None:
        """Rows of `link`, after everything else of this turn."""
        connection, ends = turn.connection, turn.ends()
        if self._acknowledged:
            let_go = [
                {"at": place.site, "up_to": place.acknowledged - limits.ENTRIES_KEPT} for place in self._acknowledged
            ]
            bulk.write(connection, _LET_GO, let_go)
        rows = []
        for place in turn.places | self._changed | self._acknowledged:
            down = ends.get(place.site, place.down)
            rows.append(
                {
                    "site": place.site,
                    "machine": place.machine,
                    "signing_key": place.signing_key,
                    "up_epoch": place.up.epoch,
                    "up_number": place.up.number,
                    "up_hash": place.up.hash,
                    "up_missing": place.missing,
                    "down_number": down.number,
                    "down_hash": down.hash,
                    "down_acknowledged": place.acknowledged,
                    "directory_version": place.directory_version,
                }
            )
        upsert(connection, link, rows)

    def committed(self) -> None:
        """All of it is durable."""
        self._changed.clear()
        self._acknowledged.clear()
        self._restarted.clear()

    def _load(self, connection: Connection, site: SiteId) -> Place:
        row = connection.execute(_LINK, {"at": site}).first()
        if row is None:
            place = Place(site)
            place.signing_key = self._known.signing_key(connection, site)
            self._changed.add(place)
            return place
        place = self._stood(row)
        self._renew(connection, place)
        return place

    def _stood(self, row: Row[Any]) -> Place:
        """Where an earlier turn left it."""
        place = Place(SiteId(row.site), row.machine, row.signing_key)
        place.up = Mark(row.up_epoch, row.up_number, row.up_hash)
        place.down = Mark(row.epoch or 0, row.down_number, row.down_hash)
        place.first, place.restored = row.first or 1, row.up_number_then or 0
        place.acknowledged, place.missing = row.down_acknowledged, row.up_missing
        place.directory_version = row.directory_version
        return place

    def _renew(self, connection: Connection, place: Place) -> None:
        """Another machine was confirmed for this site: it has never said or heard anything, so both logs begin anew."""
        key = self._known.signing_key(connection, place.site)
        if key is None or key == place.signing_key:
            return
        if place.signing_key is not None:
            place.machine += 1
            place.begin()
            self._restarted.add(place)
        place.signing_key = key
        self._changed.add(place)


_STANDS = select(
    link, down_epoch.c.epoch, down_epoch.c.first, down_epoch.c.up_number.label("up_number_then")
).select_from(link.outerjoin(down_epoch, (down_epoch.c.site == link.c.site) & (down_epoch.c.machine == link.c.machine)))
_LINK = _STANDS.where(link.c.site == bindparam("at")).order_by(down_epoch.c.epoch.desc()).limit(1)
_LINKS = _STANDS.order_by(link.c.site, down_epoch.c.epoch)  # the last row of a site is its present epoch
_LET_GO = delete(down_entry).where(down_entry.c.site == bindparam("at"), down_entry.c.number <= bindparam("up_to"))
