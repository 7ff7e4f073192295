"""Dialogues about beginning, living and ending: greeting, beats, silence, refusal."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from protocol import asking, effects, events, frames, limits
from protocol.entries import Mark, VisitEnded
from protocol.errors import Code, Mistake
from protocol.ids import Digest
from protocol.link import DOWN, GREETING, NEVER, UP, Link

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
VISIT = VisitEnded(bytes(16), NOON, NOON, "left", 0, "de")


def hello(node: str = "hub", *, last: Mark = Mark(), committed: int = 0) -> frames.Hello:  # noqa: B008
    return frames.Hello((1,), node, b"boot", 1, last, committed, 0, "test", NOON)


def connected(link: Link, now: float = 100.0) -> list[effects.Effect]:
    return link.step(events.Connected(1, Mark(), Mark()), now)


def up(now: float = 100.0) -> Link:
    link = Link("hub")
    connected(link, now)
    link.step(events.Heard(hello()), now)
    return link


def ended(todo: list[effects.Effect]) -> effects.End:
    (end,) = (effect for effect in todo if isinstance(effect, effects.End))
    return end


def test_both_say_hello_and_are_up(pair):
    pair.connect()
    assert pair.cabin.pump.link.state == GREETING
    pair.run(1)
    assert pair.cabin.pump.link.state == pair.hub.pump.link.state == UP
    assert [frame.node for frame in pair.of(frames.Hello)] == ["templin", "hub"]
    assert pair.hub.observed[0][0] == pair.of(frames.Hello, "templin")[0]


def test_a_peer_that_says_no_hello_is_given_up(pair):
    pair.lose = lambda sender, _frame: sender is pair.hub
    pair.connect()
    pair.run(limits.HELLO_SECONDS - 0.1)
    assert pair.cabin.ended is None
    pair.run(0.2)
    assert pair.cabin.ended == effects.End("", "no Hello came")


def test_beats_carry_vitals_the_end_of_the_log_and_the_round_trip(pair):
    pair.connect()
    pair.cabin.append(VISIT)
    pair.run(4 * limits.BEAT_SECONDS)
    beats = [(frame, seconds) for frame, seconds in pair.hub.observed if isinstance(frame, frames.Beat)]
    assert [beat.number for beat, _ in beats] == [1, 2, 3, 4]
    assert beats[-1][0].last == pair.cabin.log.last()
    assert beats[-1][0].vitals == frames.Vitals()
    assert beats[-1][1] == pytest.approx(0.06, abs=0.001)


def test_whoever_was_greeted_says_its_beats_as_answers(pair):
    """So a hub of ten thousand cabins is woken half as often, and each beat tells the cabin its round trip."""
    pair.dial()
    pair.run(3.5 * limits.BEAT_SECONDS)
    said = [(node, frame.number, frame.echo) for node, frame in pair.said if isinstance(frame, frames.Beat)]
    assert said == [
        (node, number, number if node == "hub" else number - 1)
        for number in (1, 2, 3, 4)
        for node in ("templin", "hub")
    ]
    assert {frame.held_seconds for frame in pair.of(frames.Beat, "hub")} == {0.0}
    for end in pair.ends:
        assert end.observed[-1][1] == pytest.approx(0.06, abs=0.001)


def test_whoever_answers_beats_says_one_by_itself_when_none_comes(pair):
    pair.dial()
    pair.lose = lambda sender, frame: sender is pair.cabin and isinstance(frame, frames.Beat)
    pair.run(2 * limits.BEAT_SECONDS)
    assert [beat.echo for beat in pair.of(frames.Beat, "hub")] == [0]
    assert pair.hub.ended is pair.cabin.ended is None


def test_a_beat_that_was_overtaken_by_the_next_tells_no_round_trip(pair):
    pair.latency_seconds = 0.7 * limits.BEAT_SECONDS
    pair.dial()
    pair.run(8 * limits.BEAT_SECONDS)
    beats = [seconds for frame, seconds in pair.cabin.observed if isinstance(frame, frames.Beat)]
    assert len(beats) > 3
    assert set(beats) == {-1.0}


def test_while_a_visitor_is_there_beats_come_more_often(pair):
    """Their screen says whether the line stands."""
    pair.dial()
    pair.run(1)
    times = []
    pair.lose = lambda sender, frame: bool(
        sender is pair.cabin and isinstance(frame, frames.Beat) and times.append(pair.now)
    )
    pair.cabin.visitor = True
    pair.run(limits.BEAT_SECONDS + 3 * limits.BEAT_VISIT_SECONDS)
    pair.cabin.visitor = False
    pair.run(2 * limits.BEAT_SECONDS)
    pauses = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert pauses[:3] == pytest.approx([limits.BEAT_VISIT_SECONDS] * 3)
    assert pauses[-1] == pytest.approx(limits.BEAT_SECONDS)
    assert len(pair.of(frames.Beat, "hub")) == len(pair.of(frames.Beat, "templin"))


def test_a_whisper_is_said_at_once_and_only_where_somebody_is(pair):
    whisper = frames.Whisper("templin", frames.ECHO, b"hello")
    assert not pair.cabin.pump.whisper(whisper)
    pair.dial()
    pair.run(1)
    assert pair.cabin.pump.whisper(whisper)
    pair.run(pair.latency_seconds)
    assert pair.hub.whispers == [whisper]


def test_a_whisper_overtakes_a_document(pair):
    pair.dial()
    pair.run(1)
    pair.cabin.room_seconds = 0.05
    pair.cabin.announce(bytes(300_000))
    pair.run(0.2)
    whisper = frames.Whisper("templin", frames.ECHO)
    pair.cabin.pump.whisper(whisper)
    said = [frame for node, frame in pair.said if node == "templin"]
    assert said[-1] == whisper
    assert pair.cabin.pump._owed  # what was asked for before waits for room


def test_three_missed_beats_end_a_link(pair):
    pair.connect()
    pair.run(1)
    pair.lose = lambda _sender, _frame: True
    pair.run(limits.BEAT_SECONDS * limits.BEATS_MISSED_MAX + 1)
    assert {end.ended.text for end in pair.ends} == {"3 beats missed"}
    assert {end.ended.code for end in pair.ends} == {""}


def test_a_line_that_is_cut_one_way_while_an_entry_waits_is_noticed_soon(pair):
    pair.connect()
    pair.run(1)
    pair.lose = lambda sender, _frame: sender is pair.cabin
    pair.cabin.append(VISIT)
    pair.run(limits.STALL_SECONDS + 0.1)
    assert pair.cabin.ended == effects.End("", "no progress while something is outstanding")


def test_a_line_that_is_cut_one_way_while_bytes_are_wanted_is_noticed_soon(pair):
    pair.connect()
    pair.cabin.announce(bytes(3_000_000))
    pair.run(0.5)
    pair.lose = lambda sender, frame: sender is pair.cabin and isinstance(frame, frames.Chunk)
    pair.run(limits.STALL_SECONDS + 1)
    assert pair.hub.ended == effects.End("", "no progress while something is outstanding")


def test_a_cabin_that_comes_with_a_whole_fleet_may_answer_late(pair):
    """Ten thousand that dialled at once were slow to acknowledge; they were given up, dialled anew, and were slower."""
    pair.hub.append(VISIT)  # as a directory that waits for it
    pair.lose = lambda sender, frame: sender is pair.cabin and not isinstance(frame, frames.Hello)
    pair.dial()
    pair.run(limits.HELLO_SECONDS - 1)
    assert pair.hub.ended is None
    pair.run(1.2)
    assert pair.hub.ended == effects.End("", "no progress while something is outstanding")


def test_a_cabin_whose_line_is_known_may_not(pair):
    pair.dial()
    pair.run(2 * limits.BEAT_SECONDS)  # a beat, its answer, and how long that took
    pair.lose = lambda sender, _frame: sender is pair.cabin
    pair.hub.append(VISIT)
    pair.run(limits.STALL_SECONDS + 0.5)
    assert pair.hub.ended == effects.End("", "no progress while something is outstanding")


def test_a_stall_is_not_hidden_by_other_talk(pair):
    pair.connect()
    pair.run(1)
    pair.hub.durable = False
    for _ in range(30):
        pair.cabin.append(VISIT)
        pair.run(0.1)
    assert pair.cabin.ended == effects.End("", "no progress while something is outstanding")


def test_a_slow_line_is_not_taken_for_a_cut_one(pair):
    pair.rate, pair.latency_seconds = 8_000, 0.6  # 64 kbit/s over a satellite
    pair.connect()
    digest = pair.cabin.announce(bytes(200_000))
    pair.run(60)
    assert pair.cabin.ended is pair.hub.ended is None
    assert pair.hub.blobs.have(digest) == 200_000


def test_an_idle_link_lives_for_ever(pair):
    pair.connect()
    pair.run(24 * 3600)
    assert pair.cabin.ended is pair.hub.ended is None


def test_a_whisper_is_delivered_at_once(pair):
    pair.connect()
    pair.run(1)
    pair.hub.pump.hear(frames.Whisper("call-1", "ring", b"now"))
    assert pair.hub.whispers == [frames.Whisper("call-1", "ring", b"now")]


def test_a_frame_of_a_later_version_is_counted_and_ignored():
    link = Link("hub")
    connected(link)
    assert link.step(events.Heard(frames.Unknown("hologram")), 100.0) == [effects.Note("frame.unknown", "hologram")]
    assert link.state == GREETING
    link.step(events.Heard(hello()), 100.0)
    assert effects.Note("frame.unknown", "hologram") in link.step(events.Heard(frames.Unknown("hologram")), 100.0)
    assert link.state == UP


@pytest.mark.parametrize(
    "frame",
    [
        frames.Ack(0),
        frames.Beat(1, NOON, 0, 0.0, Mark()),
        frames.Want(Digest(bytes(32)), 0, 1),
        frames.Whisper("a", "b"),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_nothing_may_be_said_before_hello(frame):
    link = Link("hub")
    connected(link)
    assert ended(link.step(events.Heard(frame), 100.0)).code == Code.MALFORMED
    assert link.state == DOWN


@pytest.mark.parametrize("frame", [hello(), asking.Ask(1, asking.ShowDirectory()), asking.Answer(1, asking.Done())])
def test_a_second_hello_and_questions_have_no_place_on_a_link(frame):
    assert ended(up().step(events.Heard(frame), 100.0)).code == Code.MALFORMED


def test_who_is_refused_does_not_answer(pair):
    pair.connect()
    pair.run(1)
    pair.cabin.pump.hear(frames.Refused(Code.REVOKED, "This key is no longer admitted.", 2.0))
    assert pair.cabin.ended == effects.End(Code.REVOKED, "This key is no longer admitted.", 2.0, by_peer=True)
    assert pair.of(frames.Refused) == []
    assert pair.cabin.pump.link.deadline == NEVER


def test_a_refusal_may_come_instead_of_hello():
    link = Link("hub")
    connected(link)
    end = ended(link.step(events.Heard(frames.Refused("from-the-future", "No.")), 100.0))
    assert (end.code, end.by_peer) == ("from-the-future", True)


def test_refusals_that_cross_end_both_without_a_further_word(pair):
    pair.connect()
    pair.run(1)
    for end in pair.ends:
        end.pump.hear(frames.Ack(9))
    pair.run(1)
    assert len(pair.of(frames.Refused)) == 2
    assert [end.ended.by_peer for end in pair.ends] == [False, False]


def test_what_is_said_after_the_end_is_not_heard():
    link = up()
    link.step(events.Wanted(Digest(bytes(32)), 1000, 0), 100.0)
    assert link.transfers.outstanding_bytes == 1000
    link.step(events.Lost(), 100.0)
    assert link.transfers.outstanding_bytes == 0  # nobody waits for it
    assert link.step(events.Heard(frames.Ack(0)), 100.0) == []
    assert link.step(events.Tick(), 100.0) == []
    assert link.deadline == NEVER


def test_a_link_is_connected_once():
    link = up()
    with pytest.raises(Mistake, match="Connected"):
        connected(link)
    link.step(events.Lost(), 100.0)
    with pytest.raises(Mistake, match="Connected"):
        connected(link)


def test_an_owner_that_reports_the_same_entries_twice_is_told():
    link = up()
    link.step(events.Appended(Mark(1, 2, bytes(32))), 100.0)
    link.step(events.Said(2, 100), 100.0)
    with pytest.raises(Mistake, match="said before"):
        link.step(events.Said(2, 100), 100.0)


def test_no_row_of_the_deadline_is_in_the_past_after_a_tick(pair):
    """Otherwise the owner's loop would spin."""
    pair.connect()
    pair.cabin.announce(bytes(500_000))
    for _ in range(400):
        pair.run(0.037)
        for end in pair.ends:
            assert end.pump.deadline > pair.now


def test_a_tick_that_comes_too_early_does_nothing():
    link = up()
    link.step(events.Tick(), 100.0)
    assert link.step(events.Tick(), 100.1) == []
    assert link.deadline == 100.0 + limits.BEAT_SECONDS
