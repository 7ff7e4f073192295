"""What one end of a link wants done: the vocabulary from thinking (link.py) to doing (runtime/pump.py)."""

from __future__ import annotations

import msgspec

from protocol import frames
from protocol.entries import Entry, Mark
from protocol.frames import Beat, Hello, Want, Whisper
from protocol.ids import Digest


class SayHello(msgspec.Struct, frozen=True, gc=False):
    """Say Hello; the pump adds node, boot, clock and version."""

    first: int
    last: Mark
    heard: Mark


class SayEntries(msgspec.Struct, frozen=True, gc=False):
    """Say the entries after number `after`, at most `bytes_max`, in one frame; report with `Said`."""

    after: int
    bytes_max: int


class SayChunk(msgspec.Struct, frozen=True, gc=False):
    """Answer this Want: a Chunk, or Gone."""

    want: Want


class SayBeat(msgspec.Struct, frozen=True, gc=False):
    """Say a Beat; the pump adds clock and vitals."""

    number: int
    echo: int
    held_seconds: float
    last: Mark


class Say(msgspec.Struct, frozen=True, gc=False):
    """Say this frame."""

    frame: frames.Frame


class Commit(msgspec.Struct, frozen=True, gc=False):
    """Hold and apply these entries of the peer; then report `Committed`."""

    entries: tuple[Entry, ...]


class Keep(msgspec.Struct, frozen=True, gc=False):
    """Write these bytes of a blob; they follow what is there."""

    digest: Digest
    offset_bytes: int
    data: bytes | memoryview


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """The peer holds my log up to `number`."""

    number: int


class Deliver(msgspec.Struct, frozen=True, gc=False):
    """A whisper for whoever it concerns."""

    whisper: Whisper


class Observe(msgspec.Struct, frozen=True, gc=False):
    """The peer showed a sign of life: its Hello or Beat. `round_trip_seconds` is negative when it is not known."""

    frame: Hello | Beat
    round_trip_seconds: float


class End(msgspec.Struct, frozen=True, gc=False):
    """Close this connection. `code` is empty when the line is gone rather than refused; `by_peer` when the peer refused us."""

    code: str
    text: str
    retry_after_seconds: float = 0.0
    by_peer: bool = False


class Note(msgspec.Struct, frozen=True, gc=False):
    """For the record: something worth counting."""

    name: str
    detail: str = ""


Effect = (
    SayHello | SayEntries | SayChunk | SayBeat | Say | Commit | Keep | Acknowledged | Deliver | Observe | End | Note
)
