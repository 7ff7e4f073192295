"""Traps of CurveZMQ, each shown on the bare library first where it can be: without what `wires` does about it, it snaps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from protocol.keys import CurvePair
from protocol.runtime.wires import ZAP_DOMAIN, Dialler, Listener
from tests.protocol.runtime.ends import AGENCY, CABIN, HUB, PATIENCE_SECONDS, heard, until


@contextmanager
def bare(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> Iterator[zmq.Socket[bytes]]:
    with context.socket(kind) as socket:
        socket.linger = 0
        yield socket


def known_as(socket: zmq.Socket[bytes], own: CurvePair) -> None:
    socket.curve_serverkey = z85.encode(HUB.public)
    socket.curve_publickey = z85.encode(own.public)
    socket.curve_secretkey = z85.encode(own.secret)


@pytest.fixture
def users() -> dict[bytes, str]:
    return {CABIN.public: "cabin:templin", AGENCY.public: "agency:sozialamt"}


@pytest.fixture
def listener(users: dict[bytes, str]) -> Iterator[Listener]:
    with closing(Listener("tcp://127.0.0.1:*", HUB.secret, users.get)) as wire:
        yield wire


def told(dialler: Dialler) -> list[bytes]:
    """What has come, once something has."""
    words: list[bytes] = []

    def came() -> bool:
        words.extend(bytes(first) for first, _, _ in dialler.receive(10))
        return bool(words)

    until(dialler, came)
    return words


@pytest.mark.parametrize("enforced", [False, True])
def test_where_nobody_answers_for_the_gate_only_an_enforced_domain_keeps_strangers_out(enforced: bool) -> None:
    """A ZAP domain alone does not: whoever knows the hub's public key was let in while the gate's thread was not there."""
    with zmq.Context() as context, bare(context, zmq.ROUTER) as hub, bare(context, zmq.DEALER) as stranger:
        hub.curve_server = True
        hub.curve_secretkey = z85.encode(HUB.secret)
        hub.setsockopt(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
        hub.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, enforced)
        known_as(stranger, CurvePair.generate(os.urandom))
        ends = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_DISCONNECTED
        with stranger.get_monitor_socket(ends) as monitor:
            stranger.connect(f"tcp://127.0.0.1:{hub.bind_to_random_port('tcp://127.0.0.1')}")
            assert monitor.poll(PATIENCE_SECONDS * 1000)
            let_in = recv_monitor_message(monitor)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
            stranger.disable_monitor()
        assert let_in is not enforced


def test_the_hub_enforces_its_domain(listener: Listener) -> None:
    assert listener._socket.getsockopt(zmq.ZAP_ENFORCE_DOMAIN) == 1


def test_who_was_refused_comes_in_once_the_key_is_known(
    listener: Listener, dial: Callable[[], Dialler], users: dict[bytes, str]
) -> None:
    """After a 400 a DEALER never dials again by itself: each attempt is a socket of its own."""
    name = users.pop(CABIN.public)
    first = dial()
    until(first, lambda: first.failure)
    assert first.failure == "the hub does not know this key"
    users[CABIN.public] = name
    second = dial()
    until(second, lambda: second.connected)


def test_nobody_takes_what_is_for_another_by_calling_itself_so(listener: Listener, dial: Callable[[], Dialler]) -> None:
    """Routes are chosen by ZeroMQ, at random. A guest that chooses one too is not heard; with HANDOVER it would be given the answers."""
    cabin = dial()
    cabin.say(b"here")
    route = heard(listener)[0].route
    with zmq.Context() as context, bare(context, zmq.DEALER) as agency:
        known_as(agency, AGENCY)
        agency.setsockopt(zmq.ROUTING_ID, route)
        with agency.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED) as monitor:
            agency.connect(listener.address)
            agency.send(b"what is there for templin?")
            assert monitor.poll(PATIENCE_SECONDS * 1000)
            agency.disable_monitor()
        cabin.say(b"still here")
        assert heard(listener)[0].user == "cabin:templin"
        assert listener.say(route, b"for templin")
        assert told(cabin) == [b"for templin"]
        assert not agency.poll(0)


def test_an_older_connection_that_hangs_there_does_not_keep_the_newer_one_out(
    listener: Listener, dial: Callable[[], Dialler]
) -> None:
    """Half open: the hub still has it. Both bear one name and have routes of their own."""
    older = dial()
    older.say(b"older")
    (first,) = heard(listener)
    newer = dial()
    newer.say(b"newer")
    (second,) = heard(listener)
    assert (first.user, first.route == second.route) == (second.user, False)
    assert listener.say(second.route, b"you are the one that counts")
    assert told(newer) == [b"you are the one that counts"]
