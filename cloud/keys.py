"""The hub's own keys, in its folder. The authority's lies there under a passphrase, or is carried off to another machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol import limits
from protocol.envelope import open_bytes, seal_bytes
from protocol.errors import Code, Mistake, Refused, Unavailable
from protocol.keys import KEY_BYTES, CurvePair, SigningPair
from protocol.randomness import Random
from protocol.recipients import (
    HybridIdentity,
    PassphraseIdentity,
    PassphraseRecipient,
    generate_identity,
    parse_identity,
)
from protocol.runtime.folder import NodeFolder

CURVE: Final = "keys/curve.secret"  # 32 bytes
SIGNING: Final = "keys/signing.secret"  # Ed25519 seed, 32 bytes
JOURNAL: Final = "keys/journal.secret"  # age identity, one line
AUTHORITY: Final = "keys/authority.age"  # Ed25519 seed, an age file under a passphrase
AUTHORITY_PUBLIC: Final = "keys/authority.public"  # 32 bytes


@dataclass(frozen=True)
class HubKeys:
    """What a running hub needs; `authority` is only the public half (Ed25519, 32 bytes)."""

    curve: CurvePair
    signing: SigningPair
    journal: HybridIdentity
    authority: bytes


def make(folder: NodeFolder, passphrase: str, random: Random, work_factor: int = limits.SCRYPT_WORK_FACTOR) -> HubKeys:
    """New keys in `folder`. `work_factor`: log2 of scrypt's N for the authority's key. Raises Refused when there are keys already."""
    if folder.has(CURVE) or folder.has(AUTHORITY_PUBLIC):
        raise Refused(
            Code.BAD_FILE,
            f"There are keys in {folder.path} already.",
            "Name another folder; keys are never overwritten.",
        )
    if not passphrase:
        raise Refused(Code.BAD_KEY, "The passphrase of the authority is empty.", "Choose one of several words.")
    journal = generate_identity(random, "pq")
    if not isinstance(journal, HybridIdentity):
        raise Mistake("The journal needs a hybrid identity.")
    authority = SigningPair.generate(random)
    found = HubKeys(CurvePair.generate(random), SigningPair.generate(random), journal, authority.public)
    folder.write_file(AUTHORITY, seal_bytes(authority.seed, [PassphraseRecipient(passphrase, work_factor)], random))
    folder.write_file(AUTHORITY_PUBLIC, authority.public, 0o644)
    folder.write_file(JOURNAL, f"{journal}\n".encode())
    folder.write_file(SIGNING, found.signing.seed)
    folder.write_file(CURVE, found.curve.secret)
    return found


def load(folder: NodeFolder) -> HubKeys:
    """Raises Refused when a key is malformed or may be read by others, Unavailable when it is missing."""
    journal = parse_identity(folder.read_secret(JOURNAL).decode("ascii", "replace").strip())
    if not isinstance(journal, HybridIdentity):
        raise Refused(Code.BAD_KEY, f"{folder.path / JOURNAL} is no hybrid identity.")
    return HubKeys(
        CurvePair(_sized(folder, CURVE, folder.read_secret(CURVE))),
        SigningPair(_sized(folder, SIGNING, folder.read_secret(SIGNING))),
        journal,
        _sized(folder, AUTHORITY_PUBLIC, folder.read_file(AUTHORITY_PUBLIC)),
    )


def authority(folder: NodeFolder, passphrase: str) -> SigningPair:
    """The key that signs directories. Raises Unavailable when the passphrase is wrong or the key was carried off."""
    if not folder.has(AUTHORITY):
        raise Unavailable(
            f"The key of the authority is not in {folder.path}.",
            "Sign where it is kept: `kabine directory publish --out FILE`, then bring the signed file back.",
        )
    sealed = folder.read_secret(AUTHORITY)
    try:
        seed = open_bytes(sealed, [PassphraseIdentity(passphrase)])
    except Refused as refused:
        if refused.code is not Code.NOT_YOURS:
            raise
        raise Unavailable(
            "The passphrase of the authority is wrong.", "Type it again; nothing was changed."
        ) from refused
    pair = SigningPair(_sized(folder, AUTHORITY, seed))
    if pair.public != folder.read_file(AUTHORITY_PUBLIC):
        raise Refused(
            Code.BAD_KEY, "The key of the authority does not fit its public half.", "Bring both back from a copy."
        )
    return pair


def _sized(folder: NodeFolder, name: str, found: bytes) -> bytes:
    if len(found) != KEY_BYTES:
        raise Refused(Code.BAD_KEY, f"{folder.path / name} has {len(found)} bytes instead of {KEY_BYTES}.")
    return found
