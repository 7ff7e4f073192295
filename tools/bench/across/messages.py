"""Files as messages through cuts: what was not acknowledged is published anew, on the next connection. Brokers differ in what they call a message."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from protocol.errors import Unavailable
from tools.bench.across.peer import PAUSE_SECONDS

_WINDOW_MESSAGES: Final = (
    2  # fills a line of 2 Mbit/s; each one under way is sent again after a cut, and clients allow twenty and more
)
Topic_contra = TypeVar("Topic_contra", contravariant=True)


class Writer(Protocol[Topic_contra]):
    """A client of a broker, while its connection holds."""

    def say(self, topic: Topic_contra, piece: bytes) -> None:
        """Publish one message."""

    def acknowledged(self) -> None:
        """Wait until one more message has been acknowledged, in the order in which they were said."""


class Publisher(Generic[Topic_contra]):
    """The files of a folder, under way to a broker."""

    def __init__(
        self,
        folder: Path,
        connect: Callable[[], contextlib.AbstractContextManager[Writer[Topic_contra]]],
        topic: Callable[[str], Topic_contra],
    ) -> None:
        self._connect = connect
        self._topic = topic
        self._left = deque(sorted(folder.iterdir()))

    def carry(self) -> None:
        """Until every file has been acknowledged, one connection after the other."""
        while self._left:
            try:
                with self._connect() as writer:
                    self._publish(writer)
            except (OSError, Unavailable):
                time.sleep(PAUSE_SECONDS)

    def _publish(self, writer: Writer[Topic_contra]) -> None:
        """Each leaves when it has been acknowledged."""
        sent = 0
        while self._left:
            while sent < min(len(self._left), _WINDOW_MESSAGES):
                writer.say(self._topic(self._left[sent].name), self._left[sent].read_bytes())
                sent += 1
            writer.acknowledged()
            self._left.popleft()
            sent -= 1
