"""TCP over IPv4, as much as a line must understand of it: whose bytes these are, how many, and how a router says no (RFC 9293, RFC 791)."""

from __future__ import annotations

import socket
import struct
from typing import Final, NamedTuple

_IPV4: Final = 4
_FIN: Final = 0x01
_SYN: Final = 0x02
_RST: Final = 0x04
_ACK: Final = 0x10


class Flow(NamedTuple):
    """One direction of one connection; `to_end` is the end of the line at which it arrives."""

    source: bytes
    source_port: int
    target: bytes
    target_port: int
    to_end: int

    def back(self) -> Flow:
        """The other direction."""
        return Flow(self.target, self.target_port, self.source, self.source_port, 1 - self.to_end)


class Segment(NamedTuple):
    """What one packet says. `next_byte`: the number of the byte after it; `expected_byte`: what its sender wants next."""

    flow: Flow
    carried_bytes: int
    next_byte: int
    expected_byte: int
    is_reset: bool


def parse(packet: bytes, to_end: int) -> Segment | None:
    """None for what is not TCP over IPv4."""
    if len(packet) < 40 or packet[0] >> 4 != _IPV4 or packet[9] != socket.IPPROTO_TCP:
        return None
    start = (packet[0] & 15) * 4
    source_port, target_port, number, expected, offset, flags = struct.unpack_from(">HHIIBB", packet, start)
    carried = len(packet) - start - (offset >> 4) * 4
    flow = Flow(packet[12:16], source_port, packet[16:20], target_port, to_end)
    following = (number + carried + bool(flags & (_SYN | _FIN))) % 2**32
    return Segment(flow, carried, following, expected, bool(flags & _RST))


def reset(flow: Flow, next_byte: int) -> bytes:
    """A packet in this direction that ends the connection, at the byte that is expected there."""
    return _packet(flow, next_byte, 0, _RST)


def refuse(heard: Segment) -> bytes:
    """What a router answers that knows no way: the other direction of the connection ends."""
    return _packet(heard.flow.back(), heard.expected_byte, heard.next_byte, _RST | _ACK)


def _packet(flow: Flow, number: int, expected: int, flags: int) -> bytes:
    tcp = struct.pack(">HHIIBBHHH", flow.source_port, flow.target_port, number, expected, 5 << 4, flags, 0, 0, 0)
    pseudo = flow.source + flow.target + struct.pack(">BBH", 0, socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", _sum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0, flow.source, flow.target)
    return ip[:10] + struct.pack(">H", _sum(ip)) + ip[12:] + tcp


def _sum(data: bytes) -> int:
    """The Internet checksum of an even number of bytes (RFC 1071)."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
