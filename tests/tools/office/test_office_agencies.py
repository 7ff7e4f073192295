"""Agencies, their keys, hours and routes, as an operator gives them: on a real folder and a real database; the hub itself does not run."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from cloud import enrolment, premises
from cloud.storage import schema
from protocol.contacts import read_inbox_card
from protocol.errors import Code, Refused, Unavailable
from protocol.keys import fingerprint, words
from protocol.runtime.world import REAL
from tests.tools.office.desk import Run, card, in_force


def test_an_agency_with_hours_routes_and_a_key(place: Path, run: Run) -> None:
    (place / "hours.toml").write_text('[[weeks]]\nmonday = ["08:00-12:00", "appointment 13:00-15:30"]\n')
    (place / "card.txt").write_text(card("bauamt") + "\n")
    bring = ("--bring", "Lageplan", "--bring", "Personalausweis")
    run("directory", "service", "99012011017000", "--name", "Bauantrag", "--plain", "Ich möchte bauen.", *bring)
    options = ("--name", "Bauamt", "--hours-file", str(place / "hours.toml"), "--card", str(place / "card.txt"))
    result = run("agency", "add", "bauamt", *options, "--service", "99012011017000", "--area", "12073", "--publish")
    assert "Directory 2 is in force" in result.output
    (service,) = [service for service in in_force(place).services if service.id == "99012011017000"]
    assert service.bring == ("Lageplan", "Personalausweis")
    (found,) = [agency for agency in in_force(place).agencies if agency.id == "bauamt"]
    assert [key.epoch for key in found.inboxes] == [1]
    monday = found.hours.weeks[0].days[0]
    assert [(span.begin_minute, span.end_minute, span.kind) for span in monday] == [
        (480, 720, "open"),
        (780, 930, "appointment"),
    ]


def test_what_is_said_of_an_agency_is_corrected_and_the_rest_stays(place: Path, run: Run) -> None:
    (place / "hours.toml").write_text('[[weeks]]\nthursday = ["14:00-18:00"]\n')
    before = next(agency for agency in in_force(place).agencies if agency.id == "wohngeldstelle-uckermark")
    routes = in_force(place).routes
    assert len(before.texts) == 5
    options = ("--phone", "03984 70 1234", "--hours-file", str(place / "hours.toml"))
    said = run("agency", "change", "wohngeldstelle-uckermark", *options, "--publish").output
    assert "Directory 2 is in force" in said
    assert "Translate" not in said
    after = next(agency for agency in in_force(place).agencies if agency.id == "wohngeldstelle-uckermark")
    assert (after.phone, len(after.hours.weeks[0].days[3])) == ("03984 70 1234", 1)
    assert structs.replace(after, phone=before.phone, hours=before.hours) == before
    assert in_force(place).routes == routes


def test_an_agency_of_another_name_is_called_so_in_no_other_language_yet(place: Path, run: Run) -> None:
    said = run("agency", "change", "wohngeldstelle-uckermark", "--name", "Wohnraumstelle", "--publish").output
    assert "Its name is German now in: ar, de-simple, en, pl, uk. Translate it with `kabine directory texts`." in said
    after = next(agency for agency in in_force(place).agencies if agency.id == "wohngeldstelle-uckermark")
    assert after.name == "Wohnraumstelle"
    assert all(not texts.name for texts in after.texts)


def test_what_no_agency_may_be_is_not_made_of_one(place: Path, run: Run) -> None:
    with pytest.raises(Refused, match="Nothing is to be changed"):
        run("agency", "change", "aok-nordost")
    with pytest.raises(Refused, match="There is no agency “bauamt”"):
        run("agency", "change", "bauamt", "--phone", "1")
    with pytest.raises(Refused, match="its name has 0 characters"):
        run("agency", "change", "aok-nordost", "--name", "")
    for option in ("--name", "--short", "--phone", "--address"):
        for command in (("change", "aok-nordost"), ("add", "bauamt", "--name", "Bauamt")):
            broken = run("agency", *command, option, "03984\n70")
            assert broken.exit_code == 2
            assert f"'{option}': a line break" in broken.stderr
    site = ("cabin", "invite", "gartz", "--area", "12073", "--name", "Gartz\n(Oder)")
    service = ("directory", "service", "99012011017000", "--name", "Bauantrag", "--plain", "Ich möchte\nbauen.")
    for arguments in (site, service):
        assert run(*arguments).exit_code == 2
    assert run("agency", "list").output.count("AOK") >= 1


def test_a_new_key_is_a_draft_until_it_is_published(place: Path, run: Run) -> None:
    assert "draft" in run("agency", "key", "aok-nordost", "--card", card("aok-nordost")).output
    assert all(not agency.inboxes for agency in in_force(place).agencies)
    run("directory", "publish")
    (aok,) = [agency for agency in in_force(place).agencies if agency.id == "aok-nordost"]
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=2), "--publish")
    (renewed,) = [agency for agency in in_force(place).agencies if agency.id == "aok-nordost"]
    assert renewed.inboxes[0] == aok.inboxes[0]
    assert [key.epoch for key in renewed.inboxes] == [1, 2]


def test_an_agency_gets_new_keys_by_the_words_it_is_told(place: Path, run: Run) -> None:
    for name, further in (("first", ()), ("again", ()), ("next", ("--epoch", "2"))):
        run("inbox", "keygen", "--keys", str(place / name), "--agency", "aok-nordost", *further)
    run("agency", "key", "aok-nordost", "--card", str(place / "first" / "card.txt"), "--publish")
    with pytest.raises(Refused, match="another key of epoch 1 already") as caught:
        run("agency", "key", "aok-nordost", "--card", str(place / "again" / "card.txt"))
    assert "kabine inbox keygen --epoch 2" in caught.value.remedy
    run("agency", "key", "aok-nordost", "--card", str(place / "next" / "card.txt"), "--publish")
    (renewed,) = [agency for agency in in_force(place).agencies if agency.id == "aok-nordost"]
    assert [key.epoch for key in renewed.inboxes] == [1, 2]


@pytest.mark.parametrize(
    ("agency", "text", "message"),
    [
        ("niemand", card("niemand"), "no agency “niemand”; known: aok-nordost"),
        ("aok-nordost", card("vermittlung"), "for “vermittlung”, not for “aok-nordost”"),
        ("aok-nordost", card("aok-nordost")[:-1] + "2", "missing or wrong"),
        ("aok-nordost", card("aok-nordost")[:200], "missing or wrong"),
        ("aok-nordost", "kabine-hub-1-aaaa", "is asked for"),
    ],
)
def test_cards_that_are_not_taken(run: Run, agency: str, text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        run("agency", "key", agency, "--card", text)


def test_a_card_file_that_is_not_there(place: Path, run: Run) -> None:
    with pytest.raises(Unavailable, match="no file that can be read"):
        run("agency", "key", "aok-nordost", "--card", str(place / "nowhere.txt"))


def test_another_key_of_one_epoch_and_another_agency_s_connector_are_refused(run: Run) -> None:
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=3))
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=3))
    with pytest.raises(Refused, match="another key of epoch 3 already") as caught:
        run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=3, seed=6))
    assert caught.value.code is Code.OUT_OF_ORDER
    assert "--epoch 4" in caught.value.remedy
    with pytest.raises(Refused, match="belongs to “aok-nordost”"):
        run("agency", "key", "vermittlung", "--card", card("vermittlung"))


def test_an_older_card_brings_what_was_sealed_to_it_and_changes_nothing_else(place: Path, run: Run) -> None:
    """After a backup older than its keys, or a farewell, the hub is told of the newest card first; a cabin's document is sealed to the one before."""
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=2, seed=6), "--publish")
    (before,) = [agency for agency in in_force(place).agencies if agency.id == "aok-nordost"]
    for _ in range(2):
        said = run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=1, seed=5), "--publish").output
        assert "Cabins go on sealing to its key 2" in said
        (after,) = [agency for agency in in_force(place).agencies if agency.id == "aok-nordost"]
        assert [key.epoch for key in after.inboxes] == [1, 2]
        assert structs.replace(after, inboxes=before.inboxes) == before


def test_an_agency_cannot_be_there_twice(run: Run) -> None:
    with pytest.raises(Refused, match="an agency “aok-nordost” already"):
        run("agency", "add", "aok-nordost", "--name", "AOK")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--service", "99107023017000"), "go together"),
        (("--service", "123", "--area", "12073"), "no service key"),
        (("--service", "99999999999999", "--area", "12073"), "no service 99999999999999; known: 99102005017000"),
        (("--service", "99107023017000", "--area", "uckermark"), "no regional key"),
    ],
)
def test_an_agency_that_is_not_added_leaves_nothing_behind(run: Run, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(Refused, match=message):
        run("agency", "add", "bauamt", "--name", "Bauamt", *arguments)
    assert "bauamt" not in run("agency", "list").output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[weeks]]\nmonday = ["8-12"]', "“8-12” is no span"),
        ('[[weeks]]\nmontag = ["08:00-12:00"]', "montag: unknown"),
        ('[[weeks]]\nmonday = ["12:00-08:00"]', "no span of a day"),
        ("weeks = 3", "weeks: expected a list"),
    ],
)
def test_hours_that_are_not_sound(place: Path, run: Run, text: str, message: str) -> None:
    (place / "hours.toml").write_text(text)
    with pytest.raises(Refused, match=message):
        run("agency", "add", "bauamt", "--name", "Bauamt", "--hours-file", str(place / "hours.toml"))


def put_into_inbox(place: Path, agency: str) -> None:
    row = {
        "id": 1,
        "envelope": bytes(16),
        "receipt": "7K2-001",
        "site": "templin",
        "machine": 1,
        "number": 2,
        "agency": agency,
        "epoch": 1,
        "counter": 1,
        "size_bytes": 1,
        "manifest_body": b"",
        "manifest_signature": b"",
        "summary": b"",
        "state": "stored",
        "announced_at": REAL.utc(),
    }
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        connection.execute(schema.document.insert().values(**row))


def former(place: Path) -> list[tuple[str, bytes]]:
    return [(each.agency, each.signing_key) for each in in_force(place).former_keys]


def signing_key(card: str) -> bytes:
    return read_inbox_card(card).signing_key


def test_what_an_agency_signed_with_before_stays_in_the_directory(place: Path, run: Run) -> None:
    """A cabin that was away meanwhile hears of the newest directory alone."""
    cards = [card("aok-nordost", epoch, seed) for epoch, seed in ((1, 5), (2, 6), (3, 6), (4, 7))]
    keys = [("aok-nordost", signing_key(cards[at])) for at in (0, 1, 3)]
    for each in cards:
        run("agency", "key", "aok-nordost", "--card", each, "--publish")
    assert former(place) == sorted(keys[:2])
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", 5, 5), "--publish")
    assert former(place) == sorted(keys[1:]), "a key of today is none of before"
    run("agency", "remove", "aok-nordost", "--publish")
    assert former(place) == sorted(keys)


def test_a_hub_that_never_knew_a_key_learns_it_from_an_older_card(place: Path, run: Run) -> None:
    newest, older = card("aok-nordost", 3, 7), card("aok-nordost", 2, 6)
    for each in (newest, older):
        run("agency", "key", "aok-nordost", "--card", each, "--publish")
    assert former(place) == [("aok-nordost", signing_key(older))]


def test_what_stolen_keys_have_signed_is_believed_no_more(place: Path, run: Run) -> None:
    for epoch, seed, further in ((1, 5, ()), (2, 6, ()), (3, 7, ("--stolen",))):
        run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch, seed), *further, "--publish")
    assert former(place) == []
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", 1, 5), "--publish")
    assert former(place) == [], "an older card does not bring it back"
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", 4, 8), "--publish")
    assert former(place) == [("aok-nordost", signing_key(card("aok-nordost", 3, 7)))]


@pytest.mark.parametrize("gone", [False, True])
def test_what_the_stolen_keys_of_one_that_leaves_or_has_left_sign_is_believed_no_more(
    place: Path, run: Run, gone: bool
) -> None:
    for each in ("aok-nordost", "sozialamt-uckermark"):
        run("agency", "key", each, "--card", card(each, 1, 5 + len(each)), "--publish")
    if gone:
        run("agency", "remove", "aok-nordost", "--publish")
        assert len(former(place)) == 1
    run("agency", "remove", "sozialamt-uckermark", "--publish")
    assert "believed" in run("agency", "remove", "aok-nordost", "--stolen", "--publish").output
    assert former(place) == [("sozialamt-uckermark", signing_key(card("sozialamt-uckermark", 1, 24)))]
    assert "aok-nordost" not in run("agency", "list").output


def test_an_agency_that_never_was_has_no_stolen_keys(place: Path, run: Run) -> None:
    with pytest.raises(Refused, match="no agency “finanzamt-angermuende”"):
        run("agency", "remove", "finanzamt-angermuende", "--stolen")


def test_whoever_signs_a_directory_sees_which_keys_of_before_it_names(place: Path, run: Run) -> None:
    for epoch, seed in ((1, 5), (2, 6)):
        run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch, seed), "--publish")
    spoken = " ".join(words(fingerprint(signing_key(card("aok-nordost", 1, 5)))))
    assert f"signed with {spoken}" in run("directory", "show").output


def admitted(place: Path) -> set[str]:
    with premises.opened(place / "hub") as opened, opened.database.reading() as connection:
        return {guest.name for guest in enrolment.admitted(connection, REAL.utc())}


def test_an_agency_with_unopened_documents_stays(place: Path, run: Run) -> None:
    put_into_inbox(place, "aok-nordost")
    with pytest.raises(Refused, match="neither accepted nor returned"):
        run("agency", "remove", "aok-nordost")
    run("agency", "remove", "sozialamt-uckermark", "--publish")
    assert "sozialamt-uckermark" not in {route.agency for route in in_force(place).routes}


def test_an_agency_that_leaves_is_served_until_the_directory_without_it_is_in_force(place: Path, run: Run) -> None:
    """Until then cabins seal to it: what comes in the meantime must be fetched by somebody."""
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost"), "--publish")
    run("agency", "remove", "aok-nordost")
    assert "aok-nordost" not in run("agency", "list").output
    with pytest.raises(Refused, match="no agency “aok-nordost”"):
        run("agency", "remove", "aok-nordost")
    assert admitted(place) == {"aok-nordost"}
    put_into_inbox(place, "aok-nordost")
    before = in_force(place)
    with pytest.raises(Refused, match="1 document for “aok-nordost” is neither accepted nor returned"):
        run("directory", "publish")
    assert (in_force(place), admitted(place)) == (before, {"aok-nordost"})
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        connection.execute(schema.document.update().values(state="accepted"))
    run("directory", "publish")
    assert "aok-nordost" not in {agency.id for agency in in_force(place).agencies}
    assert admitted(place) == set()


def test_an_agency_that_was_to_leave_may_be_added_again(place: Path, run: Run) -> None:
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost"), "--publish")
    run("agency", "remove", "aok-nordost")
    run("agency", "add", "aok-nordost", "--name", "AOK", "--card", card("aok-nordost"), "--publish")
    assert admitted(place) == {"aok-nordost"}
    (agency,) = [agency for agency in in_force(place).agencies if agency.id == "aok-nordost"]
    assert (agency.name, len(agency.inboxes)) == ("AOK", 1)


def test_a_route_moves_from_one_agency_to_another(place: Path, run: Run) -> None:
    run("agency", "route", "vermittlung", "--service", "99107023017000", "--area", "12073", "--publish")
    (route,) = [route for route in in_force(place).routes if route.service == "99107023017000"]
    assert route.agency == "vermittlung"
