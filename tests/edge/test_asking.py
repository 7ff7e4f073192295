"""Somebody types a number: whoever has it learns how the papers stand, whoever guesses does not get far."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from edge.buffer import Buffer
from edge.directory_texts import Text
from edge.kiosk.asking import AGAIN_SECONDS, ASKED_MAX, Asking
from edge.kiosk.looking_up import in_screens
from edge.kiosk.reference import Reference
from edge.kiosk.telling import state_of
from edge.storage.documents import State
from protocol.directory import GERMAN
from protocol.ids import AreaId
from protocol.manifest import Happening
from tests.edge.cabin import BEGAN, HUB, Cabin, directory, manifest_of, receipt


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def buffer(cabin: Cabin) -> Iterator[Buffer]:
    opened = cabin.open()
    opened.set_directory(directory(1))
    yield opened
    opened.close()


def reference(buffer: Buffer, clock: Clock) -> Reference:
    return Reference(
        buffer,
        buffer.directory_in_force,
        area=AreaId("120730572572"),
        code="7K2",
        heard_at=lambda: BEGAN,
        clock=clock,
    )


def typed(asking: Asking, digits: str) -> Asking:
    asking.begin()
    for digit in digits:
        asking.type(digit)
    return asking


def test_the_number_on_the_slip_tells_how_the_papers_stand(cabin: Cabin, buffer: Buffer) -> None:
    put = cabin.hand_in(buffer)
    house = reference(buffer, Clock())
    asking = typed(Asking(), put.receipt.partition("-")[2])
    assert asking.ask(house.look_up)
    assert asking.found is not None
    assert asking.found.number == put.receipt
    assert asking.found.document is not None
    assert state_of(asking.found.document) == "saved"
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    found = house.look_up(asking.digits)
    assert found is not None
    assert state_of(found.document) == "arrived"
    lost = receipt(manifest_of(buffer, put.entry), Happening.LOST, by="hub", key=HUB)
    cabin.told(buffer, lost)
    assert state_of(house.document(put.receipt)) == "lost"


def test_the_answer_says_as_of_when_it_is(cabin: Cabin, buffer: Buffer) -> None:
    put = cabin.hand_in(buffer)
    house, now = reference(buffer, Clock()), BEGAN + timedelta(days=2)
    document = house.document(put.receipt)
    assert document is not None
    assert document.state is State.WAITING
    assert house.as_of(document, now, connected=False) == now, "what lies here is known here"
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    document = house.document(put.receipt)
    assert document is not None
    assert house.as_of(document, now, connected=True) == now
    assert house.as_of(document, now, connected=False) == BEGAN, "the rest is what the hub said last"


def test_three_wrong_numbers_are_the_last_of_a_visit(buffer: Buffer) -> None:
    house, asking = reference(buffer, Clock()), Asking()
    assert typed(asking, "123").ask(house.look_up)
    assert (asking.tries_left, asking.digits) == (2, "")
    assert typed(asking, "123").ask(house.look_up), "the same slip of the finger counts once"
    assert asking.tries_left == 2
    assert typed(asking, "124").ask(house.look_up)
    assert not typed(asking, "125").ask(house.look_up)
    assert not typed(asking, "123").ask(house.look_up)


def test_a_new_visit_brings_nobody_a_new_guess(cabin: Cabin, buffer: Buffer) -> None:
    known = cabin.hand_in(buffer).receipt.partition("-")[2]
    clock = Clock()
    house = reference(buffer, clock)
    guesses = [f"{number:03}" for number in range(1000)]
    answered = [digits for digits in guesses if house.look_up(digits) is not None]
    assert len(answered) == ASKED_MAX, "right or wrong, whoever asks"
    assert not typed(Asking(), known).ask(house.look_up)
    clock.at += AGAIN_SECONDS
    assert typed(Asking(), known).ask(house.look_up)
    assert not typed(Asking(), known).ask(house.look_up)
    clock.at += 3600.0
    assert sum(house.look_up(digits) is not None for digits in guesses) == ASKED_MAX


def test_what_is_too_short_is_not_asked_and_what_is_too_long_not_typed() -> None:
    asking = typed(Asking(), "12")
    assert not asking.complete
    asking.type("3")
    assert asking.complete
    asking.delete()
    assert asking.digits == "12"
    assert typed(asking, "1234567890").digits == "123456789"


def test_a_list_stands_on_as_many_screens_as_it_needs() -> None:
    papers = [Text(words, GERMAN) for words in ("Mietvertrag", "x" * 90, "Rentenbescheid", "Ausweis")]
    assert in_screens(papers, 100) == [papers]
    assert in_screens(papers, 160) == [papers[:1], papers[1:2], papers[2:]]
    assert in_screens([], 100) == [[]]
