"""A hub's end on loopback, and whoever dials it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

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
def dial(listener: Listener) -> Iterator[Callable[..., Dialler]]:
    diallers: list[Dialler] = []

    def dialled(own: CurvePair = CABIN, hub_key: bytes = HUB.public, address: str = "") -> Dialler:
        diallers.append(Dialler(address or listener.address, hub_key, own))
        return diallers[-1]

    yield dialled
    for dialler in diallers:
        dialler.close()
