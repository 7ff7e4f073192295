"""Cabins are invited, confirmed and revoked by an operator: on a real folder and a real database; the hub itself does not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloud import premises
from cloud.storage.database import upsert
from cloud.storage.schema import contact, link
from protocol import codec
from protocol.errors import Refused, Unavailable
from protocol.frames import Vitals
from protocol.runtime.world import REAL
from tests.tools.office.desk import Run, claim, in_force


def test_from_invitation_to_a_directory_that_lists_the_cabin(place: Path, run: Run) -> None:
    spoken = claim(place, run)
    result = run("cabin", "confirm", "templin", typed="y\n")
    assert "  ".join(spoken) in result.output
    assert "Directory 2 is in force" in result.output
    (row,) = in_force(place).cabins
    assert (row.site, row.name, row.area) == ("templin", "Templin", "12073")
    listed = json.loads(run("cabin", "list", "--json").output)["cabins"]
    assert [(row["site"], row["state"], tuple(row["words"])) for row in listed] == [("templin", "confirmed", spoken)]
    assert "All 2 directories are signed" in run("directory", "verify").output


def test_words_that_differ_are_not_confirmed(place: Path, run: Run) -> None:
    claim(place, run)
    with pytest.raises(Refused, match="was not confirmed"):
        run("cabin", "confirm", "templin", typed="n\n")
    assert in_force(place).version == 1


def test_a_wrong_passphrase_confirms_nothing(place: Path, run: Run) -> None:
    claim(place, run)
    (place / "passphrase").write_text("falsch\n")
    with pytest.raises(Unavailable, match="passphrase does not open"):
        run("cabin", "confirm", "templin", "--yes")
    (row,) = json.loads(run("cabin", "list", "--json").output)["cabins"]
    assert row["state"] == "claimed"
    assert in_force(place).version == 1


def test_an_unknown_site_and_one_that_nobody_claimed(place: Path, run: Run) -> None:
    with pytest.raises(Refused, match="no cabin “gartz”; known: none"):
        run("cabin", "confirm", "gartz", "--yes")
    with pytest.raises(Refused, match="no name for a site"):
        run("cabin", "invite", "Angermünde")
    with pytest.raises(Refused, match="does not know where"):
        run("cabin", "invite", "woanders")
    run("cabin", "invite", "gartz")
    with pytest.raises(Refused, match="No machine has claimed"):
        run("cabin", "confirm", "gartz", "--yes")


@pytest.mark.parametrize("area", ["99", "00", "17073"])
def test_a_place_that_there_cannot_be_is_refused(place: Path, run: Run, area: str) -> None:
    with pytest.raises(Refused, match=f"none begins with {area[:2]}"):
        run("cabin", "invite", "gartz", "--area", area)
    assert json.loads(run("cabin", "list", "--json").output)["cabins"] == []
    with pytest.raises(Refused, match=f"none begins with {area[:2]}"):
        run("agency", "route", "vermittlung", "--service", "99107023017000", "--area", area)


def test_places_of_the_uckermark_are_known(place: Path, run: Run) -> None:
    run("cabin", "invite", "angermuende")
    (row,) = json.loads(run("cabin", "list", "--json").output)["cabins"]
    assert row["name"] == "Angermünde"
    assert row["area"].startswith("12073")


def test_a_revoked_cabin_leaves_the_directory_and_stays_known_for_what_it_signed(place: Path, run: Run) -> None:
    claim(place, run)
    run("cabin", "confirm", "templin", "--yes")
    (listed,) = in_force(place).cabins
    result = run("cabin", "revoke", "templin", typed="y\n")
    assert "is revoked" in result.output
    found = in_force(place)
    assert (found.version, found.cabins, found.former_cabins) == (3, (), (listed,))
    with pytest.raises(Refused, match="revoked already"):
        run("cabin", "revoke", "templin", "--yes")


def test_who_revokes_a_cabin_is_told_what_it_has_not_delivered(place: Path, run: Run) -> None:
    """`kabine fleet status` was well afterwards, and nobody had been told that six documents would never come."""
    claim(place, run)
    run("cabin", "confirm", "templin", "--yes")
    for waiting, words in (
        (0, ""),
        (1, "1 document of this cabin is not secured"),
        (6, "6 documents of this cabin are"),
    ):
        with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
            told = {
                "vitals": codec.encode(Vitals(waiting_documents=waiting)),
                "up_hash": bytes(32),
                "down_hash": bytes(32),
            }
            upsert(connection, link, [{"site": "templin", **told}])
            upsert(connection, contact, [{"site": "templin", "heard_at": REAL.utc()}])
        result = run("cabin", "revoke", "templin", "--yes")
        assert words in result.output
        assert bool(words) is ("Keep its disk" in result.output)
        claim(place, run)
        run("cabin", "confirm", "templin", "--yes")


def test_a_replaced_machine_stays_known_for_what_it_signed(place: Path, run: Run) -> None:
    claim(place, run)
    run("cabin", "confirm", "templin", "--yes")
    (first,) = in_force(place).cabins
    claim(place, run, seed=2)
    result = run("cabin", "confirm", "templin", "--yes")
    assert "takes the place" in result.output
    found = in_force(place)
    assert found.former_cabins == (first,)
    assert found.cabins[0].signing_key != first.signing_key
    assert found.cabins[0].code != first.code


def test_revoking_needs_no_passphrase_because_it_may_be_urgent(place: Path, run: Run) -> None:
    claim(place, run)
    run("cabin", "confirm", "templin", "--yes")
    result = run("cabin", "revoke", "templin", "--yes", passphrase=False)
    assert "kabine directory publish" in result.output
    (row,) = json.loads(run("cabin", "list", "--json").output)["cabins"]
    assert row["state"] == "revoked"
