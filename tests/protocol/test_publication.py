from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from protocol import codec, limits, manifest, publication
from protocol.directory import (
    NO_DIRECTORY,
    Agency,
    AgencyTexts,
    CabinRow,
    Directory,
    FormerKey,
    HubRow,
    InboxKey,
    Route,
    Service,
    ServiceTexts,
)
from protocol.errors import Code, Refused
from protocol.hours import Exceptional, Hours, Span, Week
from protocol.ids import AgencyId, AreaId, LanguageTag, ServiceId, SiteId
from protocol.manifest import Signed
from protocol.publication import validate, verify_first, verify_successor
from protocol.recipients import HybridIdentity
from tools.key_files import X25519Identity

AUTHORITY = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
AUTHORITY_KEY = AUTHORITY.public_key().public_bytes_raw()
STRANGER = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
PQ = str(HybridIdentity.generate(lambda size: b"\7" * size).recipient())
CLASSICAL = str(X25519Identity.generate(lambda size: b"\7" * size).recipient())
WOHNGELD = ServiceId("99107023017000")
HOURS = Hours((Week(((Span(480, 960),),) * 7),), (Exceptional(date(2026, 12, 24), date(2026, 12, 24), "Heiligabend"),))
SOCIAL = Agency(
    AgencyId("sozialamt-uckermark"),
    "Sozialamt Uckermark",
    "Sozialamt",
    HOURS,
    inboxes=(InboxKey(1, PQ), InboxKey(2, PQ)),
    signing_key=bytes(32),
)
DISPATCHER = Agency(AgencyId("vermittlung"), "Vermittlungsstelle", "Vermittlung", HOURS, dispatcher=True)
TEMPLIN = CabinRow(SiteId("templin"), "Templin", "TPN", AreaId("120730572572"), "", b"s" * 32, b"t" * 32)
GARTZ = CabinRow(SiteId("gartz"), "Gartz (Oder)", "GRT", AreaId("120735304189"), "", b"s" * 32, b"g" * 32)
POLISH = LanguageTag("pl")
HUB = HubRow("Hub Uckermark", "tcp://hub.example:7400", bytes(32), bytes(32), PQ)
FIRST = Directory(
    1,
    NO_DIRECTORY,
    datetime(2026, 1, 1, tzinfo=UTC),
    HUB,
    (SOCIAL, DISPATCHER),
    (Service(WOHNGELD, "Wohngeld", "Zuschuss zur Miete", ("Miete", "Wohnung")),),
    (Route(WOHNGELD, AreaId("12073"), SOCIAL.id),),
    (TEMPLIN, GARTZ),
    "DE-BB",
)


def speaking(*texts: AgencyTexts) -> Directory:
    return replace(FIRST, agencies=(replace(SOCIAL, texts=texts), DISPATCHER))


def telling(*texts: ServiceTexts) -> Directory:
    return replace(FIRST, services=(replace(FIRST.services[0], bring=("Mietvertrag",), texts=texts),))


def signed(directory: Directory, key: Ed25519PrivateKey = AUTHORITY) -> Signed:
    return manifest.sign(directory, key)


def after(before: Signed, version: int, **fields: object) -> Directory:
    return replace(FIRST, version=version, previous=hashlib.sha256(before.body).digest(), **fields)


ONE = signed(FIRST)
TWO = signed(after(ONE, 2))


def test_the_first_directory_may_have_any_version() -> None:
    assert verify_first(ONE, AUTHORITY_KEY) == FIRST
    assert verify_first(signed(after(TWO, 40)), AUTHORITY_KEY).version == 40


def test_the_next_one_follows_by_digest() -> None:
    assert verify_successor(ONE, TWO, AUTHORITY_KEY).version == 2


def test_the_same_one_again_is_no_error() -> None:
    assert verify_successor(ONE, ONE, AUTHORITY_KEY) == FIRST


def test_who_was_away_may_skip_versions() -> None:
    six = signed(after(TWO, 6))
    assert verify_successor(ONE, six, AUTHORITY_KEY).version == 6


@pytest.mark.parametrize(
    ("new", "code", "reason"),
    [
        (signed(after(ONE, 2), STRANGER), Code.BAD_SIGNATURE, "signature"),
        (Signed(TWO.body, bytes(64)), Code.BAD_SIGNATURE, "signature"),
        (Signed(TWO.body, b""), Code.BAD_SIGNATURE, "signature"),
        (Signed(TWO.body[:-1], TWO.signature), Code.BAD_SIGNATURE, "signature"),
        (signed(after(TWO, 2)), Code.OFF_CHAIN, "does not follow"),
        (signed(replace(FIRST, holidays_region="DE-BE")), Code.OFF_CHAIN, "two different directories"),
        (signed(after(ONE, 2, agencies=())), Code.MALFORMED, "no agency is the dispatcher"),
    ],
)
def test_what_is_unsigned_off_the_chain_or_unsound_is_refused(new: Signed, code: Code, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as caught:
        verify_successor(ONE, new, AUTHORITY_KEY)
    assert caught.value.code is code


def test_an_older_one_is_refused() -> None:
    with pytest.raises(Refused, match="Directory 1 is older than 2") as caught:
        verify_successor(TWO, ONE, AUTHORITY_KEY)
    assert caught.value.code is Code.OFF_CHAIN


def test_a_signature_for_something_else_is_none_for_a_directory() -> None:
    class Other(manifest.Signable, frozen=True, array_like=True):
        context = b"kabine/other/1"

    elsewhere = AUTHORITY.sign(Other.context + b"\0" + ONE.body)
    with pytest.raises(Refused) as caught:
        verify_first(Signed(ONE.body, elsewhere), AUTHORITY_KEY)
    assert caught.value.code is Code.BAD_SIGNATURE


def test_a_sound_directory_has_no_mistakes() -> None:
    validate(FIRST)
    assert list(publication.mistakes(FIRST)) == []


def test_texts_in_other_languages_are_sound_all_or_some_of_them() -> None:
    validate(speaking(AgencyTexts(POLISH, "Urząd"), AgencyTexts(LanguageTag("de-simple"), short="Sozial-Amt")))
    validate(telling(ServiceTexts(POLISH, bring=("Umowa najmu",)), ServiceTexts(LanguageTag("uk"), "Доплата")))


def test_a_directory_from_before_there_were_texts_is_taken_and_a_later_one_by_whoever_knows_none() -> None:
    def of_another_version(directory: Directory, change: Callable[[list[object]], object]) -> Signed:
        body = msgspec.msgpack.decode(codec.encode(directory), type=list[Any])
        for noun in (*body[4], *body[5]):  # agencies and services
            change(noun)
        raw = msgspec.msgpack.encode(body)
        return Signed(raw, AUTHORITY.sign(Directory.context + b"\0" + raw))

    assert verify_first(of_another_version(FIRST, list.pop), AUTHORITY_KEY) == FIRST
    assert verify_first(of_another_version(FIRST, lambda noun: noun.append("new")), AUTHORITY_KEY) == FIRST


def test_a_directory_that_is_too_large_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        validate(replace(FIRST, services=(Service(WOHNGELD, "Wohngeld", "x" * limits.DIRECTORY_BYTES_MAX),)))
    assert caught.value.code is Code.TOO_LARGE


def test_one_mistake_is_told_in_the_singular() -> None:
    with pytest.raises(Refused, match=r"^The directory has 1 mistake: no agency is the dispatcher\."):
        validate(replace(FIRST, agencies=(SOCIAL,)))


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (replace(FIRST, version=0, previous=bytes(32)), "version 0 is less than 1"),
        (replace(FIRST, previous=b"short"), "spell no directory"),
        (replace(FIRST, previous=b"x" * 32), "the first directory, and only the first, follows none"),
        (replace(FIRST, version=2), "the first directory, and only the first, follows none"),
        (
            replace(FIRST, published_at=FIRST.published_at.replace(tzinfo=None)),
            "spell no directory",
        ),
        (replace(FIRST, former_keys=(FormerKey(AgencyId("No Id"), bytes(32)),)), "former key"),
        (replace(FIRST, former_keys=(FormerKey(AgencyId("bauamt"), bytes(32)),) * 2), "former key"),
        (replace(FIRST, holidays_region="DE-XX"), "“DE-XX” is no region with known holidays"),
        (replace(FIRST, hub=replace(HUB, name=" ")), "hub: its name has 1 characters, not 1 to 120"),
        (
            replace(FIRST, hub=replace(HUB, address="http://x")),
            "hub: “http://x” is no address as in tcp://hub.example:7400",
        ),
        (replace(FIRST, hub=replace(HUB, address="tcp://x:0")), "hub: “tcp://x:0” is no address"),
        (replace(FIRST, hub=replace(HUB, address="tcp://x:65536")), "hub: “tcp://x:65536” is no address"),
        (replace(FIRST, hub=replace(HUB, curve_key=b"")), "spell no directory"),
        (replace(FIRST, hub=replace(HUB, signing_key=b"x")), "spell no directory"),
        (
            replace(FIRST, hub=replace(HUB, journal_recipient="age1pq1")),
            "hub: its journal recipient: This does not look like a key",
        ),
        (replace(FIRST, agencies=(SOCIAL, SOCIAL, DISPATCHER)), "agency sozialamt-uckermark is there 2 times"),
        (
            replace(FIRST, agencies=(SOCIAL, replace(DISPATCHER, id="Ver!"))),
            "agency Ver!: “Ver!” is no name for an agency",
        ),
        (replace(FIRST, agencies=(SOCIAL, replace(DISPATCHER, short="x" * 121))), "its short name has 121 characters"),
        (
            replace(FIRST, agencies=(SOCIAL, replace(DISPATCHER, hours=Hours(())))),
            "agency vermittlung: there is no week",
        ),
        (
            replace(FIRST, agencies=(replace(SOCIAL, inboxes=(InboxKey(2, PQ), InboxKey(2, PQ))), DISPATCHER)),
            "agency sozialamt-uckermark: inbox epoch 2 does not come after 2",
        ),
        (
            replace(FIRST, agencies=(replace(SOCIAL, inboxes=(InboxKey(0, PQ),)), DISPATCHER)),
            "inbox epoch 0 does not come after 0",
        ),
        (
            replace(FIRST, agencies=(replace(SOCIAL, inboxes=(InboxKey(1, CLASSICAL),)), DISPATCHER)),
            "its inbox key of epoch 1: “age1zwlyl6h27gzv…” is no post-quantum",
        ),
        (
            replace(FIRST, agencies=(replace(SOCIAL, inboxes=(InboxKey(1, PQ + "\n"),)), DISPATCHER)),
            "its inbox key of epoch 1: The key holds a letter that no key holds",
        ),
        (
            replace(FIRST, agencies=(replace(SOCIAL, signing_key=b"x"), DISPATCHER)),
            "spell no directory",
        ),
        (
            replace(FIRST, agencies=(replace(SOCIAL, signing_key=None), DISPATCHER)),
            "it takes documents and has no key to sign receipts with",
        ),
        (replace(FIRST, services=FIRST.services * 2), f"service {WOHNGELD} is there 2 times"),
        (replace(FIRST, services=(Service(ServiceId("1"), "x", "x"),), routes=()), "“1” is no service key"),
        (replace(FIRST, services=(Service(WOHNGELD, "", "x"),)), f"service {WOHNGELD}: its name has 0 characters"),
        (replace(FIRST, services=(Service(WOHNGELD, "x", ""),)), "its concern in plain words has 0 characters"),
        (replace(FIRST, services=(Service(WOHNGELD, "x", "x", (), ("",)),)), "its paper to bring has 0 characters"),
        (
            replace(FIRST, services=(Service(WOHNGELD, "x", "x", (), ("x",) * 13),)),
            "13 papers to bring are more than 12",
        ),
        (
            speaking(AgencyTexts(POLISH, "x"), AgencyTexts(POLISH)),
            "agency sozialamt-uckermark: language pl is there 2 times",
        ),
        (speaking(AgencyTexts(LanguageTag("PL"), "x")), "agency sozialamt-uckermark: “PL” is no language"),
        (speaking(AgencyTexts(LanguageTag("de"), "x")), "its German texts stand among those of other languages"),
        (speaking(AgencyTexts(POLISH, " ")), "its name in pl has 1 characters, not 1 to 120"),
        (speaking(AgencyTexts(POLISH, "x", "x" * 121)), "its short name in pl has 121 characters"),
        (
            speaking(*(AgencyTexts(LanguageTag(f"a{letter}")) for letter in "abcdefghijklmnopqrstuvwxy")),
            "25 languages are more than 24",
        ),
        (telling(ServiceTexts(POLISH), ServiceTexts(POLISH)), f"service {WOHNGELD}: language pl is there 2 times"),
        (telling(ServiceTexts(POLISH, "x" * 121)), "its concern in pl has 121 characters"),
        (telling(ServiceTexts(POLISH, "x", ("",))), "its paper to bring in pl has 0 characters"),
        (
            telling(ServiceTexts(POLISH, "x", ("x", "y"))),
            f"service {WOHNGELD}: 2 papers to bring in pl are not the 1 in German",
        ),
        (replace(FIRST, services=()), f"a route names the service {WOHNGELD}, which there is not"),
        (replace(FIRST, agencies=(DISPATCHER,)), "a route names the agency sozialamt-uckermark, which there is not"),
        (replace(FIRST, routes=FIRST.routes * 2), f"route {WOHNGELD} in 12073 is there 2 times"),
        (replace(FIRST, routes=(Route(WOHNGELD, AreaId("x"), SOCIAL.id),)), "“x” is no regional key"),
        (replace(FIRST, cabins=(TEMPLIN, replace(TEMPLIN, curve_key=b"u" * 32))), "cabin templin is there 2 times"),
        (replace(FIRST, cabins=(TEMPLIN, replace(GARTZ, code="TPN"))), "receipt code TPN is there 2 times"),
        (replace(FIRST, cabins=(TEMPLIN, replace(GARTZ, curve_key=b"t" * 32))), f"key {'74' * 32} is there 2 times"),
        (replace(FIRST, cabins=(replace(GARTZ, site="hub"),)), "cabin hub: “hub” is no name for a site"),
        (replace(FIRST, cabins=(replace(GARTZ, name=""),)), "cabin gartz: its name has 0 characters"),
        (replace(FIRST, cabins=(replace(GARTZ, code="O0I"),)), "cabin gartz: “O0I” is no code of three letters"),
        (replace(FIRST, cabins=(replace(GARTZ, area="Gartz"),)), "cabin gartz: “Gartz” is no regional key"),
        (replace(FIRST, cabins=(replace(GARTZ, signing_key=b""),)), "spell no directory"),
        (replace(FIRST, cabins=(replace(GARTZ, curve_key=b""),)), "spell no directory"),
    ],
)
def test_each_mistake_is_told(bad: Directory, told: str) -> None:
    with pytest.raises(Refused) as caught:
        validate(bad)
    assert caught.value.code is Code.MALFORMED
    assert told in caught.value.what


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(Refused) as caught:
        validate(replace(FIRST, version=0, agencies=(), holidays_region=""))
    assert caught.value.what == (
        "The directory has 5 mistakes: version 0 is less than 1; the first directory, and only the first, follows none; "
        "“” is no region with known holidays; no agency is the dispatcher; "
        "a route names the agency sozialamt-uckermark, which there is not."
    )
