"""What the kernel knows of a TCP connection: how much is under way on it, how fast it is delivered, and for how long nobody has acknowledged
anything (tcp(7), TCP_INFO).

Kernels acknowledge even while the process at the other end is busy with a slow disk. So who is silent here is the line, never the peer.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios
from typing import Final, NamedTuple

from protocol import limits

_INFO: Final = struct.Struct(
    "=B15xI4xIIII28xII4xI36xQ16xII8xQ"
)  # of tcp_info (linux/tcp.h, since 4.9), the fields of `Reading`
_CLOSED: Final = 7  # TCP_CLOSE of linux/tcp_states.h
_SILENT_SECONDS_MIN: Final = 0.3  # no line of the country takes longer to have a lost packet sent again


class Reading(NamedTuple):
    """As tcp_info has it; `queued_bytes`: given to the kernel and not acknowledged in a row."""

    state: int
    packet_bytes: int
    unacknowledged: int  # packets, also those that came out of order or were lost
    came: int
    lost: int
    again: int  # sent once more
    round_trip_us: int
    variation_us: int
    window_packets: int  # so many may travel at once (RFC 5681, cwnd); what is given beyond that waits in the kernel
    acknowledged_bytes: int
    unsent_bytes: int
    shortest_us: int
    rate: int
    queued_bytes: int

    @property
    def travelling_bytes(self) -> int:
        """On the line or waiting for it in the kernel. What was lost holds up what came after it, but not the line."""
        packets = self.unacknowledged - self.came - self.lost + self.again
        return min(self.unsent_bytes + max(0, packets) * self.packet_bytes, self.queued_bytes)

    @property
    def window_bytes(self) -> int:
        """What the kernel lets travel at once."""
        return self.window_packets * self.packet_bytes


class Path:
    """One connection, by a descriptor of our own: close it, or the connection stays. From now on the kernel ends it when nobody acknowledges for
    STALL_SECONDS what is sent. Raises OSError where `descriptor` is no TCP connection."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._moved_at: float | None = None  # when something was acknowledged, or there was nothing to acknowledge
        self._acknowledged_bytes = -1
        self._silent = False
        self._patience_seconds = _SILENT_SECONDS_MIN
        self._given_bytes = 0
        self._left_bytes = 0  # acknowledged before anything was given
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.STALL_SECONDS * 1000))
            self._left_bytes = self.read().acknowledged_bytes
        except OSError:
            self.close()
            raise

    def read(self) -> Reading:
        """What it is like now."""
        told = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
        if len(told) < _INFO.size:
            raise OSError("this kernel tells too little of a connection")
        queued = fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4))
        return Reading._make((*_INFO.unpack(told), int.from_bytes(queued, "little")))

    def given(self, size_bytes: int) -> None:
        """So much was given to the wire. It may not have reached the kernel yet."""
        self._given_bytes += size_bytes

    def under_way_bytes(self, reading: Reading) -> int:
        """Given to the wire and not yet at the other end."""
        left_bytes = reading.acknowledged_bytes - self._left_bytes
        # The wire says a little on its own account: then what we have given is less than what has left.
        self._given_bytes = max(self._given_bytes, left_bytes + reading.queued_bytes)
        return self._given_bytes - left_bytes - reading.queued_bytes + reading.travelling_bytes

    def carried_bytes(self, reading: Reading) -> int:
        """Acknowledged since we watch."""
        return reading.acknowledged_bytes - self._left_bytes

    def silent(self, now: float) -> bool:
        """Has nothing been acknowledged for longer than any lost packet explains? Ask often while something is under way."""
        try:
            reading = self.read()
        except OSError:
            return self._silent
        if reading.state == _CLOSED:
            # Nothing is under way any more, which is no sign of life: the kernel has given up. That it ended is told otherwise, and a moment later.
            return self._silent
        if (
            not reading.unacknowledged
            or reading.acknowledged_bytes != self._acknowledged_bytes
            or self._moved_at is None
        ):
            self._moved_at = now
            self._acknowledged_bytes = reading.acknowledged_bytes
            usual_seconds = (3 * reading.round_trip_us + 4 * reading.variation_us) / 1e6
            self._patience_seconds = max(_SILENT_SECONDS_MIN, usual_seconds)
        self._silent = now - self._moved_at > self._patience_seconds
        return self._silent

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
