"""Who can open an envelope: a recipient seals, an identity opens. SPEC.md section 9; C2SP age, "Native recipient types".

Hybrid post-quantum keys alone (`age1pq1…`): nothing else is sealed for by cabin, hub or agency. Other kinds, which people use by hand, know the
same two moves: a recipient `wrap`s the file key into a stanza, an identity `unwrap`s it again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from protocol import bech32
from protocol.age import Stanza, broken_header, unpadded
from protocol.errors import Code, Refused
from protocol.keys import KEY_BYTES
from protocol.randomness import Random, draw

_MLKEM_BYTES: Final = 1184  # of the public key
_SHARE_BYTES: Final = 1088 + KEY_BYTES  # ML-KEM-768 ciphertext, then the X25519 share
_AGE_INFO: Final = b"age-encryption.org/mlkem768x25519"
_JOURNAL_INFO: Final = b"kabine/journal/1"
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True)
class HybridRecipient:
    """`age1pq1…`: ML-KEM-768 encapsulation key (1184 bytes), then X25519 public key (32 bytes)."""

    raw: bytes
    kind: ClassVar[str] = "mlkem768x25519"

    def __str__(self) -> str:
        return bech32.encode("age1pq", self.raw)

    def wrap(self, file_key: bytes, random: Random) -> Stanza:
        sealed = self.seal(file_key, _AGE_INFO)
        return Stanza(self.kind, (unpadded(sealed[:_SHARE_BYTES]),), sealed[_SHARE_BYTES:])

    def seal(self, plain: bytes, info: bytes) -> bytes:
        """HPKE base mode: share (1120 bytes), then ciphertext. Raises Refused(BAD_KEY).

        The library draws the ephemeral key itself and takes none from us: the one randomness here that is no argument. It decides
        nothing but bytes that nobody compares, so a simulation still replays."""
        return _SUITE.encrypt(plain, self._public(), info)

    def _public(self) -> hpke.MLKEM768X25519PublicKey:
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(self.raw[:_MLKEM_BYTES])
            x25519 = X25519PublicKey.from_public_bytes(self.raw[_MLKEM_BYTES:])
            X25519PrivateKey.from_private_bytes(b"\1" * KEY_BYTES).exchange(x25519)
        except ValueError as error:
            raise Refused(Code.BAD_KEY, "This recipient is no point that a key can have.") from error
        return hpke.MLKEM768X25519PublicKey(mlkem, x25519)


@dataclass(frozen=True)
class HybridIdentity:
    """`AGE-SECRET-KEY-PQ-1…`: a seed of 32 bytes, expanded with SHAKE-256. `str` gives the secret, `repr` does not."""

    seed: bytes = field(repr=False)
    kind: ClassVar[str] = HybridRecipient.kind

    def __str__(self) -> str:
        return bech32.encode("AGE-SECRET-KEY-PQ-", self.seed)

    @classmethod
    def generate(cls, random: Random) -> HybridIdentity:
        return cls(draw(random, KEY_BYTES))

    def recipient(self) -> HybridRecipient:
        """The public half."""
        mlkem, x25519 = self._private()
        return HybridRecipient(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, None when the stanza is another's. Raises Refused(BAD_FILE) when it is malformed."""
        share = stanza.share(_SHARE_BYTES)
        try:
            self._private()[1].exchange(X25519PublicKey.from_public_bytes(share[-KEY_BYTES:]))
        except ValueError as error:
            raise broken_header("a share is a point that no key has") from error
        return self.open(share + stanza.body, _AGE_INFO)

    def open(self, sealed: bytes, info: bytes) -> bytes | None:
        """Inverse of `HybridRecipient.seal`; None when it was not sealed for us, or altered."""
        try:
            return _SUITE.decrypt(sealed, hpke.MLKEM768X25519PrivateKey(*self._private()), info)
        except InvalidTag:
            return None

    def _private(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        expanded = hashlib.shake_256(self.seed).digest(96)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        return mlkem, X25519PrivateKey.from_private_bytes(expanded[64:])


def parse_recipient(text: str) -> HybridRecipient:
    """`age1pq1…`. Raises Refused(BAD_KEY)."""
    prefix, raw = bech32.decode(text)
    if prefix != "age1pq" or len(raw) != _MLKEM_BYTES + KEY_BYTES:
        raise Refused(
            Code.BAD_KEY, f"“{text[:16]}…” is no post-quantum recipient.", "Give one that begins with age1pq1."
        )
    recipient = HybridRecipient(raw)
    recipient._public()
    return recipient


def parse_identity(text: str) -> HybridIdentity:
    """`AGE-SECRET-KEY-PQ-1…`. Raises Refused(BAD_KEY); no message repeats the text."""
    prefix, raw = bech32.decode(text)
    if prefix != "AGE-SECRET-KEY-PQ-" or len(raw) != KEY_BYTES:
        raise Refused(
            Code.BAD_KEY, "This is no post-quantum secret key.", "Give one that begins with AGE-SECRET-KEY-PQ-1."
        )
    return HybridIdentity(raw)


def wrap_key(key: bytes, recipient: HybridRecipient) -> bytes:
    """A journal key (32 bytes), wrapped for one hybrid recipient: 1168 bytes, opened by `unwrap_key`."""
    return recipient.seal(key, _JOURNAL_INFO)


def unwrap_key(wrapped: bytes, identity: HybridIdentity) -> bytes:
    """The journal key (32 bytes). Raises Refused(NOT_YOURS) when it was wrapped for another identity, or altered."""
    key = identity.open(wrapped, _JOURNAL_INFO)
    if key is None or len(key) != KEY_BYTES:
        raise Refused(
            Code.NOT_YOURS,
            "This journal key was wrapped for another identity, or altered.",
            "Give the hub the identity that the cabin knew when it started.",
        )
    return key
