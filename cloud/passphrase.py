"""A passphrase in a recipient's place: what wraps the authority's key, and key files that people make by hand. C2SP age, "scrypt"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from protocol import limits
from protocol.age import ALONE, Stanza, broken_header, unpadded, unwrapped, wrapped
from protocol.errors import Unavailable
from protocol.keys import KEY_BYTES
from protocol.randomness import Random, draw

_SALT_BYTES: Final = 16
_INFO: Final = b"age-encryption.org/v1/scrypt"


@dataclass(frozen=True)
class PassphraseRecipient:
    """A passphrase, stretched with scrypt at N = 2 ** `work_factor`. Must be the only recipient of a file."""

    passphrase: str = field(repr=False)
    work_factor: int = limits.SCRYPT_WORK_FACTOR
    kind: ClassVar[str] = ALONE

    def wrap(self, file_key: bytes, random: Random) -> Stanza:
        salt = draw(random, _SALT_BYTES)
        body = wrapped(file_key, _stretch(self.passphrase, salt, self.work_factor))
        return Stanza(self.kind, (unpadded(salt), str(self.work_factor)), body)


@dataclass(frozen=True)
class PassphraseIdentity:
    """A passphrase to open with. A work factor above `work_factor_max` is refused before any work is done."""

    passphrase: str = field(repr=False)
    work_factor_max: int = limits.SCRYPT_WORK_FACTOR_MAX
    kind: ClassVar[str] = ALONE

    def unwrap(self, stanza: Stanza) -> bytes:
        """The file key. Raises Unavailable when the passphrase is another, Refused(BAD_FILE) when the stanza is malformed or too costly."""
        salt = stanza.share(_SALT_BYTES, 2)
        factor = stanza.arguments[1]
        if re.fullmatch(r"[1-9][0-9]{0,8}", factor) is None:
            raise broken_header("its work factor is no number")
        if int(factor) > self.work_factor_max:
            raise broken_header(
                f"its passphrase asks for 2^{int(factor)} steps of work; at most 2^{self.work_factor_max} are done"
            )
        file_key = unwrapped(stanza.body, _stretch(self.passphrase, salt, int(factor)))
        if file_key is None:
            raise Unavailable("The passphrase does not open this file.", "Type the passphrase again; capitals count.")
        return file_key


def _stretch(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    return Scrypt(_INFO + salt, KEY_BYTES, 2**work_factor, 8, 1).derive(passphrase.encode())
