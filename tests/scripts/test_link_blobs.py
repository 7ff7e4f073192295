"""Dialogues about blobs: asked for in ranges, resumed at the byte that is here, one bad one never in the way of others."""

from __future__ import annotations

import random
from itertools import pairwise

from protocol import frames, limits
from protocol.errors import Code
from protocol.ids import Digest


def paper(size_bytes: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def asked(pair, digest: Digest) -> list[tuple[int, int]]:
    return [
        (want.offset_bytes, want.offset_bytes + want.length_bytes)
        for want in pair.of(frames.Want)
        if want.digest == digest
    ]


def test_a_blob_is_asked_for_and_arrives(pair):
    pair.connect()
    digest = pair.cabin.announce(paper(300_000))
    pair.run(5)
    assert pair.hub.missing == {}
    assert pair.hub.blobs.read(digest, 0, 300_000) == paper(300_000)
    spans = asked(pair, digest)
    assert spans[0][0] == 0
    assert spans[-1][1] == 300_000
    assert all(before[1] == after[0] for before, after in pairwise(spans))


def test_what_waits_for_room_on_the_wire_lets_entries_pass_and_keeps_its_order(pair):
    pair.connect()
    pair.cabin.room_seconds = 0.05
    pair.cabin.announce(paper(60_000))
    pair.run(1)
    assert pair.of(frames.Want)
    assert not pair.of(frames.Chunk)
    pair.cabin.announce(paper(50, seed=2))
    pair.run(1)
    assert len(pair.of(frames.Entries, "templin")) == 2
    assert not pair.of(frames.Chunk)
    pair.cabin.room_seconds = 0.0
    pair.run(5)
    assert pair.hub.missing == {}
    wanted = [(want.digest, want.offset_bytes) for want in pair.of(frames.Want)]
    assert [(chunk.digest, chunk.offset_bytes) for chunk in pair.of(frames.Chunk)] == wanted


def test_where_nobody_talks_nothing_waits_for_room(pair):
    pair.connect()
    pair.cabin.room_seconds = 0.05
    pair.cabin.announce(paper(60_000))
    pair.run(1.9)
    assert not pair.of(frames.Chunk)
    pair.run(5)
    assert pair.hub.missing == {}


def test_what_was_written_before_the_line_stood_is_no_talk(pair):
    """A backlog of documents begins with its entries: if they counted, its first two seconds would be as slow as beside a visitor."""
    pair.cabin.room_seconds = 0.05
    pair.cabin.announce(paper(60_000))
    pair.connect()
    pair.run(1.9)
    assert pair.hub.missing == {}
    assert pair.hub.pump.link.pacing._quiet_at == 0.0
    pair.cabin.announce(paper(60_000, seed=2))
    pair.run(1)
    assert pair.hub.missing != {}
    assert pair.hub.pump.link.pacing._quiet_at > pair.now


def test_what_waited_for_room_is_forgotten_with_the_connection(pair):
    pair.connect()
    pair.cabin.room_seconds = 0.05
    pair.cabin.announce(paper(60_000))
    pair.run(1)
    pair.cut()
    pair.cabin.room_seconds = 0.0
    pair.run(1)
    assert not pair.of(frames.Chunk)


def test_after_a_cut_the_blob_goes_on_at_the_byte_that_is_here(pair):
    pair.rate = 100_000
    pair.connect()
    digest = pair.cabin.announce(paper(300_000))
    pair.run(1.5)
    here = pair.hub.blobs.have(digest)
    assert 0 < here < 300_000
    pair.cut()
    before = len(asked(pair, digest))
    pair.connect()
    pair.run(5)
    assert asked(pair, digest)[before][0] == here
    assert pair.hub.missing == {}


def test_after_a_power_cut_of_the_hub_the_blob_goes_on_at_the_byte_that_was_durable(pair):
    pair.rate = 100_000
    pair.connect()
    digest = pair.cabin.announce(paper(300_000))
    pair.run(1)
    durable = pair.hub.blobs.have(digest)
    pair.hub.durable = False
    pair.run(1)
    assert pair.hub.blobs.have(digest) > durable > 0
    pair.cut()
    pair.hub.crash()
    before = len(asked(pair, digest))
    pair.hub.durable = True
    pair.connect()
    pair.run(5)
    assert asked(pair, digest)[before][0] == durable
    assert pair.hub.missing == {}


def test_a_blob_that_is_wanted_twice_is_asked_for_once(pair):
    pair.rate = 100_000
    pair.connect()
    digest = pair.cabin.announce(paper(100_000))
    pair.run(0.5)
    pair.hub.pump.want(digest, 100_000, 0)
    pair.run(5)
    assert sum(end - begin for begin, end in asked(pair, digest)) == 100_000
    assert pair.hub.missing == {}


def test_small_blobs_overtake_large_ones(pair):
    pair.rate = 1_000_000
    pair.connect()
    large = pair.cabin.announce(paper(3_000_000))
    pair.run(1)
    small = pair.cabin.announce(paper(20_000, 2))
    pair.run(0.5)
    assert small not in pair.hub.missing
    assert large in pair.hub.missing
    pair.run(5)
    assert pair.hub.missing == {}


def test_many_small_blobs_never_have_more_wants_under_way_than_answers_fit(pair):
    pair.latency_seconds = 0.2
    for number in range(200):
        pair.cabin.announce(paper(3_000, number))
    pair.connect()
    under_way = most = 0
    for _ in range(2000):
        before = len(pair.said)
        pair.run(0.005)
        for _, frame in pair.said[before:]:
            under_way += isinstance(frame, frames.Want) - isinstance(frame, frames.Chunk)
            most = max(most, under_way)
    assert pair.hub.missing == {}
    assert 8 < most <= limits.WANTS_MAX


def test_a_blob_that_is_gone_does_not_hold_up_the_others(pair):
    pair.connect()
    lost = pair.cabin.announce(paper(100_000))
    pair.cabin.blobs.forget(lost)
    whole = pair.cabin.announce(paper(200_000, 2))
    pair.run(3)
    assert lost in pair.hub.missing
    assert whole not in pair.hub.missing
    assert pair.hub.notes == [("blob.gone", lost.hex())]
    assert ("blob.missing", lost.hex()) in pair.cabin.notes
    assert pair.hub.ended is pair.cabin.ended is None


def test_a_blob_that_is_not_as_long_as_announced_does_not_hold_up_the_others(pair):
    pair.connect()
    short = pair.cabin.announce(paper(90_000), size_bytes=100_000)
    whole = pair.cabin.announce(paper(200_000, 2))
    pair.run(3)
    assert short in pair.hub.missing
    assert whole not in pair.hub.missing
    assert pair.hub.notes == [("blob.unfit", short.hex())]
    assert pair.hub.pump.link.transfers.outstanding_bytes == 0


def test_a_blob_that_is_found_again_is_asked_for_again(pair):
    pair.connect()
    digest = pair.cabin.announce(paper(100_000))
    pair.cabin.blobs.forget(digest)
    pair.run(1)
    pair.cabin.blobs.put(paper(100_000))
    pair.hub.pump.want(digest, 100_000, pair.hub.blobs.have(digest))
    pair.run(2)
    assert pair.hub.missing == {}


def test_a_sender_that_cannot_read_all_that_was_asked_for_says_so(pair):
    pair.connect()
    digest = pair.cabin.announce(paper(100_000))
    pair.cabin.read = lambda digest, offset_bytes, length_bytes: (b"too little", 100_000)
    pair.run(2)
    assert pair.of(frames.Chunk) == []
    assert pair.hub.notes == [("blob.gone", digest.hex())]


def test_bytes_that_nobody_asked_for_end_the_link(pair):
    pair.connect()
    pair.run(1)
    pair.hub.pump.hear(frames.Chunk(Digest(bytes(32)), 0, 5), b"bytes")
    assert pair.hub.ended.code == Code.MALFORMED
    assert pair.hub.blobs.have(Digest(bytes(32))) == 0


def test_gone_without_a_question_ends_the_link(pair):
    pair.connect()
    pair.run(1)
    pair.hub.pump.hear(frames.Gone(Digest(bytes(32))))
    assert pair.hub.ended.code == Code.MALFORMED


def test_a_receiver_whose_disk_is_nearly_full_asks_for_nothing_and_forgets_nothing(pair):
    pair.connect()
    pair.hub.pump.link.transfers.paused = True
    digest = pair.cabin.announce(paper(100_000))
    pair.run(60)
    assert asked(pair, digest) == []
    assert pair.hub.ended is pair.cabin.ended is None
    assert pair.cabin.log.acknowledged() == 1

    pair.hub.pump.link.transfers.paused = False
    pair.hub.pump.appended()
    pair.run(3)
    assert pair.hub.missing == {}


def test_nobody_asks_for_more_at_once_than_the_peer_gives(pair):
    pair.connect()
    pair.run(1)
    pair.hub.pump.link._chunk_bytes_max = limits.CHUNK_BYTES_MIN
    pair.cabin.announce(paper(2_000_000))
    pair.run(10)
    assert pair.hub.missing == {}
    assert {want.length_bytes for want in pair.of(frames.Want)} <= {limits.CHUNK_BYTES_MIN, 2_000_000 % 8192}


def test_an_entry_beside_a_large_blob_on_a_slow_line_is_not_kept_waiting(pair):
    pair.rate, pair.latency_seconds = 250_000, 0.03  # 2 Mbit/s, 60 ms
    pair.connect()
    pair.cabin.announce(paper(30_000_000))
    pair.run(60)
    begun = pair.now
    pair.cabin.announce(paper(100, 2))
    while pair.cabin.log.acknowledged() < 2:
        pair.run(0.01)
    assert pair.now - begun < 0.3
    assert pair.hub.blobs.have(pair.hub.applied[0].digest) > 0.9 * 60 * 250_000


def test_the_answer_to_a_hello_says_how_much_to_ask_for_at_first(pair):
    """The hub is greeted first: its Hello is answered by what comes next. What greeted it answers nothing."""
    pair.latency_seconds = 0.001
    pair.cabin.announce(paper(1_000_000))
    pair.cabin.connect()
    pair.hub.pump.connected(greeted=True)
    pair.run(0.0015)  # the cabin's Hello is here, and not yet its answer
    assert pair.hub.pump.link.pacing.window_bytes() == limits.WINDOW_BYTES_FIRST
    pair.run(0.001)
    assert pair.hub.pump.link.pacing.window_bytes() > 8 * limits.WINDOW_BYTES_FIRST
    pair.run(1)
    assert pair.hub.missing == {}
