"""Sound bytes made hostile: bits flipped, parts cut, doubled, exchanged, numbers made huge, lengths made to lie, nested without end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

LENGTH_MAX: Final = 70_000
_NASTY: Final = (
    *(b"\x00", b"\xff", b"\x80", b"\n", b"\r\n", b"\x00" * 64, b"\xff" * 16, b"'", b'"', b"\\", b"%s", b"../" * 8),
    *(
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
    ),  # MessagePack of 4 GiB
    *(
        b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",
        b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    ),
    *(
        b"\xd6\xff\xff\xff\xff\xff",
        b"\xd7\xff" + b"\xff" * 8,
        b"\xc7\x0c\xff" + b"\xff" * 12,
    ),  # instants beyond all calendars
    *(b"9" * 400, b"1e999", b"-1", b"NaN", b"\\ud800", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80"),
)
_NESTED: Final = (b"[", b"\x91", b"\xdc\x00\x01", b'{"a":', b"\x81\xa1a", b"[[a.")


def hostile(dice: random.Random, examples: Sequence[bytes]) -> bytes:
    """Some mutations of one example, now and then of nothing at all."""
    raw = dice.choice(examples) if dice.random() < 0.97 else dice.randbytes(dice.randrange(200))
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        raw = dice.choice(_WAYS)(dice, raw, examples)[:LENGTH_MAX]
    return raw


def neighbours(dice: random.Random, raw: bytes, count: int) -> Iterator[bytes]:
    """The same with another byte in one place, `count` times: made in a fraction of the time that a mutation takes."""
    changed = bytearray(raw)
    for place, bits in zip(dice.choices(range(len(raw)), k=count), dice.randbytes(count), strict=True):
        sound = changed[place]
        changed[place] = sound ^ (bits or 1)
        yield bytes(changed)
        changed[place] = sound


def _flip(dice: random.Random, raw: bytes, examples: Sequence[bytes]) -> bytes:
    if not raw:
        return raw
    at, changed = dice.randrange(len(raw)), bytearray(raw)
    changed[at] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _byte(dice: random.Random, raw: bytes, examples: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(raw) + 1)
    return raw[:at] + dice.randbytes(1) + raw[at + 1 :]


def _drop(dice: random.Random, raw: bytes, examples: Sequence[bytes]) -> bytes:
    begin, end = _span(dice, raw)
    return raw[:begin] + raw[end:]


def _double(dice: random.Random, raw: bytes, examples: Sequence[bytes]) -> bytes:
    begin, end = _span(dice, raw)
    return raw[:end] + raw[begin:end] * dice.choice((1, 1, 2, 40)) + raw[end:]


def _cut(dice: random.Random, raw: bytes, examples: Sequence[bytes]) -> bytes:
    return raw[: dice.randrange(len(raw) + 1)]


def _insert(dice: random.Random, raw: bytes, examples: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(raw) + 1)
    return raw[:at] + dice.choice(_NASTY) + raw[at + dice.choice((0, 1, 4)) :]


def _splice(dice: random.Random, raw: bytes, examples: Sequence[bytes]) -> bytes:
    other = dice.choice(examples)
    return raw[: dice.randrange(len(raw) + 1)] + other[dice.randrange(len(other) + 1) :]


def _nest(dice: random.Random, raw: bytes, examples: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(raw) + 1)
    return raw[:at] + dice.choice(_NESTED) * dice.choice((10, 2_000, 30_000)) + raw[at:]


def _span(dice: random.Random, raw: bytes) -> tuple[int, int]:
    begin = dice.randrange(len(raw) + 1)
    return begin, min(len(raw), begin + dice.choice((1, 2, 8, 64, 1024)))


_WAYS: Final[Sequence[Callable[[random.Random, bytes, Sequence[bytes]], bytes]]] = (
    *(_flip, _flip, _byte, _byte, _drop, _double, _cut, _insert, _insert, _splice),
    _nest,
)
