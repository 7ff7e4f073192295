"""A tap answers the question that was asked when it was made, however often its page was drawn."""

from __future__ import annotations

import pytest

from edge.kiosk.bell import Bell


@pytest.fixture
def bell() -> Bell:
    return Bell("b007", "start")


def test_a_page_that_is_drawn_anew_asks_the_same(bell: Bell) -> None:
    turn, version = bell.turn, bell.version
    bell.ring("start")  # the line is up: the first thing that happens after a start
    assert bell.turn == turn
    assert bell.version != version


def test_another_page_asks_something_else(bell: Bell) -> None:
    turn = bell.turn
    bell.ring("concern")
    assert bell.turn != turn


def test_what_was_answered_is_asked_no_more(bell: Bell) -> None:
    turn = bell.turn
    bell.answered()
    assert bell.turn != turn
