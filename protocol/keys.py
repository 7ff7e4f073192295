"""Key pairs, their fingerprints, and the words two people compare aloud. SPEC.md section 7.

Words are German nouns (words_de.txt: 512, so 9 bits each), chosen by computer so that any two differ in their first four letters, in more
than one letter, and in more than one sound on a bad telephone line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.errors import Code, Mistake, Refused
from protocol.ids import CODE_LETTERS, Digest, ReceiptNumber, receipt_number
from protocol.randomness import Random, draw

KEY_BYTES: Final = 32
FINGERPRINT_WORDS: Final = 6  # 54 bits: nobody makes a second key with the same words within a day of an invitation
WORD_BITS: Final = 9
_PREFIX_LETTERS: Final = 4
_CONTEXT: Final = b"kabine/fingerprint/1\0"
# Words a receipt number takes, and how many digits it may then have. More digits do not fit into so many bits.
_DIGITS: Final = {3: range(3, 4), 4: range(4, 7), 5: range(7, 10)}
# Odd, so it can be undone modulo a power of two; it scatters neighbouring numbers over all their words.
_SCATTER: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class SigningPair:
    """Ed25519, made from a seed of 32 bytes."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, random: Random) -> SigningPair:
        return cls(draw(random, KEY_BYTES))

    def private(self) -> Ed25519PrivateKey:
        """What `manifest.sign` takes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public(self) -> bytes:
        """32 bytes; what `manifest.verify` takes."""
        return self.private().public_key().public_bytes_raw()


@dataclass(frozen=True)
class CurvePair:
    """CurveZMQ, raw (ZeroMQ itself spells keys in Z85): the secret is an X25519 scalar of 32 bytes."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, random: Random) -> CurvePair:
        return cls(draw(random, KEY_BYTES))

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()


def fingerprint(*keys: bytes) -> Digest:
    """SHA-256 over public keys in this order, each led by its length, under a context of its own."""
    hasher = hashlib.sha256(_CONTEXT)
    for key in keys:
        hasher.update(len(key).to_bytes(4, "big") + key)
    return Digest(hasher.digest())


def words(digest: bytes, count: int = FINGERPRINT_WORDS) -> tuple[str, ...]:
    """The first `count` x 9 bits of `digest` as words. Raises Mistake when it has fewer."""
    spare_bits = len(digest) * 8 - count * WORD_BITS
    if spare_bits < 0:
        raise Mistake(f"{len(digest)} bytes do not hold {count} words.")
    return _spell(int.from_bytes(digest, "big") >> spare_bits, count)


def receipt_words(number: ReceiptNumber) -> tuple[str, ...]:
    """A receipt number in words, for the telephone and for a memory: three when it has 3 digits, four up to 6, five up to 9.

    Only another spelling, no secret: `receipt_from_words` leads back. Raises Refused when `number` is none.

    Scheme: code and digits are ranked (codes in the order of CODE_LETTERS, within a code short numbers first), the rank is
    multiplied by an odd constant modulo 2 ** (9 x words), and the product is read 9 bits at a time. Three of four wrong words
    give a rank out of bounds (with three words; half with four) and are refused."""
    code, digits = receipt_number(number).split("-")
    count = next(count for count, lengths in _DIGITS.items() if len(digits) in lengths)
    lengths = _DIGITS[count]
    shorter = sum(10**length for length in range(lengths.start, len(digits)))
    rank = _code_rank(code) * _span(lengths) + shorter + int(digits)
    return _spell(rank * _SCATTER % (1 << WORD_BITS * count), count)


def receipt_from_words(spoken: Sequence[str]) -> ReceiptNumber:
    """Inverse of `receipt_words`; capitals do not count, and the first four letters of a word are enough. Raises Refused(MALFORMED)."""
    lengths = _DIGITS.get(len(spoken))
    if lengths is None:
        raise Refused(
            Code.MALFORMED,
            f"{len(spoken)} words are no receipt number.",
            "Read out all words of the receipt: three to five.",
        )
    modulus = 1 << WORD_BITS * len(spoken)
    product = 0
    for word in spoken:
        product = product << WORD_BITS | _place(word)
    code_rank, offset = divmod(product * pow(_SCATTER, -1, modulus) % modulus, _span(lengths))
    if code_rank >= len(CODE_LETTERS) ** 3:
        raise Refused(
            Code.MALFORMED,
            "No receipt has these words in this order.",
            "Compare the words and their order with the receipt.",
        )
    length = lengths.start
    while offset >= 10**length:
        offset -= 10**length
        length += 1
    base = len(CODE_LETTERS)
    code = "".join(CODE_LETTERS[code_rank // base**place % base] for place in (2, 1, 0))
    return ReceiptNumber(f"{code}-{offset:0{length}}")


@cache
def word_list() -> tuple[str, ...]:
    """All 512 words in their order; the place of a word is its 9 bits."""
    return tuple(resources.files("protocol").joinpath("words_de.txt").read_text("utf-8").split())


@cache
def _places() -> dict[str, int]:
    return {word[:_PREFIX_LETTERS].lower(): place for place, word in enumerate(word_list())}


def _place(word: str) -> int:
    place = _places().get(word.strip()[:_PREFIX_LETTERS].lower())
    if place is None:
        raise Refused(
            Code.MALFORMED, f"“{word[:20]}” is none of the words.", "Spell the first four letters of each word."
        )
    return place


def _spell(value: int, count: int) -> tuple[str, ...]:
    every = word_list()
    return tuple(every[value >> WORD_BITS * place & (1 << WORD_BITS) - 1] for place in reversed(range(count)))


def _span(lengths: range) -> int:
    return sum(10**length for length in lengths)


def _code_rank(code: str) -> int:
    rank = 0
    for letter in code:
        rank = rank * len(CODE_LETTERS) + CODE_LETTERS.index(letter)
    return rank
