"""Why nothing is heard from the hub, as an operator reads it: a real port for each way to be silent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from random import Random as Dice
from threading import Thread

import pytest

from edge.silence import Silence, understood
from protocol.errors import Code, Refused
from protocol.keys import CurvePair
from protocol.runtime.wires import CUT, NO_HANDSHAKE, UNKNOWN_KEY, UNREACHED, Listener
from tests.edge.house import NO_PORT


@pytest.fixture
def hub() -> Iterator[str]:
    """Where one listens."""
    listener = Listener("tcp://127.0.0.1:*", CurvePair.generate(Dice(1).randbytes).secret, lambda key: None)
    yield listener.address
    listener.close()


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """Somebody else listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


def _said(silence: Silence, *words: str) -> None:
    assert not silence.why.endswith(".")
    assert silence.remedy.endswith(".")
    for word in words:
        assert word in f"{silence.why} {silence.remedy}", word


def test_who_has_been_revoked_is_told_so_and_whom_to_ask() -> None:
    silence = understood(UNKNOWN_KEY, NO_PORT)
    _said(silence, "revoked", "kabine cabin list", "Delete nothing")
    assert silence.lasting
    assert "cable" not in silence.remedy


def test_what_the_hub_has_said_is_told_as_it_stands() -> None:
    refused = Refused(Code.NOT_CONFIRMED, "The cabin templin has not been confirmed at the hub yet.")
    silence = understood(str(refused), NO_PORT)
    _said(silence, "has not been confirmed", "kabine cabin confirm", "the line is in order")
    assert not silence.lasting


def test_a_port_at_which_nobody_listens() -> None:
    _said(understood(UNREACHED, NO_PORT), "127.0.0.1 is there, but nothing listens at its port 9")


def test_a_name_that_nobody_knows() -> None:
    _said(understood(UNREACHED, "tcp://hub.invalid:7400"), "the name hub.invalid", "getent hosts hub.invalid")


def test_a_port_at_which_something_else_listens(port: socket.socket) -> None:
    def greet() -> None:
        theirs, _ = port.accept()
        with closing(theirs):
            theirs.sendall(b"220 mail.example ESMTP\r\n")

    greeting = Thread(target=greet)
    greeting.start()
    silence = understood(UNREACHED, f"tcp://127.0.0.1:{port.getsockname()[1]}")
    greeting.join()
    _said(silence, "something else than a hub answers")


def test_a_port_that_takes_calls_and_says_nothing(port: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.silence.CALL_SECONDS", 0.2)
    _said(understood(UNREACHED, f"tcp://127.0.0.1:{port.getsockname()[1]}"), "127.0.0.1 does not answer at port")


def test_a_hub_with_another_key(hub: str) -> None:
    _said(understood(NO_HANDSHAKE, hub), f"at {hub} a hub answers", "curve_key")


def test_a_line_that_is_back(hub: str) -> None:
    _said(understood(CUT, hub), "the line was cut; by now a hub answers", "Wait")
