"""A cabin becomes trusted, stays trusted, is replaced and is revoked: over the hub's real tables."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import select

from cloud import enrolment
from cloud.admission import Kind
from cloud.enrolment_table import State
from cloud.storage import schema
from cloud.storage.database import Database, sqlite_url
from protocol import keys, limits
from protocol.contacts import HubCard
from protocol.enrolment import (
    Claim,
    Invitation,
    cabin_fingerprint,
    invitation_key,
    make_claim,
    read_invitation,
    write_invitation,
)
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import CODE_LETTERS, AreaId, SiteId
from protocol.keys import CurvePair, SigningPair
from protocol.manifest import Signed

NOW = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=limits.INVITATION_SECONDS)
SEEDED = random.Random(7)
HUB = CurvePair.generate(SEEDED.randbytes)
CARD = HubCard("tcp://hub.example:7400", HUB.public, SigningPair.generate(SEEDED.randbytes).public)
TEMPLIN = SiteId("templin")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(tmp_path / "hub.sqlite"))
    yield opened
    opened.close()


class Machine:
    """Keys as a cabin makes them."""

    def __init__(self, seed: int) -> None:
        drawn = random.Random(seed)
        self.curve = CurvePair.generate(drawn.randbytes)
        self.signing = SigningPair.generate(drawn.randbytes)

    def claim(self, invitation: Invitation) -> Signed:
        return make_claim(invitation, self.curve, self.signing, bytes(16), "0.1.0")


def invite(
    database: Database, site: SiteId = TEMPLIN, now: datetime = NOW, drawn: random.Random = SEEDED
) -> Invitation:
    with database.turn() as connection:
        return enrolment.invite(connection, site, site.title(), AreaId("12073"), "Markt 1", CARD, drawn.randbytes, now)


def claim(database: Database, machine: Machine, invitation: Invitation, now: datetime = NOW) -> Claim:
    with database.turn() as connection:
        return enrolment.claim(connection, invitation_key(invitation), machine.claim(invitation), HUB, now)


def confirm(database: Database, site: SiteId = TEMPLIN) -> enrolment.Cabin:
    with database.turn() as connection:
        return enrolment.confirm(connection, site, NOW)


def revoke(database: Database, site: SiteId = TEMPLIN) -> enrolment.Cabin:
    with database.turn() as connection:
        return enrolment.revoke(connection, site, NOW)


def guests(database: Database, now: datetime = NOW) -> set[tuple[Kind, str, bytes]]:
    with database.reading() as connection:
        return {(guest.kind, guest.name, guest.key) for guest in enrolment.admitted(connection, now)}


def kinds(database: Database, machine: Machine) -> set[Kind]:
    return {kind for kind, _, key in guests(database) if key == machine.curve.public}


def test_from_invitation_to_service(database: Database) -> None:
    machine = Machine(1)
    invitation = read_invitation(write_invitation(invite(database)))
    assert (Kind.INVITATION, "templin", invitation_key(invitation)) in guests(database)
    claimed = claim(database, machine, invitation)
    assert kinds(database, machine) == {Kind.CLAIMED}
    with database.reading() as connection:
        waiting = enrolment.cabin(connection, TEMPLIN, NOW)
        assert waiting.state is State.CLAIMED
        # The person in the cabin reads the same words off the screen there.
        assert waiting.claimed_words == keys.words(
            cabin_fingerprint(claimed.site, claimed.curve_key, claimed.signing_key)
        )
        assert enrolment.admitted_cabins(connection) == ()
    cabin = confirm(database)
    assert cabin.state is State.CONFIRMED
    assert cabin.words == waiting.claimed_words
    assert kinds(database, machine) == {Kind.CABIN}
    with database.reading() as connection:
        (row,) = enrolment.admitted_cabins(connection)
    assert (row.site, row.code, row.curve_key) == ("templin", invitation.code, machine.curve.public)


def test_the_code_has_three_letters_that_no_machine_ever_had(database: Database) -> None:
    codes = {invite(database).code for _ in range(50)}
    assert len(codes) == 50
    assert all(len(code) == 3 and set(code) <= set(CODE_LETTERS) for code in codes)


def test_a_code_that_is_drawn_a_second_time_is_drawn_again(database: Database) -> None:
    first, second = (invite(database, drawn=random.Random(3)).code for _ in range(2))
    assert first != second


def test_when_every_code_is_given_it_is_said(database: Database) -> None:
    codes = ["".join(letters) for letters in product(CODE_LETTERS, repeat=3)]
    rows = [
        {"public_key": number.to_bytes(32, "big"), "site": "gartz", "code": code, "expires_at": NOW}
        for number, code in enumerate(codes)
    ]
    with database.turn() as connection:
        connection.execute(schema.invitation.insert(), rows)
    with pytest.raises(Unavailable, match="29791 of 29791 receipt codes") as caught:
        invite(database)
    assert "second hub" in caught.value.remedy


def test_an_invitation_works_once(database: Database) -> None:
    invitation = invite(database)
    claim(database, Machine(1), invitation)
    with pytest.raises(Refused, match="used already") as caught:
        claim(database, Machine(2), invitation)
    assert caught.value.code is Code.INVITATION_SPENT


def test_the_same_claim_told_again_is_no_error_because_the_answer_may_have_been_lost(database: Database) -> None:
    machine, invitation = Machine(1), invite(database)
    claim(database, machine, invitation)
    claim(database, machine, invitation)
    confirm(database)
    claim(database, machine, invitation)
    assert kinds(database, machine) == {Kind.CABIN}


def test_an_expired_invitation_is_told_so_and_later_not_even_let_in(database: Database) -> None:
    invitation = invite(database)
    with pytest.raises(Refused, match="expired"):
        claim(database, Machine(1), invitation, LATER)
    assert claim(database, Machine(1), invitation, LATER - timedelta(seconds=1)).site == "templin"
    gone = LATER + timedelta(seconds=enrolment.FAREWELL_SECONDS)
    assert Kind.INVITATION in {kind for kind, _, _ in guests(database, gone - timedelta(seconds=1))}
    assert Kind.INVITATION not in {kind for kind, _, _ in guests(database, gone)}


def test_a_later_invitation_spends_the_earlier(database: Database) -> None:
    first, second = invite(database), invite(database)
    with pytest.raises(Refused, match="expired"):
        claim(database, Machine(1), first)
    claim(database, Machine(1), second)


def test_an_invitation_the_hub_never_gave(database: Database) -> None:
    stranger = CurvePair.generate(random.Random(99).randbytes)
    invitation = invite(database)
    signed = Machine(1).claim(invitation)
    with database.turn() as connection, pytest.raises(Refused, match="never given"):
        enrolment.claim(connection, stranger.public, signed, HUB, NOW)


def test_an_invitation_is_good_for_its_own_site_only(database: Database) -> None:
    templin, gartz = invite(database), invite(database, SiteId("gartz"))
    with database.turn() as connection, pytest.raises(Refused) as caught:
        enrolment.claim(connection, invitation_key(templin), Machine(1).claim(gartz), HUB, NOW)
    assert caught.value.code is Code.NOT_YOURS


def test_an_altered_claim_is_refused(database: Database) -> None:
    invitation = invite(database)
    signed = Machine(1).claim(invitation)
    body = bytearray(signed.body)
    body[-40] ^= 1
    with database.turn() as connection, pytest.raises(Refused):
        enrolment.claim(connection, invitation_key(invitation), Signed(bytes(body), signed.signature), HUB, NOW)
    with database.reading() as connection:
        assert enrolment.cabin(connection, TEMPLIN, NOW).state is State.INVITED


def test_a_replacement_works_only_after_confirmation_and_the_old_machine_until_then(database: Database) -> None:
    old, new = Machine(1), Machine(2)
    first = invite(database)
    claim(database, old, first)
    confirm(database)
    second = invite(database)
    assert second.code != first.code
    assert kinds(database, old) == {Kind.CABIN}
    claim(database, new, second)
    assert (kinds(database, old), kinds(database, new)) == ({Kind.CABIN}, {Kind.CLAIMED})
    with database.reading() as connection:
        (row,) = enrolment.admitted_cabins(connection)
        assert row.code == first.code
    cabin = confirm(database)
    assert cabin.code == second.code
    assert (kinds(database, old), kinds(database, new)) == (set(), {Kind.CABIN})


def test_inviting_anew_forgets_a_claim_whose_words_did_not_match(database: Database) -> None:
    stranger = Machine(1)
    claim(database, stranger, invite(database))
    invite(database)
    assert kinds(database, stranger) == set()
    with pytest.raises(Refused, match="No machine has claimed"):
        confirm(database)


def test_a_revoked_cabin_is_a_stranger_and_so_is_whoever_waited(database: Database) -> None:
    machine, other = Machine(1), Machine(2)
    claim(database, machine, invite(database))
    confirm(database)
    invitation = invite(database)
    claim(database, other, invitation)
    pending = invite(database)
    revoke(database)
    assert kinds(database, machine) == kinds(database, other) == set()
    with pytest.raises(Refused, match="expired"):
        claim(database, Machine(3), pending)
    with pytest.raises(Refused, match="revoked already"):
        revoke(database)
    with database.reading() as connection:
        assert enrolment.admitted_cabins(connection) == ()
    claim(database, Machine(3), invite(database))
    assert confirm(database).state is State.CONFIRMED


def test_keys_of_another_cabin_are_a_copied_folder(database: Database) -> None:
    machine = Machine(1)
    claim(database, machine, invite(database))
    confirm(database)
    with pytest.raises(Refused, match="belong to the cabin “templin”"):
        claim(database, machine, invite(database, SiteId("gartz")))


def test_an_unknown_site_names_those_there_are(database: Database) -> None:
    invite(database)
    with pytest.raises(Refused, match="no cabin “gartz”; known: templin"):
        confirm(database, SiteId("gartz"))


def test_one_time_secrets_are_not_kept(database: Database) -> None:
    invitation = invite(database)
    with database.reading() as connection:
        stored = [
            bytes(value)
            for row in connection.execute(select(schema.invitation))
            for value in row
            if isinstance(value, bytes)
        ]
    assert invitation.curve_secret not in stored


def test_a_connector_of_an_agency_is_admitted(database: Database) -> None:
    with database.turn() as connection:
        connection.execute(schema.agency.insert().values(id="aok", definition=b"", curve_key=bytes(32)))
    assert (Kind.AGENCY, "aok", bytes(32)) in guests(database)
