"""SPEC.md is exact: a reader written from it alone understands a recorded link to the last byte, and comes to what both ends hold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from protocol import entries, frames
from protocol.recipients import unwrap_key
from tests.simulation.second_reader import Reader, Unpacker, Unread
from tools.room import room
from tools.simulator.line import Line, Strand, Way
from tools.simulator.simulation import Simulation

FAULTS = ["reset", "cut", "silent-cut", "cabin-restarted", "hub-restarted"]  # nobody's log forks, nothing is lost
ROWS = (["stored"], ["stored", "fetched"], ["stored", "fetched", "accepted"], ["stored", "fetched", "returned"])


class Said(NamedTuple):
    connection: bytes
    way: Way
    first: bytes
    data: bytes | None


class Recording(NamedTuple):
    said: list[Said]
    reader: Reader
    journal_keys: dict[int, bytes]
    up: tuple[int, bytes]
    down: tuple[int, bytes]
    documents: set[bytes]


def recorded(line: Line, into: list[Said]) -> None:
    """Everything that is said on this line, in the order in which it is said."""
    passed_on = line.spoken

    def spoken(strand: Strand, way: Way, first: bytes, data: bytes | None) -> None:
        into.append(Said(strand.route, way, bytes(first), None if data is None else bytes(data)))
        passed_on(strand, way, first, data)

    line.spoken = spoken  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(FAULTS * 2)


@pytest.fixture(scope="module")
def restored() -> Recording:
    """With a hub that comes back from a backup now and then."""
    return record([*FAULTS, "hub-restored", "hub-restored"])


def record(cards: list[str]) -> Recording:
    said: list[Said] = []
    with room() as folder:
        world = Simulation(Path(folder), seed=4711, cabins=1, days=2.0)
        world._cards = cards
        cabin = world.cabins[0]
        recorded(cabin.line, said)
        held = {}

        def hold() -> None:
            held["up"] = world.hub.ledger.log(cabin.site).theirs()
            held["down"] = world.hub.ledger.log(cabin.site).last()

        end = world.end

        def last_look() -> None:
            hold()
            end()

        world.end = last_look  # type: ignore[method-assign]
        report = world.run()
        assert report.broken == []
        documents = {
            document.envelope
            for custody in world.witness.notebook.custody.values()
            for document in custody.accepted.values()
        }
        agencies = {id: keys[0].public for id, keys in world.district.agencies.items()}
        reader = Reader(cabin.keys.signing.public, world.district.signing.public, agencies)
        for message in said:
            reader.hear(*message)
        keys = {
            epoch: unwrap_key(event.wrapped_key, world.district.journal)
            for number, (epoch, payload) in reader.logs["up"].payloads.items()
            if isinstance(event := _clear(payload, epoch, number), entries.EpochOpened)
        }
    up, down = held["up"], held["down"]
    return Recording(said, reader, keys, (up.number, up.hash), (down.number, down.hash), documents)


def _clear(payload: bytes, epoch: int, number: int) -> entries.Event | None:
    return entries.read(payload, None, epoch, number) if payload[:1] == entries.CLEAR else None


def test_it_comes_to_what_both_ends_hold(recording: Recording) -> None:
    reader = recording.reader
    for way, (number, digest) in (("up", recording.up), ("down", recording.down)):
        assert number > 10
        assert reader.logs[way].hashes[number] == digest
    assert {"hello", "entries", "ack", "want", "chunk", "beat"} <= set(reader.kinds)
    assert reader.resumed > 0


def test_it_reads_every_document_and_what_became_of_it(recording: Recording) -> None:
    reader = recording.reader
    reader.read(recording.journal_keys)
    found, happened = reader.documents(), reader.receipts()
    assert set(found) == recording.documents
    for envelope, manifest in found.items():
        reader.check_blob(manifest)
        assert happened[envelope] in ROWS


def test_it_follows_a_hub_that_came_back_from_an_older_copy(restored: Recording) -> None:
    reader = restored.reader
    for way, (number, digest) in (("up", restored.up), ("down", restored.down)):
        assert reader.logs[way].hashes[number] == digest
    assert reader.logs["down"].epoch > 0
    reader.read(restored.journal_keys)
    happened = reader.receipts()
    assert set(reader.documents()) == restored.documents
    for envelope, manifest in reader.documents().items():
        reader.check_blob(manifest)
        assert happened[envelope][0] == "stored"
    assert max(map(len, happened.values())) > 3


@pytest.mark.parametrize("kind", ["entries", "chunk", "ack", "beat"])
def test_it_notices_what_the_document_does_not_allow(recording: Recording, kind: str) -> None:
    """Its own positive control: one message changed, and the reading ends."""
    fresh = Reader(recording.reader.cabin_key, recording.reader.hub_key, recording.reader.agency_keys)
    place = [n for n, message in enumerate(recording.said) if _tag(message.first) == kind][3]
    for message in recording.said[:place]:
        fresh.hear(*message)
    spoilt = recording.said[place]
    frame = frames.decode(spoilt.first, 1 if spoilt.data is None else 2)
    match frame:
        case frames.Entries():
            frame = msgspec.structs.replace(frame, hash=bytes(32))
        case frames.Chunk():
            spoilt = spoilt._replace(data=(spoilt.data or b"")[:-1])
        case frames.Ack():
            frame = msgspec.structs.replace(frame, committed=1 << 40)
        case frames.Beat():
            frame = msgspec.structs.replace(frame, number=0)
    with pytest.raises(Unread):
        fresh.hear(spoilt.connection, spoilt.way, frames.encode(frame), spoilt.data)


def _tag(first: bytes) -> str:
    return str(Unpacker(first).whole()[0])
