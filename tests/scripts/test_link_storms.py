"""Cuts, power cuts, loss and slow disks at random; then they stop, and everything must have arrived exactly once, in order."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import frames
from protocol.entries import DirectoryPublished, VisitEnded
from protocol.errors import Code

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
steps = st.lists(
    st.tuples(
        st.sampled_from(["visit", "paper", "order", "cut", "hub crashes", "slow disk", "quick disk", "silence"]),
        st.floats(0, 3),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps, st.sampled_from([None, 20_000, 200_000]), st.floats(0.001, 0.5), st.integers(0, 2**32))
def test_after_any_storm_everything_has_arrived_once_and_in_order(new_pair, steps, rate, latency_seconds, seed):
    pair, chance = new_pair(), random.Random(seed)
    pair.rate, pair.latency_seconds = rate, latency_seconds
    written, ordered = [], []
    silent = set()  # ZeroMQ loses nothing in the middle of a connection: who falls silent stays so until the next one
    pair.lose = lambda sender, _frame: sender.node in silent
    acknowledged = 0

    def again() -> None:
        pair.cut()
        silent.clear()
        for end in pair.ends:
            end.sync()  # a Hello acknowledges, so nothing may be undecided when it is said
        pair.connect()

    again()
    for number, (what, seconds) in enumerate(steps):
        match what:
            case "visit":
                written.append(VisitEnded(number.to_bytes(16, "big"), NOON, NOON, "left", 0, "de"))
                pair.cabin.append(written[-1])
            case "paper":
                blob = chance.randbytes(chance.randrange(1, 100_000))
                digest = pair.cabin.announce(blob)
                written.append(DirectoryPublished(1, digest, len(blob)))
            case "order":
                ordered.append(VisitEnded(number.to_bytes(16, "big"), NOON, NOON, "order", 0, "de"))
                pair.hub.append(ordered[-1])
            case "cut":
                again()
            case "hub crashes":
                pair.cut()
                pair.hub.crash()
                again()
            case "slow disk":
                pair.hub.durable = False
            case "quick disk":
                pair.hub.durable = True
            case "silence":
                silent.add(chance.choice(pair.ends).node)
        pair.run(seconds)
        if any(end.ended for end in pair.ends):
            again()
        # Promise 1: nothing acknowledged is lost, at no moment.
        assert pair.cabin.log.acknowledged() <= pair.hub.log._durable[1]
        assert pair.cabin.log.acknowledged() >= acknowledged
        acknowledged = pair.cabin.log.acknowledged()

    pair.hub.durable = True
    again()
    pair.run(600)
    assert pair.hub.applied == written
    assert pair.cabin.applied == ordered
    assert pair.hub.missing == {}
    assert pair.cabin.log.acknowledged() == len(written)
    assert not any(frame.code == Code.MALFORMED for frame in pair.of(frames.Refused))
