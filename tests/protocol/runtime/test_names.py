"""Where a hub's name leads: this machine's own names, and a name server that answers when a test wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from protocol.runtime.names import ADDRESSES_MAX, Name, looked_up


def test_a_name_becomes_numbers() -> None:
    found = looked_up("tcp://localhost:7400")
    assert found
    assert set(found) <= {"tcp://127.0.0.1:7400", "tcp://[::1]:7400"}


@pytest.mark.parametrize("address", ["tcp://192.0.2.7:7400", "tcp://[2001:db8::7]:7400", "hub.example", "tcp://:7400"])
def test_what_is_no_name_is_left_as_it_is(address: str) -> None:
    assert looked_up(address) == [address]


@pytest.mark.parametrize("address", ["tcp://192.0.2.7:7400", "tcp://[2001:db8::7]:7400"])
def test_a_number_is_never_looked_up(address: str) -> None:
    assert Name(address, _nobody_knows).addresses() == [address]


@pytest.mark.parametrize("host", ["hub.kabine.invalid", "a" * 70 + ".example"])
def test_a_name_that_nobody_knows(host: str) -> None:
    with pytest.raises(OSError, match=r"known|resolution|looked up"):
        looked_up(f"tcp://{host}:7400")
    name = Name(f"tcp://{host}:7400", _nobody_knows)
    assert name.addresses() == []
    assert name.addresses() == []


def test_of_many_addresses_some_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [(2, 1, 6, "", (f"192.0.2.{last}", 7400)) for last in range(100)]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: many)
    assert looked_up("tcp://hub.example:7400") == [f"tcp://192.0.2.{last}:7400" for last in range(ADDRESSES_MAX)]


def test_an_address_that_has_changed_is_known_the_next_time() -> None:
    answers = [["tcp://192.0.2.1:7400"], ["tcp://192.0.2.2:7400"]]
    name = Name("tcp://hub.example:7400", lambda _: answers[0])
    _until(lambda: name.addresses() == ["tcp://192.0.2.1:7400"])
    del answers[0]
    _until(lambda: name.addresses() == ["tcp://192.0.2.2:7400"])


def test_what_was_found_once_holds_while_no_name_server_answers() -> None:
    asked: list[str] = []

    def once(address: str) -> list[str]:
        asked.append(address)
        return ["tcp://192.0.2.1:7400"] if len(asked) == 1 else _nobody_knows(address)

    name = Name("tcp://hub.example:7400", once)
    _until(lambda: name.addresses() and len(asked) > 3)
    assert name.addresses() == ["tcp://192.0.2.1:7400"]


def test_a_name_server_that_does_not_answer_holds_nobody_up() -> None:
    """Nobody waits where something is known; one look-up is under way at a time."""
    answer = threading.Event()
    asked: list[str] = []

    def slow(address: str) -> list[str]:
        asked.append(address)
        if len(asked) > 1:
            answer.wait()
        return ["tcp://192.0.2.1:7400"]

    name = Name("tcp://hub.example:7400", slow)
    try:
        _until(lambda: name.addresses() and len(asked) == 2)
        for _ in range(20):
            assert name.addresses()
        assert len(asked) == 2
    finally:
        answer.set()


def test_the_address_that_stood_last_comes_first() -> None:
    both = ["tcp://[2001:db8::7]:7400", "tcp://192.0.2.1:7400"]
    name = Name("tcp://hub.example:7400", lambda _: both)
    _until(lambda: name.addresses() == both)
    name.stood(both[1])
    assert name.addresses() == both[::-1]


def _nobody_knows(address: str) -> list[str]:
    raise OSError(f"{address} is not known")


def _until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60.0
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
