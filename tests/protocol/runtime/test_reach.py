"""Reaching the hub by several attempts at a time: real CurveZMQ on loopback, and a listener that never takes a call, as a dead line."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from protocol.keys import CurvePair
from protocol.runtime.backoff import Backoff
from protocol.runtime.names import Name
from protocol.runtime.reach import Reach
from protocol.runtime.wires import Dialler, Listener

PATIENCE_SECONDS = 60.0
HUB = CurvePair.generate(os.urandom)
CABIN = CurvePair.generate(os.urandom)


class Pauses(Backoff):
    """As long as a test wants."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.5)
        self.seconds = 0.05
        self.busy = 0

    def absent_seconds(self) -> float:
        return self.seconds

    def busy_seconds(self) -> float:
        self.busy += 1
        return 60.0


class Office:
    """Dials where its hub's name leads now (`addresses`), and knows what became of it."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.pauses = Pauses()
        self.dialled: list[Dialler] = []
        self.failures: list[str] = []
        self.bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.ahead_seconds = 0.0  # the clock runs so much before ours
        self.name = Name("tcp://hub.example:7400", lambda _: self.addresses)
        self.reach = self.reaching()

    def clock(self) -> float:
        return time.monotonic() + self.ahead_seconds

    def reaching(self) -> Reach:
        return Reach(self.name, self.dial, self.pauses, self.failures.append, self.clock)

    def dial(self, address: str) -> Dialler:
        self.dialled.append(Dialler(address, HUB.public, CABIN))
        return self.dialled[-1]

    def until(self, done: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.reach.wait(self.bell)
            self.reach.turn()


@pytest.fixture
def listener() -> Iterator[Listener]:
    wire = Listener("tcp://127.0.0.1:*", HUB.secret, lambda key: "cabin:templin" if key == CABIN.public else None)
    yield wire
    wire.close()


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where nobody takes a call: its queue is full, so who calls hears nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        callers = []
        for _ in range(2):
            callers.append(socket.socket())
            callers[-1].setblocking(False)
            callers[-1].connect_ex(server.getsockname())
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        for caller in callers:
            caller.close()


@pytest.fixture
def office() -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def open_(*addresses: str) -> Office:
        made.append(Office(*addresses))
        return made[-1]

    yield open_
    for one in made:
        one.reach.close()
        os.close(one.bell)


def test_the_first_attempt_that_stands_is_taken(listener, office):
    templin = office(listener.address)
    templin.pauses.seconds = 60.0  # on a busy machine another one would call meanwhile
    templin.until(lambda: templin.reach.standing)
    assert templin.reach.standing is templin.dialled[0]
    assert templin.reach.standing.connected
    assert templin.reach.under_way == []
    assert templin.failures == []


def test_who_is_refused_is_told_and_calls_again(listener, office):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        templin = office(f"tcp://127.0.0.1:{nobody.getsockname()[1]}")
        templin.until(lambda: len(templin.failures) >= 3)
        assert set(templin.failures) == {"the hub cannot be reached"}
    templin.addresses = [listener.address]
    templin.until(lambda: templin.reach.standing)


def test_on_a_dead_line_others_call_and_the_first_is_left_alone(deaf, listener, office):
    templin = office(deaf)
    templin.until(lambda: len(templin.dialled) >= 6)
    assert len(templin.reach.under_way) == 3
    assert templin.reach.under_way[0] is templin.dialled[0]
    assert templin.reach.under_way[-1] is templin.dialled[-1]
    templin.addresses = [listener.address]  # the line is back: the next one is heard at once
    templin.until(lambda: templin.reach.standing)
    assert templin.reach.standing not in templin.dialled[:6]
    assert templin.reach.under_way == []


def test_nobody_calls_twice_while_somebody_is_there(office):
    """A hub that takes long over the handshake has enough to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        templin = office(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        templin.pauses.seconds = 0.0
        templin.until(lambda: any(dialler.answered for dialler in templin.dialled))
        before = len(templin.dialled)
        templin.reach.turn()
        templin.reach.turn()
        assert len(templin.dialled) == before
        assert templin.reach.deadline > templin.clock() + 1


def test_an_attempt_is_given_up_in_the_end(deaf, office):
    templin = office(deaf)
    templin.until(lambda: templin.dialled)
    templin.ahead_seconds = 11.0
    templin.until(lambda: templin.failures)
    assert templin.dialled[0] not in templin.reach.under_way


def test_who_is_busy_is_left_alone_for_longer(office):
    """Somebody takes the call and hangs up before the handshake, as a hub does that has no time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        templin = office(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        templin.pauses.seconds = 0.0
        templin.until(lambda: any(dialler.answered for dialler in templin.dialled))
        templin.reach.turn()
        server.settimeout(PATIENCE_SECONDS)
        for _ in templin.reach.under_way:
            server.accept()[0].close()
        templin.until(lambda: templin.pauses.busy)
        assert templin.failures[-1] == "no handshake with the hub"
        templin.until(lambda: not templin.reach.under_way)
        assert templin.reach.deadline > templin.clock() + 30
        before = len(templin.dialled)
        templin.reach.turn()
        assert len(templin.dialled) == before


def test_of_several_addresses_that_one_is_taken_to_which_there_is_a_way(deaf, listener, office):
    """As in a village without IPv6, or of a hub that is at one of its addresses no more."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        templin = office(f"tcp://127.0.0.1:{nobody.getsockname()[1]}", deaf, listener.address)
        templin.pauses.seconds = 600.0  # without waiting for the next attempt
        templin.until(lambda: templin.reach.standing)
    assert templin.reach.standing.address == listener.address
    assert [dialler.address for dialler in templin.dialled] == templin.addresses


def test_the_address_that_stood_is_the_first_to_be_called_again(deaf, listener, office):
    templin = office(deaf, listener.address)
    templin.until(lambda: templin.reach.standing)
    templin.reach.close()
    templin.dialled.clear()
    templin.reach = templin.reaching()
    templin.until(lambda: templin.dialled)
    assert templin.dialled[0].address == listener.address


def test_a_name_that_nobody_knows_is_looked_up_again_and_again(listener, office):
    templin = office()
    templin.until(lambda: len(templin.failures) >= 3)
    assert set(templin.failures) == {"the hub cannot be reached"}
    assert not templin.dialled
    templin.addresses = [listener.address]
    templin.until(lambda: templin.reach.standing)
