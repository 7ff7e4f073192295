"""Real CurveZMQ on loopback. Everything waits on sockets and events with a deadline, nothing sleeps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from protocol import asking, frames, limits
from protocol.asking import Answer, Ask, CurrentDirectory, ShowDirectory
from protocol.errors import Code, Refused, Unavailable
from protocol.frames import Chunk, Gone, Want, Whisper
from protocol.ids import Digest
from protocol.keys import CurvePair
from protocol.runtime.asker import Asker
from protocol.runtime.wires import ZAP_ADDRESS, ZAP_DOMAIN, Dialler, Listener, Message
from tests.protocol.runtime.ends import AGENCY, CABIN, HUB, PATIENCE_SECONDS, STRANGER, heard, until

BLOB = os.urandom(1_500_000)
NAME = Digest(bytes(range(32)))
_ESTABLISHED, _KEEPALIVE = "01", "02"  # as /proc/net/tcp says


class Door:
    """Who is admitted; `ajar` makes the list unreadable."""

    def __init__(self) -> None:
        self.users = {CABIN.public: "cabin:templin", AGENCY.public: "agency:sozialamt"}
        self.ajar = False

    def admit(self, key: bytes) -> str | None:
        if self.ajar:
            raise OSError("database is busy")
        return self.users.get(key)


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


# --- who is admitted -----------------------------------------------------------------------------------------------
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


# --- what goes over the wire ---------------------------------------------------------------------------------------
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


def test_nobody_there(dial, unused_address):
    dialler = dial(address=unused_address)
    until(dialler, lambda: dialler.failure)
    assert dialler.failure == "the hub cannot be reached"


@pytest.fixture
def unused_address() -> str:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        return f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"


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


# --- asking --------------------------------------------------------------------------------------------------------
@pytest.fixture
def counter(listener: Listener) -> Iterator[list[Callable[[Message], None]]]:
    """A hub that does, for every message, what the test put here last."""
    doing: list[Callable[[Message], None]] = []
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            listener.wait(0.05)
            for message in listener.receive(100, limits.MIB):
                doing[-1](message)

    thread = threading.Thread(target=run)
    thread.start()
    yield doing
    stopping.set()
    thread.join()


@pytest.fixture
def asker(listener: Listener) -> Iterator[Asker]:
    with Asker(listener.address, HUB.public, AGENCY, time.monotonic, PATIENCE_SECONDS) as one:
        yield one


def frame_of(message: Message) -> object:
    return frames.decode(message.first, message.parts)


def test_a_question_is_answered(listener, counter, asker):
    reply = CurrentDirectory(3, NAME, 100)

    def answer(message: Message) -> None:
        match frame_of(message):
            case Ask(number, ShowDirectory()):
                listener.say(message.route, frames.encode(Whisper("sozialamt", "delivered")))
                listener.say(message.route, frames.encode(Answer(number + 99, asking.Done())))
                listener.say(message.route, frames.encode(Answer(number, reply)))

    counter.append(answer)
    assert asker.ask(ShowDirectory()) == reply
    assert asker.ask(ShowDirectory()) == reply
    assert asker.whispers == [Whisper("sozialamt", "delivered")] * 2
    assert asker.wait(0)
    assert not asker.wait(0)


@pytest.mark.parametrize(
    ("code", "shown"), [("invitation-spent", Code.INVITATION_SPENT), ("later-code", Code.MALFORMED)]
)
@pytest.mark.parametrize("number", [0, 1])
def test_a_question_is_refused_as_the_hub_says(listener, counter, asker, code, shown, number):
    counter.append(
        lambda message: listener.say(message.route, frames.encode(frames.Refused(code, "No. Do this.", ask=number)))
    )
    with pytest.raises(Refused, match=r"^No\. Do this\.$") as caught:
        asker.ask(ShowDirectory())
    assert caught.value.code is shown


def test_a_question_without_answer_ends_in_words(listener, counter):
    counter.append(lambda message: None)
    with (
        Asker(listener.address, HUB.public, AGENCY, time.monotonic, 0.2) as asker,
        pytest.raises(Unavailable, match="did not answer: no answer came"),
    ):
        asker.ask(ShowDirectory())


def test_a_stranger_that_asks_is_told_why_at_once(listener):
    with (
        Asker(listener.address, HUB.public, STRANGER, time.monotonic, 60) as asker,
        pytest.raises(Unavailable, match="does not know this key"),
    ):
        asker.ask(ShowDirectory())


def test_bytes_that_spell_nothing_are_refused(listener, counter, asker):
    counter.append(lambda message: listener.say(message.route, b"\xc1"))
    with pytest.raises(Refused, match="spell no frame"):
        asker.ask(ShowDirectory())


def serve(listener: Listener) -> Callable[[Message], None]:
    def answer(message: Message) -> None:
        want = frame_of(message)
        assert isinstance(want, Want)
        if want.digest != NAME:
            listener.say(message.route, frames.encode(Gone(want.digest)))
            return
        part = BLOB[want.offset_bytes : want.offset_bytes + want.length_bytes]
        listener.say(message.route, frames.encode(Chunk(NAME, want.offset_bytes, len(BLOB))), part)

    return answer


@pytest.mark.parametrize("offset", [0, 1, 1_400_000, len(BLOB)])
def test_a_blob_is_fetched_from_any_byte_on(listener, counter, asker, offset):
    counter.append(serve(listener))
    assert b"".join(asker.fetch(NAME, len(BLOB), offset)) == BLOB[offset:]


def test_a_blob_that_is_not_there_is_refused(listener, counter, asker):
    counter.append(serve(listener))
    with pytest.raises(Refused, match="no such document") as caught:
        list(asker.fetch(Digest(bytes(32)), 100))
    assert caught.value.code is Code.UNKNOWN_DOCUMENT


def test_a_fetch_may_be_refused(listener, counter, asker):
    counter.append(lambda message: listener.say(message.route, frames.encode(frames.Refused("revoked", "No."))))
    with pytest.raises(Refused, match="No"):
        list(asker.fetch(NAME, 100))


def test_the_hub_rings(listener, counter, asker):
    routes: list[bytes] = []

    def answer(message: Message) -> None:
        routes.append(message.route)
        listener.say(message.route, frames.encode(Answer(1, asking.Done())))
        listener.say(message.route, frames.encode(Whisper("sozialamt", "delivered")))

    counter.append(answer)
    asker.ask(ShowDirectory())
    assert asker.wait(PATIENCE_SECONDS)


def test_who_waits_for_a_hub_that_is_gone_is_told(door):
    listener = Listener("tcp://127.0.0.1:*", HUB.secret, door.admit)
    with Asker(listener.address, HUB.public, AGENCY, time.monotonic, PATIENCE_SECONDS) as asker:
        assert not asker.wait(0.01)
        until(asker._dialler, lambda: asker._dialler.connected)
        listener.close()
        with pytest.raises(Unavailable, match="the line was cut"):
            asker.wait(PATIENCE_SECONDS)


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
