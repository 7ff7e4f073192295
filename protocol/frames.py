"""What may be said between two ends, one ZeroMQ message each. SPEC.md section 3."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol import codec, limits
from protocol.asking import Answer, Ask
from protocol.codec import Age, BlobName, BootId, Hash, Moment, Number, Seconds
from protocol.entries import Mark
from protocol.errors import Code
from protocol.errors import Refused as Refusal

_Word = Annotated[str, Meta(max_length=64)]
_Ordinal = Annotated[int, Meta(ge=1, le=limits.NUMBER_MAX)]
_Payload = Annotated[bytes, Meta(min_length=1, max_length=limits.ENTRY_BYTES_MAX)]


class Vitals(msgspec.Struct, frozen=True, array_like=True):
    """How a cabin is, as of the beat that carries it. Counts of documents that wait for *gesichert*; `oldest_seconds` is 0 when none
    waits. `devices`: name → state word. `visitor` is true while somebody is in the cabin. `shut`: why nobody is received, `cleaning` or `closed`
    (outside its opening hours), empty while visitors may come; since when, and when they may come again as far as that is known."""

    waiting_documents: Number = 0
    waiting_bytes: Number = 0
    oldest_seconds: Age = 0.0
    disk_free_bytes: Number = 0
    visitor: bool = False
    devices: dict[str, str] = {}
    troubles: tuple[str, ...] = ()
    shut: str = ""
    shut_since: Moment | None = None
    opens_at: Moment | None = None


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """First frame of either side on a connection.

    `boot` is random per process start. `first` and `last` describe my own log (first number still held, last entry); `committed` is how
    far I hold the peer's, and `heard` the same as a place in it: so a hub that came back from an older copy learns where its log had come
    to. `time` is my clock."""

    versions: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=16)]
    node: _Word
    boot: BootId
    first: _Ordinal
    last: Mark
    committed: Number
    directory_version: Number
    software: _Word
    time: Moment
    chunk_bytes_max: Annotated[int, Meta(ge=limits.CHUNK_BYTES_MIN, le=limits.NUMBER_MAX)] = limits.CHUNK_BYTES_MAX
    heard: Mark = Mark()


class Entries(msgspec.Struct, frozen=True, array_like=True, tag="entries"):
    """Entries `first` … of my log, all of one epoch; `hash` is the chain hash after the last of them: the peer checks it before it commits."""

    epoch: Number
    first: _Ordinal
    payloads: Annotated[tuple[_Payload, ...], Meta(min_length=1, max_length=limits.ENTRIES_PER_FRAME_MAX)]
    hash: Hash


class Ack(msgspec.Struct, frozen=True, array_like=True, tag="ack"):
    """I hold your log durably up to `committed`."""

    committed: Number


class Want(msgspec.Struct, frozen=True, array_like=True, tag="want"):
    """Please send these bytes of this blob."""

    digest: BlobName
    offset_bytes: Number
    length_bytes: Annotated[int, Meta(ge=1, le=limits.CHUNK_BYTES_MAX)]


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag="chunk"):
    """Bytes of a blob from `offset_bytes` on; they are the second part of the message. `total_bytes` is the size of the whole blob."""

    digest: BlobName
    offset_bytes: Number
    total_bytes: Annotated[int, Meta(ge=0, le=limits.ENVELOPE_BYTES_MAX)]


class Gone(msgspec.Struct, frozen=True, array_like=True, tag="gone"):
    """There is nothing to send for a `Want`. Whoever announced the blob raises an alarm."""

    digest: BlobName


class Whisper(msgspec.Struct, frozen=True, array_like=True, tag="whisper"):
    """Perishable: delivered at once or dropped. `about` names a call, a visit or an inbox."""

    about: Annotated[str, Meta(max_length=128)]
    kind: _Word
    payload: Annotated[bytes, Meta(max_length=limits.WHISPER_BYTES_MAX)] = b""


ECHO: Final = "echo"  # kind of a whisper that a hub says back …
ECHOED: Final = "echoed"  # … as this kind, with an Echoed as its payload


class Echoed(msgspec.Struct, frozen=True, array_like=True):
    """What was said, and when the hub heard it, by its own clock: how long do whispers take, in each direction?"""

    heard_at: Moment
    payload: bytes


class Beat(msgspec.Struct, frozen=True, array_like=True, tag="beat"):
    """I live. `echo` is the number of your last beat and `held_seconds` how long ago it came, so that you can tell the round trip. `last` is the
    end of my log at `time`: the proof of "everything up to 14:32 has arrived" compares it with what the other end holds."""

    number: Number
    time: Moment
    echo: Number
    held_seconds: Seconds
    last: Mark
    vitals: Vitals | None = None


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """No, and why. `ask` is the number of the question it answers, 0 when the whole link ends. `code` is one of errors.Code or a later one."""

    code: _Word
    text: Annotated[str, Meta(max_length=limits.TEXT_CHARS_MAX)]
    retry_after_seconds: Seconds = 0.0
    ask: Number = 0


Frame = Hello | Entries | Ack | Want | Chunk | Gone | Whisper | Beat | Ask | Answer | Refused
_FRAMES: Final = codec.Reader[Frame](Frame, "frame")  # type: ignore[arg-type]
_TAGS = frozenset(kind.__struct_config__.tag for kind in Frame.__args__)


class Unknown(msgspec.Struct, frozen=True):
    """A frame of a later version: counted and ignored."""

    tag: str


def encode(frame: Frame) -> bytes:
    """First part of the message."""
    return codec.encode(frame)


def decode(first: bytes | memoryview, parts: int) -> Frame | Unknown:
    """The frame in a message of `parts` parts whose first is `first`. Raises errors.Refused(MALFORMED)."""
    tag = _tag(first)
    if tag not in _TAGS:
        return Unknown(tag)
    frame = _FRAMES.read(first, limits.MESSAGE_BYTES_MAX)
    if parts != (2 if isinstance(frame, Chunk) else 1):
        raise Refusal(Code.MALFORMED, f"A frame of {parts} parts: {tag}.")
    _check(frame, len(first))
    return frame


def _tag(first: bytes | memoryview) -> str:
    """Every frame is an array that begins with its tag, a short string."""
    head = bytes(first[:35])
    at = 1 if head and 0x90 <= head[0] <= 0x9F else 3 if head and head[0] == 0xDC else 0
    if at == 0 or len(head) <= at or not 0xA0 <= head[at] <= 0xBF:
        raise Refusal(Code.MALFORMED, "Bytes that spell no frame.")
    tag = head[at + 1 : at + 1 + (head[at] & 0x1F)]
    return tag.decode("ascii", "replace")


def _check(frame: Frame, size_bytes: int) -> None:
    """Bounds that the types of its fields cannot say, of a frame that was spelt with so many bytes."""
    match frame:
        case Entries():
            ok = sum(map(len, frame.payloads)) <= limits.ENTRIES_FRAME_BYTES_MAX
        case Hello():
            ok = frame.first <= frame.last.number + 1
            ok = ok and (frame.heard == Mark() or 0 < frame.heard.number == frame.committed)
        case Chunk():
            ok = frame.offset_bytes <= frame.total_bytes
        case Beat():
            ok = size_bytes <= limits.WHISPER_BYTES_MAX
        case _:
            ok = True
    if not ok:
        raise Refusal(Code.MALFORMED, f"A frame out of bounds: {type(frame).__name__.lower()}.")
