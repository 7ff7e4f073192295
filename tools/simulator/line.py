"""The line between one cabin and the hub, in virtual time: slow, silent in one direction or both, cut, and late with what it had swallowed.

A connection on it is a `Strand`: two directions, in each of which messages arrive whole, in order and once, or not at all, as TCP and CurveZMQ
promise. What a silent line has swallowed may come out when it speaks again, long after the connection was given up.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Final, Literal

from protocol import limits
from protocol.runtime.wires import Message
from tools.simulator.agenda import Agenda

Way = Literal["up", "down"]
WAYS: Final[tuple[Way, Way]] = ("up", "down")
_HANDSHAKE_ROUND_TRIPS: Final = 4.6  # of a new CurveZMQ connection
_QUIET: Final = (b"\xa4beat", b"\xa5hello", b"\xa7refused")  # said for hours where nothing happens
_ONCE: Final = (b"\xa7entries", b"\xa5chunk")  # said once, where nothing is lost
_AFTERWARDS_SECONDS: Final = 0.001
_LATE_SECONDS: Final = 1.0
_LATE_SECONDS_MAX: Final = 30.0


class Strand:
    """One connection. `inbox` is what has arrived at the cabin; `failure` why the cabin knows that it is of no use any more."""

    def __init__(
        self, line: Line, number: int, route: bytes, user: str, wake: Callable[[], None], cabin: object = None
    ) -> None:
        self.line = line
        self.number = number  # of this line's connections
        self.cabin = cabin  # who has dialled: a clone has the user of its original
        self.route = route
        self.user = user
        self.wake = wake
        self.inbox: deque[tuple[memoryview, memoryview, int]] = deque()
        self.failure = ""
        self.left = False  # the cabin has hung up
        self.ended = False  # the hub's side knows that it is gone
        self.stuck = False  # what the cabin says stays on the way until the next connection stands
        self.astray = False  # whatever is said on it reaches nobody any more
        self.wanted: set[bytes] = set()  # digests asked for on this connection
        self._waiting: dict[Way, deque[tuple[bytes, bytes | None]]] = {
            "up": deque(),
            "down": deque(),
        }  # said, not yet there
        self._under_way = {"up": 0, "down": 0}  # so often something will arrive: the first that waits
        self._arrives_at = {"up": 0.0, "down": 0.0}

    def say(self, first: bytes, data: bytes | None = None) -> None:
        """The cabin says something."""
        if data and self.line.dice.random() < self.line.alter:
            self.line.altered += 1
            place = self.line.dice.randrange(len(data))
            data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        if not self.failure and not self._push("up", first, data):
            self.failure = "the wire takes no more"

    def hang_up(self, *, lingering: bool = False) -> None:
        """The cabin drops the connection, and what it has queued unless it is `lingering`. The hub learns of it when the line carries that."""
        self.left = True
        self.inbox.clear()
        if not self._silent("up"):
            last_at = self._arrives_at["up"] + _AFTERWARDS_SECONDS if lingering else 0.0
            self.line.agenda.by_clock(max(last_at, self.line.agenda.clock + self.line.delay_seconds), self.end)

    def end(self) -> None:
        """The hub's side learns that it is gone."""
        self.ended = True
        self.line.port.forget(self)

    def break_(self, reason: str) -> None:
        """A reset: both sides learn it, and what was under way is lost."""
        for way in WAYS:
            self._lose(way)
        self.end()
        if not self.left and not self.failure:
            self.failure = reason
            self.line.agenda.after(self.line.delay_seconds, self.wake)

    def _push(self, way: Way, first: bytes, data: bytes | None) -> bool:
        """Give one message to the wire; False when it takes no more."""
        if len(self._waiting[way]) >= limits.HIGH_WATER_MESSAGES * 2:
            return False
        line = self.line
        line.spoken(self, way, first, data)
        self._waiting[way].append((first, data))
        if self._silent(way):
            return True
        arrives_at = max(line.arrival(way, len(first) + len(data or b"")), self._arrives_at[way])
        self._arrives_at[way] = arrives_at
        self._under_way[way] += 1
        line.agenda.after(arrives_at - line.agenda.clock, lambda: self._arrive(way))
        return True

    def _arrive(self, way: Way) -> None:
        self._under_way[way] -= 1
        if self._silent(way) or not self._waiting[way]:
            return
        first, data = self._waiting[way].popleft()
        if way == "up":
            self.line.port.arrived(self, first, data)
        elif self.left or self.failure:
            self.line.port.lost(1)
        else:
            self.line.hears(self, way, first, data)
            self.inbox.append((memoryview(first), memoryview(data or b""), 1 if data is None else 2))
            self.wake()

    def _silent(self, way: Way) -> bool:
        return way in self.line.silent or self.astray or (way == "up" and self.stuck)

    def release(self, way: Way) -> None:
        """The line speaks again: what it had swallowed arrives, in its order."""
        if self.astray:
            return
        self.stuck = False
        while self.swallowed(way):
            self._under_way[way] += 1
            self.line.agenda.after(self.line.delay_seconds, lambda: self._arrive(way))
        if way == "up" and self.left:
            self.line.agenda.after(self.line.delay_seconds, self.end)

    def swallowed(self, way: Way) -> bool:
        """Does anything wait that will not arrive by itself?"""
        return len(self._waiting[way]) > self._under_way[way]

    def hub_gone(self) -> None:
        """Nobody tells the cabin; what a silent line has swallowed on its way to it is lost."""
        self.end()
        if self._silent("down"):
            self._lose("down")

    def _lose(self, way: Way) -> None:
        self.line.port.lost(len(self._waiting[way]))
        self._waiting[way].clear()

    def from_hub(self, first: bytes, data: bytes | None) -> bool:
        """The hub says something; False when this connection is known to be gone, or takes no more."""
        return not self.ended and self._push("down", first, data)


class Line:
    """Of one cabin (or connector). `silent`: ways that swallow everything. `broken`: no connection stands or comes about."""

    def __init__(self, agenda: Agenda, port: Port, name: str, dice: random.Random, trace: Trace) -> None:
        self.agenda = agenda
        self.port = port
        self.name = name
        self.dice = dice
        self.trace = trace
        self.silent: set[Way] = set()
        self.broken = False
        self.usual = dice.uniform(0.02, 0.15), dice.uniform(30_000, 300_000)
        self.delay_seconds, self.bytes_per_second = self.usual
        self.alter = 0.0  # chance that a chunk is altered in a machine's memory before it is encrypted
        self.altered = 0
        self.strands: list[Strand] = []
        self._newest = 0  # connection of which the hub has heard anything
        self._heard: set[int] = set()  # what of a log or a document has arrived
        self._free_at = {"up": 0.0, "down": 0.0}
        self._dialled = 0

    def dial(
        self,
        user: str,
        wake: Callable[[], None],
        answered: Callable[[Strand | None, str], None],
        cabin: object = None,
    ) -> None:
        """Try to connect; `answered` is told the connection, or why there is none."""
        self._dialled += 1
        number = self._dialled
        route = f"{self.name}/{number}".encode()
        if self.silent:
            self.agenda.after(limits.HELLO_SECONDS, lambda: answered(None, "the hub cannot be reached"))
            return

        def arrive() -> None:
            if self.silent:
                self.agenda.after(limits.HELLO_SECONDS, lambda: answered(None, "the hub cannot be reached"))
            elif self.broken or not self.port.open:
                answered(None, "the hub cannot be reached")
            elif not self.port.admits(user):
                answered(None, "the hub does not know this key")
            else:
                strand = Strand(self, number, route, user, wake, cabin)
                self.port.strands[route] = strand
                answered(strand, "")
                self._release_late()
                self.strands.append(strand)

        self.agenda.after(self.delay_seconds * 2 * _HANDSHAKE_ROUND_TRIPS, arrive)

    def arrival(self, way: Way, size_bytes: int) -> float:
        """When a message that is said now is there, by the machines' clock."""
        free_at = max(self.agenda.clock, self._free_at[way]) + size_bytes / self.bytes_per_second
        self._free_at[way] = free_at
        return free_at + self.delay_seconds * (1 + 0.2 * self.dice.random())

    def spoken(self, strand: Strand, way: Way, first: bytes, data: bytes | None) -> None:
        """Everything that is said goes past here."""
        self.trace.said(self.agenda.clock, strand.route, way, len(first), len(data or b""))
        if not first[1:].startswith(_QUIET):
            self.agenda.stir()
        self.port.spoken(strand, way, first)

    def hears(self, strand: Strand, way: Way, first: bytes, data: bytes | None) -> None:
        """Something has arrived: late, behind what was said after it, or once more?"""
        fared = self.port.fared
        if way == "up":
            fared["message-out-of-order"] += strand.number < self._newest
            self._newest = max(self._newest, strand.number)
        if first[1:].startswith(_ONCE):
            key = hash((way, first, data))
            fared["message-twice"] += key in self._heard
            self._heard.add(key)

    def sound(self) -> bool:
        """Does it carry everything, and is nothing under way that it has swallowed?"""
        return not self.silent and not any(
            strand.left or strand.stuck or strand.astray or strand.swallowed("up") or strand.swallowed("down")
            for strand in self.strands
        )

    def cut(self) -> None:
        """Reset what stands; nothing comes about until `mend`."""
        self.broken = True
        self.reset()

    def reset(self) -> None:
        """Reset every connection; new ones may come about."""
        for strand in self.strands:
            strand.break_("the line was cut")
        self.strands.clear()

    def half_reset(self) -> None:
        """The cabin is told that the connection is gone; the hub is not, and what was under way comes late."""
        for strand in self.strands:
            if not strand.left:
                strand.stuck, strand.failure = True, "the line was cut"
                self.agenda.after(self.delay_seconds, strand.wake)

    def hush(self, *ways: Way) -> None:
        """Swallow everything that goes these ways, without a word."""
        self.silent |= set(ways)

    def move(self) -> None:
        """The modem has another address now: connections of before lead nowhere, and nobody is told."""
        for strand in self.strands:
            strand.astray = True

    def mend(self) -> None:
        """The line is well again, and gives out late what it had swallowed."""
        ways, self.silent, self.broken = self.silent, set(), False
        self.agenda.stir()
        for strand in self.strands:
            for way in sorted(ways):
                if not strand.left:
                    strand.release(way)
        self.agenda.after(_LATE_SECONDS_MAX, self._release_late)

    def _release_late(self) -> None:
        """What a silent line has swallowed of connections that were given up comes out when the next one stands."""
        for strand in self.strands:
            if strand.left and not self.silent:
                self.agenda.after(self.dice.random() * _LATE_SECONDS, lambda s=strand: s.release("up"))  # type: ignore[misc]
        self.strands = [strand for strand in self.strands if not strand.left or self.silent]

    def well(self) -> None:
        """As on the first day."""
        (self.delay_seconds, self.bytes_per_second), self.alter = self.usual, 0.0
        self.mend()


class Port:
    """Where the hub listens (what `cloud.hub.Hub` asks of its wire). `spoken` sees every message before it is on its way."""

    def __init__(self, fared: Counter[str] | None = None) -> None:
        self.fared: Counter[str] = Counter() if fared is None else fared  # how messages fared on all lines
        self.open = False
        self.admits: Callable[[str], bool] = lambda _user: False
        self.wake: Callable[[], None] = lambda: None
        self.spoken: Callable[[Strand, Way, bytes], None] = lambda _strand, _way, _first: None
        self.step: Callable[[], None] = lambda: None
        self.strands: dict[bytes, Strand] = {}
        self.late = 0  # messages of connections that their cabin had given up
        self._queue: deque[Message] = deque()

    def arrived(self, strand: Strand, first: bytes, data: bytes | None) -> None:
        """A message is there. A machine that knows nothing of its connection answers with a reset."""
        if not self.open or strand.ended:
            self.lost(1)
            strand.break_("the line was cut")
            return
        strand.line.hears(strand, "up", first, data)
        self.late += strand.left
        parts = 1 if data is None else 2
        self._queue.append(Message(strand.route, strand.user, memoryview(first), memoryview(data or b""), parts))
        self.wake()

    def lost(self, count: int) -> None:
        """So many messages reach nobody."""
        self.fared["message-lost"] += count

    def forget(self, strand: Strand) -> None:
        """This connection is gone."""
        self.strands.pop(strand.route, None)

    def close(self) -> None:
        """The hub is gone: whoever the line tells learns it, the others do not."""
        self.open = False
        self.lost(len(self._queue))
        self._queue.clear()
        for strand in list(self.strands.values()):
            if strand.line.silent:
                strand.hub_gone()
            else:
                strand.break_("the line was cut")
        self.strands.clear()

    # --- what the hub asks of its wire ---------------------------------------------------------------------------
    def wait(self, seconds: float) -> bool:
        """Time passes elsewhere."""
        return bool(self._queue)

    def receive(self, messages_max: int, bytes_max: int) -> Iterator[Message]:
        """What has arrived."""
        while self._queue and messages_max > 0 and bytes_max > 0:
            message = self._queue.popleft()
            messages_max -= 1
            bytes_max -= len(message.first) + len(message.data)
            yield message

    def say(self, route: bytes, first: bytes, data: bytes | memoryview | None = None) -> bool:
        """One message for this connection; False when it is gone or takes no more."""
        self.step()
        strand = self.strands.get(route)
        return strand is not None and strand.from_hub(first, None if data is None else bytes(data))


class Trace:
    """What was said and when, as one number: two runs from one seed are the same run."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self.messages = 0
        self.bytes = 0

    def said(self, clock: float, route: bytes, way: Way, first_bytes: int, data_bytes: int) -> None:
        """One message."""
        self.messages += 1
        self.bytes += first_bytes + data_bytes
        self._hasher.update(f"{clock:.6f} {route.decode()} {way} {first_bytes} {data_bytes}\n".encode())

    def digest(self) -> str:
        """Of everything so far."""
        return self._hasher.hexdigest()
