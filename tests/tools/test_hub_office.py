"""The operator's commands at a hub, on a real folder and a real database; the hub itself does not run."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from cloud import enrolment, premises
from cloud.directory import publish
from cloud.storage import schema
from protocol.contacts import InboxCard, read_hub_card, write_inbox_card
from protocol.directory import Directory, ServiceTexts
from protocol.enrolment import invitation_key, make_claim, read_invitation
from protocol.errors import Code, Refused, Trouble, Unavailable
from protocol.ids import AgencyId, LanguageTag, SiteId
from protocol.keys import CurvePair, SigningPair
from protocol.recipients import HybridIdentity
from protocol.runtime.world import REAL
from tools.command import kabine

PASSPHRASE = "sieben Störche über Templin"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub with the example's agencies. Made once: a passphrase takes its time."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    arguments = ["hub", "init", str(folder / "hub"), "--example", "uckermark", "--work-factor", "10"]
    result = CliRunner().invoke(kabine, [*arguments, "--passphrase-file", str(folder / "passphrase")])
    assert result.exit_code == 0, result.output
    assert "directory 1 is in force" in result.output
    return folder


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Path:
    """A folder with `hub` and `passphrase`."""
    return Path(shutil.copytree(template, tmp_path / "place"))


@pytest.fixture
def run(place: Path) -> Run:
    """Run `kabine …` at the hub; Trouble comes through as the command raised it."""

    def invoke(*arguments: str, typed: str | None = None, passphrase: bool = True) -> Result:
        env = {"KABINE_HUB": str(place / "hub")}
        if passphrase:
            env["KABINE_PASSPHRASE_FILE"] = str(place / "passphrase")
        result = CliRunner().invoke(kabine, arguments, env=env, input=typed)
        if isinstance(result.exception, Trouble):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def claim(place: Path, run: Run, site: str = "templin", seed: int = 1) -> tuple[str, ...]:
    """A machine claims `site`; gives the words on its screen."""
    shown = json.loads(run("cabin", "invite", site, "--area", "12073", "--json").output)
    invitation = read_invitation(shown["invitation"])
    drawn = random.Random(seed)
    curve, signing = CurvePair.generate(drawn.randbytes), SigningPair.generate(drawn.randbytes)
    signed = make_claim(invitation, curve, signing, bytes(16), "0.1.0")
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        enrolment.claim(connection, invitation_key(invitation), signed, opened.keys.curve, REAL.utc())
        return enrolment.waiting_words(connection, SiteId(site))


def card(agency: str, epoch: int = 1, seed: int = 5) -> str:
    drawn = random.Random(seed)
    signing, curve = SigningPair.generate(drawn.randbytes), CurvePair.generate(drawn.randbytes)
    recipient = str(HybridIdentity(drawn.randbytes(32)).recipient())
    return write_inbox_card(InboxCard(AgencyId(agency), epoch, recipient, signing.public, curve.public), signing)


def in_force(place: Path) -> Directory:
    with premises.opened(place / "hub") as opened, opened.database.reading() as connection:
        current = publish.current(connection)
    assert current is not None
    return current.directory


# --- hub ----------------------------------------------------------------------------------------------------------
def test_a_new_hub_keeps_its_secrets_to_itself(place: Path) -> None:
    hub = place / "hub"
    for name in ("curve.key", "signing.key", "journal.txt", "authority.age", "hub.toml"):
        assert (hub / name).stat().st_mode & 0o077 == 0, name
    assert PASSPHRASE not in "".join(file.read_bytes().decode("latin1") for file in hub.iterdir())


def test_show_gives_the_card_that_agencies_need(place: Path, run: Run) -> None:
    text = run("hub", "show", str(place / "hub")).output.strip().splitlines()[-1]
    with premises.opened(place / "hub") as opened:
        assert read_hub_card(text) == opened.card


def test_a_hub_without_an_example_has_a_dispatcher_to_begin_with(place: Path, run: Run) -> None:
    run("hub", "init", str(place / "other"), "--work-factor", "10")
    with premises.opened(place / "other") as opened, opened.database.reading() as connection:
        current = publish.current(connection)
    assert current is not None
    assert [agency.id for agency in current.directory.agencies if agency.dispatcher] == ["vermittlung"]
    told = run("directory", "verify", "--hub", str(place / "other")).output
    assert "Languages  de, de-simple, en, pl, uk, ar: nothing is lacking" in told
    assert "  lacking" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--listen", "tcp://*:7400"), "nobody knows how to reach"),
        (("--listen", "7400"), "no address"),
        (("--address", "hub.example"), "no address"),
        (("--name", ""), "1 to 120 characters"),
        (("--name", "x" * 121), "1 to 120 characters"),
    ],
)
def test_a_hub_nobody_can_reach_is_refused_before_anything_is_made(
    place: Path, run: Run, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        run("hub", "init", str(place / "other"), *arguments)
    assert not (place / "other").exists()


def test_a_folder_that_is_in_use_is_not_touched(place: Path, run: Run) -> None:
    before = (place / "hub" / "authority.age").read_bytes()
    with pytest.raises(Refused, match="already"):
        run("hub", "init", str(place / "hub"))
    assert (place / "hub" / "authority.age").read_bytes() == before


def test_a_folder_that_cannot_be_made(place: Path, run: Run) -> None:
    (place / "file").write_text("")
    with pytest.raises(Unavailable, match="file of this name is in the way"):
        run("hub", "init", str(place / "file"))


@pytest.mark.parametrize(
    "command",
    [("cabin", "list"), ("agency", "list"), ("directory", "show"), ("fleet", "status"), ("cabin", "invite", "templin")],
)
def test_a_folder_that_is_no_hub_s(place: Path, run: Run, command: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="no hub node") as caught:
        run(*command, "--hub", str(place))
    assert "kabine hub init" in caught.value.remedy


def test_mistakes_in_the_configuration_are_told_together(place: Path, run: Run) -> None:
    (place / "hub" / "hub.toml").write_text('nam = "X"\n[disk]\nretention_days = "five"\n')
    with pytest.raises(Refused) as caught:
        run("cabin", "list")
    assert "did you mean “name”" in caught.value.what
    assert "retention_days: expected a whole number of days" in caught.value.what


def test_a_passphrase_is_asked_for_twice_when_it_is_new(place: Path, run: Run) -> None:
    made = run("hub", "init", str(place / "o"), "--work-factor", "10", typed="wort\nwort\n", passphrase=False)
    assert made.exit_code == 0
    assert "wort" not in made.output
    with pytest.raises(Refused, match="No passphrase was given"):
        run("hub", "init", str(place / "p"), typed="", passphrase=False)


def test_what_is_to_be_typed_next_can_be_copied_from_the_screen(place: Path, run: Run) -> None:
    made = run("hub", "init", str(place / "zwei Hübe"), "--work-factor", "10").output
    assert f"kabine hub run '{place / 'zwei Hübe'}', then" in made
    assert f"'{place / 'ein Entwurf'}' --key" in run("directory", "publish", "--out", str(place / "ein Entwurf")).output


def test_another_file_where_a_directory_belongs_is_called_that(place: Path, run: Run) -> None:
    letter, key = place / "brief.pdf", place / "hub" / "authority.age"
    letter.write_bytes(b"%PDF-1.7")
    for command in (("verify",), ("publish", "--signed")):
        with pytest.raises(Refused, match=r"brief.pdf is no signed directory") as caught:
            run("directory", *command, str(letter))
        assert "kabine directory sign" in caught.value.remedy
    with pytest.raises(Refused, match=r"brief.pdf is no draft of a directory"):
        run("directory", "sign", str(letter), "--key", str(key), "--out", str(place / "signed"), "--yes")
    with pytest.raises(Unavailable, match=r"There is no file .*hours.toml"):
        run("agency", "add", "buergeramt", "--name", "Bürgeramt", "--hours-file", str(place / "hours.toml"))


def test_a_bad_draft_is_refused_when_it_is_made(place: Path, run: Run) -> None:
    with pytest.raises(Refused, match="agency leer has 2 mistakes: its name has 0 characters"):
        run("agency", "add", "leer", "--name", "")
    with pytest.raises(Refused, match=r"service 99107004040000 has 2 mistakes: its name .*; its concern"):
        run("directory", "service", "99107004040000", "--name", "", "--plain", " ")
    with pytest.raises(Refused, match="paper to bring has 121"):
        run("directory", "service", "99107004040000", "--name", "Ummeldung", "--plain", "Umzug", "--bring", "x" * 121)
    assert "says all of this already" in run("directory", "publish").output


# --- cabins -------------------------------------------------------------------------------------------------------
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


# --- agencies -----------------------------------------------------------------------------------------------------
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


def test_an_older_key_and_another_agency_s_connector_are_refused(run: Run) -> None:
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=3))
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=3))
    with pytest.raises(Refused, match="at epoch 3 already") as caught:
        run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=2, seed=6))
    assert caught.value.code is Code.OUT_OF_ORDER
    with pytest.raises(Refused, match="belongs to “aok-nordost”"):
        run("agency", "key", "vermittlung", "--card", card("vermittlung"))


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


def test_an_agency_with_unopened_documents_stays(place: Path, run: Run) -> None:
    row = {
        "envelope": bytes(16),
        "receipt": "7K2-001",
        "site": "templin",
        "machine": 1,
        "number": 2,
        "agency": "aok-nordost",
        "epoch": 1,
        "counter": 1,
        "digest": bytes(32),
        "size_bytes": 1,
        "manifest_body": b"",
        "manifest_signature": b"",
        "summary": b"",
        "state": "stored",
        "announced_at": REAL.utc(),
    }
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        connection.execute(schema.document.insert().values(**row))
    with pytest.raises(Refused, match="neither accepted nor returned"):
        run("agency", "remove", "aok-nordost")
    run("agency", "remove", "sozialamt-uckermark", "--publish")
    assert "sozialamt-uckermark" not in {route.agency for route in in_force(place).routes}


def test_a_route_moves_from_one_agency_to_another(place: Path, run: Run) -> None:
    run("agency", "route", "vermittlung", "--service", "99107023017000", "--area", "12073", "--publish")
    (route,) = [route for route in in_force(place).routes if route.service == "99107023017000"]
    assert route.agency == "vermittlung"


# --- directory ----------------------------------------------------------------------------------------------------
def test_nothing_new_is_published_twice(place: Path, run: Run) -> None:
    assert "says all of this already" in run("directory", "publish").output
    assert in_force(place).version == 1


def test_show_as_json_names_every_field(run: Run) -> None:
    shown = json.loads(run("directory", "show", "--json").output)
    assert shown["version"] == 1
    assert {agency["id"] for agency in shown["directory"]["agencies"]} >= {"vermittlung", "aok-nordost"}


def test_texts_in_other_languages_go_from_a_file_into_the_directory(place: Path, run: Run) -> None:
    everything = run("directory", "verify").output
    assert "de, de-simple, en, pl, uk, ar: nothing is lacking" in everything
    bring = ("--bring", "Lageplan", "--bring", "Personalausweis")
    run("directory", "service", "99012011017000", "--name", "Bauantrag", "--plain", "Ich möchte bauen", *bring)
    shown = run("directory", "show", "--draft").output
    assert "Languages  de: nothing is lacking" in shown
    assert re.search(r"lacking  pl +99012011017000: plain, bring\n", shown)
    file = place / "pl.toml"
    text = run("directory", "texts", "--language", "pl").output
    assert text.count('pl = ""') == 3
    for words in ("Chcę budować", "Plan sytuacyjny", "Dowód osobisty"):
        text = text.replace('pl = ""', f'pl = "{words}"', 1)
    file.write_text(text)
    taken = run("directory", "texts", str(file)).output
    assert "Languages  de, pl: nothing is lacking" in taken
    assert "draft" in taken
    run("directory", "publish")
    (service,) = [each for each in in_force(place).services if each.id == "99012011017000"]
    assert service.texts == (ServiceTexts(LanguageTag("pl"), "Chcę budować", ("Plan sytuacyjny", "Dowód osobisty")),)
    lacking = json.loads(run("directory", "show", "--json").output)["lacking"]
    assert {"language": "uk", "of": "99012011017000", "texts": ["plain", "bring"]} in lacking
    assert not [each for each in lacking if each["language"] == "pl"]
    with pytest.raises(Refused, match="do not go together"):
        run("directory", "texts", str(file), "--language", "pl")


def test_german_words_that_change_take_their_translations_with_them(place: Path, run: Run) -> None:
    def wohngeld(plain: str, *bring: str) -> str:
        papers = [option for paper in bring for option in ("--bring", paper)]
        return run("directory", "service", "99107023017000", "--name", "Wohngeld", "--plain", plain, *papers).output

    assert "made from other words" not in wohngeld("Zuschuss zur Miete", "Mietvertrag", "Personalausweis oder Pass")
    assert "texts in ar, de-simple, en, pl, uk were made" in wohngeld("Geld zur Miete", "Mietvertrag")
    assert "texts in ar, de-simple, en, pl, uk were made" in wohngeld("Geld zur Miete", "Mietbescheinigung")
    assert "made from other words" not in wohngeld("Geld zur Miete", "Mietbescheinigung", "Ausweis")
    run("directory", "publish")
    (service,) = [each for each in in_force(place).services if each.id == "99107023017000"]
    assert service.texts == ()


def test_texts_for_a_service_that_is_not_there(place: Path, run: Run) -> None:
    (place / "pl.toml").write_text('[service.99999999999999.plain]\nde = "Ich"\npl = "Ja"\n')
    with pytest.raises(Refused, match="There is no service 99999999999999; known: 9910"):
        run("directory", "texts", str(place / "pl.toml"))


def test_the_last_dispatcher_cannot_go(run: Run) -> None:
    run("agency", "remove", "vermittlung")
    with pytest.raises(Refused, match="no agency is the dispatcher"):
        run("directory", "publish")


def test_an_authority_key_that_was_carried_off(place: Path, run: Run) -> None:
    away = place / "away"
    away.mkdir()
    (place / "hub" / "authority.age").rename(away / "authority.age")
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost"))
    with pytest.raises(Unavailable, match="not in") as caught:
        run("directory", "publish")
    assert "kabine directory sign" in caught.value.remedy
    draft, signed = str(away / "draft"), str(away / "signed")
    run("directory", "publish", "--out", draft)
    run("directory", "sign", draft, "--key", str(away / "authority.age"), "--out", signed, typed="y\n")
    assert "signed and sound" in run("directory", "verify", signed).output
    assert "Directory 2 is in force" in run("directory", "publish", "--signed", signed).output
    assert in_force(place).version == 2
    with pytest.raises(Refused, match="the next one here is 3"):
        run("directory", "publish", "--signed", signed)


def test_what_somebody_else_signed_is_not_put_in_force(place: Path, run: Run) -> None:
    other, draft, signed = place / "other", str(place / "draft"), str(place / "signed")
    run("hub", "init", str(other), "--work-factor", "10")
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost"))
    run("directory", "publish", "--out", draft)
    run("directory", "sign", draft, "--key", str(other / "authority.age"), "--out", signed, "--yes")
    for command in (("publish", "--signed", signed), ("verify", signed)):
        with pytest.raises(Refused) as caught:
            run("directory", *command)
        assert caught.value.code is Code.BAD_SIGNATURE
    assert in_force(place).version == 1


def test_an_altered_directory_in_the_database_is_noticed(place: Path, run: Run) -> None:
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        raw = bytearray(connection.execute(schema.published.select()).one().signed)
        raw[len(raw) // 2] ^= 1
        connection.execute(schema.published.update().values(signed=bytes(raw)))
    with pytest.raises(Refused, match="missing or was altered"):
        run("directory", "verify")


def test_a_draft_that_is_none(place: Path, run: Run) -> None:
    (place / "draft").write_bytes(b"nonsense")
    with pytest.raises(Refused, match="no Directory"):
        run("directory", "sign", str(place / "draft"), "--key", "k", "--out", str(place / "signed"), "--yes")
    assert not (place / "signed").exists()


# --- fleet --------------------------------------------------------------------------------------------------------
def test_status_of_a_hub_that_never_ran_is_critical(place: Path, run: Run) -> None:
    result = run("fleet", "status")
    assert result.exit_code == 2
    assert result.output.startswith("Der Hub ist noch nie gelaufen. Noch keine Kabine in Betrieb.")


def test_status_says_the_same_in_words_and_in_json(place: Path, run: Run) -> None:
    claim(place, run)
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        connection.execute(schema.hub.insert().values(id=1, alive_at=REAL.utc(), started_at=REAL.utc()))
    shown = run("fleet", "status", "--json")
    report = json.loads(shown.output)
    assert shown.exit_code == 1
    assert (report["version"], report["severity"], report["hub"]["alive"]) == (1, "warning", True)
    (site,) = report["sites"]
    assert (site["site"], site["state"], site["connected"]) == ("templin", "Unbekannt", False)
    assert site["proof"]["complete"] is False
    text = run("fleet", "status", "--site", "templin")
    assert text.exit_code == 1
    assert site["reason"] in text.output
    assert report["sentence"] in text.output
    with pytest.raises(Refused, match="no cabin “gartz”; known: templin"):
        run("fleet", "status", "--site", "gartz")
