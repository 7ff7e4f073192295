"""What goes over real CurveZMQ on loopback. Everything waits on sockets and events with a deadline, nothing sleeps."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from protocol import limits
from protocol.errors import Unavailable
from protocol.runtime.wires import Dialler, Listener
from tests.protocol.runtime.ends import CABIN, HUB, PATIENCE_SECONDS, heard, until

BLOB = os.urandom(1_500_000)
_ESTABLISHED, _KEEPALIVE = "01", "02"  # as /proc/net/tcp says


def test_messages_go_both_ways_in_order(listener, dial):
    dialler = dial()
    for number in range(20):
        dialler.say(b"%d" % number)
    messages = heard(listener, 20)
    assert [bytes(message.first) for message in messages] == [b"%d" % number for number in range(20)]
    assert listener.say(messages[0].route, b"chunk", BLOB[:200_000])
    assert listener.say(messages[0].route, b"ack")
    answers: list[tuple[bytes, bytes, int]] = []
    until(
        dialler,
        lambda: answers.extend((bytes(a), bytes(b), n) for a, b, n in dialler.receive(9)) or len(answers) == 2,
    )
    assert answers == [(b"chunk", BLOB[:200_000], 2), (b"ack", b"", 1)]


def test_a_turn_hears_no_more_than_it_may(listener, dial):
    dialler = dial()
    for _ in range(10):
        dialler.say(bytes(1000))
    first = heard(listener)
    deadline = time.monotonic() + PATIENCE_SECONDS
    rest: list[int] = []
    while sum(rest) < 9:
        assert time.monotonic() < deadline
        listener.wait(0.05)
        rest.append(len(list(listener.receive(100, 2500))))
    assert len(first) == 1
    assert max(rest) <= 3


def test_nothing_goes_after_what_the_wire_did_not_take(listener, dial):
    """Chunks that did would be no answer to the oldest Want."""
    dialler = dial()
    until(dialler, lambda: dialler.connected)
    dialler.say(b"taken")
    dialler.failure = "the wire takes no more"
    dialler.say(b"after")
    dialler.failure = ""
    dialler.say(b"end")
    assert [bytes(message.first) for message in heard(listener, 2)] == [b"taken", b"end"]


def test_a_message_beyond_the_bound_ends_the_connection(listener, dial):
    dialler = dial()
    until(dialler, lambda: dialler.connected)
    dialler.say(b"chunk", bytes(limits.CHUNK_BYTES_MAX))
    (chunk,) = heard(listener)
    assert len(chunk.data) == limits.CHUNK_BYTES_MAX
    del chunk
    dialler.say(bytes(limits.HEARD_BYTES_MAX + 1))
    until(dialler, lambda: dialler.failure)
    assert dialler.failure == "the line was cut"
    assert not listener.wait(0)


def test_a_connection_that_is_gone_takes_nothing(listener, dial):
    assert not listener.say(b"nobody", b"hello")


def test_a_peer_that_reads_nothing_does_not_fill_the_hubs_memory(listener, dial):
    dialler = dial()
    dialler.say(b"hello")
    (message,) = heard(listener)
    assert not all(listener.say(message.route, b"chunk", BLOB) for _ in range(1000))


def test_a_wire_that_takes_no_more_counts_as_cut(dial):
    with zmq.Context() as context, context.socket(zmq.ROUTER) as silent:
        silent.linger = 0
        silent.rcvhwm = 1
        silent.curve_server = True
        silent.curve_secretkey = z85.encode(HUB.secret)
        silent.bind("tcp://127.0.0.1:*")
        dialler = dial(address=silent.getsockopt_string(zmq.LAST_ENDPOINT))
        until(dialler, lambda: dialler.connected)
        for _ in range(1000):
            dialler.say(b"chunk", BLOB)
        assert dialler.failure == "the wire takes no more"


def test_what_arrived_is_not_under_way_however_many_messages_it_was(listener, dial):
    dialler = dial()
    until(dialler, lambda: dialler.connected)
    dialler.watch_path()
    path = dialler._path
    for _ in range(50):
        for _ in range(5):
            dialler.say(b"small")
            dialler.say(b"head", bytes(4096))
        heard(listener, 10)
        dialler.wait(0)  # as whoever talks does
    until(dialler, lambda: path.under_way_bytes(path.read()) == 0)
    assert dialler.room_seconds(0.0) == 0
    assert not dialler.silent(0.0)


def test_the_kernel_asks_after_whoever_says_nothing_to_the_hub(listener, dial):
    dialler = dial()
    until(dialler, lambda: dialler.connected)
    until(dialler, lambda: kernel_timers(listener) == [_KEEPALIVE])


def kernel_timers(listener: Listener) -> list[str]:
    """Of the hub's connections, as the kernel numbers their kinds."""
    port = f":{int(listener.address.rpartition(':')[2]):04X}"
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    return [row[5].partition(":")[0] for row in rows if row[1].endswith(port) and row[3] == _ESTABLISHED]


def test_a_hub_that_goes_away_is_noticed(door, dial):
    listener = Listener("tcp://127.0.0.1:*", HUB.secret, door.admit)
    dialler = dial(address=listener.address)
    until(dialler, lambda: dialler.connected)
    listener.close()
    until(dialler, lambda: dialler.failure)
    assert dialler.failure == "the line was cut"


def test_nobody_there(dial):
    with socket.socket() as held:  # bound, so that nobody else gets this port meanwhile, and never listening
        held.bind(("127.0.0.1", 0))
        dialler = dial(address=f"tcp://127.0.0.1:{held.getsockname()[1]}")
        until(dialler, lambda: dialler.failure)
    assert dialler.failure == "the hub cannot be reached"


def test_a_used_port_is_said_in_words(listener, door):
    with pytest.raises(Unavailable) as caught:
        Listener(listener.address, HUB.secret, door.admit)
    assert caught.value.what == f"Cannot listen at {listener.address}: Address already in use."
    assert "hub.toml" in caught.value.remedy


def test_an_address_that_is_none_is_said_in_words():
    with pytest.raises(Unavailable, match="is no address of a hub"):
        Dialler("hub.example", HUB.public, CABIN)


def test_another_descriptor_ends_a_wait(dial):
    dialler = dial()
    reading, writing = os.pipe()
    try:
        dialler.also(reading)
        os.write(writing, b"!")
        until(dialler, lambda: reading in dialler.wait(PATIENCE_SECONDS))
    finally:
        os.close(reading)
        os.close(writing)


def test_the_last_word_of_who_lingers_arrives(listener: Listener) -> None:
    """A cabin that refuses the hub hangs up, and the hub must hear why: it calls a person."""
    for number in range(20):
        dialler = Dialler(listener.address, HUB.public, CABIN)
        until(dialler, lambda d=dialler: d.connected)
        dialler.say(b"%d" % number, None)
        dialler.close(linger_seconds=PATIENCE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        heard: list[bytes] = []
        while not heard:
            assert time.monotonic() < deadline, f"word {number} was lost"
            listener.wait(0.02)
            heard += [bytes(message.first) for message in listener.receive(10, 1 << 20)]
        assert heard == [b"%d" % number]


def test_what_may_be_outstanding_never_meets_the_high_water_mark() -> None:
    """ZeroMQ counts messages as gone only after every half of the mark. With 56 wants, 16 frames of entries and a mark of 80 a hub whose machine had
    much to do gave up the link of a cabin with a thousand small documents, and it stood for half a minute, again and again."""
    sure = limits.SEND_HIGH_WATER_MESSAGES - (limits.SEND_HIGH_WATER_MESSAGES + 1) // 2 + 1
    acknowledgements = limits.ENTRIES_FRAMES_MAX
    others = 8  # a Hello, a Refused, beats, echoes
    assert sure >= limits.WANTS_MAX + limits.ENTRIES_FRAMES_MAX + acknowledgements + others
