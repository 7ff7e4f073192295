"""What can happen to one end of a link: the vocabulary from doing to thinking (link.py). Times are given beside the event."""

from __future__ import annotations

import msgspec

from protocol import frames
from protocol.entries import Mark
from protocol.ids import Digest


class Connected(msgspec.Struct, frozen=True, gc=False):
    """A connection stands. My own log is held from `first` to `last`, the peer's up to `theirs`. `greeted`: it was the peer's Hello that told
    us so, and what the peer says next is its answer to ours."""

    first: int
    last: Mark
    theirs: Mark
    greeted: bool = False


class Lost(msgspec.Struct, frozen=True, gc=False):
    """The connection is gone."""


class Heard(msgspec.Struct, frozen=True, gc=False):
    """A frame came; `data` is the second part of a Chunk."""

    frame: frames.Frame | frames.Unknown
    data: bytes | memoryview = b""


class Appended(msgspec.Struct, frozen=True, gc=False):
    """My own log grew to `last`."""

    last: Mark


class Said(msgspec.Struct, frozen=True, gc=False):
    """Answer to SayEntries: entries up to `number`, `size_bytes` together, have been given to the wire."""

    number: int
    size_bytes: int


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The peer's entries up to `number` are durable here."""

    number: int


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """Fetch this blob; `have_bytes` of it are here already."""

    digest: Digest
    size_bytes: int
    have_bytes: int


class Tick(msgspec.Struct, frozen=True, gc=False):
    """It is `deadline` or later."""


Event = Connected | Lost | Heard | Appended | Said | Committed | Wanted | Tick
