"""Does the hub know this cabin no more? Then nobody may be received: what was handed in would stay here, though the screen promised a line."""

from __future__ import annotations

from typing import Final

from protocol.runtime.wires import UNKNOWN_KEY

SURE_SECONDS: Final = 20.0  # two calls at least: no passing mistake closes a cabin


class TurnedAway:
    """`heard` and `welcomed` are for the thread of the uplink; `on` may be asked from any. It ends with the hub's next Hello and with the process,
    whose first calls tell again."""

    def __init__(self) -> None:
        self.on = False
        self._since: float | None = None

    def heard(self, reason: str, now: float) -> None:
        """A call to the hub ended for `reason`, at `now` (monotonic seconds)."""
        if reason != UNKNOWN_KEY:
            return
        self._since = now if self._since is None else self._since
        self.on = now - self._since >= SURE_SECONDS

    def welcomed(self) -> None:
        """The hub speaks with this cabin."""
        self.on, self._since = False, None
