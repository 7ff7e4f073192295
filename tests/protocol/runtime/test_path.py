"""What the kernel tells of a connection: over loopback, and over a line of packets that goes dead."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from protocol.errors import Unavailable
from protocol.runtime.path import Path
from tools.bench import packet_line, quiet_net
from tools.bench.packet_line import HUB, PacketLine

PATIENCE_SECONDS = 30
ESTABLISHED = 1  # linux/tcp_states.h


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = socket.create_connection(server.getsockname())
        there, _ = server.accept()
        yield here, there
        here.close()
        there.close()


def watched(path: Path, seconds: float) -> bool:
    """Was it silent within `seconds`?"""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if path.silent(time.monotonic()):
            return True
        threading.Event().wait(0.02)
    return False


def further(path: Path, acknowledged_bytes: int) -> None:
    """Wait until more than so much is acknowledged, or all."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (now := path.read()).acknowledged_bytes <= acknowledged_bytes and now.unacknowledged:
        assert time.monotonic() < until


def test_what_a_busy_peer_has_not_read_is_acknowledged_all_the_same(ends):
    here, _ = ends
    path = Path(here.fileno())
    here.sendall(b"x" * 10_000)
    path.given(10_000)
    until = time.monotonic() + PATIENCE_SECONDS
    while path.read().acknowledged_bytes < 10_000:
        assert time.monotonic() < until
    assert path.under_way_bytes(path.read()) == 0
    assert not path.silent(100.0)
    assert not path.silent(200.0)  # nothing is under way, however long that lasts
    path.close()


def test_what_has_not_reached_the_kernel_is_under_way_too(ends):
    here, _ = ends
    path = Path(here.fileno())
    path.given(5_000)
    assert path.under_way_bytes(path.read()) == 5_000
    here.sendall(b"x" * 6_000)  # the wire said a little on its own account
    until = time.monotonic() + PATIENCE_SECONDS
    while path.under_way_bytes(path.read()):
        assert time.monotonic() < until
    path.close()


def test_a_new_connection_may_have_ten_packets_on_their_way(ends):
    """RFC 6928, whatever controls congestion here."""
    here, _ = ends
    path = Path(here.fileno())
    reading = path.read()
    assert reading.window_packets == 10
    assert reading.window_bytes == 10 * reading.packet_bytes
    path.close()


def test_a_connection_that_ended_is_not_silent(ends):
    here, there = ends
    path = Path(here.fileno())
    there.close()
    here.close()
    assert not path.silent(1.0)
    assert not path.silent(100.0)
    path.close()


def test_what_is_no_tcp_connection_has_no_path():
    one, other = socket.socketpair()
    with one, other, pytest.raises(OSError):
        Path(one.fileno())
    read, write = os.pipe()
    with pytest.raises(OSError):
        Path(read)
    os.close(read)
    os.close(write)


def test_a_dead_line_is_silent_and_a_slow_one_is_not():
    if not packet_line.possible():
        with pytest.raises(Unavailable):
            PacketLine(20e6, 0.001)
        return
    failed: list[BaseException] = []

    def play() -> None:
        try:
            assert quiet_net.enter()
            line = PacketLine(1e6, 0.05)
            try:
                with socket.create_server((HUB, 7400)) as server, line.at_cabin():
                    here = socket.create_connection((HUB, 7400), PATIENCE_SECONDS)
                    there, _ = server.accept()
                with here, there:
                    path = Path(here.fileno())
                    here.sendall(b"x" * 60_000)  # half a second of this line
                    late = 0.0
                    while path.read().unacknowledged:  # however late one looks, something has come since
                        assert not path.silent(late)
                        late += 100.0
                        further(path, path.read().acknowledged_bytes)
                    line.cut(silent=True)
                    here.sendall(b"x" * 1000)
                    assert watched(path, PATIENCE_SECONDS)
                    # What is tried beside it must not be dropped because the kernel has nothing under way any more.
                    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1)
                    until = time.monotonic() + PATIENCE_SECONDS
                    while path.read().state == ESTABLISHED:
                        assert time.monotonic() < until
                        assert path.silent(time.monotonic())
                        threading.Event().wait(0.02)
                    assert path.silent(time.monotonic())
                    path.close()
            finally:
                line.close()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=play)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
