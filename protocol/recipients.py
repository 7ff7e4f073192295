"""Who can open an envelope: recipients seal, identities open. SPEC.md section 9; C2SP age, "Native recipient types".

Three kinds: hybrid post-quantum (`age1pq1…`, for everything Kabine sends), X25519 (`age1…`, to work with anybody's age keys) and
a passphrase (to wrap key files). A recipient `wrap`s the file key into a stanza, an identity `unwrap`s it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from protocol import bech32, limits
from protocol.age import FILE_KEY_BYTES, Stanza, broken_header, derive, from_unpadded, unpadded
from protocol.errors import Code, Refused
from protocol.randomness import Random, draw

KEY_BYTES: Final = 32
MLKEM_PUBLIC_BYTES: Final = 1184
HYBRID_PUBLIC_BYTES: Final = MLKEM_PUBLIC_BYTES + KEY_BYTES
HYBRID_SHARE_BYTES: Final = 1088 + KEY_BYTES  # ML-KEM-768 ciphertext, then the X25519 share
_SALT_BYTES: Final = 16
_TAG_BYTES: Final = 16
_WRAPPED_BYTES: Final = FILE_KEY_BYTES + _TAG_BYTES
_NO_NONCE: Final = bytes(12)  # every wrap key is used once
_HYBRID_INFO: Final = b"age-encryption.org/mlkem768x25519"
_X25519_INFO: Final = b"age-encryption.org/v1/X25519"
_SCRYPT_INFO: Final = b"age-encryption.org/v1/scrypt"
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
        sealed = self.seal(file_key, _HYBRID_INFO)
        return Stanza(self.kind, (unpadded(sealed[:HYBRID_SHARE_BYTES]),), sealed[HYBRID_SHARE_BYTES:])

    def seal(self, plain: bytes, info: bytes) -> bytes:
        """HPKE base mode: share (1120 bytes), then ciphertext. Raises Refused(BAD_KEY).

        The library draws the ephemeral key itself and takes none from us: the one randomness here that is no argument. It decides
        nothing but bytes that nobody compares, so a simulation still replays."""
        return _SUITE.encrypt(plain, self._public(), info)

    def _public(self) -> hpke.MLKEM768X25519PublicKey:
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(self.raw[:MLKEM_PUBLIC_BYTES])
            x25519 = X25519PublicKey.from_public_bytes(self.raw[MLKEM_PUBLIC_BYTES:])
            X25519PrivateKey.from_private_bytes(b"\1" * KEY_BYTES).exchange(x25519)
        except ValueError as error:
            raise Refused(Code.BAD_KEY, "This recipient is no point that a key can have.") from error
        return hpke.MLKEM768X25519PublicKey(mlkem, x25519)


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
            raise Refused(Code.BAD_KEY, "This recipient is no point that a key can have.") from error
        share = ephemeral.public_key().public_bytes_raw()
        wrap_key = derive(secret, share + self.raw, _X25519_INFO)
        return Stanza(self.kind, (unpadded(share),), ChaCha20Poly1305(wrap_key).encrypt(_NO_NONCE, file_key, None))


@dataclass(frozen=True)
class PassphraseRecipient:
    """A passphrase, stretched with scrypt at N = 2 ** `work_factor`. Must be the only recipient of a file."""

    passphrase: str = field(repr=False)
    work_factor: int = limits.SCRYPT_WORK_FACTOR
    kind: ClassVar[str] = "scrypt"

    def wrap(self, file_key: bytes, random: Random) -> Stanza:
        salt = draw(random, _SALT_BYTES)
        wrap_key = _stretch(self.passphrase, salt, self.work_factor)
        body = ChaCha20Poly1305(wrap_key).encrypt(_NO_NONCE, file_key, None)
        return Stanza(self.kind, (unpadded(salt), str(self.work_factor)), body)


@dataclass(frozen=True)
class HybridIdentity:
    """`AGE-SECRET-KEY-PQ-1…`: a seed of 32 bytes, expanded with SHAKE-256. `str` gives the secret, `repr` does not."""

    seed: bytes = field(repr=False)
    kind: ClassVar[str] = HybridRecipient.kind

    def __str__(self) -> str:
        return bech32.encode("AGE-SECRET-KEY-PQ-", self.seed)

    def recipient(self) -> HybridRecipient:
        """The public half."""
        mlkem, x25519 = self._private()
        return HybridRecipient(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, None when the stanza is another's. Raises Refused(BAD_FILE) when it is malformed."""
        (share,) = _arguments(stanza, HYBRID_SHARE_BYTES, 1)
        try:
            self._private()[1].exchange(X25519PublicKey.from_public_bytes(share[-KEY_BYTES:]))
        except ValueError as error:
            raise broken_header("a share is a point that no key has") from error
        return self.open(share + stanza.body, _HYBRID_INFO)

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


@dataclass(frozen=True)
class X25519Identity:
    """`AGE-SECRET-KEY-1…`: X25519 scalar (32 bytes). `str` gives the secret, `repr` does not."""

    scalar: bytes = field(repr=False)
    kind: ClassVar[str] = X25519Recipient.kind

    def __str__(self) -> str:
        return bech32.encode("AGE-SECRET-KEY-", self.scalar)

    def recipient(self) -> X25519Recipient:
        """The public half."""
        return X25519Recipient(X25519PrivateKey.from_private_bytes(self.scalar).public_key().public_bytes_raw())

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, None when the stanza is another's. Raises Refused(BAD_FILE) when it is malformed."""
        (share,) = _arguments(stanza, KEY_BYTES, 1)
        try:
            secret = X25519PrivateKey.from_private_bytes(self.scalar).exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError as error:
            raise broken_header("a share is a point that no key has") from error
        return _open_body(stanza, derive(secret, share + self.recipient().raw, _X25519_INFO))


@dataclass(frozen=True)
class PassphraseIdentity:
    """A passphrase to open with. A work factor above `work_factor_max` is refused before any work is done."""

    passphrase: str = field(repr=False)
    work_factor_max: int = limits.SCRYPT_WORK_FACTOR_MAX
    kind: ClassVar[str] = PassphraseRecipient.kind

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, None when the passphrase is another. Raises Refused(BAD_FILE) when the stanza is malformed or too costly."""
        salt, factor = _arguments(stanza, _SALT_BYTES, 2)
        if re.fullmatch(rb"[1-9][0-9]{0,8}", factor) is None:
            raise broken_header("its work factor is no number")
        if int(factor) > self.work_factor_max:
            raise broken_header(
                f"its passphrase asks for 2^{int(factor)} steps of work; at most 2^{self.work_factor_max} are done"
            )
        return _open_body(stanza, _stretch(self.passphrase, salt, int(factor)))


Recipient = HybridRecipient | X25519Recipient | PassphraseRecipient
KeyIdentity = HybridIdentity | X25519Identity
Identity = KeyIdentity | PassphraseIdentity


def generate_identity(random: Random, kind: Literal["pq", "x25519"] = "pq") -> KeyIdentity:
    """A new identity of 32 random bytes."""
    seed = draw(random, KEY_BYTES)
    return HybridIdentity(seed) if kind == "pq" else X25519Identity(seed)


def parse_recipient(text: str) -> HybridRecipient | X25519Recipient:
    """`age1pq1…` or `age1…`. Raises Refused(BAD_KEY)."""
    text = text.strip()
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise Refused(
            Code.BAD_KEY,
            "This is a secret key, where a public one (age1…) belongs.",
            "Give the line “# public key: age1…” of its file, and make a new key if the secret was seen by others.",
        )
    prefix, raw = bech32.decode(text)
    if prefix == "age1pq" and len(raw) == HYBRID_PUBLIC_BYTES:
        hybrid = HybridRecipient(raw)
        hybrid._public()
        return hybrid
    if prefix == "age" and len(raw) == KEY_BYTES:
        return X25519Recipient(raw)
    raise Refused(Code.BAD_KEY, f"“{text[:16]}…” is no recipient of a kind that we know.", "Use age1pq1… or age1….")


def parse_identity(text: str) -> KeyIdentity:
    """`AGE-SECRET-KEY-PQ-1…` or `AGE-SECRET-KEY-1…`. Raises Refused(BAD_KEY); no message repeats the text."""
    prefix, raw = bech32.decode(text.strip())
    if prefix == "AGE-SECRET-KEY-PQ-" and len(raw) == KEY_BYTES:
        return HybridIdentity(raw)
    if prefix == "AGE-SECRET-KEY-" and len(raw) == KEY_BYTES:
        return X25519Identity(raw)
    raise Refused(
        Code.BAD_KEY, "This is no secret key of a kind that we know.", "Use AGE-SECRET-KEY-PQ-1… or AGE-SECRET-KEY-1…."
    )


def parse_recipients(text: str) -> list[HybridRecipient | X25519Recipient]:
    """A file of recipients: one a line, `#` begins a comment line. Raises Refused(BAD_KEY), naming the line."""
    found = []
    for number, line in _key_lines(text):
        try:
            found.append(parse_recipient(line))
        except Refused as error:
            raise Refused(error.code, f"Line {number}: {error.what}", error.remedy) from error
    return found


def parse_identities(text: str) -> list[KeyIdentity]:
    """A file of identities: one a line, `#` begins a comment line. Raises Refused(BAD_KEY), naming the line."""
    found = []
    for number, line in _key_lines(text):
        try:
            found.append(parse_identity(line))
        except Refused as error:
            raise Refused(error.code, f"Line {number}: {error.what}", error.remedy) from error
    return found


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


def _key_lines(text: str) -> Sequence[tuple[int, str]]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    keys = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not keys:
        raise Refused(
            Code.BAD_KEY, "There is no key in this file.", "Make one with `kabine envelope keygen --out FILE`."
        )
    return keys


def _arguments(stanza: Stanza, first_bytes: int, count: int) -> list[bytes]:
    """First argument decoded, the others as they are; lengths checked before a key is tried (partitioning oracles)."""
    if len(stanza.arguments) != count or len(stanza.body) != _WRAPPED_BYTES:
        raise broken_header(f"a stanza for {stanza.kind} has the wrong shape")
    first = from_unpadded(stanza.arguments[0])
    if len(first) != first_bytes:
        raise broken_header(f"a stanza for {stanza.kind} has the wrong length")
    return [first, *(argument.encode() for argument in stanza.arguments[1:])]


def _open_body(stanza: Stanza, wrap_key: bytes) -> bytes | None:
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(_NO_NONCE, stanza.body, None)
    except InvalidTag:
        return None


def _stretch(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    return Scrypt(_SCRYPT_INFO + salt, KEY_BYTES, 2**work_factor, 8, 1).derive(passphrase.encode())
