"""What a turn of the hub hears, told message by message."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pytest

from cloud import hearing
from cloud.hearing import Hearing
from protocol.runtime.wires import Message

WORDS = bytes(60_000)
PIECE = bytes(300_000)


class Wire:
    """A wire on which `batches` arrive, one with each look; a look takes a millisecond."""

    def __init__(self) -> None:
        self.batches: deque[list[Message]] = deque()
        self.now = 0.0

    def wait(self, seconds: float) -> bool:
        return bool(self.batches)

    def receive(self, messages_max: int, bytes_max: int) -> Iterator[Message]:
        self.now += 0.001
        yield from self.batches.popleft() if self.batches else ()

    def say(self, route: bytes, first: bytes, data: bytes | memoryview | None = None) -> bool:
        return True


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def ear(wire: Wire) -> Hearing:
    return Hearing(wire, lambda: wire.now)


def message(route: bytes, first: bytes = b"word", data: bytes = b"") -> Message:
    return Message(route, "cabin:templin", memoryview(first), memoryview(data), 2 if data else 1)


def turn(ear: Hearing, *, coming: bool = True, too_soon: bytes = b"") -> list[Message]:
    return list(ear.messages(lambda heard: heard.route == too_soon, lambda: coming))


def test_a_turn_goes_on_while_what_was_asked_for_keeps_coming(wire: Wire, ear: Hearing) -> None:
    wire.batches.extend([message(b"a", data=PIECE)] for _ in range(5))
    assert len(turn(ear)) == 5


def test_it_ends_with_what_has_arrived_where_nothing_was_asked_for(wire: Wire, ear: Hearing) -> None:
    wire.batches.extend([message(b"a")] for _ in range(5))
    assert len(turn(ear, coming=False)) == 1


def test_it_ends_in_time_for_whoever_waits(wire: Wire, ear: Hearing) -> None:
    wire.batches.extend([message(b"a", data=PIECE)] for _ in range(1000))
    assert len(turn(ear)) == pytest.approx(hearing.SECONDS / 0.001, abs=2)


def test_documents_go_on_beside_many_entries_of_which_some_wait(wire: Wire, ear: Hearing) -> None:
    entries = [message(b"a", WORDS + bytes([number])) for number in range(8)]
    pieces = [message(b"a", data=PIECE) for _ in range(4)]
    wire.batches.append([*entries, *pieces])
    first = turn(ear)
    assert [each for each in first if each.data] == pieces
    spoken = [each for each in first if not each.data]
    assert spoken == entries[: len(spoken)]
    assert sum(len(each.first) for each in spoken) <= hearing.SPOKEN_BESIDE_BYTES_MAX + len(WORDS) + 1
    assert ear.holds
    assert turn(ear) == entries[len(spoken) :]
    assert not ear.holds


def test_where_no_document_was_asked_for_more_words_share_a_turn(wire: Wire, ear: Hearing) -> None:
    entries = [message(b"a", WORDS + bytes([number])) for number in range(16)]
    wire.batches.append(list(entries))
    first = turn(ear, coming=False)
    assert hearing.SPOKEN_BESIDE_BYTES_MAX + 2 * len(WORDS) < sum(len(each.first) for each in first)
    assert sum(len(each.first) for each in first) <= hearing.SPOKEN_BYTES_MAX + len(WORDS) + 1
    assert first + turn(ear, coming=False) == entries


def test_no_more_waits_than_a_turn_may_hold(wire: Wire, ear: Hearing) -> None:
    entries = [message(b"a", WORDS + bytes([number])) for number in range(60)]
    wire.batches.extend([each] for each in entries)
    heard: list[Message] = []
    while wire.batches or ear.holds:
        heard += turn(ear)
        taken = entries[: len(entries) - len(wire.batches)]
        waiting = taken[len(heard) :]
        assert sum(len(each.first) for each in waiting) <= hearing.HELD_BYTES_MAX + len(WORDS) + 1
    assert heard == entries


def test_what_is_too_soon_waits_and_all_that_follows_on_its_route(wire: Wire, ear: Hearing) -> None:
    hello, after, other = message(b"new", b"hello"), message(b"new", data=PIECE), message(b"old")
    wire.batches.append([hello, other, after])
    assert turn(ear, too_soon=b"new") == [other]
    assert turn(ear) == [hello, after]


def test_so_does_what_the_hub_itself_puts_off(wire: Wire, ear: Hearing) -> None:
    hello, after, other = message(b"new", b"hello"), message(b"new"), message(b"old")
    wire.batches.append([hello, after, other])
    heard = []
    for each in ear.messages(lambda _: False, lambda: False):
        if each is hello:
            ear.hold(each)
        else:
            heard.append(each)
    assert heard == [other]
    assert turn(ear) == [hello, after]


def test_words_that_wait_are_not_overtaken_when_no_document_is_coming_any_more(wire: Wire, ear: Hearing) -> None:
    """Four cabins at once were told of a gap in their logs: a later frame of entries was heard before one that waited."""
    entries = [message(b"a", WORDS + bytes([number])) for number in range(8)]
    wire.batches.append(entries)
    asked = iter([True])
    heard: list[Message] = []
    for _ in range(2):
        heard += ear.messages(lambda _: False, lambda: next(asked, False))
    assert heard == entries
