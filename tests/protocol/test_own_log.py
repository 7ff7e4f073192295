import pytest

from protocol import limits
from protocol.effects import SayEntries
from protocol.entries import Mark
from protocol.errors import Code, Mistake, Refused
from protocol.own_log import OwnLog

FRAME_BYTES = limits.ENTRIES_FRAME_BYTES_MAX


def told(last: int, committed: int = 0, first: int = 1) -> OwnLog:
    """A log that ends at `last`, on a connection whose other end holds it up to `committed`."""
    log = OwnLog()
    log.connected(first, Mark(1, last, bytes(32)))
    log.greeted(committed)
    return log


def test_it_goes_on_behind_what_the_peer_holds():
    assert told(5, committed=3).to_say() == SayEntries(3, FRAME_BYTES)
    assert told(5, committed=5).to_say() is None


def test_what_neither_end_has_any_more_is_passed_over():
    assert told(9, committed=3, first=7).to_say() == SayEntries(6, FRAME_BYTES)


def test_no_more_than_the_window_is_under_way():
    log = told(100)
    number = 0
    while log.to_say() == SayEntries(number, FRAME_BYTES):
        number += 1
        log.said(number, FRAME_BYTES, 0.0)
    assert log.under_way_bytes == number * FRAME_BYTES == limits.ENTRIES_WINDOW_BYTES
    assert log.acknowledged(1, 1.0)
    assert log.to_say() == SayEntries(number, FRAME_BYTES)


class Line:
    """A line, and a disk behind it: what goes out together is acknowledged together, after `seconds` and the time its bytes take."""

    def __init__(self, seconds: float, bytes_per_second: float) -> None:
        self.log = told(100_000)
        self.seconds = seconds
        self.bytes_per_second = bytes_per_second
        self._now = 0.0

    def carry(self, size_bytes: int = FRAME_BYTES) -> int:
        """What goes out at once, in frames of `size_bytes`; then it is acknowledged."""
        last = carried_bytes = 0
        while (say := self.log.to_say()) is not None:
            last = say.after + 1
            self.log.said(last, size_bytes, self._now)
            carried_bytes += size_bytes
        self._now += self.seconds + carried_bytes / self.bytes_per_second
        self.log.acknowledged(last, self._now)
        return carried_bytes


@pytest.mark.parametrize("disk_seconds", [0.0, 0.004, 0.03, 0.2])
def test_on_a_fast_line_the_window_grows_however_slow_the_disk_is(disk_seconds):
    line = Line(0.001 + disk_seconds, 50e6)
    first = line.carry()
    assert first == limits.ENTRIES_WINDOW_BYTES
    assert line.carry() > first
    for _ in range(20):
        line.carry()
    assert line.carry() == limits.ENTRIES_WINDOW_BYTES_MAX


def test_on_a_slow_line_it_does_not():
    line = Line(0.06, 250_000)
    assert max(line.carry() for _ in range(50)) <= limits.ENTRIES_WINDOW_BYTES + FRAME_BYTES


def test_on_one_between_them_a_whisper_waits_no_longer_than_it_may_and_a_frame():
    line = Line(0.02, 10e6)
    for _ in range(50):
        line.carry()
    shortest_seconds = line.seconds + limits.ENTRIES_WINDOW_BYTES / line.bytes_per_second
    held_bytes = line.bytes_per_second * (shortest_seconds + limits.ENTRIES_QUEUE_SECONDS)
    assert limits.ENTRIES_WINDOW_BYTES * 2 < line.carry() <= held_bytes + FRAME_BYTES < limits.ENTRIES_WINDOW_BYTES_MAX


def test_where_the_line_becomes_slow_the_window_is_small_again_also_for_who_has_little_to_say():
    line = Line(0.001, 50e6)
    for _ in range(20):
        line.carry()
    line.bytes_per_second = 250_000
    for _ in range(4):
        line.carry()
    assert line.carry() == limits.ENTRIES_WINDOW_BYTES


def test_little_that_is_acknowledged_at_once_leaves_the_window_as_it_is():
    line = Line(0.001, 50e6)
    for _ in range(20):
        line.carry()
    line.log.said(99_999, 300, line._now)
    line.log.acknowledged(99_999, line._now + 0.002)
    line.log.last = Mark(1, 200_000, bytes(32))
    assert line.carry() == limits.ENTRIES_WINDOW_BYTES_MAX


def test_an_acknowledgement_of_a_part_of_a_frame_leaves_it_under_way():
    log = told(5)
    log.said(5, 100, 0.0)
    assert log.acknowledged(2, 1.0)
    assert log.under_way_bytes == 100
    assert log.acknowledged(5, 2.0)
    assert log.under_way_bytes == 0


def test_an_acknowledgement_that_tells_nothing_new():
    log = told(5, committed=3)
    assert not log.acknowledged(3, 0.0)


def test_who_acknowledges_what_was_never_said_is_refused():
    with pytest.raises(Refused) as refused:
        told(5).acknowledged(1, 0.0)
    assert refused.value.code is Code.MALFORMED


def test_nothing_is_said_twice_on_one_connection():
    log = told(5)
    log.said(2, 100, 0.0)
    with pytest.raises(Mistake, match="Entries up to 2 said; 2 were said before"):
        log.said(2, 100, 0.0)
