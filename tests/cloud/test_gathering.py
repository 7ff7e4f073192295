"""A hub at rest lets beats gather, and nothing else wait."""

from __future__ import annotations

from itertools import count

import pytest

from cloud.admission import Admission, Guest, Kind
from cloud.hub import GATHER_BESIDE_TALK_SECONDS, GATHER_SECONDS, TALK_SECONDS
from protocol import frames
from protocol.frames import Beat, Entries, Frame, Hello, Whisper
from tests.cloud.at_the_door import Wire, hub_of
from tests.cloud.conftest import Cabin, Town

USER = "cabin:templin:00"


class House:
    """A hub with one cabin's link up; `rested` are the times it let pass."""

    def __init__(self, town: Town, cabin: Cabin) -> None:
        self.cabin = cabin
        self.now = 1000.0
        self.rested: list[float] = []
        self.wire = Wire()
        self.beats = count(1)
        guest = Guest(Kind.CABIN, cabin.site, bytes(1))
        admission = Admission()
        admission.replace([guest])
        self.hub = hub_of(town, self.wire, admission, lambda: self.now, rest=self.rest)
        self.say(Hello((1,), cabin.site, b"boot", 1, cabin.mark, 0, 0, "kabine 0.1.0", town.now))

    def rest(self, seconds: float) -> None:
        self.rested.append(seconds)
        self.now += seconds

    def say(self, frame: Frame) -> None:
        """One turn that hears this."""
        self.wire.comes(USER, frame)
        self.hub.turn(0.0)

    def beat(self, after_seconds: float) -> None:
        self.now += after_seconds
        self.say(Beat(next(self.beats), self.hub.utc(), 0, 0.0, self.cabin.mark))


@pytest.fixture
def house(town: Town) -> House:
    cabin = town.cabin()
    town.commit(cabin)
    town.ledger.settle()
    return House(town, cabin)


def test_the_second_of_two_beats_waits_for_more(house: House) -> None:
    house.beat(2 * TALK_SECONDS)
    assert house.rested == []  # nobody beat a moment ago
    house.beat(0.001)
    assert house.rested == [pytest.approx(GATHER_SECONDS - 0.001)]
    assert isinstance(house.wire.said[-1][1], Beat)


def test_while_somebody_talks_beats_wait_for_a_shorter_time(house: House) -> None:
    house.beat(0.001)
    assert house.rested == []  # a Hello came before it
    house.beat(0.001)
    house.beat(TALK_SECONDS)
    house.beat(0.001)
    assert house.rested == [pytest.approx(seconds - 0.001) for seconds in (GATHER_BESIDE_TALK_SECONDS, GATHER_SECONDS)]


def test_rare_beats_wait_for_nothing(house: House) -> None:
    for _ in range(5):
        house.beat(2 * GATHER_SECONDS)
    assert house.rested == []


def test_what_follows_a_word_is_heard_at_once(house: House) -> None:
    house.beat(0.001)
    house.say(Whisper("templin", frames.ECHO, b"1"))  # it came while they gathered
    rested = list(house.rested)
    house.beat(0.001)
    assert house.rested == rested
    assert len(rested) == 1


def test_nobody_rests_while_a_document_is_fetched(house: House) -> None:
    house.beat(0.001)
    document = house.cabin.document()
    entry = house.cabin.event(document.event)
    house.now += 2 * GATHER_SECONDS
    house.say(Entries(entry.epoch, entry.number, (entry.payload,), entry.hash))
    assert isinstance(house.wire.said[-1][1], frames.Want)
    for _ in range(3):
        house.beat(0.001)
    assert house.rested == []
