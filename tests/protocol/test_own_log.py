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


def test_the_window_grows_where_frames_are_acknowledged_at_once_and_shrinks_where_they_are_not():
    log = told(1_000)

    def said_at_once(seconds: float) -> int:
        """Frames that go out before the first of them is acknowledged; then all of them are, `seconds` later."""
        frames = 0
        while (say := log.to_say()) is not None:
            frames += 1
            log.said(say.after + 1, FRAME_BYTES, 0.0)
            last = say.after + 1
        log.acknowledged(last, seconds)
        return frames

    first = said_at_once(limits.ENTRIES_QUICK_SECONDS / 2)
    assert said_at_once(limits.ENTRIES_QUICK_SECONDS) > first
    assert said_at_once(limits.ENTRIES_QUICK_SECONDS) == first


def test_after_a_lost_connection_what_was_under_way_is_said_again():
    log = told(5)
    log.said(5, 100, 0.0)
    assert log.acknowledged(2, 1.0)
    log.lost()
    assert log.under_way_bytes == 0
    log.greeted(2)
    assert log.to_say() == SayEntries(2, FRAME_BYTES)


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
