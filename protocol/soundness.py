"""What is wrong with a value that arrived from outside, in words: for nouns that report all their mistakes together.

Each function yields one sentence without a full stop per mistake, nothing when the value is sound.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from protocol import limits
from protocol.errors import Code, Refused
from protocol.ids import CODE_LETTERS
from protocol.recipients import parse_recipient

_RECIPIENTS_MAX: Final = 1024  # remembered, 2 KiB each: a directory has no more agencies
_ADDRESS = re.compile(r"tcp://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_CODE = re.compile(rf"[{CODE_LETTERS}]{{3}}")


def expect(noun: str, mistakes: Iterable[str], remedy: str) -> None:
    """Raises Refused(MALFORMED) that names every mistake of this `noun`, if there is one."""
    found = list(mistakes)
    if found:
        raise Refused(
            Code.MALFORMED, f"The {noun} has {len(found)} mistake{'s' * (len(found) > 1)}: {'; '.join(found)}.", remedy
        )


def address(value: str) -> Iterator[str]:
    """Where a hub listens: `tcp://HOST:PORT`."""
    fitting = _ADDRESS.fullmatch(value)
    if fitting is None or not 0 < int(fitting[1]) < 65536:
        yield f"“{value[:80]}” is no address as in tcp://hub.example:7400"


def code(value: str) -> Iterator[str]:
    """Three letters that the receipt numbers of a cabin begin with."""
    if _CODE.fullmatch(value) is None:
        yield f"“{value[:20]}” is no code of three letters as in 7K2 (without 0 O 1 I L)"


def text(kind: str, value: str) -> Iterator[str]:
    """A name or a line for people: 1 to limits.TITLE_CHARS_MAX characters."""
    if not value.strip() or len(value) > limits.TITLE_CHARS_MAX:
        yield f"its {kind} has {len(value)} characters, not 1 to {limits.TITLE_CHARS_MAX}"


def recipient(kind: str, value: str) -> Iterator[str]:
    """A hybrid post-quantum recipient `age1pq1…`."""
    yield from within(f"its {kind}", _of_recipient(value))


@functools.lru_cache(maxsize=_RECIPIENTS_MAX)
def _of_recipient(value: str) -> tuple[str, ...]:
    """Each directory has the recipients of the one before again, and each costs a millisecond."""
    return tuple(refused(parse_recipient, value))


def refused(check: Callable[[str], object], value: str) -> Iterator[str]:
    """What `check` refuses `value` for."""
    try:
        check(value)
    except Refused as error:
        yield error.what.rstrip(".")


def within(place: str, mistakes: Iterable[str]) -> Iterator[str]:
    """The same mistakes, each led by where it is."""
    return (f"{place}: {what}" for what in mistakes)


def twice(kind: str, names: Iterable[str]) -> Iterator[str]:
    """Names that are there more than once."""
    return (f"{kind} {name} is there {count} times" for name, count in Counter(names).items() if count > 1)


def printable(text: str) -> str:
    """Words that a stranger had a hand in: no control characters (PostgreSQL takes no NUL, a terminal obeys some)."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
