"""How age spells keys: Bech32 (BIP 173) without its limit on length. SPEC.md section 9; C2SP age, "Conventions".

The checksum finds every mistake in up to four letters of a short key; of a hybrid one (1,946 letters) it finds all but one in 2^30.
"""

from __future__ import annotations

import functools
import operator

from protocol import limits
from protocol.errors import Code, Refused

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK_LETTERS = 6
# What the five bits that fall out at the top add: a directory of a thousand agencies has two million letters to check.
_FOLDED = tuple(
    functools.reduce(operator.xor, (generator for place, generator in enumerate(_GENERATOR) if top >> place & 1), 0)
    for top in range(32)
)


def encode(prefix: str, raw: bytes) -> str:
    """`prefix`, `1`, the bytes and a checksum. An upper-case prefix gives an upper-case text."""
    words = _regroup(raw, 8, 5, pad=True)
    assert words is not None  # padding never fails
    check = _polymod(_expand(prefix.lower()) + words + [0] * _CHECK_LETTERS) ^ 1
    words += [(check >> 5 * (_CHECK_LETTERS - 1 - place)) & 31 for place in range(_CHECK_LETTERS)]
    text = prefix.lower() + "1" + "".join(_LETTERS[word] for word in words)
    return text.upper() if prefix.isupper() else text


def decode(text: str) -> tuple[str, bytes]:
    """Prefix (in the case it was written in) and bytes. Raises Refused(BAD_KEY); no message repeats the text, it may be a secret."""
    if len(text) > limits.KEY_TEXT_CHARS_MAX:
        raise Refused(Code.BAD_KEY, f"A key of {len(text)} letters; none has more than {limits.KEY_TEXT_CHARS_MAX}.")
    if text not in (text.lower(), text.upper()):
        raise Refused(Code.BAD_KEY, "The key mixes capital and small letters.")
    prefix, mark, tail = text.rpartition("1")
    if not mark or not prefix or len(tail) < _CHECK_LETTERS or not text.isascii():
        raise Refused(Code.BAD_KEY, "This does not look like a key.")
    words = [_VALUES.get(letter, -1) for letter in tail.lower()]
    if -1 in words:
        raise Refused(Code.BAD_KEY, "The key holds a letter that no key holds.")
    if _polymod(_expand(prefix.lower()) + words) != 1:
        raise Refused(Code.BAD_KEY, "The key is mistyped or cut off: its checksum is wrong.")
    raw = _regroup(words[:-_CHECK_LETTERS], 5, 8, pad=False)
    if raw is None:
        raise Refused(Code.BAD_KEY, "The key has a length that no key has.")
    return prefix, bytes(raw)


def _expand(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def _polymod(words: list[int]) -> int:
    check = 1
    for word in words:
        check = (check & 0x1FFFFFF) << 5 ^ word ^ _FOLDED[check >> 25]
    return check


def _regroup(words: bytes | list[int], have_bits: int, want_bits: int, *, pad: bool) -> list[int] | None:
    """The same bits in words of another size; None when what is left over is not a short run of zeros."""
    pool, bits, regrouped = 0, 0, []
    for word in words:
        pool, bits = pool << have_bits | word, bits + have_bits
        while bits >= want_bits:
            bits -= want_bits
            regrouped.append(pool >> bits & ((1 << want_bits) - 1))
        pool &= (1 << bits) - 1
    if pad:
        return regrouped + ([pool << (want_bits - bits)] if bits else [])
    return regrouped if pool == 0 and bits < have_bits else None
