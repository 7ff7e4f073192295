"""What lies in an agency's folder: read as it was made, and named where it is damaged, missing or something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from protocol import contacts
from protocol.contacts import HubCard
from protocol.errors import Refused, Unavailable
from protocol.ids import AgencyId
from tools import inbox_keys
from tools.inbox import NAMED_MAX, named, opened_inbox

CARD = HubCard("tcp://hub.example:7400", bytes(range(32)), bytes(range(1, 33)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keys = tmp_path_factory.mktemp("agency") / "inbox"
    inbox_keys.make(keys, AgencyId("bauamt"))
    return keys


def test_keys_are_read_as_they_were_made(made: Path) -> None:
    keys = inbox_keys.read(made)
    card = contacts.read_inbox_card((made / "card.txt").read_text())
    assert keys.agency == card.agency == "bauamt"
    assert [str(identity.recipient()) for identity in keys.identities] == [card.recipient]
    assert (keys.signing.public, keys.curve.public) == (card.signing_key, card.curve_key)


@pytest.mark.parametrize("content", [b"", b"x\n", b"\xff\xfe", b"# only a comment\n"])
@pytest.mark.parametrize("name", ["identity.txt", "signing.key", "curve.key", "card.txt"])
def test_a_damaged_key_is_named(made: Path, name: str, content: bytes) -> None:
    whole = (made / name).read_bytes()
    (made / name).write_bytes(content)
    try:
        with pytest.raises(Refused, match=f"{name} is damaged: ") as refused:
            inbox_keys.read(made)
    finally:
        (made / name).write_bytes(whole)
    assert "a copy of this folder" in refused.value.remedy


def test_a_folder_that_holds_no_keys_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not hold the keys of an inbox: No such file"):
        inbox_keys.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "remedy"), [("identity.txt", "kabine envelope open"), ("signing.key", "docs/keys.md")]
)
def test_a_key_that_is_gone_is_not_answered_with_new_ones(made: Path, name: str, remedy: str) -> None:
    """New ones would not open what waits."""
    (made / name).rename(made / "away")
    try:
        with pytest.raises(Unavailable, match=f"{name} is gone") as gone:
            inbox_keys.read(made)
    finally:
        (made / "away").rename(made / name)
    assert remedy in gone.value.remedy
    assert "keygen" not in gone.value.remedy


def test_a_hub_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Which hub"):
        inbox_keys.hub_card(tmp_path, None)
    text = contacts.write_hub_card(CARD)
    (tmp_path / "given").write_text(text)
    assert inbox_keys.hub_card(tmp_path, text) == inbox_keys.hub_card(tmp_path, str(tmp_path / "given")) == CARD
    inbox_keys.keep_hub_card(tmp_path, CARD)
    assert inbox_keys.hub_card(tmp_path, None) == CARD


@pytest.mark.parametrize("content", [b"", b"kabine-hub-1-", b"\xff\xfe"])
def test_a_card_of_a_hub_that_is_none(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unavailable, match="no card and no file that can be read: No such file"):
        inbox_keys.hub_card(tmp_path, str(tmp_path / "nowhere"))
    (tmp_path / "hub.txt").write_bytes(content)
    with pytest.raises(Refused, match=r"hub\.txt is damaged: ") as refused:
        inbox_keys.hub_card(tmp_path, None)
    assert "--hub" in refused.value.remedy


def test_who_does_not_own_the_keys_asks_for_nothing_with_them(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root's look had remembered, the clerks' own could not read any more."""
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with (
        pytest.raises(Unavailable, match=r"belongs to .*runuser -u"),
        opened_inbox(made, contacts.write_hub_card(CARD)),
    ):
        pass


def test_of_thousands_that_were_not_taken_the_last_line_names_some() -> None:
    names = [f"7K2-{number}" for number in range(1000, 3000)]
    assert named(names[:NAMED_MAX]) == ", ".join(names[:NAMED_MAX])
    assert named(names).endswith(f", 7K2-{999 + NAMED_MAX}, and {2000 - NAMED_MAX} more")
