from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import asking, codec, frames, limits
from protocol.asking import Answer, Ask
from protocol.entries import Mark
from protocol.errors import Code, Refused
from protocol.frames import Ack, Beat, Chunk, Entries, Gone, Hello, Unknown, Vitals, Want, Whisper
from protocol.ids import Digest
from protocol.manifest import Signed

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
BLOB = Digest(bytes(range(32)))
HELLO = Hello((1,), "templin", b"boot", 1, Mark(1, 3, bytes(32)), 2, 4, "0.1", NOON)
ENTRIES = Entries(1, 1, (b"a",), bytes(32))
BEAT = Beat(1, NOON, 0, 0.0, Mark())

numbers = st.integers(0, limits.NUMBER_MAX)
seconds = st.floats(0, limits.SPAN_SECONDS_MAX)
moments = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
hashes = st.binary(min_size=32, max_size=32)
marks = st.builds(Mark, numbers, numbers, hashes)
texts = st.text(max_size=60)
signed = st.builds(Signed, st.binary(max_size=80), st.binary(min_size=64, max_size=64))
vitals = st.builds(
    Vitals,
    numbers,
    numbers,
    seconds,
    numbers,
    st.booleans(),
    st.dictionaries(texts, texts, max_size=3),
    st.tuples(texts),
)
chunks = st.tuples(st.integers(0, 1000), st.integers(1000, limits.ENVELOPE_BYTES_MAX))
questions = st.one_of(
    st.builds(asking.MakeClaim, signed),
    st.just(asking.ShowDirectory()),
    st.builds(asking.ListInbox, numbers, numbers, st.booleans()),
    st.builds(asking.Tell, signed),
    st.builds(asking.ListLost, numbers),
    st.builds(asking.Recall, st.binary(min_size=16, max_size=16), st.lists(signed, max_size=3).map(tuple)),
)
delivered = st.builds(
    asking.Delivered, numbers, signed, st.binary(max_size=80), hashes, numbers, st.lists(signed, max_size=3).map(tuple)
)
replies = st.one_of(
    st.builds(asking.CurrentDirectory, numbers, hashes, numbers),
    st.builds(asking.Listing, st.lists(delivered, max_size=3).map(tuple), st.booleans()),
    st.builds(asking.LostListing, st.lists(signed, max_size=3).map(tuple)),
    st.just(asking.Done()),
)
BY_KIND = {
    Hello: st.builds(
        lambda versions, node, boot, first, last, heard, *rest: Hello(
            versions,
            node,
            boot,
            min(first, last.number + 1),
            last,
            heard.number,
            *rest,
            heard if heard.number else Mark(),
        ),
        st.lists(numbers, min_size=1, max_size=16).map(tuple),
        texts,
        st.binary(min_size=1, max_size=32),
        st.integers(1, limits.NUMBER_MAX),
        marks,
        marks,
        numbers,
        texts,
        moments,
        st.integers(limits.CHUNK_BYTES_MIN, limits.CHUNK_BYTES_MAX),
    ),
    Entries: st.builds(
        Entries,
        numbers,
        st.integers(1, limits.NUMBER_MAX),
        st.lists(st.binary(min_size=1, max_size=99), min_size=1, max_size=9).map(tuple),
        hashes,
    ),
    Ack: st.builds(Ack, numbers),
    Want: st.builds(Want, hashes, numbers, st.integers(1, limits.CHUNK_BYTES_MAX)),
    Chunk: st.builds(lambda digest, at: Chunk(digest, *at), hashes, chunks),
    Gone: st.builds(Gone, hashes),
    Whisper: st.builds(Whisper, texts, texts, st.binary(max_size=99)),
    Beat: st.builds(Beat, numbers, moments, numbers, seconds, marks, st.none() | vitals),
    Ask: st.builds(Ask, numbers, questions),
    Answer: st.builds(Answer, numbers, replies),
    frames.Refused: st.builds(frames.Refused, texts, texts, seconds, numbers),
}
anything = st.one_of(*BY_KIND.values())


def test_every_kind_of_frame_is_tried_here():
    assert set(BY_KIND) == set(frames.Frame.__args__)


@pytest.mark.parametrize("kind", BY_KIND, ids=lambda kind: kind.__name__)
def test_every_kind_of_frame_and_back(kind):
    @given(BY_KIND[kind])
    def round_trip(frame):
        first = frames.encode(frame)
        parts = 2 if kind is Chunk else 1
        assert frames.decode(memoryview(first), parts) == frame
        with pytest.raises(Refused, match=f"frame of {3 - parts} parts"):
            frames.decode(first, 3 - parts)

    round_trip()


@given(st.binary(max_size=300), st.integers(0, 3))
def test_hostile_bytes_are_only_ever_refused(first, parts):
    with suppress(Refused):
        frames.decode(first, parts)


@given(anything, st.data())
def test_a_frame_with_bytes_altered_cut_or_added_is_refused_or_means_something_else(frame, data):
    first = bytearray(frames.encode(frame))
    where = data.draw(st.integers(0, len(first) - 1))
    match data.draw(st.sampled_from(["alter", "cut", "add"])):
        case "alter":
            first[where] ^= data.draw(st.integers(1, 255))
        case "cut":
            del first[where:]
        case "add":
            first[where:where] = data.draw(st.binary(min_size=1, max_size=9))
    with suppress(Refused):
        frames.decode(first, 2 if isinstance(frame, Chunk) else 1)


@given(
    st.recursive(st.none() | st.integers() | st.floats() | st.binary() | st.text(), st.lists, max_leaves=8), st.data()
)
def test_wild_values_in_known_frames_are_only_ever_refused(value, data):
    frame = data.draw(anything)
    fields = [frame.__struct_config__.tag, *msgspec.structs.astuple(frame)]
    fields[data.draw(st.integers(1, len(fields) - 1))] = value
    with suppress(Refused, OverflowError):  # OverflowError: the value has no spelling at all
        first = msgspec.msgpack.encode(fields)
        frames.decode(first, 2 if isinstance(frame, Chunk) else 1)


OUT_OF_BOUNDS = [
    msgspec.structs.replace(ENTRIES, first=0),
    msgspec.structs.replace(ENTRIES, epoch=-1),
    msgspec.structs.replace(ENTRIES, hash=bytes(31)),
    msgspec.structs.replace(ENTRIES, payloads=()),
    msgspec.structs.replace(ENTRIES, payloads=(b"",)),
    msgspec.structs.replace(ENTRIES, payloads=(b"x",) * (limits.ENTRIES_PER_FRAME_MAX + 1)),
    msgspec.structs.replace(ENTRIES, payloads=(bytes(limits.ENTRY_BYTES_MAX + 1),)),
    msgspec.structs.replace(ENTRIES, payloads=(bytes(limits.ENTRIES_FRAME_BYTES_MAX // 2), bytes(limits.ENTRIES_FRAME_BYTES_MAX // 2 + 1))),
    msgspec.structs.replace(HELLO, versions=()),
    msgspec.structs.replace(HELLO, versions=(1,) * 17),
    msgspec.structs.replace(HELLO, node="x" * 65),
    msgspec.structs.replace(HELLO, boot=b""),
    msgspec.structs.replace(HELLO, boot=bytes(33)),
    msgspec.structs.replace(HELLO, first=0),
    msgspec.structs.replace(HELLO, first=5),
    msgspec.structs.replace(HELLO, last=Mark(1, 3, b"short")),
    msgspec.structs.replace(HELLO, committed=-1),
    msgspec.structs.replace(HELLO, committed=2**64 - 1),
    msgspec.structs.replace(HELLO, software="x" * 65),
    msgspec.structs.replace(HELLO, time=datetime(2026, 3, 28)),  # noqa: DTZ001
    msgspec.structs.replace(HELLO, chunk_bytes_max=0),
    msgspec.structs.replace(HELLO, heard=Mark(0, 1, bytes(32))),
    msgspec.structs.replace(HELLO, committed=0, heard=Mark(1)),
    Ack(-1),
    Want(BLOB, 0, 0),
    Want(BLOB, -1, 1),
    Want(BLOB, 0, limits.CHUNK_BYTES_MAX + 1),
    Want(Digest(b"short"), 0, 1),
    Chunk(BLOB, 2, 1),
    Chunk(BLOB, 0, limits.ENVELOPE_BYTES_MAX + 1),
    Gone(Digest(bytes(33))),
    Whisper("x" * 129, "kind"),
    Whisper("about", "x" * 65),
    Whisper("about", "kind", bytes(limits.WHISPER_BYTES_MAX + 1)),
    msgspec.structs.replace(BEAT, held_seconds=-1.0),
    msgspec.structs.replace(BEAT, held_seconds=float("nan")),
    msgspec.structs.replace(BEAT, held_seconds=float("inf")),
    msgspec.structs.replace(BEAT, vitals=Vitals(troubles=("x" * limits.WHISPER_BYTES_MAX,))),
    msgspec.structs.replace(BEAT, vitals=Vitals(oldest_seconds=float("nan"))),
    frames.Refused("x" * 65, ""),
    frames.Refused("", "x" * (limits.TEXT_CHARS_MAX + 1)),
    frames.Refused("", "", float("inf")),
]  # fmt: skip


@pytest.mark.parametrize("frame", OUT_OF_BOUNDS, ids=lambda frame: type(frame).__name__)
def test_a_frame_out_of_bounds_is_refused(frame):
    with pytest.raises(Refused) as caught:
        frames.decode(frames.encode(frame), 2 if isinstance(frame, Chunk) else 1)
    assert caught.value.code is Code.MALFORMED


def test_what_a_later_version_appends_counts_for_the_bound_of_a_whole_beat():
    fields = codec.decode(list, frames.encode(BEAT), 1000)
    within, beyond = (codec.encode([*fields, bytes(size)]) for size in (1000, limits.WHISPER_BYTES_MAX))
    assert frames.decode(within, 1) == BEAT
    with pytest.raises(Refused, match="out of bounds"):
        frames.decode(beyond, 1)


def test_a_clock_that_jumped_does_not_end_a_link():
    beat = msgspec.structs.replace(BEAT, vitals=Vitals(oldest_seconds=-1.8e9))
    assert frames.decode(frames.encode(beat), 1) == beat


def test_the_largest_frames_fit_in_a_message():
    whole = Entries(
        1, 1, (bytes(limits.ENTRY_BYTES_MAX), bytes(limits.ENTRIES_FRAME_BYTES_MAX - limits.ENTRY_BYTES_MAX)), bytes(32)
    )
    assert frames.decode(frames.encode(whole), 1) == whole
    assert limits.CHUNK_BYTES_MAX < limits.MESSAGE_BYTES_MAX


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_frame_of_a_later_version_is_told_by_its_tag(parts):
    assert frames.decode(codec.encode(["hologram", 1, {"deep": []}]), parts) == Unknown("hologram")
    assert frames.decode(b"\xdc\x00\x14" + codec.encode("h" * 31) + b"\0" * 19, parts) == Unknown("h" * 31)
    assert frames.decode(b"\x91\xa2\xff\xfe", parts) == Unknown("\ufffd\ufffd")


NO_TAG = [
    b"",
    b"\x91",
    b"\x90",
    b"\xdc\x00\x01",
    b"\x91\x01",
    b"\xa3ack",
    b"\x81\xa3ack\x01",
    b"\xdd\0\0\0\2\xa3ack\0",
    b"\x92\xd9\x03ack\0",
]


@pytest.mark.parametrize("first", NO_TAG)
def test_what_does_not_begin_with_a_tag_is_no_frame(first):
    with pytest.raises(Refused, match="spell no frame"):
        frames.decode(first, 1)


def test_what_begins_with_a_tag_and_goes_on_otherwise_is_told_in_our_words():
    with pytest.raises(Refused, match="Bytes that spell no frame: ") as caught:
        frames.decode(codec.encode(["ack", "seven"]), 1)
    assert "protocol." not in caught.value.what


def test_fields_that_a_later_version_appended_are_passed_over():
    assert frames.decode(codec.encode(["ack", 7, "later"]), 1) == Ack(7)
