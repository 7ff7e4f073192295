"""How what is said between two of our processes is framed: 4 bytes of length, big-endian, then MessagePack."""

from __future__ import annotations

from typing import Final

import msgspec

LENGTH_BYTES: Final = 4

_encoder: Final = msgspec.msgpack.Encoder()


def frame(said: msgspec.Struct) -> bytes:
    """Length and body."""
    body = _encoder.encode(said)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
