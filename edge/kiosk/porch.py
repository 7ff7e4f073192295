"""The screen while nobody is being served: somebody may still wait, read when the cabin opens, look for a telephone number, or say farewell.

Whatever they set is for them; after a while without a touch it is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

from edge.kiosk.settings import Settings
from edge.kiosk.timer import Timer


class Porch:
    """`settings` of whoever stands there; `helping`: they look for help; `parting`: of whom „Auf Wiedersehen!“ is said to,
    as they have read and heard everything else; None: nobody.
    `changed` is called when something else is to be seen."""

    def __init__(self, quiet_seconds: float, parting_seconds: float, changed: Callable[[], None]) -> None:
        self._quiet_seconds = quiet_seconds
        self._parting_seconds = parting_seconds
        self._changed = changed
        self._timer = Timer()
        self.settings = Settings()
        self.helping = False
        self.parting: Settings | None = None

    def set(self, settings: Settings) -> None:
        """They want the screen like this."""
        self.settings = settings
        self._touched()

    def help(self, wanted: bool) -> None:
        """They look for help, or have seen it."""
        self.helping = wanted
        self._touched()

    def farewell(self, settings: Settings) -> None:
        """Somebody goes, who wanted the screen like this. Whoever touches it now begins anew."""
        self.leave()
        self.parting = settings
        self._timer.arm(self._parting_seconds, self._passed)

    def leave(self) -> None:
        """Nobody stands there any more, or they are served now."""
        self.settings, self.helping, self.parting = Settings(), False, None
        self._timer.disarm()

    def _touched(self) -> None:
        self._timer.arm(self._quiet_seconds, self._passed)
        self._changed()

    def _passed(self) -> None:
        self.leave()
        self._changed()
