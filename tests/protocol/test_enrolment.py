from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from protocol import cards, codec, enrolment, keys, manifest
from protocol.enrolment import Claim, Invitation
from protocol.errors import Code, Refused
from protocol.ids import AreaId, SiteId
from protocol.keys import CurvePair, SigningPair
from protocol.manifest import Signed

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HUB, ONE_TIME, CABIN = CurvePair(b"h" * 32), CurvePair(b"o" * 32), CurvePair(b"c" * 32)
SIGNING = SigningPair(b"s" * 32)
INVITATION = Invitation(
    SiteId("templin"),
    "Templin",
    "TPN",
    AreaId("120730572572"),
    "tcp://hub.example:7400",
    HUB.public,
    SigningPair(b"a" * 32).public,
    ONE_TIME.secret,
    NOON + timedelta(hours=24),
)
CLAIM = enrolment.make_claim(INVITATION, CABIN, SIGNING, b"b" * 16, "0.1.0")


# --- invitation ---------------------------------------------------------------------------------------------------
def test_an_invitation_is_one_line_and_is_read_again() -> None:
    text = enrolment.write_invitation(INVITATION)
    assert text.startswith("kabine-invite-1-")
    assert len(text) < 450
    assert enrolment.read_invitation(text) == INVITATION


def test_the_hub_admits_the_public_half_of_the_one_time_key() -> None:
    assert enrolment.invitation_key(INVITATION) == ONE_TIME.public


def test_the_secret_of_an_invitation_is_in_no_log() -> None:
    assert repr(INVITATION.curve_secret)[2:10] not in repr(INVITATION)
    assert "templin" in repr(INVITATION)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"site": "hub"}, "“hub” is no name for a site"),
        ({"name": ""}, "its name has 0 characters"),
        ({"code": "templin"}, "no code of three letters"),
        ({"area": "Templin"}, "no regional key"),
        ({"hub_address": "hub:7400"}, "no address"),
    ],
)
def test_an_unsound_invitation_is_refused(fields: dict[str, object], told: str) -> None:
    with pytest.raises(Refused) as caught:
        enrolment.read_invitation(enrolment.write_invitation(replace(INVITATION, **fields)))
    assert caught.value.what.startswith("The invitation has 1 mistake: ")
    assert told in caught.value.what


@pytest.mark.parametrize(
    "fields",
    [
        {"hub_curve_key": b""},
        {"authority_key": bytes(33)},
        {"curve_secret": b""},
        {"expires_at": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
)
def test_an_invitation_with_a_key_that_is_none_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(Refused, match="another release"):
        enrolment.read_invitation(enrolment.write_invitation(replace(INVITATION, **fields)))


def test_bytes_that_are_no_invitation_are_refused() -> None:
    with pytest.raises(Refused) as caught:
        enrolment.read_invitation(cards.write("invite", b"\x93abc"))
    assert caught.value.code is Code.UNSUPPORTED_VERSION


def test_an_invitation_works_once_and_until_it_expires() -> None:
    enrolment.check_invitation(NOON, None, NOON - timedelta(microseconds=1))
    with pytest.raises(Refused, match=r"was used already, on 2026-11-23 12:00 UTC\. Make a new") as used:
        enrolment.check_invitation(NOON, NOON, NOON)
    with pytest.raises(Refused, match=r"has expired on 2026-11-23 12:00 UTC\.") as late:
        enrolment.check_invitation(NOON, None, NOON)
    assert used.value.code is late.value.code is Code.INVITATION_SPENT


# --- claim --------------------------------------------------------------------------------------------------------
def test_a_claim_names_the_keys_made_in_the_cabin() -> None:
    claim = enrolment.read_claim(CLAIM, HUB)
    assert (claim.site, claim.invitation) == ("templin", ONE_TIME.public)
    assert (claim.curve_key, claim.signing_key) == (CABIN.public, SIGNING.public)
    assert (claim.boot, claim.software) == (b"b" * 16, "0.1.0")


def signed(**fields: object) -> Signed:
    return manifest.sign(replace(manifest.unverified(Claim, CLAIM), **fields), SIGNING.private())


@pytest.mark.parametrize(
    ("claim", "code", "told"),
    [
        (Signed(CLAIM.body, bytes(64)), Code.BAD_SIGNATURE, "signature"),
        (signed(signing_key=SigningPair(b"x" * 32).public), Code.BAD_SIGNATURE, "signature"),
        (signed(signing_key=b"short"), Code.MALFORMED, "spell no claim"),
        (signed(curve_key=CurvePair(b"x" * 32).public), Code.BAD_KEY, "does not hold its secret"),
        (signed(proof=b""), Code.MALFORMED, "spell no claim"),
        (signed(proof=bytes(32)), Code.BAD_KEY, "does not hold its secret"),
        (signed(site="gartz"), Code.BAD_KEY, "does not hold its secret"),
        (signed(invitation=bytes(32)), Code.BAD_KEY, "does not hold its secret"),
        (signed(curve_key=bytes(32)), Code.BAD_KEY, "none that a machine can have"),
        (signed(curve_key=b""), Code.MALFORMED, "spell no claim"),
        (signed(invitation=b""), Code.MALFORMED, "spell no claim"),
        (signed(site="Templin"), Code.MALFORMED, "no name for a site"),
        (signed(boot=b""), Code.MALFORMED, "spell no claim"),
        (signed(software="x" * 500), Code.MALFORMED, "its software version has 500 characters"),
    ],
)
def test_a_claim_that_does_not_hold_is_refused(claim: Signed, code: Code, told: str) -> None:
    with pytest.raises(Refused, match=told) as caught:
        enrolment.read_claim(claim, HUB)
    assert caught.value.code is code


def test_a_claim_for_another_hub_does_not_hold() -> None:
    with pytest.raises(Refused, match="does not hold its secret"):
        enrolment.read_claim(CLAIM, CurvePair(b"z" * 32))


def test_the_fingerprint_depends_on_site_and_both_keys() -> None:
    variants = [("templin", b"c", b"s"), ("gartz", b"c", b"s"), ("templin", b"", b"s"), ("templin", b"c", b"")]
    found = {enrolment.cabin_fingerprint(SiteId(site), curve, signing) for site, curve, signing in variants}
    assert len(found) == 4
    assert {len(keys.words(one)) for one in found} == {6}


def test_a_claim_travels_in_one_form() -> None:
    assert codec.decode_canonical(Signed, codec.encode(CLAIM), 4096) == CLAIM
