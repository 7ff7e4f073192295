"""How age spells keys: Bech32 (BIP 173) without its limit on length. SPEC.md section 9; C2SP age, "Conventions".

The checksum finds every mistake in up to four letters of a short key; of a hybrid one (1,946 letters) it finds all but one in 2^30.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from protocol import limits
from protocol.errors import Code, Refused

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK_LETTERS = 6
# A directory of a thousand agencies has two million letters to check: what follows goes by tables, and by functions that are written in C.
_WORDS = bytes(_VALUES.get(chr(byte), 255) for byte in range(256))  # of a letter: its five bits
_SPELLED = bytes.maketrans(bytes(range(32)), _LETTERS.encode())
_WORDS_OF_BASE32 = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", bytes(range(32)))
_DIGITS = bytes.maketrans(bytes(range(32)), b"0123456789abcdefghijklmnopqrstuv")  # as `int` reads them


def encode(prefix: str, raw: bytes) -> str:
    """`prefix`, `1`, the bytes and a checksum. An upper-case prefix gives an upper-case text."""
    words = base64.b32encode(raw).rstrip(b"=").translate(_WORDS_OF_BASE32)
    check = _polymod([*_expand(prefix.lower()), *words, *bytes(_CHECK_LETTERS)]) ^ 1
    words += bytes((check >> 5 * (_CHECK_LETTERS - 1 - place)) & 31 for place in range(_CHECK_LETTERS))
    text = prefix.lower() + "1" + words.translate(_SPELLED).decode()
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
    words = tail.lower().encode().translate(_WORDS)
    if 255 in words:
        raise Refused(Code.BAD_KEY, "The key holds a letter that no key holds.")
    if _polymod([*_expand(prefix.lower()), *words]) != 1:
        raise Refused(Code.BAD_KEY, "The key is mistyped or cut off: its checksum is wrong.")
    raw = _bytes(words[:-_CHECK_LETTERS])
    if raw is None:
        raise Refused(Code.BAD_KEY, "The key has a length that no key has.")
    return prefix, raw


def _expand(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def _step(check: int, word: int) -> int:
    top = check >> 25
    check = (check & 0x1FFFFFF) << 5 ^ word
    for place, generator in enumerate(_GENERATOR):
        check ^= generator if top >> place & 1 else 0
    return check


# What the ten bits that fall out at the top add when two words have come in at the bottom.
_FOLDED = tuple(_step(_step(top << 20, 0), 0) for top in range(1 << 10))


def _polymod(words: Sequence[int]) -> int:
    check = 1
    if len(words) % 2:
        check = _step(check, words[0])
    two = iter(words[len(words) % 2 :])
    for first, second in zip(two, two, strict=True):
        check = (check & 0xFFFFF) << 10 ^ first << 5 ^ second ^ _FOLDED[check >> 20]
    return check


def _bytes(words: bytes) -> bytes | None:
    """The bits of these words; None when what is left over is not a short run of zeros."""
    spare_bits = len(words) * 5 % 8
    value = int(words.translate(_DIGITS), 32) if words else 0
    if spare_bits >= 5 or value & (1 << spare_bits) - 1:
        return None
    return (value >> spare_bits).to_bytes(len(words) * 5 // 8, "big")
