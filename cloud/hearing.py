"""What one turn of the hub hears, and what it leaves for the next.

A turn hears all that has arrived, and goes on while what was asked for keeps coming: a transaction costs the same for one document as for
thirty. Entries take time, because signatures are checked; so a turn hears so many of them, fewer where documents go on arriving beside.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from protocol import limits
from protocol.runtime.wires import Message

MESSAGES_MAX: Final = 1024  # heard in one turn: bounds its memory and how long the first of them waits
BYTES_MAX: Final = 32 * limits.MIB
SPOKEN_BYTES_MAX: Final = (
    512 * limits.KIB
)  # of entries and other words: half a window, so that the rest is here when they are durable …
SPOKEN_BESIDE_BYTES_MAX: Final = 256 * limits.KIB  # … and where documents were asked for, which go on arriving beside …
HELD_BYTES_MAX: Final = limits.MIB  # … what waits for the next turn, up to so much
SECONDS: Final = 0.04  # while more of what was asked for comes …
GAP_SECONDS: Final = 0.002  # … without such a pause


class Port(Protocol):
    """What the hub asks of the wire it listens on (protocol.runtime.wires.Listener)."""

    def wait(self, seconds: float) -> bool:
        """Until a message is there, at most `seconds`."""

    def receive(self, messages_max: int, bytes_max: int) -> Iterator[Message]:
        """What has arrived, without waiting."""

    def say(self, route: bytes, first: bytes, data: bytes | memoryview | None = None) -> bool:
        """One message for this connection. False: it is gone or does not take any more."""


class Hearing:
    """Of one hub. `clock`: monotonic seconds."""

    def __init__(self, listener: Port, clock: Callable[[], float]) -> None:
        self._listener = listener
        self._clock = clock
        self._held: list[Message] = []  # for the next turn

    @property
    def holds(self) -> bool:
        """Is there something that was left for the next turn?"""
        return bool(self._held)

    def hold(self, message: Message) -> None:
        """To be heard in the next turn, and with it what follows on its route. Only the message that `messages` gave last."""
        self._held.append(message)

    def messages(self, too_soon: Callable[[Message], bool], coming: Callable[[], bool]) -> Iterator[Message]:
        """Of one turn. What is `too_soon` is held, and what follows on its route; `coming`: was anything asked for that is not here yet?"""
        waiting, self._held = deque(self._held), []
        later: set[bytes] = set()  # routes whose turn comes with the next one
        spoken_bytes = held_bytes = 0
        words_wait = False  # one of them does, so all that follow do: none overtakes another
        for message in itertools.chain(_taken(waiting), self._arriving(coming)):
            words_wait = (
                words_wait
                or spoken_bytes > SPOKEN_BYTES_MAX
                or (spoken_bytes > SPOKEN_BESIDE_BYTES_MAX and not message.data and coming())
            )
            enough = words_wait and not message.data
            if enough or message.route in later or too_soon(message):
                self._held.append(message)
            else:
                yield message
                spoken_bytes += len(message.first)
            if self._held and self._held[-1] is message:
                held_bytes += len(message.first) + len(message.data)
                if not enough:  # of too many words, documents on the same route go on
                    later.add(message.route)
                if held_bytes > HELD_BYTES_MAX:
                    break
        self._held += waiting

    def _arriving(self, coming: Callable[[], bool]) -> Iterator[Message]:
        until = self._clock() + SECONDS
        messages_left, bytes_left = MESSAGES_MAX, BYTES_MAX
        while True:
            for message in self._listener.receive(messages_left, bytes_left):
                messages_left -= 1
                bytes_left -= len(message.first) + len(message.data)
                yield message
                if self._clock() >= until:
                    return
            if messages_left <= 0 or bytes_left <= 0:
                return
            if not coming() or not self._listener.wait(GAP_SECONDS):
                return


def _taken(waiting: deque[Message]) -> Iterator[Message]:
    while waiting:
        yield waiting.popleft()
