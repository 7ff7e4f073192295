"""A rural line at the level of packets, between two network namespaces: rate, delay, loss, cuts. Needs root and /dev/net/tun.

`tools.line` relays connections; here real TCP meets a real line: packets are lost, a dead line says nothing, and a router that forgot a
connection never lets it live again. The rate counts what TCP carries, not its headers, as a relay's would. One thread moves all packets.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import heapq
import ipaddress
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from protocol.errors import Unavailable
from tools.bench import quiet_net, segment
from tools.bench.segment import Flow

CABIN: Final = "10.77.0.1"
HUB: Final = "10.77.0.2"
QUEUED_BYTES_MAX: Final = 64 * 1024  # what a modem holds in each direction; more is dropped
_CLONE_NEWNET: Final = 0x40000000
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x1001
_SIOCSIFADDR: Final = 0x8916
_SIOCSIFDSTADDR: Final = 0x8918
_DEVICE: Final = b"kabine0"


class _Travelling(NamedTuple):
    """A packet on its way: when it arrives, in which order, at which end."""

    at: float
    number: int
    end: int
    packet: bytes


class PacketLine:
    """Between this thread's namespace (the hub's end, address HUB) and one of its own for the cabin (address CABIN). Raises Unavailable where the
    kernel does not let us."""

    def __init__(self, bits_per_second: float, delay_seconds: float, loss: float = 0.0, seed: int = 1) -> None:
        self.bits_per_second = bits_per_second
        self.delay_seconds = delay_seconds
        self.loss = loss
        self.up_bytes = 0  # cabin to hub: what TCP carried, also what was lost on the way
        self.down_bytes = 0
        self._random = random.Random(seed)  # noqa: S311  # luck of a line
        self._cut = self._silent = False
        self._flows: dict[Flow, int] = {}  # next byte each direction of a connection has delivered
        self._forgotten: set[Flow] = set()
        self._free_at = [0.0, 0.0]
        self._travelling: list[_Travelling] = []
        self._count = 0
        self._lock = threading.Lock()
        self._wake, self._waker = os.pipe()
        self._stopping = False
        self._hub_space = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._cabin_space = _new_space()
        hub = _tun(HUB, CABIN)
        with self.at_cabin():
            self._ends = (_tun(CABIN, HUB), hub)
        self._thread = threading.Thread(target=self._run, name="packet-line", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def at_cabin(self) -> Iterator[None]:
        """What this thread starts within the block lives at the cabin's end."""
        _enter(self._cabin_space)
        try:
            yield
        finally:
            _enter(self._hub_space)

    def cut(self, *, silent: bool = False) -> None:
        """Nothing passes any more. `silent`: without a word, and the connections of before never come back to life; otherwise both ends are told."""
        with self._lock:
            self._cut, self._silent = True, silent
            self._travelling.clear()
            if silent:
                self._forgotten |= set(self._flows)
            else:
                for flow, next_byte in self._flows.items():
                    self._give(flow.to_end, segment.reset(flow, next_byte))
            self._flows.clear()

    def mend(self) -> None:
        """Let packets pass again."""
        with self._lock:
            self._cut = self._silent = False
            self._free_at = [0.0, 0.0]

    def close(self) -> None:
        """Take it down."""
        self._stopping = True
        os.write(self._waker, b".")
        self._thread.join()
        for descriptor in (*self._ends, self._wake, self._waker, self._hub_space, self._cabin_space):
            os.close(descriptor)

    # --- the thread ----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        poller = select.poll()
        for descriptor in (*self._ends, self._wake):
            poller.register(descriptor, select.POLLIN)
        while not self._stopping:
            with self._lock:
                left = self._travelling[0].at - time.monotonic() if self._travelling else 1.0
            ready = [descriptor for descriptor, _ in poller.poll(max(0.0, left * 1000))]
            with self._lock:
                for end, descriptor in enumerate(self._ends):
                    if descriptor in ready:
                        self._hear(1 - end, os.read(descriptor, 65536))
                self._arrive()

    def _hear(self, to_end: int, packet: bytes) -> None:
        """A packet that wants to go to `to_end`."""
        heard = segment.parse(packet, to_end)
        if heard is None:
            return  # neither IPv4 nor TCP: a machine talking to itself
        if heard.flow in self._forgotten or heard.flow.back() in self._forgotten:
            return
        if self._cut:
            if not self._silent and not heard.is_reset:
                self._give(1 - to_end, segment.refuse(heard))
            return
        if to_end == 1:
            self.up_bytes += heard.carried_bytes
        else:
            self.down_bytes += heard.carried_bytes
        now = time.monotonic()
        if self.loss and self._random.random() < self.loss:
            return
        waiting_bytes = max(0.0, self._free_at[to_end] - now) * self.bits_per_second / 8
        if waiting_bytes > QUEUED_BYTES_MAX:
            return
        took_seconds = heard.carried_bytes * 8 / self.bits_per_second
        self._free_at[to_end] = max(now, self._free_at[to_end]) + took_seconds
        self._count += 1
        at = self._free_at[to_end] + self.delay_seconds
        heapq.heappush(self._travelling, _Travelling(at, self._count, to_end, packet))
        self._flows.setdefault(heard.flow, 0)

    def _arrive(self) -> None:
        now = time.monotonic()
        while self._travelling and self._travelling[0].at <= now:
            packet = heapq.heappop(self._travelling)
            heard = segment.parse(packet.packet, packet.end)
            if heard is not None:
                self._flows[heard.flow] = heard.next_byte
            self._give(packet.end, packet.packet)

    def _give(self, end: int, packet: bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._ends[end], packet)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _enter(space: int) -> None:
    if _libc().setns(space, _CLONE_NEWNET):
        code = ctypes.get_errno()
        raise Unavailable(f"Cannot enter a network namespace: {os.strerror(code)}.", "Run the benchmark as root.")


def _new_space() -> int:
    """A descriptor of a fresh namespace with a loopback device, made by a thread that ends at once."""
    found: list[int] = []

    def make() -> None:
        if quiet_net.enter():
            found.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=make, name="namespace")
    thread.start()
    thread.join()
    if not found:
        raise Unavailable("The kernel gives us no network namespace.", "Run the benchmark as root.")
    return found[0]


def _tun(own: str, other: str) -> int:
    """A device in this thread's namespace whose packets we move."""
    if not Path("/dev/net/tun").exists():
        raise Unavailable("There is no /dev/net/tun.", "modprobe tun, or leave W3 and W4 out.")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", _DEVICE, _IFF_TUN_NO_PI))
    with socket.socket() as any_socket:
        for order, address in ((_SIOCSIFADDR, own), (_SIOCSIFDSTADDR, other)):
            packed = ipaddress.ip_address(address).packed
            fcntl.ioctl(any_socket, order, struct.pack("16sH2x4s8x", _DEVICE, socket.AF_INET, packed))
        quiet_net.up(any_socket, _DEVICE)
    return device


def possible() -> bool:
    """May we make a line of this kind here?"""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENODEV)
    return os.geteuid() == 0
