"""The directory: published, translated, signed, checked: on a real folder and a real database; the hub itself does not run."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud import premises
from cloud.directory import publish
from cloud.keys import read_authority
from cloud.storage import schema
from protocol.directory import ServiceTexts
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import LanguageTag
from tests.tools.office.desk import PASSPHRASE, Run, card, in_force


def test_nothing_new_is_published_twice(place: Path, run: Run) -> None:
    assert "says all of this already" in run("directory", "publish").output
    assert in_force(place).version == 1


def test_one_that_is_dated_in_a_time_to_come_is_published_anew(place: Path, run: Run) -> None:
    """The hub's clock stood in 2106 when it was made: cabins would call their own clocks wrong until then."""
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        late = datetime(2106, 2, 7, tzinfo=UTC)
        directory = publish.build(connection, opened.row, opened.config.holidays_region, late)
        _, signed = publish.sign(publish.unsigned(directory), read_authority(opened.folder, PASSPHRASE).private())
        publish.put_in_force(connection, signed, opened.keys.authority, late)
    assert "Directory 3 is in force" in run("directory", "publish").output
    assert in_force(place).published_at < late
    assert "says all of this already" in run("directory", "publish").output


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


def test_a_service_goes_with_its_routes_and_the_agency_stays(place: Path, run: Run) -> None:
    before = in_force(place)
    gone = before.routes[0].service
    told = run("directory", "remove", gone).output
    assert f"{gone} " in told
    assert "kabine directory publish" in told
    assert in_force(place) == before
    run("directory", "publish")
    after = in_force(place)
    assert gone not in {service.id for service in after.services} | {route.service for route in after.routes}
    assert after.agencies == before.agencies
    assert len(after.services) == len(before.services) - 1
    with pytest.raises(Refused, match=f"There is no service {gone}; known: "):
        run("directory", "remove", gone)


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
    told_again = run("directory", "publish", "--signed", signed).output  # the first answer was cut off
    assert "says all of this already" in told_again
    shutil.move(away / "authority.age", place / "hub")
    run("agency", "key", "aok-nordost", "--card", card("aok-nordost", epoch=2), "--publish")
    with pytest.raises(Refused, match="Directory 2 is older than 3"):
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
    with pytest.raises(Refused, match="no draft of a directory"):
        run("directory", "sign", str(place / "draft"), "--key", "k", "--out", str(place / "signed"), "--yes")
    assert not (place / "signed").exists()
