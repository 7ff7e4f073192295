"""Whether somebody is in the cabin, out of what a sensor says: a shadow is nobody, and who sits still has not left.

Thinks only: readings and times come in, changes go out.
"""

from __future__ import annotations

import enum


class Change(enum.StrEnum):
    """BLIND: the sensor cannot tell any more; the touches on the screen are the presence again."""

    ENTERED = "entered"
    EMPTIED = "emptied"
    BLIND = "blind"


class Attendance:
    """Nobody has come until they were seen for `enter_seconds`, and nobody has left until they were not seen for `leave_seconds`."""

    def __init__(self, enter_seconds: float, leave_seconds: float) -> None:
        self._enter_seconds = enter_seconds
        self._leave_seconds = leave_seconds
        self._other: bool | None = None
        self._since: float | None = None  # when the sensor began to say something else than we do
        self.somebody: bool | None = None

    def saw(self, reading: bool | None, now: float) -> Change | None:
        """What has changed by this reading at `now` (monotonic seconds); None: nothing, or not for long enough."""
        if reading is self.somebody:
            self._since = None
            return None
        if self._since is None or reading is not self._other:
            self._other, self._since = reading, now
        if now - self._since < self._wait_seconds(reading):
            return None
        self.somebody, self._since = reading, None
        return {True: Change.ENTERED, False: Change.EMPTIED, None: Change.BLIND}[reading]

    def _wait_seconds(self, reading: bool | None) -> float:
        if reading:
            return self._enter_seconds
        # The first word of a sensor counts at once: there is no visit that it could end.
        return 0.0 if self.somebody is None else self._leave_seconds
