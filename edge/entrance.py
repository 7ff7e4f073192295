"""May a visitor come in now? Not while somebody cleans, not outside the cabin's own opening hours, and not when the hub knows the cabin no more. A
visit that is on is never cut."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from edge.cleaning import Cleaning
from edge.opening import shut_since
from protocol import hours
from protocol.directory import Directory
from protocol.hours import Hours, State


class Shut(enum.StrEnum):
    """Why nobody is received; also the name of the page that says so."""

    CLEANING = "cleaning"
    CLOSED = "closed"


class Sign(NamedTuple):
    """What hangs at the door: since when nobody is received, and until when at most; None where that is not known. Aware UTC."""

    shut: Shut
    since: datetime | None
    until: datetime | None


class Entrance:
    """`opening`: None is always open. `directory` gives the one in force, which knows whose holidays are kept here. `turned_away`: what is handed in
    now would reach nobody, and until when nobody here can know."""

    def __init__(
        self,
        opening: Hours | None,
        cleaning: Cleaning,
        directory: Callable[[], Directory | None],
        utc: Callable[[], datetime],
        turned_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._opening = opening
        self._directory = directory
        self._utc = utc
        self._turned_away = turned_away
        self._known: tuple[datetime, State] | None = None
        self.cleaning = cleaning

    @property
    def shut(self) -> Shut | None:
        """Why it is shut; None: it is open."""
        if self.cleaning.on:
            return Shut.CLEANING
        if self._turned_away():
            return Shut.CLOSED
        state = self._state()
        return Shut.CLOSED if state is not None and state.status is not hours.Status.OPEN else None

    @property
    def turned_away(self) -> bool:
        """Whoever is still inside hands in to nobody either."""
        return self._turned_away()

    @property
    def sign(self) -> Sign | None:
        """The same with its times; None: it is open. Asked for by the uplink's thread too."""
        shut = self.shut
        if shut is Shut.CLEANING:
            return Sign(shut, self.cleaning.since, self.cleaning.until)
        if shut is None:
            return None
        if self._opening is None or self._turned_away():
            return Sign(shut, None, None)
        return Sign(shut, shut_since(self._opening, self._utc(), self._holidays()), self.opens_at)

    @property
    def opens_at(self) -> datetime | None:
        """When it opens next (aware UTC); None when that is not known."""
        state = self._state()
        return None if state is None or self._turned_away() else state.next_opening

    def _state(self) -> State | None:
        if self._opening is None:
            return None
        now = self._utc().replace(second=0, microsecond=0)  # hours are told in minutes: it is looked at far more often
        if self._known is None or self._known[0] != now:
            self._known = (now, hours.is_open(self._opening, now, self._holidays()))
        return self._known[1]

    def _holidays(self) -> hours.Holidays:
        directory = self._directory()
        return hours.holidays_of(directory.holidays_region) if directory is not None else lambda _: None
