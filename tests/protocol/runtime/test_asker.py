"""A question and its answer, over real CurveZMQ on loopback."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from protocol import asking, frames, limits
from protocol.asking import Answer, Ask, CurrentDirectory, ShowDirectory
from protocol.errors import Code, Refused, Unavailable
from protocol.frames import Chunk, Gone, Want, Whisper
from protocol.ids import Digest
from protocol.runtime.asker import Asker
from protocol.runtime.wires import Listener, Message
from tests.protocol.runtime.ends import AGENCY, HUB, PATIENCE_SECONDS, STRANGER, until

BLOB = os.urandom(1_500_000)
NAME = Digest(bytes(range(32)))


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


def test_of_several_addresses_that_one_is_asked_at_which_a_hub_is(listener, counter, monkeypatch):
    """The hub's name leads to ::1 too, where nobody is."""
    port = int(listener.address.rpartition(":")[2])
    ways = [(socket.AF_INET6, 1, 6, "", ("::1", port, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ways)
    counter.append(lambda message: listener.say(message.route, frames.encode(Answer(1, asking.Done()))))
    with Asker(f"tcp://hub.example:{port}", HUB.public, AGENCY, time.monotonic, PATIENCE_SECONDS) as asker:
        assert asker.ask(ShowDirectory()) == asking.Done()
    ways.reverse()
    with Asker(f"tcp://hub.example:{port}", HUB.public, AGENCY, time.monotonic, PATIENCE_SECONDS) as asker:
        assert asker.ask(ShowDirectory()) == asking.Done()
    with (
        Asker(f"tcp://hub.example:{port}", HUB.public, STRANGER, time.monotonic, PATIENCE_SECONDS) as asker,
        pytest.raises(Unavailable, match="does not know this key"),
    ):
        asker.ask(ShowDirectory())


def test_a_name_that_nobody_knows_is_told_as_such():
    with pytest.raises(Unavailable, match=r"hub\.kabine\.invalid.* is not known"):
        Asker("tcp://hub.kabine.invalid:7400", HUB.public, AGENCY, time.monotonic)


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
