"""Who is admitted, over real CurveZMQ on loopback."""

from __future__ import annotations

import pytest
import zmq

from protocol.runtime.wires import ZAP_ADDRESS, ZAP_DOMAIN
from tests.protocol.runtime.ends import AGENCY, CABIN, STRANGER, heard, until


def test_a_known_key_is_admitted_and_carries_the_name_that_the_gate_gave(listener, dial):
    dialler = dial()
    until(dialler, lambda: dialler.connected)
    dialler.say(b"first", b"second")
    (message,) = heard(listener)
    assert (message.user, bytes(message.first), bytes(message.data), message.parts) == (
        "cabin:templin",
        b"first",
        b"second",
        2,
    )
    assert dialler.failure == ""


def test_who_claims_to_be_another_is_still_called_by_its_own_key(listener, dial):
    dialler = dial(AGENCY)
    dialler.say(b"I am cabin:templin")
    assert heard(listener)[0].user == "agency:sozialamt"


def test_a_stranger_is_refused_and_told_so(listener, dial):
    dialler = dial(STRANGER)
    dialler.say(b"let me in")
    until(dialler, lambda: dialler.failure)
    assert dialler.failure == "the hub does not know this key"
    assert not dialler.connected
    assert listener.gate.turned_away == 1
    assert not listener.wait(0)


def test_a_busy_list_turns_nobody_away_for_good(listener, dial, door):
    door.ajar = True
    first = dial()
    until(first, lambda: first.failure)
    assert "does not know" not in first.failure
    assert not first.connected
    door.ajar = False
    second = dial()
    until(second, lambda: second.connected)


def test_a_revoked_key_is_refused_at_its_next_connection_and_named_on_the_open_one(listener, dial, door):
    dialler = dial()
    until(dialler, lambda: dialler.connected)
    del door.users[CABIN.public]
    dialler.say(b"still here")
    assert heard(listener)[0].user == "cabin:templin"  # so the hub can look it up in the live list
    again = dial()
    until(again, lambda: again.failure)
    assert again.failure == "the hub does not know this key"


def test_a_hub_with_another_key_is_not_spoken_with(dial):
    dialler = dial(hub_key=STRANGER.public)
    until(dialler, lambda: dialler.failure)
    assert not dialler.connected


def test_a_peer_without_curve_reaches_nobody(listener):
    with zmq.Context() as context, context.socket(zmq.DEALER) as plain:
        plain.linger = 0
        plain.connect(listener.address)
        plain.send(b"hello")
        assert not listener.wait(0.3)


@pytest.mark.parametrize(
    "request_",
    [
        [b"1.0", b"1", b"other-domain", b"127.0.0.1", b"", b"CURVE", CABIN.public],
        [b"1.0", b"1", ZAP_DOMAIN, b"127.0.0.1", b"", b"PLAIN", b"user", b"password"],
        [b"1.0", b"1", ZAP_DOMAIN, b"127.0.0.1", b"", b"NULL"],
        [b"0.9", b"1", ZAP_DOMAIN, b"127.0.0.1", b"", b"CURVE", CABIN.public],
    ],
)
def test_the_gate_opens_for_curve_in_its_own_domain_only(listener, request_):
    with listener._context.socket(zmq.REQ) as asking_:
        asking_.linger = 0
        asking_.connect(ZAP_ADDRESS)
        asking_.send_multipart(request_)
        assert asking_.poll(5000)
        assert asking_.recv_multipart()[2] == b"400"
