"""One transaction made durable with all that belongs to it: the high-water mark behind it, the ballast before it when the disk is full."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from edge.storage import disk
from edge.storage.database import Database
from edge.storage.high_water import HighWater, HighWaterFile
from protocol.errors import Unavailable
from protocol.runtime.ballast import Ballast

T = TypeVar("T")


class Durably:
    """`durably(act)` runs `act` as one turn of `database`, and returns when all of it is on stable storage."""

    def __init__(self, database: Database, file: HighWaterFile, ballast: Ballast) -> None:
        self._database = database
        self._file = file
        self._ballast = ballast
        self._known = file.found

    def __call__(self, act: Callable[[], T]) -> T:
        """Raises what `act` raises, and Unavailable when the mark cannot be written: whether it happened is known after opening anew."""
        with self._database.lock:
            result = self._with_ballast(act)
            place = self._database.place
            high_water = HighWater(place.last, place.theirs, place.digits, place.issued)
            # How far the hub's log is held is only taken along: the hub sends again what is missing.
            if self._known is None or msgspec.structs.replace(high_water, theirs=self._known.theirs) != self._known:
                self._write(high_water)
            return result

    def _with_ballast(self, act: Callable[[], T]) -> T:
        try:
            with self._database.turn():
                return act()
        except Unavailable as error:
            if error.what != disk.FULL or not self._dropped():
                raise
        with self._database.turn():
            return act()

    def _dropped(self) -> bool:
        try:
            return self._ballast.drop()
        except OSError as error:
            raise disk.unavailable(error) from error

    def _write(self, high_water: HighWater) -> None:
        try:
            self._file.write(high_water)
        except Unavailable as error:
            self._database.broken = error
            raise
        self._known = high_water
