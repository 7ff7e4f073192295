"""Both ends of a wire on loopback, for tests: who they are, and how one waits for what happens on them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from protocol import limits
from protocol.keys import CurvePair
from protocol.runtime.wires import Dialler, Listener, Message

PATIENCE_SECONDS = 60.0
HUB, CABIN, AGENCY, STRANGER = (CurvePair.generate(os.urandom) for _ in range(4))


def until(dialler: Dialler, done: Callable[[], object]) -> None:
    """Turn this end until something has happened."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        dialler.wait(0.02)


def heard(listener: Listener, count: int = 1) -> list[Message]:
    """The next so many messages."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    messages: list[Message] = []
    while len(messages) < count:
        assert time.monotonic() < deadline, "nothing came in time"
        listener.wait(0.05)
        messages += listener.receive(count - len(messages), limits.MIB)
    return messages


class Door:
    """Who is admitted; `ajar` makes the list unreadable."""

    def __init__(self) -> None:
        self.users = {CABIN.public: "cabin:templin", AGENCY.public: "agency:sozialamt"}
        self.ajar = False

    def admit(self, key: bytes) -> str | None:
        if self.ajar:
            raise OSError("database is busy")
        return self.users.get(key)
