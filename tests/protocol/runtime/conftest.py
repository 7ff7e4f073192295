"""A hub's end on loopback, and whoever dials it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import zmq

from protocol.keys import CurvePair
from protocol.runtime.wires import Dialler, Listener
from tests.protocol.runtime.ends import CABIN, HUB, Door


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def listener(door: Door) -> Iterator[Listener]:
    wire = Listener("tcp://127.0.0.1:*", HUB.secret, door.admit)
    yield wire
    wire.close()


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """Ended with the test: in the one of the process libzmq closes connections when it comes to it, amid another test that counts descriptors."""
    with zmq.Context() as made:
        yield made


@pytest.fixture
def dial(listener: Listener, context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[Callable[..., Dialler]]:
    diallers: list[Dialler] = []

    def dialled(own: CurvePair = CABIN, hub_key: bytes = HUB.public, address: str = "") -> Dialler:
        diallers.append(Dialler(address or listener.address, hub_key, own, context))
        return diallers[-1]

    yield dialled
    for dialler in diallers:
        dialler.close()
