"""A line of packets: what it understands of TCP, and what it does to real connections."""

import socket
import struct
import threading

import pytest

from protocol.errors import Unavailable
from tools.bench import packet_line, quiet_net, segment
from tools.bench.packet_line import CABIN, HUB, PacketLine
from tools.bench.segment import Flow

FLOW = Flow(socket.inet_aton(CABIN), 40000, socket.inet_aton(HUB), 7400, 1)
PATIENCE_SECONDS = 240  # a line that loses much makes TCP wait twice as long each time


def packet(data: bytes, number: int = 1000, expected: int = 5000, flags: int = 0x10) -> bytes:
    tcp = struct.pack(">HHIIBBHHH", FLOW.source_port, FLOW.target_port, number, expected, 5 << 4, flags, 0, 0, 0) + data
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0, FLOW.source, FLOW.target)
    return ip + tcp


def sums_up(data: bytes) -> bool:
    return segment._sum(data) == 0


def test_what_a_packet_says():
    heard = segment.parse(packet(b"x" * 100), 1)
    assert heard == segment.Segment(FLOW, 100, 1100, 5000, False)
    assert segment.parse(packet(b"", flags=0x02), 1).next_byte == 1001  # a SYN counts as one
    assert segment.parse(packet(b"")[:39], 1) is None
    assert segment.parse(b"\x60" + packet(b"")[1:], 1) is None


def test_a_refusal_ends_the_connection_of_whom_it_goes_to():
    answer = segment.refuse(segment.parse(packet(b"x" * 100), 1))
    heard = segment.parse(answer, 0)
    assert (heard.flow, heard.is_reset) == (FLOW.back(), True)
    assert struct.unpack_from(">II", answer, 24) == (5000, 1100)
    assert sums_up(answer[:20])
    assert sums_up(answer[12:20] + struct.pack(">BBH", 0, 6, 20) + answer[20:])


def in_a_namespace(test) -> None:
    """Run it in a thread of its own: the namespace goes with the thread. Where the machine does not let us make a line, it must say so."""
    if not packet_line.possible():
        with pytest.raises(Unavailable):
            PacketLine(20e6, 0.001)
        return
    failed: list[BaseException] = []

    def run() -> None:
        try:
            assert quiet_net.enter()
            test()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def test_resets_are_told_and_a_silent_cut_is_not():
    def play() -> None:
        line = PacketLine(20e6, 0.001)
        server = socket.create_server((HUB, 7400))
        server.settimeout(PATIENCE_SECONDS)
        try:
            with line.at_cabin():
                first = socket.create_connection((HUB, 7400), PATIENCE_SECONDS)
            there, _ = server.accept()
            there.settimeout(PATIENCE_SECONDS)
            first.sendall(b"x" * 50_000)
            came = 0
            while came < 50_000:
                came += len(there.recv(65536))
            assert line.up_bytes >= 50_000
            line.cut()
            with pytest.raises(ConnectionResetError):
                first.recv(1)
            with pytest.raises(ConnectionResetError):
                there.recv(1)
            with line.at_cabin(), pytest.raises(ConnectionRefusedError):
                socket.create_connection((HUB, 7400), PATIENCE_SECONDS)
            line.mend()
            with line.at_cabin():
                second = socket.create_connection((HUB, 7400), PATIENCE_SECONDS)
            there_again, _ = server.accept()
            line.cut(silent=True)
            second.sendall(b"nobody hears this")
            line.mend()
            with line.at_cabin():
                third = socket.create_connection((HUB, 7400), PATIENCE_SECONDS)
            third_there, _ = server.accept()
            third_there.settimeout(PATIENCE_SECONDS)
            third.sendall(b"x")
            assert third_there.recv(1) == b"x"
            there_again.setblocking(False)
            with pytest.raises(BlockingIOError):  # what went silent does not come back to life
                there_again.recv(1)
            for end in (first, there, second, there_again, third, third_there):
                end.close()
        finally:
            server.close()
            line.close()

    in_a_namespace(play)


def test_lost_packets_are_sent_again_by_tcp():
    def play() -> None:
        line = PacketLine(20e6, 0.001, loss=0.2, seed=3)
        server = socket.create_server((HUB, 7400))
        server.settimeout(PATIENCE_SECONDS)
        try:
            with line.at_cabin():
                here = socket.create_connection((HUB, 7400), PATIENCE_SECONDS)
            there, _ = server.accept()
            there.settimeout(PATIENCE_SECONDS)
            came = sent = 0
            while line.up_bytes == sent < 600_000:  # luck alone: by then a loss is as good as certain
                here.sendall(b"x" * 30_000)
                sent += 30_000
                while came < sent:
                    came += len(there.recv(65536))
            assert line.up_bytes > sent
            here.close()
            there.close()
        finally:
            server.close()
            line.close()

    in_a_namespace(play)
