"""Who is connected, since when, how good: facts from Hellos and Beats, written together and not one by one."""

from __future__ import annotations

import functools
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Update, bindparam, update

from cloud.site_log import NUMBER_MAX
from cloud.storage import bulk
from cloud.storage.schema import link
from cloud.turn import printable
from protocol import codec
from protocol.frames import Beat, Hello
from protocol.ids import SiteId

WRITE_SECONDS: Final = 2.0  # facts may be so old on the disk; a transaction that happens anyway takes them along


class Contacts:
    """Changes not yet written, by site."""

    def __init__(self) -> None:
        self._changed: defaultdict[SiteId, dict[str, Any]] = defaultdict(dict)
        self._oldest_at: datetime | None = None

    def heard(self, site: SiteId, frame: Hello | Beat, round_trip_seconds: float, now: datetime) -> None:
        """A sign of life at `now`. `round_trip_seconds` is negative when unknown."""
        facts = self._facts(site, now)
        facts |= {"connected": True, "last_contact_at": now}
        facts |= {
            "reported_number": min(frame.last.number, NUMBER_MAX),
            "reported_hash": frame.last.hash,
            "reported_at": now,
        }
        if frame.time.tzinfo is not None:  # a stranger's clock may lack even that
            travel_seconds = max(0.0, round_trip_seconds) / 2
            facts["clock_offset_seconds"] = (frame.time - now).total_seconds() + travel_seconds
        if isinstance(frame, Hello):
            facts |= {"since": now, "boot": frame.boot, "software": printable(frame.software)}
            return
        if round_trip_seconds >= 0:
            facts["round_trip_seconds"] = round_trip_seconds
        if frame.vitals is not None:
            facts["vitals"] = codec.encode(frame.vitals)

    def lost(self, site: SiteId, now: datetime) -> None:
        """The link is gone."""
        facts = self._facts(site, now)
        facts |= {"connected": False, "since": now}

    def due(self, now: datetime) -> bool:
        """Have facts waited long enough? A clock that was set counts as waiting."""
        return self._oldest_at is not None and abs(now - self._oldest_at) >= timedelta(seconds=WRITE_SECONDS)

    def write(self, connection: Connection) -> None:
        """One statement for each set of columns; the rows are there."""
        alike: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for site, facts in self._changed.items():
            alike[tuple(facts)].append({"of": site, **{f"new_{name}": value for name, value in facts.items()}})
        for names, rows in alike.items():
            bulk.write(connection, _statement(names), rows)
        self._changed.clear()
        self._oldest_at = None

    def _facts(self, site: SiteId, now: datetime) -> dict[str, Any]:
        self._oldest_at = self._oldest_at or now
        return self._changed[site]


@functools.cache  # there are few sets of columns
def _statement(names: tuple[str, ...]) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(link).where(link.c.site == bindparam("of")).values(values)
