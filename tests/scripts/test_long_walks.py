"""Long walks of a log from its writer to its reader, beside a mirror that has two lists and no rules: together with the walks of a visit,
300,000 steps.

Each byte that hypothesis draws is one step: hundreds of steps cost it what one choice costs, and it still finds the shortest walk that fails.
"""

from __future__ import annotations

from collections import deque

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import entries, frames
from protocol.effects import Commit, Effect, SayEntries
from protocol.entries import Entry, Mark
from protocol.errors import Mistake, Refused
from protocol.own_log import OwnLog
from protocol.peer_log import PeerLog


class Walk:
    """A writer and a reader of one log, with a disk each: what is not synced is gone after a crash. The line holds what nobody has heard yet."""

    def __init__(self) -> None:
        self.now = 0.0
        self.written: list[Entry] = []  # on the writer's disk, synced: only that is spoken of
        self.held: list[Entry] = []  # by the reader
        self.durable = 0  # … and synced
        self.own, self.peer = OwnLog(), PeerLog()
        self.up: deque[frames.Entries] = deque()
        self.down: deque[int] = deque()
        self.told = 0  # the most that was acknowledged, ever
        self.again()

    def again(self) -> None:
        """The line was cut and stands again: what was on it is gone, and each end says how far it is."""
        self.settle()  # a Hello acknowledges: nothing may be undecided when it is said
        self.up.clear()
        self.down.clear()
        self.own, self.peer = OwnLog(), PeerLog()
        self.peer.connected(_end(self.held))
        self.own.connected(1, _end(self.written))
        self.own.greeted(len(self.held))
        self.told = max(self.told, len(self.held))

    def append(self, sizes: tuple[int, ...]) -> None:
        for size in sizes:
            self.written.append(entries.following(_end(self.written), 1, bytes(1 + size)))
        self.own.last = _end(self.written)

    def say(self) -> None:
        said = self.own.to_say()
        if said is not None:
            self.up.append(self._run(said))
            last = self.up[-1].first + len(self.up[-1].payloads) - 1
            self.own.said(last, sum(map(len, self.up[-1].payloads)), self.now)

    def _run(self, said: SayEntries) -> frames.Entries:
        """Of one frame: at least one entry, at most so many bytes."""
        end, size = said.after + 1, len(self.written[said.after].payload)
        while end < len(self.written) and size + len(self.written[end].payload) <= said.bytes_max:
            size += len(self.written[end].payload)
            end += 1
        run = self.written[said.after : end]
        return frames.Entries(1, run[0].number, tuple(entry.payload for entry in run), run[-1].hash)

    def hear(self, *, twice: bool = False) -> None:
        """The reader hears the next frame; `twice`: it stays on the line."""
        if self.up:
            effects: list[Effect] = []
            self.peer.take(self.up[0] if twice else self.up.popleft(), effects)
            for effect in effects:
                if isinstance(effect, Commit):
                    self.held.extend(effect.entries)

    def overtake(self) -> None:
        """A frame comes before the one that was said before it: refused whole, and the line is given up."""
        if len(self.up) > 1 and self.up[0].first > self.peer.heard.number:
            before = self.peer.heard
            with pytest.raises(Refused):
                self.peer.take(self.up[1], [])
            assert self.peer.heard == before
            self.again()

    def forge(self) -> None:
        """An entry was altered on its way, or its writer goes on from another log: refused whole."""
        if self.up and self.up[0].first + len(self.up[0].payloads) - 1 > self.peer.heard.number:
            first, *rest = self.up[0].payloads
            forged = msgspec.structs.replace(self.up[0], payloads=(*rest, first[:-1] + b"?"))
            before = self.peer.heard
            with pytest.raises(Refused):
                self.peer.take(forged, [])
            assert self.peer.heard == before

    def settle(self) -> None:
        self.durable = len(self.held)
        self.peer.committed = self.durable
        if (number := self.peer.to_acknowledge()) is not None:
            assert number <= self.durable
            self.told = max(self.told, number)
            self.down.append(number)

    def acknowledge(self) -> None:
        if self.down:
            self.own.acknowledged(self.down.popleft(), self.now)

    def acknowledge_too_much(self) -> None:
        """A reader that claims what was never said is refused."""
        with pytest.raises(Refused):
            self.own.acknowledged(len(self.written) + 1, self.now)

    def say_again(self) -> None:
        """Our own pump at fault: nothing is counted twice."""
        before = self.own.under_way_bytes
        with pytest.raises(Mistake):
            self.own.said(0, 1, self.now)
        assert self.own.under_way_bytes == before

    def crash(self) -> None:
        """The reader's power is cut."""
        del self.held[self.durable :]
        self.again()

    def check(self) -> None:
        """Two lists, no rules: the reader holds the beginning of what was written, and what it acknowledged stays."""
        assert len(self.held) <= len(self.written)
        assert not self.held or self.held[-1] == self.written[len(self.held) - 1]
        assert self.peer.heard.number == len(self.held)
        assert self.told <= self.durable
        assert self.own.under_way_bytes >= 0


STEPS = (
    lambda walk: walk.append((0,)),
    lambda walk: walk.append((20, 300)),
    lambda walk: walk.append((3_000,) * 8),
    *(Walk.say,) * 4,
    *(Walk.hear,) * 4,
    *(Walk.settle,) * 3,
    *(Walk.acknowledge,) * 4,
    lambda walk: walk.hear(twice=True),
    Walk.overtake,
    Walk.forge,
    Walk.acknowledge_too_much,
    Walk.say_again,
    Walk.again,
    Walk.crash,
)


@settings(max_examples=800)
@given(st.binary(min_size=100, max_size=1_000))
def test_a_log_arrives_once_and_in_order_on_whatever_walk(walked: bytes) -> None:
    walk = Walk()
    for byte in walked:
        STEPS[byte % len(STEPS)](walk)
        walk.now += byte / 1_000
        walk.check()
    walk.again()
    for _ in walk.written:  # a frame holds one entry or more, so that many turns are enough
        walk.say()
        walk.hear()
        walk.settle()
        walk.acknowledge()
    assert walk.held == walk.written
    assert walk.told == walk.durable == len(walk.written)
    assert walk.own.under_way_bytes == 0


def _end(log: list[Entry]) -> Mark:
    return Mark(log[-1].epoch, log[-1].number, log[-1].hash) if log else Mark()
