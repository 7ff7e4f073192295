"""Text that people carry from one machine to another: one line, a kind, a version and a checksum. SPEC.md section 7.1.

Upper case and line breaks that a mail program put in do no harm; a letter that is lost or wrong is noticed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final, TypeVar

from protocol import codec, limits
from protocol.errors import Code, Refused
from protocol.ids import key_text

VERSION: Final = 1
_CHECK_BYTES: Final = 4
T = TypeVar("T")
_FORM = re.compile(r"kabine-([a-z]+)-([0-9]{1,4})-([a-z2-7]*)")


def write(kind: str, body: bytes) -> str:
    """The card of this `kind` (lower-case letters) that carries `body`."""
    return f"kabine-{kind}-{VERSION}-{key_text(body + _check(kind, body))}"


def read(kind: str, text: str) -> bytes:
    """The bytes on a card of this `kind`. Raises Refused(BAD_KEY): another kind, another version, not whole."""
    beginning = f"kabine-{kind}-{VERSION}-"
    whole = f"Copy it whole, from “{beginning}” to its last letter."
    if len(text) > limits.CARD_CHARS_MAX:
        raise Refused(
            Code.BAD_KEY, f"{len(text)} characters are too long for a card; {limits.CARD_CHARS_MAX} at most.", whole
        )
    form = _FORM.fullmatch("".join(text.split()).lower())
    if form is None:
        raise Refused(Code.BAD_KEY, f"“{text.strip()[:24]}…” does not look like {beginning}….", whole)
    if form[1] != kind:
        raise Refused(
            Code.BAD_KEY, f"This is kabine-{form[1]}-…; kabine-{kind}-… is asked for.", "Give the other text."
        )
    if int(form[2]) != VERSION:
        raise Refused(
            Code.UNSUPPORTED_VERSION,
            f"This card has version {form[2]}; this release of Kabine reads version {VERSION}.",
        )
    raw = _decoded(form[3])
    body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    if check != _check(kind, body) or key_text(raw) != form[3]:
        raise Refused(Code.BAD_KEY, f"Letters of this {beginning}… are missing or wrong.", whole)
    return body


def read_noun(kind: str, text: str, noun: type[T]) -> T:
    """The noun on a card of this `kind`. Raises as `read`, and Refused(UNSUPPORTED_VERSION) for one that is whole and says something else."""
    try:
        return codec.decode_canonical(noun, read(kind, text), limits.CARD_CHARS_MAX)
    except Refused as refused:
        if refused.code is not Code.MALFORMED:
            raise
        what = f"This kabine-{kind}-{VERSION}-… is whole, and another release of Kabine has written it."
        raise Refused(Code.UNSUPPORTED_VERSION, what) from refused


def _check(kind: str, body: bytes) -> bytes:
    return hashlib.sha256(f"kabine-{kind}-{VERSION}-".encode() + body).digest()[:_CHECK_BYTES]


def _decoded(letters: str) -> bytes:
    try:
        return base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    except ValueError:
        return b""
