"""A door that is closed where no descriptor is left: a real port, and those who knock at it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from protocol.runtime.door import LAID_BY, Door, LaidBy
from tests.edge.disks import nothing_can_be_opened
from tests.journeys.waiting import until

PATIENCE_SECONDS = 60.0


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def door(port: socket.socket) -> Iterator[Door]:
    made = Door(port.fileno())
    yield made
    made.close()


def knocking(port: socket.socket) -> socket.socket:
    guest = socket.socket()
    guest.setblocking(False)
    guest.connect_ex(port.getsockname())
    return guest


def stands(guest: socket.socket) -> bool:
    """Is it connected?"""
    try:
        guest.getpeername()
    except OSError:
        return False
    return True


def test_who_is_inside_stays_and_who_waits_or_comes_is_not_let_in(port: socket.socket, door: Door) -> None:
    with ExitStack() as stack:
        friend = stack.enter_context(knocking(port))
        until(lambda: stands(friend), "it is let in")
        inside = stack.enter_context(port.accept()[0])
        waiting = [stack.enter_context(knocking(port)) for _ in range(20)]
        until(lambda: all(map(stands, waiting)), "they stand before the door")
        with nothing_can_be_opened():
            with pytest.raises(OSError, match="Too many open files"):
                port.accept()
            door.shut()
        late = stack.enter_context(knocking(port))
        for guest in waiting:
            guest.setblocking(True)
            guest.settimeout(PATIENCE_SECONDS)
            assert guest.recv(1) == b"", "sent away"
        inside.sendall(b"still here")
        friend.settimeout(PATIENCE_SECONDS)
        assert friend.recv(20) == b"still here"
        port.setblocking(False)
        with pytest.raises(BlockingIOError):
            port.accept()
        assert not stands(late)
        assert door.open()
        until(lambda: stands(late), "it knocks again, as kernels do, and is let in")


def test_it_opens_when_enough_can_be_laid_by(door: Door) -> None:
    with nothing_can_be_opened():
        door.shut()
        assert door.open(), "nobody has taken what it gave up"
        door.shut()
        others = LaidBy()
        assert others.take()
        assert not door.open()
        others.give_up()
        assert door.open()


def test_what_is_laid_by_is_there_when_it_is_given_up() -> None:
    laid_by = LaidBy()
    assert laid_by.take()
    with nothing_can_be_opened():
        for _ in range(LAID_BY):
            assert laid_by.give_one_up()
        with ExitStack() as stack:
            for _ in range(LAID_BY):
                stack.enter_context(open("/dev/null"))
        assert not laid_by.give_one_up()
