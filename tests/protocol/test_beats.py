from datetime import UTC, datetime

import pytest

from protocol import limits
from protocol.beats import Beats
from protocol.effects import SayBeat
from protocol.entries import Mark
from protocol.frames import Beat

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
END = Mark(1, 7, bytes(32))


def begun(*, answers: bool = False) -> Beats:
    """Of a connection whose Hello came at 100 s."""
    beats = Beats()
    beats.answers = answers
    beats.begin(100.0)
    return beats


def heard(beats: Beats, number: int, echo: int, held_seconds: float, now: float) -> float:
    return beats.heard(Beat(number, NOON, echo, held_seconds, Mark()), now)


def test_the_first_is_due_at_once_and_each_further_one_after_its_pause():
    beats = begun()
    assert beats.due_at == 100.0
    assert beats.say(END, 100.0) == SayBeat(1, 0, 0.0, END)
    assert beats.due_at == 100.0 + limits.BEAT_SECONDS
    beats.every(limits.BEAT_VISIT_SECONDS)
    assert beats.due_at == 100.0 + limits.BEAT_VISIT_SECONDS
    beats.every(limits.BEAT_SECONDS)
    assert beats.due_at == 100.0 + limits.BEAT_VISIT_SECONDS


def test_who_answers_is_due_only_when_nothing_came_for_long():
    beats = begun(answers=True)
    assert beats.due_at == 100.0 + 1.5 * limits.BEAT_SECONDS
    beats.every(limits.BEAT_VISIT_SECONDS)
    assert beats.due_at == 100.0 + 1.5 * limits.BEAT_SECONDS
    beats.say(END, 104.0)
    assert beats.due_at == 104.0 + 1.5 * limits.BEAT_SECONDS


def test_what_became_durable_is_told_soon():
    beats = begun()
    beats.say(END, 100.0)
    beats.soon(103.0)
    assert beats.due_at == 103.0 + limits.FRESH_SECONDS


def test_an_echo_of_the_last_one_tells_the_round_trip():
    beats = begun()
    assert heard(beats, 4, 0, 0.0, 100.0) == -1.0
    assert beats.say(END, 101.0) == SayBeat(1, 4, 1.0, END)
    assert heard(beats, 5, 1, 0.25, 101.75) == pytest.approx(0.5)
    assert heard(beats, 6, 1, 5.0, 102.0) == 0.0  # a clock that is wrong over there
    beats.say(END, 111.0)
    assert heard(beats, 7, 1, 0.0, 112.0) == -1.0
