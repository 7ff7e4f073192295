"""The cabin's own keys: made here, never leave its folder."""

from __future__ import annotations

from typing import Final, NamedTuple

from protocol.errors import Code, Refused
from protocol.keys import KEY_BYTES, CurvePair, SigningPair
from protocol.randomness import Random
from protocol.runtime.folder import NodeFolder

CURVE_FILE: Final = "curve.key"
SIGNING_FILE: Final = "signing.key"


class CabinKeys(NamedTuple):
    """CURVE for the line, Ed25519 for manifests."""

    curve: CurvePair
    signing: SigningPair

    @classmethod
    def make(cls, folder: NodeFolder, random: Random) -> CabinKeys:
        """Fresh ones, on stable storage (0600) when this returns. Those that are there already are kept."""
        for name, secret in (
            (CURVE_FILE, CurvePair.generate(random).secret),
            (SIGNING_FILE, SigningPair.generate(random).seed),
        ):
            if not folder.has(name):
                folder.write_file(name, secret)
        return cls.load(folder)

    @classmethod
    def load(cls, folder: NodeFolder) -> CabinKeys:
        """Raises Refused(BAD_KEY) when one is readable by others or has not 32 bytes, Unavailable when one is gone."""
        return cls(CurvePair(_secret(folder, CURVE_FILE)), SigningPair(_secret(folder, SIGNING_FILE)))


def _secret(folder: NodeFolder, name: str) -> bytes:
    secret = folder.read_secret(name)
    if len(secret) != KEY_BYTES:
        raise Refused(
            Code.BAD_KEY,
            f"{folder.path / name} has {len(secret)} bytes, not {KEY_BYTES}.",
            "Revoke the cabin with `kabine cabin revoke SITE` and enrol it anew in another folder.",
        )
    return secret
