"""Somebody cleans the cabin, or works in it: no visitor is received meanwhile. Said by `kabine edge clean`, and ended the same way or by itself.

Kept in a file, so that a node that starts anew still knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from protocol.runtime.folder import NodeFolder

log = structlog.get_logger("cleaning")

FILE: Final = "cleaning"
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Cleaning:
    """`utc`: the clock; `minutes_max`: after which it has ended whatever anybody forgot."""

    def __init__(self, folder: NodeFolder, utc: Callable[[], datetime], minutes_max: int) -> None:
        self._folder = folder
        self._utc = utc
        self._longest = timedelta(minutes=minutes_max)
        self._since = self._read()

    @property
    def on(self) -> bool:
        """Is it going on? A clock that was set to before its beginning ends it too."""
        return timedelta(0) <= self._utc() - self._since < self._longest

    @property
    def since(self) -> datetime:
        """When it began (aware UTC)."""
        return self._since

    @property
    def until(self) -> datetime:
        """When it ends by itself (aware UTC)."""
        return self._since + self._longest

    def begin(self) -> None:
        """From now on, however long it was going on before. Raises Unavailable when it cannot be kept."""
        self._keep(self._utc())

    def end(self) -> None:
        """Visitors may come. Raises Unavailable."""
        self._keep(_NEVER)

    def _keep(self, since: datetime) -> None:
        self._folder.write_file(FILE, f"{since.isoformat()}\n".encode())
        self._since = since
        log.info("cleaning.ended" if since == _NEVER else "cleaning.began")

    def _read(self) -> datetime:
        if not self._folder.has(FILE):
            return _NEVER
        try:
            since = datetime.fromisoformat(self._folder.read_file(FILE).decode("ascii").strip())
        except ValueError:
            return _NEVER
        return since if since.tzinfo is not None else _NEVER
