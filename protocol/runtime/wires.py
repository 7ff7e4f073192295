"""CurveZMQ, and the only import of zmq: who dials, who listens, who guards the door. SPEC.md section 8.

Identity is the User-Id that the gate gave to a key, of every single message, never a field of a message. Every socket has a bound on
message size, queue length and the time of a handshake, and no linger: what is queued inside ZeroMQ does not outlive a link.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import structlog
import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from protocol import limits
from protocol.errors import Unavailable
from protocol.keys import CurvePair
from protocol.runtime.allocator import Heap, keep_buffers
from protocol.runtime.door import Door, LaidBy
from protocol.runtime.path import Path
from protocol.runtime.room import SHORT_SECONDS, Room

log = structlog.get_logger("wires")
ZAP_ADDRESS: Final = "inproc://zeromq.zap.01"
ZAP_DOMAIN: Final = b"kabine"
# Why a cabin's connection is of no use any more.
UNKNOWN_KEY: Final = "the hub does not know this key"
NO_HANDSHAKE: Final = "no handshake with the hub"
UNREACHED: Final = "the hub cannot be reached"
CUT: Final = "the line was cut"
SILENT: Final = "the line fell silent"
_REASON_MILLISECONDS: Final = 100
_ROOMY_SECONDS: Final = 1.0  # a line within one house is asked so often whether it still is one
_DOOR_SECONDS: Final = 1.0  # closed, when nobody more can be let in
_LOOK_SECONDS: Final = 0.1  # how often the door is looked at
_TIDY_SECONDS: Final = 5.0  # how often memory that strangers have left is looked for
# Plain numbers: to combine zmq's flags costs as much as to send a small message.
_NOBLOCK: Final = int(zmq.NOBLOCK)
_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)
_POLLIN: Final = int(zmq.POLLIN)
_MORE_DESCRIPTORS: Final = "Let the hub have more open files (LimitNOFILE=), one for each cabin and some hundreds."
_AGAIN: Final = "Start this program again; if that does not last, let it have more open files (LimitNOFILE=)."
_SEALED_BYTES: Final = 35  # ZMTP and CURVE add at least so much to one part of a message; counting more would add up
_WATCHED: Final = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_CONNECT_RETRIED
)


def _bound(socket: zmq.Socket[bytes], ping_seconds: float) -> None:
    """`ping_seconds`: how often ZeroMQ asks whether the other end is still there, 0 for never."""
    socket.linger = 0
    socket.setsockopt(zmq.MAXMSGSIZE, limits.MESSAGE_BYTES_MAX)
    socket.setsockopt(zmq.HANDSHAKE_IVL, limits.HANDSHAKE_MILLISECONDS)
    socket.setsockopt(zmq.SNDHWM, limits.SEND_HIGH_WATER_MESSAGES)
    socket.setsockopt(zmq.RCVHWM, limits.HIGH_WATER_MESSAGES)
    socket.setsockopt(zmq.HEARTBEAT_IVL, int(ping_seconds * 1000))
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, int(limits.BEAT_SECONDS * limits.BEATS_MISSED_MAX * 1000))
    socket.setsockopt(zmq.IPV6, 1)


_EMPTY: Final = memoryview(b"")


@functools.cache
def _ready_for_large_messages() -> None:
    """pyzmq makes a context and a thread for the first large message: where no descriptor is left for them it hangs, or libzmq ends the process.
    Raises Unavailable where that would come."""
    needed = LaidBy()
    enough = needed.take()
    needed.give_up()
    if not enough:
        raise Unavailable("No connection can be made: too few open files are allowed.", _AGAIN)
    zmq.Frame(bytes(zmq.COPY_THRESHOLD), copy=False)


class Gate:
    """Our own ZAP loop: `admit(public key, 32 bytes)` gives the User-Id of a key, None for a stranger. Runs in a thread of its own.

    An exception in `admit` answers 300 ("try again"): after 400 or 500 a ZeroMQ peer never comes back by itself."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], admit: Callable[[bytes], str | None]) -> None:
        self._admit = admit
        self.turned_away = 0
        self._socket = context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.bind(ZAP_ADDRESS)
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                self._answer(self._socket.recv_multipart())
        except zmq.ContextTerminated:
            self._socket.close()

    def _answer(self, message: list[bytes]) -> None:
        route, _, version, request, domain, _, _, mechanism = message[:8]
        status, text, user = b"400", b"not enrolled", b""
        if version == b"1.0" and domain == ZAP_DOMAIN and mechanism == b"CURVE" and len(message) == 9:
            try:
                admitted = self._admit(message[8])
            except Exception:  # whatever it is, the door stays shut and the guest may knock again
                status, text = b"300", b"try again"
            else:
                if admitted is not None:
                    status, text, user = b"200", b"OK", admitted.encode()
        if status != b"200":
            self.turned_away += 1
        self._socket.send_multipart([route, b"", version, request, status, text, user, b""])


class Message(NamedTuple):
    """One message at the listener: `route` names the connection, `user` is who the gate says it is."""

    route: bytes
    user: str
    first: memoryview
    data: memoryview
    parts: int


class Listener:
    """The hub's one listening wire (ROUTER). Raises Unavailable when the port is in use."""

    def __init__(
        self,
        address: str,
        secret: bytes,
        admit: Callable[[bytes], str | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        keep_buffers()
        _ready_for_large_messages()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 65535)
        self.gate = Gate(self._context, admit)
        self._socket = self._context.socket(zmq.ROUTER)
        # No pings from here: to end the wait for each answer, ZeroMQ walks through the timers of all connections. Who has no beats is the kernel's to
        # look after.
        _bound(self._socket, 0.0)
        self._socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
        self._socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, limits.KEEPALIVE_SECONDS)
        self._socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, limits.KEEPALIVE_AGAIN_SECONDS)
        self._socket.setsockopt(zmq.MAXMSGSIZE, limits.HEARD_BYTES_MAX)
        # Who only answers has nothing outstanding of its own: the kernel tells when nobody acknowledges what it sends, in spite of trying again.
        self._socket.setsockopt(zmq.TCP_MAXRT, int(limits.STALL_SECONDS * 1000))
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.setsockopt(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
        self._socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        self._socket.setsockopt(zmq.BACKLOG, 65535)
        self._socket.curve_server = True
        self._socket.curve_secretkey = z85.encode(secret)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_ACCEPT_FAILED | zmq.EVENT_LISTENING)
        self._door: Door | None = None
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise Unavailable(
                f"Cannot listen at {address}: {zmq.strerror(error.errno or 0)}.",
                "Stop whatever uses this port, or choose another under `listen` in hub.toml.",
            ) from error
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._door = Door(recv_monitor_message(self._monitor)["value"])
        self._clock = clock
        self._opens_at: float | None = None  # the door is closed until then
        self._look_at = 0.0
        self._heap = Heap()
        self._tidy_at = 0.0

    def wait(self, seconds: float) -> bool:
        """Until a message is there, at most `seconds`. Looks after the door, and after what was left behind it."""
        now = self._clock()
        if now >= self._look_at and self._door is not None:
            self._look_at = now + _LOOK_SECONDS
            self._look(self._door)
        if now >= self._tidy_at:
            self._tidy_at = now + _TIDY_SECONDS
            self._heap.give_back()
        return bool(self._socket.poll(max(0, int(seconds * 1000)), _POLLIN))

    def _look(self, door: Door) -> None:
        """Where nobody more can be let in (the process has no descriptor left), ZeroMQ would try again and again with a whole processor: the door
        is closed for a while instead."""
        if self._opens_at is None:
            if not self._monitor.poll(0):
                return
            door.shut()
            log.error("door.closed", reason="no descriptor is left for another connection", remedy=_MORE_DESCRIPTORS)
        elif self._clock() < self._opens_at:
            return
        elif door.open():
            log.info("door.open")
            self._opens_at = None
            return
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
        self._opens_at = self._clock() + _DOOR_SECONDS

    def receive(self, messages_max: int, bytes_max: int) -> Iterator[Message]:
        """What has arrived, without waiting."""
        size = 0
        while messages_max > 0 and size < bytes_max:
            try:
                part = self._socket.recv(_NOBLOCK, copy=False)
            except zmq.Again:
                return
            parts = [part]
            while part.more:  # all of a message has come when its first part has
                part = self._socket.recv(_NOBLOCK, copy=False)
                parts.append(part)
            first = parts[1].buffer if len(parts) > 1 else _EMPTY
            data = parts[2].buffer if len(parts) == 3 else _EMPTY
            messages_max -= 1
            size += len(first) + len(data) if len(parts) <= 3 else sum(len(each) for each in parts)
            yield Message(parts[0].bytes, str(part.get("User-Id")), first, data, len(parts) - 1)

    def say(self, route: bytes, first: bytes, data: bytes | memoryview | None = None) -> bool:
        """Give one message to the wire. False: that connection is gone or does not take any more."""
        try:
            if data is None:
                self._socket.send(route, _MORE)
                self._socket.send(first, _NOBLOCK)
            else:
                self._socket.send_multipart((route, first, data), zmq.NOBLOCK, copy=len(data) < 65536)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                return False
            raise
        return True

    def close(self) -> None:
        """Close socket, gate and context."""
        if self._door is not None:
            self._door.close()
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()
        self._context.term()


class Dialler:
    """One connection attempt to the hub (DEALER), never reused: after a loss a new one is made. A link has beats, and needs no `ping_seconds`.

    Raises Unavailable where `address` is none, or this process has no descriptor left."""

    def __init__(
        self,
        address: str,
        hub_key: bytes,
        own: CurvePair,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        *,
        ping_seconds: float = 0.0,
    ) -> None:
        keep_buffers()
        _ready_for_large_messages()
        try:
            self._socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        except zmq.ZMQError as error:
            raise Unavailable(f"No connection can be made: {error.strerror}.", _AGAIN) from error
        _bound(self._socket, ping_seconds)
        # A hub to which thousands come at once accepts them one after the other; until then nobody acknowledges our greeting.
        for option in (zmq.HANDSHAKE_IVL, zmq.TCP_MAXRT):
            self._socket.setsockopt(option, int(limits.HELLO_SECONDS * 1000))
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._socket.curve_serverkey = z85.encode(hub_key)
        self._socket.curve_publickey = z85.encode(own.public)
        self._socket.curve_secretkey = z85.encode(own.secret)
        self._monitor = self._socket.get_monitor_socket(_WATCHED)
        self.address = address
        self.answered = False  # somebody is there
        self.connected = False
        self.failure = ""  # why this connection is of no use any more …
        self.busy = False  # … because somebody is there and had no time for us
        self._descriptor = -1
        self._path: Path | None = None
        self._room = Room()
        self._roomy_until = 0.0
        self._poller = zmq.Poller()
        self.watched_by(self._poller)
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise Unavailable(
                f"“{address}” is no address of a hub: {error.strerror}.", "It looks like tcp://hub.example:4711."
            ) from error

    def watched_by(self, poller: zmq.Poller) -> None:
        """Let `poller` wake when something happens here."""
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)

    def also(self, descriptor: int) -> None:
        """Let `wait` also return when this file descriptor becomes readable."""
        self._poller.register(descriptor, zmq.POLLIN)

    def wait(self, seconds: float) -> set[object]:
        """Until something happens, at most `seconds`; keeps `connected` and `failure` up to date."""
        try:
            ready = dict(self._poller.poll(max(0, int(seconds * 1000))))
        except zmq.ZMQError as error:
            self.failure = error.strerror or "interrupted"
            return set()
        if self._monitor in ready:
            self._watch()
        return set(ready)

    def _watch(self) -> None:
        while self._monitor.poll(0):
            told = recv_monitor_message(self._monitor)
            event = told["event"]
            if event == zmq.EVENT_CONNECTED:
                self.answered, self._descriptor = True, told["value"]
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.connected = True
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self.failure = UNKNOWN_KEY
            elif event in (zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL):
                self.busy = not self.failure
                self.failure = self.failure or NO_HANDSHAKE
            else:
                self.failure = self.failure or (CUT if self.connected else UNREACHED)

    def watch_path(self) -> None:
        """From now on tell of the line below this connection; it costs a descriptor."""
        try:
            self._path = Path(self._descriptor)
        except OSError:
            log.debug("path.unknown")  # no TCP, or ended already: then it is neither silent nor full

    def silent(self, now: float) -> bool:
        """Is the line dead, for all we see?"""
        return self._path is not None and self._path.silent(now)

    def room_seconds(self, now: float) -> float:
        """How long to wait before the next piece of a blob is given to the wire, so that what is small can overtake it."""
        if self._path is None or now < self._roomy_until:
            return 0.0
        try:
            reading = self._path.read()
        except OSError:
            return 0.0
        if 0 < reading.shortest_us < SHORT_SECONDS * 1e6:
            self._roomy_until = now + _ROOMY_SECONDS
        under_way_bytes = self._path.under_way_bytes(reading)
        carried_bytes = self._path.carried_bytes(reading)
        return self._room.wait_seconds(
            under_way_bytes, carried_bytes, reading.window_bytes, reading.rate, reading.shortest_us / 1e6, now
        )

    def receive(self, messages_max: int) -> Iterator[tuple[memoryview, memoryview, int]]:
        """First part, second part, number of parts of what has arrived, without waiting."""
        for _ in range(messages_max):
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            yield parts[0].buffer, parts[1].buffer if len(parts) == 2 else memoryview(b""), len(parts)

    def say(self, first: bytes, data: bytes | memoryview | None = None) -> None:
        """Give one message to the wire; a wire that takes no more counts as cut, and nothing goes after what it did not take."""
        if self.failure:
            return
        if self._path is not None:
            self._path.given(len(first) + _SEALED_BYTES + (len(data) + _SEALED_BYTES if data is not None else 0))
        try:
            if data is None:
                self._socket.send(first, zmq.NOBLOCK)
            else:
                self._socket.send_multipart((first, data), zmq.NOBLOCK, copy=len(data) < 65536)
        except zmq.Again:
            if not self.connected:
                self._monitor.poll(_REASON_MILLISECONDS)  # turned away: the reason is on its way to us
            self._watch()  # may know better
            self._failed("the wire takes no more")

    def _failed(self, reason: str) -> None:
        self.failure = self.failure or reason

    def close(self, *, linger_seconds: float = 0.0) -> None:
        """Drop the connection, and all that is queued unless it leaves within `linger_seconds`; returns at once."""
        self._poller = zmq.Poller()
        if self._path is not None:
            self._path.close()
            self._path = None
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close(linger=int(linger_seconds * 1000))


def wait(diallers: Sequence[Dialler], descriptor: int, seconds: float) -> None:
    """Until something happens on one of them or on `descriptor`, at most `seconds`."""
    poller = zmq.Poller()
    poller.register(descriptor, zmq.POLLIN)
    for dialler in diallers:
        dialler.watched_by(poller)
    poller.poll(max(0, int(seconds * 1000)))
