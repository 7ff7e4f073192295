"""Many light cabins in one process (the fleet workload runs several).

python -m tools.bench.herd          reads an Enclosure from stdin as one line of JSON, prints "ready", and then, for each line that comes:
    dial SECONDS                    all cabins dial, spread over so many seconds
    up                              prints when each came up, in monotonic seconds, as soon as all are
    down                            prints an empty list as soon as none is up
    secured                         prints when each had its receipts, as soon as all have
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import resource
import select
import sys
import time
from typing import Final

import msgspec
import zmq

from protocol.ids import AgencyId, SiteId
from protocol.keys import CurvePair, SigningPair
from protocol.link import NEVER
from protocol.recipients import parse_recipient
from protocol.runtime.wires import Dialler
from tools.bench import letters
from tools.bench.light import LightCabin, Neighbours

POLL_SECONDS: Final = 1.0


class Head(msgspec.Struct, frozen=True):
    """One cabin: its two secrets, the code of its receipts, and how many documents wait in it."""

    site: str
    code: str
    curve_secret: bytes
    signing_seed: bytes
    documents: int = 0


class Enclosure(msgspec.Struct, frozen=True):
    """What a herd must know. `recipient`, `epoch`: of the inbox of `agency`."""

    address: str
    hub_key: bytes
    heads: tuple[Head, ...]
    agency: str = ""
    recipient: str = ""
    epoch: int = 0
    document_bytes: int = 0


class Herd:
    """The loop: one epoll over all sockets, one heap of deadlines."""

    def __init__(self, enclosure: Enclosure) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 65535)
        self._neighbours = Neighbours()
        self._cabins = [self._cabin(enclosure, head) for head in enclosure.heads]
        self._poll = select.epoll()
        self._poll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._by_descriptor: dict[int, LightCabin] = {}
        self._watched: dict[LightCabin, tuple[Dialler | None, tuple[int, ...]]] = {}
        self._timers: list[tuple[float, int]] = []
        self._numbers = {cabin: number for number, cabin in enumerate(self._cabins)}
        self._armed_at = [NEVER] * len(self._cabins)
        self._said = b""  # by our master, not yet a whole line
        self._asked = ""

    def _cabin(self, enclosure: Enclosure, head: Head) -> LightCabin:
        own = CurvePair(head.curve_secret)
        cabin = LightCabin(
            SiteId(head.site), own, enclosure.address, enclosure.hub_key, self._context, self._neighbours
        )
        if head.documents:
            recipient = parse_recipient(enclosure.recipient)
            summary = letters.summary(recipient, enclosure.document_bytes)
            key = SigningPair(head.signing_seed).private()
            agency = AgencyId(enclosure.agency)
            sender = letters.Sender(cabin.site, head.code, key, agency, enclosure.epoch, summary)
            for _ in range(head.documents):
                letter = letters.letter(recipient, enclosure.document_bytes)
                cabin.take(sender.announce(letter), letter.data)
        return cabin

    def run(self) -> None:
        """Until stdin ends."""
        while True:
            wait_seconds = max(0.0, min(POLL_SECONDS, self._timers[0][0] - time.monotonic())) if self._timers else 1.0
            for descriptor, _ in self._poll.poll(wait_seconds):
                if descriptor == sys.stdin.fileno():
                    heard = os.read(descriptor, 65536)
                    if not heard:
                        return
                    *lines, self._said = (self._said + heard).split(b"\n")
                    for line in lines:
                        self._order(*line.decode().split())
                elif descriptor in self._by_descriptor:
                    self._turn(self._by_descriptor[descriptor])
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                number = heapq.heappop(self._timers)[1]
                self._armed_at[number] = NEVER
                if self._cabins[number].due_at <= now:
                    self._turn(self._cabins[number])
                else:
                    self._arm(self._cabins[number])
            self._tell()

    def _order(self, order: str, *rest: str) -> None:
        if order != "dial":
            self._asked = order
            return
        now, spread_seconds = time.monotonic(), float(rest[0])
        for number, cabin in enumerate(self._cabins):
            cabin.dial_at = now + spread_seconds * number / len(self._cabins)
            self._arm(cabin)

    def _turn(self, cabin: LightCabin) -> None:
        cabin.turn()
        self._watch(cabin)
        if cabin.ready():
            cabin.turn()  # what came while we spoke has woken nobody
            self._watch(cabin)
        self._arm(cabin)

    def _watch(self, cabin: LightCabin) -> None:
        """Its connection may be another one than before."""
        before, descriptors = self._watched.get(cabin, (None, ()))
        if cabin.dialler is before:
            return
        for descriptor in descriptors:
            if self._by_descriptor.get(descriptor) is cabin:  # closed already, the number may be another cabin's by now
                del self._by_descriptor[descriptor]
                with contextlib.suppress(OSError):
                    self._poll.unregister(descriptor)
        self._watched[cabin] = (cabin.dialler, cabin.descriptors())
        for descriptor in cabin.descriptors():
            self._by_descriptor[descriptor] = cabin
            with contextlib.suppress(FileExistsError):
                self._poll.register(descriptor, select.EPOLLIN)

    def _arm(self, cabin: LightCabin) -> None:
        number = self._numbers[cabin]
        if cabin.due_at < self._armed_at[number]:
            self._armed_at[number] = cabin.due_at
            heapq.heappush(self._timers, (cabin.due_at, number))

    def _tell(self) -> None:
        if self._asked == "up" and all(cabin.up_at for cabin in self._cabins):
            print(json.dumps([cabin.up_at for cabin in self._cabins]), flush=True)
        elif self._asked == "down" and not any(cabin.up_at for cabin in self._cabins):
            print("[]", flush=True)
        elif self._asked == "secured" and all(cabin.secured_at for cabin in self._cabins):
            print(json.dumps([cabin.secured_at for cabin in self._cabins]), flush=True)
        else:
            return
        self._asked = ""


def main() -> None:
    """See above."""
    os.nice(10)  # cabins have machines of their own: what is measured is their hub
    descriptors_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors_max, descriptors_max))  # four for each cabin
    told = sys.stdin.readline()
    if not told.endswith("\n"):
        return  # our master has ended
    enclosure = msgspec.json.decode(told, type=Enclosure)
    herd = Herd(enclosure)
    print("ready", flush=True)
    herd.run()
    os._exit(0)  # ten thousand sockets take their time to say goodbye


if __name__ == "__main__":
    main()
