"""Keys as people keep them: hybrid post-quantum or X25519 (`age1…`, to work with anybody's age files), and files of them, one a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from protocol import bech32
from protocol.age import Stanza, broken_header, derive, unpadded, unwrapped, wrapped
from protocol.errors import Code, Refused
from protocol.keys import KEY_BYTES
from protocol.randomness import Random, draw
from protocol.recipients import HybridIdentity, HybridRecipient, parse_identity, parse_recipient

_INFO: Final = b"age-encryption.org/v1/X25519"
_NO_POINT: Final = "This recipient is no point that a key can have."
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class X25519Recipient:
    """`age1…`: X25519 public key (32 bytes)."""

    raw: bytes
    kind: ClassVar[str] = "X25519"

    def __str__(self) -> str:
        return bech32.encode("age", self.raw)

    def wrap(self, file_key: bytes, random: Random) -> Stanza:
        """Raises Refused(BAD_KEY) when the public key is a low-order point, which anybody could open."""
        ephemeral = X25519PrivateKey.from_private_bytes(draw(random, KEY_BYTES))
        try:
            secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.raw))
        except ValueError as error:
            raise Refused(Code.BAD_KEY, _NO_POINT) from error
        share = ephemeral.public_key().public_bytes_raw()
        return Stanza(self.kind, (unpadded(share),), wrapped(file_key, derive(secret, share + self.raw, _INFO)))


@dataclass(frozen=True)
class X25519Identity:
    """`AGE-SECRET-KEY-1…`: X25519 scalar (32 bytes). `str` gives the secret, `repr` does not."""

    scalar: bytes = field(repr=False)
    kind: ClassVar[str] = X25519Recipient.kind

    def __str__(self) -> str:
        return bech32.encode("AGE-SECRET-KEY-", self.scalar)

    @classmethod
    def generate(cls, random: Random) -> X25519Identity:
        return cls(draw(random, KEY_BYTES))

    def recipient(self) -> X25519Recipient:
        """The public half."""
        return X25519Recipient(X25519PrivateKey.from_private_bytes(self.scalar).public_key().public_bytes_raw())

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, None when the stanza is another's. Raises Refused(BAD_FILE) when it is malformed."""
        share = stanza.share(KEY_BYTES)
        try:
            secret = X25519PrivateKey.from_private_bytes(self.scalar).exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError as error:
            raise broken_header("a share is a point that no key has") from error
        return unwrapped(stanza.body, derive(secret, share + self.recipient().raw, _INFO))


def any_recipient(text: str) -> HybridRecipient | X25519Recipient:
    """`age1pq1…` or `age1…`. Raises Refused(BAD_KEY)."""
    text = text.strip()
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise Refused(
            Code.BAD_KEY,
            "This is a secret key, where a public one (age1…) belongs.",
            "Give the line “# public key: age1…” of its file, and make a new key if the secret was seen by others.",
        )
    prefix, raw = bech32.decode(text)
    return X25519Recipient(raw) if prefix == "age" and len(raw) == KEY_BYTES else parse_recipient(text)


def any_identity(text: str) -> HybridIdentity | X25519Identity:
    """`AGE-SECRET-KEY-PQ-1…` or `AGE-SECRET-KEY-1…`. Raises Refused(BAD_KEY); no message repeats the text."""
    text = text.strip()
    prefix, raw = bech32.decode(text)
    return X25519Identity(raw) if prefix == "AGE-SECRET-KEY-" and len(raw) == KEY_BYTES else parse_identity(text)


def recipients_in(text: str) -> Sequence[HybridRecipient | X25519Recipient]:
    """A file of recipients: one a line, `#` begins a comment line. Raises Refused(BAD_KEY), naming the line."""
    return _keys_in(text, any_recipient)


def identities_in(text: str) -> Sequence[HybridIdentity | X25519Identity]:
    """A file of identities: one a line, `#` begins a comment line. Raises Refused(BAD_KEY), naming the line."""
    return _keys_in(text, any_identity)


def _keys_in(text: str, parse: Callable[[str], _Key]) -> Sequence[_Key]:
    found = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        try:
            found.append(parse(line))
        except Refused as error:
            raise Refused(error.code, f"Line {number}: {error.what}", error.remedy) from error
    if not found:
        raise Refused(
            Code.BAD_KEY, "There is no key in this file.", "Make one with `kabine envelope keygen --out FILE`."
        )
    return found
