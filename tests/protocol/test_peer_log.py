from datetime import UTC, datetime

import pytest

from protocol import entries, frames
from protocol.effects import Commit, Effect, Note
from protocol.entries import Entry, EpochOpened, Mark
from protocol.errors import Code, Refused
from protocol.peer_log import PeerLog

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)


def run(after: Mark, *payloads: bytes, epoch: int = 1) -> tuple[frames.Entries, list[Entry]]:
    """A frame that goes on from `after`, and the entries in it."""
    told: list[Entry] = []
    for payload in payloads:
        told.append(entries.following(after, epoch, payload))
        after = Mark(epoch, told[-1].number, told[-1].hash)
    return frames.Entries(epoch, told[0].number, payloads, after.hash), told


def held(number: int = 3, epoch: int = 1) -> PeerLog:
    """As it is on a connection that begins with so many entries."""
    log = PeerLog()
    log.connected(Mark(epoch, number, b"h" * 32))
    return log


def taken(log: PeerLog, frame: frames.Entries) -> list[Effect]:
    effects: list[Effect] = []
    log.take(frame, effects)
    return effects


def refusal(log: PeerLog, frame: frames.Entries) -> Code:
    before = log.heard
    with pytest.raises(Refused) as refused:
        taken(log, frame)
    assert log.heard == before
    return refused.value.code


def hello(last: Mark) -> frames.Hello:
    return frames.Hello((1,), "templin", b"boot", 1, last, 0, 0, "test", NOON)


def test_what_is_new_is_committed_and_acknowledged_once_it_is_durable():
    log = held()
    frame, told = run(log.heard, b"\0a", b"\0b")
    assert taken(log, frame) == [Commit(tuple(told))]
    assert log.heard == Mark(1, 5, frame.hash)
    assert log.to_acknowledge() is None
    log.committed = 5
    assert log.to_acknowledge() == 5
    assert log.to_acknowledge() is None


def test_what_is_sound_in_the_chain_is_taken_though_its_epoch_is_an_earlier_one():
    """Only the writer of the log can go on with its chain; to refuse it would block the log for ever. A leap is another thing (a clone's)."""
    log = held(epoch=7)
    frame, told = run(log.heard, b"\0a", epoch=3)
    assert taken(log, frame) == [Commit(tuple(told))]
    assert log.heard == Mark(3, 4, frame.hash)


def test_of_what_comes_again_only_the_rest_is_new():
    log = held()
    start = log.heard
    taken(log, run(start, b"\0a")[0])
    frame, told = run(start, b"\0a", b"\0b")
    assert taken(log, frame) == [Commit((told[1],))]
    assert taken(log, frame) == [Note("entries.again")]


def test_a_frame_whose_hash_is_another_is_a_fork():
    frame, _ = run(Mark(1, 3, b"other" + bytes(27)), b"\0a")
    assert refusal(held(), frame) is Code.LOG_FORK


def test_a_gap_is_refused_unless_an_entry_explains_it():
    log = held()
    frame, _ = run(Mark(1, 6, bytes(32)), b"\0a")
    assert refusal(log, frame) is Code.LOG_GAP
    follows = Mark(1, 6, b"f" * 32)
    frame, told = run(follows, entries.clear(EpochOpened(b"key", follows, NOON)), b"\0a", epoch=2)
    assert taken(log, frame) == [Note("entries.missing", "4 to 6"), Commit(tuple(told))]


def test_no_clone_leaps_over_entries_of_a_later_epoch():
    follows = Mark(1, 6, b"f" * 32)
    frame, _ = run(follows, entries.clear(EpochOpened(b"key", follows, NOON)), epoch=2)
    assert refusal(held(epoch=2), frame) is Code.LOG_FORK


def test_a_log_that_does_not_contain_what_is_held_of_it_is_a_fork():
    log = held()
    log.examine(hello(log.heard))
    log.examine(hello(Mark(1, 4, bytes(32))))
    for other in (Mark(1, 2, b"h" * 32), Mark(1, 3, bytes(32))):
        with pytest.raises(Refused) as refused:
            log.examine(hello(other))
        assert refused.value.code is Code.LOG_FORK
