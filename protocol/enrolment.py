"""How a cabin becomes trusted: invite, claim, confirm, revoke. SPEC.md section 7.

The hub prints an invitation that carries the secret half of a one-time CURVE key. Whoever holds it may connect once, and claims the site with
keys made in the cabin. The person in charge compares the words on both screens and confirms; the next directory lists the cabin. No private
key ever leaves the machine that made it.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import ClassVar, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from msgspec import Struct
from msgspec.structs import replace

from protocol import cards, codec, keys, soundness
from protocol.codec import BootId, Hash, Key, Moment
from protocol.errors import Code, Refused
from protocol.ids import AreaId, SiteId, area_id, site_id
from protocol.keys import CurvePair, SigningPair
from protocol.manifest import Signable, Signed, sign, unverified, verify

_INVITATION: Final = "invite"
_PROOF: Final = b"kabine/claim-proof/1\0"


class Invitation(Struct, frozen=True, array_like=True):
    """What `kabine cabin invite` prints. `curve_secret` (32 bytes) is a one-time key: the hub admits its public half once. `code`: three letters
    of the receipt numbers of the machine that claims it, never given twice. Valid before `expires_at`."""

    site: SiteId
    name: str
    code: str
    area: AreaId
    hub_address: str
    hub_curve_key: Key
    authority_key: Key
    curve_secret: Key
    expires_at: Moment

    def __repr__(self) -> str:
        return f"Invitation(site={self.site!r}, expires_at={self.expires_at!r})"  # the secret belongs in no log


class Claim(Signable, frozen=True, array_like=True):
    """“These are the keys of the cabin at `site`”, signed with the Ed25519 key that it claims.

    `invitation` is the public half of the one-time key. `proof` shows that whoever claims `curve_key` holds its secret: HMAC-SHA256 over the claim
    without it, under what only the holders of that secret and of the hub's share (X25519). `boot` is 16 random bytes per process start."""

    context: ClassVar[bytes] = b"kabine/claim/1"

    site: SiteId
    invitation: Key
    curve_key: Key
    signing_key: Key
    boot: BootId
    software: str
    proof: Hash = b""


def check_invitation(expires_at: datetime, used_at: datetime | None, now: datetime) -> None:
    """Raises Refused(INVITATION_SPENT) when it was used or its time is over (all three aware UTC)."""
    if used_at is not None:
        raise Refused(Code.INVITATION_SPENT, f"This invitation was used already, on {_spoken(used_at)}.")
    if now >= expires_at:
        raise Refused(Code.INVITATION_SPENT, f"This invitation has expired on {_spoken(expires_at)}.")


def invitation_key(invitation: Invitation) -> bytes:
    """Public half (32 bytes) of its one-time key: what the hub admits once."""
    return CurvePair(invitation.curve_secret).public


def write_invitation(invitation: Invitation) -> str:
    """One line `kabine-invite-1-…`. Whoever reads it can claim the site: it goes to the cabin and to nobody else."""
    return cards.write(_INVITATION, codec.encode(invitation))


def read_invitation(text: str) -> Invitation:
    """Inverse of `write_invitation`. Raises Refused(BAD_KEY, UNSUPPORTED_VERSION or MALFORMED); does not ask what time it is."""
    invitation = cards.read_noun(_INVITATION, text, Invitation)
    soundness.expect(
        "invitation",
        [
            *soundness.refused(site_id, invitation.site),
            *soundness.text("name", invitation.name),
            *soundness.code(invitation.code),
            *soundness.refused(area_id, invitation.area),
            *soundness.address(invitation.hub_address),
        ],
        "Make a new invitation with `kabine cabin invite SITE`.",
    )
    return invitation


def make_claim(invitation: Invitation, curve: CurvePair, signing: SigningPair, boot: bytes, software: str) -> Signed:
    """What the cabin sends, with its own new keys."""
    claim = Claim(invitation.site, invitation_key(invitation), curve.public, signing.public, boot, software)
    proof = _proof(claim, _shared(curve, invitation.hub_curve_key))
    return sign(replace(claim, proof=proof), signing.private())


def read_claim(signed: Signed, hub: CurvePair) -> Claim:
    """What a machine claims, once signature and proof hold. Whether site and invitation fit together is for the caller to ask. Raises
    Refused(MALFORMED, BAD_SIGNATURE or BAD_KEY)."""
    claim = verify(Claim, signed, unverified(Claim, signed).signing_key)
    soundness.expect(
        "claim",
        [*soundness.refused(site_id, claim.site), *soundness.text("software version", claim.software)],
        "Install the same release of Kabine at both ends.",
    )
    if not hmac.compare_digest(_proof(replace(claim, proof=b""), _shared(hub, claim.curve_key)), claim.proof):
        raise Refused(Code.BAD_KEY, "Whoever claims this CURVE key does not hold its secret.")
    return claim


def cabin_fingerprint(site: SiteId, curve_key: bytes, signing_key: bytes) -> bytes:
    """Digest (32 bytes) whose words (`keys.words`) two people compare before one confirms: of the site and the cabin's public keys."""
    return keys.fingerprint(site.encode(), curve_key, signing_key)


def _shared(own: CurvePair, other: bytes) -> bytes:
    try:
        secret = X25519PrivateKey.from_private_bytes(own.secret)
        return secret.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError as error:  # a point of small order, for which every secret gives the same
        raise Refused(Code.BAD_KEY, "This CURVE key is none that a machine can have.") from error


def _proof(claim: Claim, shared: bytes) -> bytes:
    return hmac.digest(shared, _PROOF + codec.encode(claim), "sha256")


def _spoken(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
