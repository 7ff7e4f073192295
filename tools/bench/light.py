"""A cabin that weighs next to nothing: the real link and the real wire over a log in memory. Thousands fit into one process (herd.py)."""

from __future__ import annotations

import time
from typing import Final

import zmq

from protocol import entries, frames, limits
from protocol.entries import DocumentSealed, ReceiptGiven
from protocol.errors import Refused
from protocol.ids import HUB_ID, Digest, SiteId
from protocol.keys import CurvePair
from protocol.link import UP, Link
from protocol.runtime.backoff import Backoff
from protocol.runtime.pump import Pump
from protocol.runtime.wires import Dialler
from protocol.runtime.world import REAL
from tools.simulator.memory import MemoryLog

_BOOT: bytes = bytes(16)
_NOBODY_SECONDS: Final = 0.02


class Neighbours:
    """Cabins on one machine. Where one was refused a moment ago, the next would be as well and need not try: real cabins have machines of their own,
    and do not keep the processors busy on which their hub is about to start."""

    def __init__(self) -> None:
        self._nobody_until = 0.0

    def refused(self, now: float) -> None:
        """Nobody listens."""
        self._nobody_until = now + _NOBODY_SECONDS

    def nobody(self, now: float) -> bool:
        """Would an attempt be refused?"""
        return now < self._nobody_until


class LightCabin:
    """`dial` and `turn` are called by the herd, which waits for all of its sockets together. `up_at`: since when the link stands, 0 while it does
    not; `secured_at`: when the last of its documents had its receipt, 0 before."""

    def __init__(
        self,
        site: SiteId,
        own: CurvePair,
        address: str,
        hub_key: bytes,
        context: zmq.Context[zmq.Socket[bytes]],
        neighbours: Neighbours,
    ) -> None:
        self.site = site
        self.own = own
        self.log = MemoryLog()
        self.blobs: dict[Digest, bytes] = {}
        self.up_at = 0.0
        self.secured_at = 0.0
        self.dial_at = 0.0
        self.dialler: Dialler | None = None
        self._hub = (address, hub_key, context)
        self._neighbours = neighbours
        self._backoff = Backoff(REAL.chance)
        self._pump: Pump | None = None
        self._given_up_at = 0.0
        self._read = 0  # entries of the hub
        self._unsecured = 0

    def take(self, event: DocumentSealed, data: bytes) -> None:
        """One more document that waits."""
        self.log.append(event)
        self.blobs[Digest(event.digest)] = data
        self._unsecured += 1
        self.secured_at = 0.0

    @property
    def due_at(self) -> float:
        """When `turn` is due though nothing came, in monotonic seconds."""
        if self.dialler is None:
            return self.dial_at
        return self._pump.deadline if self._pump is not None else self._given_up_at

    def descriptors(self) -> tuple[int, ...]:
        """What becomes readable when something may have come; empty while no connection is tried."""
        dialler = self.dialler
        # A dialler waits for itself; nobody but a herd waits for thousands of them at once.
        return () if dialler is None else (dialler._socket.getsockopt(zmq.FD), dialler._monitor.getsockopt(zmq.FD))  # type: ignore[return-value]

    def ready(self) -> bool:
        """Has something come already?"""
        return self.dialler is not None and bool(self.dialler.wait(0))

    def turn(self) -> None:
        """Whatever has come, or is due."""
        if self.dialler is None:
            self._dial()
            return
        if self._pump is None:
            self._greet(self.dialler)
            return
        self.dialler.wait(0)
        try:
            for first, data, parts in self.dialler.receive(limits.HIGH_WATER_MESSAGES):
                self._pump.hear(frames.decode(first, parts), data)
        except Refused as refused:
            self._pump.lost(str(refused))
        self._pump.settled()
        self._pump.tick()
        if self._pump.link.state == UP and not self.up_at:
            self.up_at = time.monotonic()
        self._read_receipts()
        if self.dialler.failure or self._pump.ended is not None:
            self.hang_up()

    def hang_up(self) -> None:
        """The line is gone: dial again after a while, as a cabin does."""
        busy = False
        if self.dialler is not None:
            busy = self.dialler.busy
            if not self.dialler.answered:
                self._neighbours.refused(time.monotonic())
            self.dialler.close()
        if self.up_at:
            self._backoff.welcome()
        self.dial_at = time.monotonic() + (self._backoff.busy_seconds() if busy else self._backoff.absent_seconds())
        self.dialler, self._pump, self.up_at = None, None, 0.0

    def _dial(self) -> None:
        if self._neighbours.nobody(time.monotonic()):
            self.hang_up()
            return
        address, hub_key, context = self._hub
        self.dialler = Dialler(address, hub_key, self.own, context)
        self._given_up_at = time.monotonic() + limits.HELLO_SECONDS

    def _greet(self, dialler: Dialler) -> None:
        dialler.wait(0)
        if dialler.failure or time.monotonic() >= self._given_up_at:
            self.hang_up()
        elif dialler.connected:
            self._pump = Pump(Link(HUB_ID), self.log, self, dialler.say, time.monotonic)
            self._pump.connected()

    def _read_receipts(self) -> None:
        for entry in self.log.received[self._read :]:
            if isinstance(entries.read(entry.payload, None, entry.epoch, entry.number), ReceiptGiven):
                self._unsecured -= 1
                if not self._unsecured:
                    self.secured_at = time.monotonic()
        self._read = len(self.log.received)

    # --- what the pump asks of its owner -------------------------------------------------------------------------
    def introduce(self) -> tuple[str, bytes, int, str]:
        """For our Hello."""
        return self.site, _BOOT, 0, "bench"

    def vitals(self) -> frames.Vitals:
        """All is well."""
        return frames.Vitals()

    def read(self, digest: Digest, offset_bytes: int, length_bytes: int) -> tuple[bytes, int] | None:
        """Bytes of a document."""
        data = self.blobs.get(digest)
        return None if data is None else (data[offset_bytes : offset_bytes + length_bytes], len(data))

    def keep(self, digest: Digest, offset_bytes: int, data: bytes | memoryview) -> None:
        """It fetches nothing: the directory of a whole fleet would be what is measured."""

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        """The hub lives."""

    def deliver(self, whisper: frames.Whisper) -> None:
        """Nobody listens."""

    def note(self, name: str, detail: str) -> None:
        """Nobody counts."""
