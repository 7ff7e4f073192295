"""A hub is made and asked for by an operator: on a real folder and a real database; the hub itself does not run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from cloud import premises
from cloud.directory import publish
from protocol.contacts import read_hub_card
from protocol.errors import Refused, Unavailable
from tests.killed import killed_before
from tests.tools.office.desk import PASSPHRASE, Run
from tools.command import kabine


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
        (("--listen", "7400", "--address", "hub.example", "--name", ""), "has 3 mistakes"),
        (("--listen", "tcp://*:70000", "--address", "tcp://hub.example:70000"), "has 2 mistakes"),
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
    [("cabin", "list"), ("agency", "list"), ("directory", "show"), ("fleet", "clear"), ("cabin", "invite", "templin")],
)
def test_a_folder_that_is_no_hub_s(place: Path, run: Run, command: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="no hub node") as caught:
        run(*command, "--hub", str(place))
    assert "kabine hub init" in caught.value.remedy


def test_mistakes_in_the_configuration_are_told_together(place: Path, run: Run) -> None:
    (place / "hub" / "hub.toml").write_text(
        'nam = "X"\naddress = "hub.example"\nlisten = "tcp://*:70000"\nholidays_region = "DE-XX"\n'
        'database = "postgresql://db.example/kabine"\n[disk]\nretention_days = "five"\n'
    )
    with pytest.raises(Refused) as caught:
        run("cabin", "list")
    assert "did you mean “name”" in caught.value.what
    assert "retention_days: expected a whole number of days" in caught.value.what
    assert "  address: “hub.example” is no address" in caught.value.what
    assert "  listen: “tcp://*:70000” is no address" in caught.value.what
    assert (
        "  database: “postgresql://db.example/kabine” is no SQLite file as in sqlite:////srv/hub.sqlite"
        in caught.value.what
    )
    assert "  holidays_region: “DE-XX” is no region with known holidays" in caught.value.what


def test_a_passphrase_is_asked_for_twice_when_it_is_new(place: Path, run: Run) -> None:
    made = run("hub", "init", str(place / "o"), "--work-factor", "10", typed="wort\nwort\n", passphrase=False)
    assert made.exit_code == 0
    assert "wort" not in made.output
    with pytest.raises(Refused, match="No passphrase was given"):
        run("hub", "init", str(place / "p"), typed="", passphrase=False)


@pytest.mark.parametrize("name", ["curve.key", "signing.key"])
def test_a_key_that_is_not_the_one_of_the_directory_is_noticed(place: Path, run: Run, name: str) -> None:
    """A flipped bit, or the keys of another hub: no cabin could connect, and nobody would know why."""
    path = place / "hub" / name
    raw = bytearray(path.read_bytes())
    raw[5] ^= 4
    path.write_bytes(raw)
    for words in (("directory", "publish"), ("cabin", "invite", "gartz"), ("hub", "show", str(place / "hub"))):
        with pytest.raises(Refused, match=f"{name} is not the key that directory 1 names") as caught:
            run(*words)
        assert "backup" in caught.value.remedy


def test_what_is_to_be_typed_next_can_be_copied_from_the_screen(place: Path, run: Run) -> None:
    made = run("hub", "init", str(place / "zwei Hübe"), "--work-factor", "10").output
    assert f"kabine hub run '{place / 'zwei Hübe'}', then" in made
    assert f"'{place / 'ein Entwurf'}' --key" in run("directory", "publish", "--out", str(place / "ein Entwurf")).output


def test_another_file_where_a_directory_belongs_is_called_that(place: Path, run: Run) -> None:
    letter, key = place / "brief.pdf", place / "hub" / "authority.age"
    letter.write_bytes(b"%PDF-1.7")
    for command in (("verify",), ("publish", "--signed")):
        with pytest.raises(Refused, match=r"brief.pdf is no signed directory\.") as caught:
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


@pytest.mark.parametrize("before", [4, 9])
def test_a_hub_that_was_cut_off_while_it_was_made_is_made_by_the_same_command(tmp_path: Path, before: int) -> None:
    """Killed before its fourth file has its name, and when all was there but the word that it is a hub."""
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    words = [
        "hub",
        "init",
        str(tmp_path / "hub"),
        "--work-factor",
        "10",
        "--passphrase-file",
        str(tmp_path / "passphrase"),
    ]
    assert killed_before(before, *words).returncode == -signal.SIGKILL
    assert (tmp_path / "hub" / "hub.sqlite").exists() == (before == 9)
    half = CliRunner().invoke(kabine, ["directory", "show", "--hub", str(tmp_path / "hub")])
    assert isinstance(half.exception, Refused)
    assert CliRunner().invoke(kabine, words).exit_code == 0
    whole = CliRunner().invoke(kabine, ["directory", "verify", "--hub", str(tmp_path / "hub")])
    assert "Directory 1 is signed and sound." in whole.output
