"""What may be said between two ends. SPEC.md section 3.

One ZeroMQ message is one frame. Only `Chunk` has a second part: the raw bytes, never copied into MessagePack. Fields are only ever
appended, with a default; an unknown tag is counted and ignored; a known tag that does not decode, or a bound exceeded, ends the
link with `Refused`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from protocol import codec, limits
from protocol.asking import Answer, Ask
from protocol.entries import Mark
from protocol.errors import Code
from protocol.errors import Refused as Refusal
from protocol.ids import Digest


class Vitals(msgspec.Struct, frozen=True, array_like=True):
    """How a cabin is, as of the beat that carries it. Counts of documents that wait for *gesichert*; `oldest_seconds` is 0 when none
    waits. `devices`: name → state word. `visitor` is true while somebody is in the cabin."""

    waiting_documents: int = 0
    waiting_bytes: int = 0
    oldest_seconds: float = 0.0
    disk_free_bytes: int = 0
    visitor: bool = False
    devices: dict[str, str] = {}
    troubles: tuple[str, ...] = ()


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """First frame of either side on a connection.

    `boot` is random per process start. `first` and `last` describe my own log (first number still held, last entry); `committed` is how
    far I hold the peer's. `time` is my clock."""

    versions: tuple[int, ...]
    node: str
    boot: bytes
    first: int
    last: Mark
    committed: int
    directory_version: int
    software: str
    time: datetime
    chunk_bytes_max: int = limits.CHUNK_BYTES_MAX


class Entries(msgspec.Struct, frozen=True, array_like=True, tag="entries"):
    """Entries `first` … of my log, all of one epoch; `hash` is the chain hash after the last of them: the peer checks it before it commits."""

    epoch: int
    first: int
    payloads: tuple[bytes, ...]
    hash: bytes


class Ack(msgspec.Struct, frozen=True, array_like=True, tag="ack"):
    """I hold your log durably up to `committed`."""

    committed: int


class Want(msgspec.Struct, frozen=True, array_like=True, tag="want"):
    """Please send these bytes of this blob."""

    digest: Digest
    offset_bytes: int
    length_bytes: int


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag="chunk"):
    """Bytes of a blob from `offset_bytes` on; they are the second part of the message. `total_bytes` is the size of the whole blob."""

    digest: Digest
    offset_bytes: int
    total_bytes: int


class Gone(msgspec.Struct, frozen=True, array_like=True, tag="gone"):
    """There is nothing to send for a `Want`. Whoever announced the blob raises an alarm."""

    digest: Digest


class Whisper(msgspec.Struct, frozen=True, array_like=True, tag="whisper"):
    """Perishable: delivered at once or dropped. `about` names a call, a visit or an inbox."""

    about: str
    kind: str
    payload: bytes = b""


class Beat(msgspec.Struct, frozen=True, array_like=True, tag="beat"):
    """I live. `echo` is the number of your last beat and `held_seconds` how long ago it came, so that you can tell the round trip. `last` is the
    end of my log at `time`: the proof of "everything up to 14:32 has arrived" compares it with what the other end holds."""

    number: int
    time: datetime
    echo: int
    held_seconds: float
    last: Mark
    vitals: Vitals | None = None


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """No, and why. `ask` is the number of the question it answers, 0 when the whole link ends. `code` is one of errors.Code or a later one."""

    code: str
    text: str
    retry_after_seconds: float = 0.0
    ask: int = 0


Frame = Hello | Entries | Ack | Want | Chunk | Gone | Whisper | Beat | Ask | Answer | Refused
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
    frame: Frame = codec.decode(Frame, first, limits.MESSAGE_BYTES_MAX)  # type: ignore[arg-type]
    if parts != (2 if isinstance(frame, Chunk) else 1):
        raise Refusal(Code.MALFORMED, f"A {tag} frame of {parts} parts.")
    _check(frame)
    return frame


def _tag(first: bytes | memoryview) -> str:
    """Every frame is an array that begins with its tag, a short string."""
    head = bytes(first[:34])
    at = 1 if head and 0x90 <= head[0] <= 0x9F else 3 if head and head[0] == 0xDC else 0
    if at == 0 or len(head) <= at or not 0xA0 <= head[at] <= 0xBF:
        raise Refusal(Code.MALFORMED, "Bytes that spell no frame.")
    tag = head[at + 1 : at + 1 + (head[at] & 0x1F)]
    return tag.decode("ascii", "replace")


def _check(frame: Frame) -> None:
    """Bounds that types cannot say."""
    ok = True
    match frame:
        case Entries(_, first, payloads, digest):
            ok = (
                first >= 1
                and len(digest) == 32
                and 1 <= len(payloads) <= limits.ENTRIES_PER_FRAME_MAX
                and all(1 <= len(payload) <= limits.ENTRY_BYTES_MAX for payload in payloads)
                and (len(payloads) == 1 or sum(map(len, payloads)) <= limits.ENTRIES_FRAME_BYTES_MAX)
            )
        case Hello(versions, node, boot, first, last, committed):
            ok = (
                1 <= len(versions) <= 16
                and len(node) <= 64
                and 1 <= len(boot) <= 32
                and 1 <= first <= last.number + 1
                and len(last.hash) == 32
                and committed >= 0
                and len(frame.software) <= 64
            )
        case Want(digest, offset, length):
            ok = len(digest) == 32 and offset >= 0 and 1 <= length <= limits.CHUNK_BYTES_MAX
        case Chunk(digest, offset, total):
            ok = len(digest) == 32 and 0 <= offset <= total <= limits.ENVELOPE_BYTES_MAX
        case Gone(digest):
            ok = len(digest) == 32
        case Ack(committed):
            ok = committed >= 0
        case Whisper(about, kind, payload):
            ok = len(about) <= 128 and len(kind) <= 64 and len(payload) <= limits.WHISPER_BYTES_MAX
        case Beat():
            ok = len(frame.last.hash) == 32 and len(codec.encode(frame)) <= limits.WHISPER_BYTES_MAX
        case Refused(code, text):
            ok = len(code) <= 64 and len(text) <= limits.TEXT_CHARS_MAX
        case _:
            pass
    if not ok:
        raise Refusal(Code.MALFORMED, f"A {type(frame).__name__.lower()} frame out of bounds.")
