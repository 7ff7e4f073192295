"""Who is connected, since when, how good: facts from Hellos and Beats, written together and not one by one.

Most beats of a fleet tell nothing new but that the cabin lives. When that was goes into a narrow table of its own, all cabins in one statement, and
waits longer than news; the row of `link` is written only when what it tells has changed.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from msgspec import structs
from sqlalchemy import Connection, Update, bindparam, update

from cloud.site_log import NUMBER_MAX
from cloud.storage import bulk
from cloud.storage.database import upsert
from cloud.storage.schema import contact, link
from protocol import codec, limits
from protocol.frames import Beat, Hello, Vitals
from protocol.ids import SiteId
from protocol.soundness import printable

NEWS_SECONDS: Final = (
    2.0  # news may be so old before it is on the disk; a transaction that happens anyway takes it along
)
LIFE_SECONDS: Final = 10.0  # … and that a cabin lives, and nothing else: thousands are written together, seldom
# Smaller changes than these, from what was last written, tell nobody anything: they are not written.
CLOCK_SECONDS: Final = 0.1  # a clock that is wrong by 2 s is a finding
ROUND_TRIP_SECONDS: Final = 0.02  # … and by less than half of what it was
DISK_SHARE: Final = 1 / 128  # any program beside the cabin's writes a log


class _Told(NamedTuple):
    """What a cabin last told, as `link` has it or gets it with the next transaction: the end of its log, how it is, how its clock and line are."""

    number: int
    hash: bytes
    vitals: bytes | None
    clock_offset_seconds: float | None
    round_trip_seconds: float | None


_NOTHING: Final = _Told(0, b"", None, None, None)


class Contacts:
    """Changes not yet written, by site."""

    def __init__(self) -> None:
        self._told: dict[SiteId, _Told] = {}  # of cabins that are connected
        self._heard_at: dict[SiteId, datetime] = {}
        self._changed: defaultdict[SiteId, dict[str, Any]] = defaultdict(dict)
        self._life_at: datetime | None = None  # the oldest sign of life that is not written
        self._news_at: datetime | None = None  # … and the oldest news

    def heard(self, site: SiteId, frame: Hello | Beat, round_trip_seconds: float, now: datetime) -> None:
        """A sign of life at `now`. `round_trip_seconds` is negative when unknown."""
        self._life_at = self._life_at or now
        self._heard_at[site] = now
        before = self._told.get(site, _NOTHING)
        told = _told(frame, round_trip_seconds, now, before)
        if told is before:
            return
        self._told[site] = told
        self._news_at = self._news_at or now
        facts = self._changed[site]
        facts |= {"connected": True, "reported_number": told.number, "reported_hash": told.hash}
        if told.clock_offset_seconds is not None:
            facts["clock_offset_seconds"] = told.clock_offset_seconds
        if isinstance(frame, Hello):
            facts |= {"since": now, "boot": frame.boot, "software": printable(frame.software)}
        if told.round_trip_seconds is not None:
            facts["round_trip_seconds"] = told.round_trip_seconds
        if told.vitals is not None:
            facts["vitals"] = told.vitals

    def lost(self, site: SiteId, now: datetime) -> None:
        """The link is gone."""
        self._news_at = self._news_at or now
        self._told.pop(site, None)
        self._changed[site] |= {"connected": False, "since": now}

    def due(self, now: datetime) -> bool:
        """Has anything waited long enough?"""
        return _waited(self._news_at, NEWS_SECONDS, now) or _waited(self._life_at, LIFE_SECONDS, now)

    def write(self, connection: Connection, now: datetime) -> None:
        """One statement for all that were heard, and one for each set of columns; the rows of `link` are there."""
        every = _waited(self._life_at, LIFE_SECONDS, now)
        heard = self._heard_at if every else self._heard_at.keys() & self._changed.keys()
        upsert(connection, contact, [{"site": site, "heard_at": self._heard_at[site]} for site in heard])
        if every:
            self._heard_at.clear()
            self._life_at = None
        alike: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for site, facts in self._changed.items():
            alike[tuple(facts)].append({"of": site, **{f"new_{name}": value for name, value in facts.items()}})
        for names, rows in alike.items():
            bulk.write(connection, _statement(names), rows)
        self._changed.clear()
        self._news_at = None


def _waited(since: datetime | None, seconds: float, now: datetime) -> bool:
    """A clock that was set counts as waiting."""
    return since is not None and abs(now - since) >= timedelta(seconds=seconds)


def _told(frame: Hello | Beat, round_trip_seconds: float, now: datetime, before: _Told) -> _Told:
    """What this frame tells; `before` itself when that is nothing new."""
    offset_seconds = before.clock_offset_seconds
    if frame.time.tzinfo is not None:  # a stranger's clock may lack even that
        offset_seconds = (frame.time - now).total_seconds() + max(0.0, round_trip_seconds) / 2
    trip_seconds = before.round_trip_seconds if round_trip_seconds < 0 else round_trip_seconds
    vitals, same = before.vitals, isinstance(frame, Beat)  # a Hello is news by itself
    if isinstance(frame, Beat) and frame.vitals is not None:
        vitals = codec.encode(frame.vitals)
        same = vitals == before.vitals or (before.vitals is not None and _as_well(frame.vitals, before.vitals))
    number = min(frame.last.number, NUMBER_MAX)
    if (
        same
        and (number, frame.last.hash) == (before.number, before.hash)
        and _near(offset_seconds, before.clock_offset_seconds, CLOCK_SECONDS)
        and _near(trip_seconds, before.round_trip_seconds, ROUND_TRIP_SECONDS + (before.round_trip_seconds or 0.0) / 2)
    ):
        return before
    return _Told(number, frame.last.hash, vitals, offset_seconds, trip_seconds)


def _as_well(vitals: Vitals, before: bytes) -> bool:
    """The same but for some room on the disk?"""
    then = codec.decode(Vitals, before, limits.WHISPER_BYTES_MAX)
    moved_bytes = abs(vitals.disk_free_bytes - then.disk_free_bytes)
    return (
        moved_bytes <= then.disk_free_bytes * DISK_SHARE
        and structs.replace(then, disk_free_bytes=vitals.disk_free_bytes) == vitals
    )


def _near(value: float | None, before: float | None, by: float) -> bool:
    if value is None or before is None:
        return value is before
    return abs(value - before) <= by


@functools.cache  # there are few sets of columns
def _statement(names: tuple[str, ...]) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(link).where(link.c.site == bindparam("of")).values(values)
