"""The keys in a hub's folder. The hub's own lie open to it; the authority's lies beside them under a passphrase, or far away.

`curve.key` and `signing.key` are 32 raw bytes, `journal.txt` an age identity, `authority.age` an age file that a passphrase opens and
`authority.pub` the authority's public half in base32: it stays when `authority.age` is carried off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cloud.passphrase import PassphraseIdentity, PassphraseRecipient
from protocol import cards, limits
from protocol.envelope import open_bytes, seal_bytes
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import key_bytes, key_text
from protocol.keys import KEY_BYTES, CurvePair, SigningPair
from protocol.randomness import Random
from protocol.recipients import HybridIdentity, parse_identity
from protocol.runtime.folder import NodeFolder

CURVE: Final = "curve.key"
SIGNING: Final = "signing.key"
JOURNAL: Final = "journal.txt"
AUTHORITY: Final = "authority.age"
AUTHORITY_PUBLIC: Final = "authority.pub"
_KIND: Final = "authority"


@dataclass(frozen=True)
class HubKeys:
    """`curve`: who the hub is on the wire. `signing`: signs *gesichert*. `journal`: opens the cabins' journals. `authority`: public half of
    the key that signs directories (Ed25519, 32 bytes)."""

    curve: CurvePair
    signing: SigningPair
    journal: HybridIdentity
    authority: bytes

    @property
    def journal_recipient(self) -> str:
        """`age1pq1…`: what cabins wrap their journal keys for."""
        return str(self.journal.recipient())


def make_keys(
    folder: NodeFolder, random: Random, passphrase: str, work_factor: int = limits.SCRYPT_WORK_FACTOR
) -> tuple[HubKeys, SigningPair]:
    """New keys, written into `folder` (0600), and the authority's pair, to sign the first directory with. Raises Refused for an empty
    passphrase."""
    if not passphrase.strip():
        raise Refused(Code.BAD_KEY, "An empty passphrase protects nothing.", "Choose some words nobody would guess.")
    curve = CurvePair.generate(random)
    signing, authority = SigningPair.generate(random), SigningPair.generate(random)
    journal = HybridIdentity.generate(random)
    text = f"# authority of {key_text(authority.public)}\n{cards.write(_KIND, authority.seed)}\n"
    folder.write_file(AUTHORITY, seal_bytes(text.encode(), [PassphraseRecipient(passphrase, work_factor)], random))
    folder.write_file(AUTHORITY_PUBLIC, f"{key_text(authority.public)}\n".encode(), 0o644)
    folder.write_file(CURVE, curve.secret)
    folder.write_file(SIGNING, signing.seed)
    folder.write_file(JOURNAL, f"# public key: {journal.recipient()}\n{journal}\n".encode())
    return HubKeys(curve, signing, journal, authority.public), authority


def read_keys(folder: NodeFolder) -> HubKeys:
    """The hub's own keys. Raises Refused(BAD_KEY) when one is damaged or others may read it, Unavailable when one is missing."""
    return HubKeys(
        CurvePair(_raw(folder, CURVE)),
        SigningPair(_raw(folder, SIGNING)),
        _journal(folder),
        read_authority_public(folder),
    )


def read_authority_public(folder: NodeFolder) -> bytes:
    """Public half of the authority's key, 32 bytes. Raises as `read_keys`."""
    return key_bytes(folder.read_file(AUTHORITY_PUBLIC).decode("ascii", "replace"), KEY_BYTES)


def read_authority(folder: NodeFolder, passphrase: str) -> SigningPair:
    """The authority's key. Raises Unavailable when it was carried off or the passphrase is another, Refused(BAD_KEY) when it is not the one
    that this hub's cabins pin."""
    if not folder.has(AUTHORITY):
        raise Unavailable(
            f"The authority's key is not in {folder.path}.",
            "Write the draft with `kabine directory publish --out FILE`, sign it where the key is with `kabine directory sign`, "
            "and bring it back with `kabine directory publish --signed FILE`.",
        )
    pair = open_authority(folder.read_secret(AUTHORITY), passphrase)
    if pair.public != read_authority_public(folder):
        raise Refused(
            Code.BAD_KEY, f"{folder.path / AUTHORITY} is not the key that cabins and agencies believe.", _RESTORE
        )
    return pair


def open_authority(sealed: bytes, passphrase: str) -> SigningPair:
    """The key in the bytes of an `authority.age`. Raises Unavailable for another passphrase, Refused for another file."""
    seed = cards.read(_KIND, "".join(_lines(open_bytes(sealed, [PassphraseIdentity(passphrase)]))))
    if len(seed) != KEY_BYTES:
        raise Refused(Code.MALFORMED, f"The authority's key has {len(seed)} bytes, not {KEY_BYTES}.", _RESTORE)
    return SigningPair(seed)


_RESTORE: Final = "Take it back from the backup of the hub's folder."


def _journal(folder: NodeFolder) -> HybridIdentity:
    lines = _lines(folder.read_secret(JOURNAL))
    try:
        return parse_identity("".join(lines))
    except Refused as refused:
        raise Refused(Code.BAD_KEY, f"{folder.path / JOURNAL} is not one post-quantum identity.", _RESTORE) from refused


def _lines(raw: bytes) -> list[str]:
    """Without comments and white space."""
    lines = map(str.strip, raw.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _raw(folder: NodeFolder, name: str) -> bytes:
    raw = folder.read_secret(name)
    if len(raw) != KEY_BYTES:
        raise Refused(Code.BAD_KEY, f"{folder.path / name} has {len(raw)} bytes, not {KEY_BYTES}.", _RESTORE)
    return raw
