"""A connection on a line of the simulation gives out what was said in the order in which it was said, whatever the line does meanwhile."""

from __future__ import annotations

import random

import pytest

from tools.simulator.agenda import Agenda
from tools.simulator.line import Line, Port, Strand, Trace

SAID = [b"-one", b"-two", b"-three", b"-four"]


class Ends:
    """A cabin and a hub on a line, and what each of them has heard."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.port = Port()
        self.port.open, self.port.admits = True, lambda _user: True
        self.line = Line(self.agenda, self.port, "templin", random.Random(1), Trace())
        self.line.delay_seconds = 0.1
        found: list[Strand | None] = []
        self.line.dial("cabin:templin", lambda: None, lambda strand, _why: found.append(strand))
        self.agenda.run(1.0)
        [strand] = found
        assert strand is not None
        self.strand = strand

    def say(self, way: str, word: bytes) -> None:
        if way == "up":
            self.strand.say(word)
        else:
            assert self.port.say(self.strand.route, word)

    def heard(self, way: str) -> list[bytes]:
        if way == "up":
            return [bytes(message.first) for message in self.port.receive(100, 1 << 20)]
        return [bytes(first) for first, _, _ in self.strand.inbox]

    def past(self, seconds: float) -> None:
        """Awake."""
        until = self.agenda.now + seconds
        while self.agenda.now < until:
            self.agenda.stir()
            self.agenda.run(min(self.agenda.now + 1.0, until))


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("silent_seconds", [0.01, 5.0])
def test_what_was_under_way_when_a_line_fell_silent_comes_before_what_was_said_then(
    way: str, silent_seconds: float
) -> None:
    ends = Ends()
    ends.say(way, SAID[0])
    ends.past(0.05)
    ends.say(way, SAID[1])
    ends.line.hush("up", "down")
    ends.say(way, SAID[2])
    ends.past(silent_seconds)
    assert ends.heard(way) == []
    assert not ends.line.sound()
    ends.line.mend()
    ends.say(way, SAID[3])
    ends.past(5.0)
    assert ends.heard(way) == SAID
    assert ends.line.sound()


def test_what_a_silent_line_holds_is_lost_with_the_connection() -> None:
    ends = Ends()
    ends.say("up", SAID[0])
    ends.line.hush("up", "down")
    ends.say("up", SAID[1])
    ends.say("down", SAID[2])
    ends.line.reset()
    ends.line.mend()
    ends.past(5.0)
    assert (ends.heard("up"), ends.heard("down")) == ([], [])
    assert ends.port.fared["message-lost"] == 3


def test_what_was_said_on_a_half_open_connection_comes_late_and_in_order() -> None:
    ends = Ends()
    ends.say("up", SAID[0])
    ends.line.half_reset()
    ends.past(1.0)
    assert ends.heard("up") == []
    assert ends.strand.failure
    ends.strand.hang_up()
    ends.line.mend()
    ends.past(60.0)
    assert ends.heard("up") == SAID[:1]
    assert ends.port.late == 1


def test_a_connection_of_before_leads_nowhere_when_a_modem_has_another_address() -> None:
    ends = Ends()
    ends.say("up", SAID[0])
    ends.line.hush("up", "down")
    ends.line.move()
    ends.past(1.0)
    ends.line.mend()
    for way in ("up", "down"):
        ends.say(way, SAID[1])
    ends.past(60.0)
    assert (ends.heard("up"), ends.heard("down")) == ([], [])
    assert not ends.strand.failure
    assert not ends.line.sound()
    ends.strand.hang_up()
    ends.past(60.0)
    assert ends.heard("up") == []
