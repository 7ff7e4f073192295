from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.config import FILE, EdgeConfig
from edge.enrol import DIRECTORY_FILE, enrol, read_directory
from edge.keys import CURVE_FILE, SIGNING_FILE, CabinKeys
from protocol.enrolment import cabin_fingerprint
from protocol.errors import Code, Refused, Unavailable
from protocol.keys import SigningPair, words
from protocol.manifest import Signed
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL
from tests.edge.house import AREA, AUTHORITY, HUB_CURVE, NO_PORT, SITE, Counter, directory, invitation


@pytest.fixture
def counter() -> Iterator[Counter]:
    with Counter().open() as counter:
        yield counter


def test_an_invitation_makes_a_cabin(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "new" / "cabin"
    enrolled = enrol(invitation(counter.address), path, REAL, "kabine 0.1.0")
    [claim] = counter.claims
    assert enrolled.words == words(cabin_fingerprint(claim.site, claim.curve_key, claim.signing_key))
    assert (claim.site, enrolled.site, enrolled.directory_version) == (SITE, SITE, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE((path / name).stat().st_mode) for name in (CURVE_FILE, SIGNING_FILE)} == {0o600}
    with NodeFolder.open(path, "edge") as folder:
        keys = CabinKeys.load(folder)
        assert (keys.curve.public, keys.signing.public) == (claim.curve_key, claim.signing_key)
        config = read_config(path / FILE, EdgeConfig)
        assert (config.hub_key, config.authority_key) == (HUB_CURVE.public, AUTHORITY.public)
        assert (config.cabin.area, config.hub.address) == (AREA, counter.address)
        assert read_directory(folder, config.authority_key)[1].version == 1


def test_the_one_time_secret_is_not_kept(counter: Counter, tmp_path: Path) -> None:
    text = invitation(counter.address)
    enrol(text, tmp_path / "cabin", REAL, "kabine 0.1.0")
    for path in (tmp_path / "cabin").iterdir():
        assert text.encode()[-60:] not in path.read_bytes()


def test_a_used_invitation_is_said_so(counter: Counter, tmp_path: Path) -> None:
    counter.refuse = Refused(Code.INVITATION_SPENT, "This invitation was used already, on 2026-03-02 12:00 UTC.")
    with pytest.raises(Refused, match="used already") as caught:
        enrol(invitation(counter.address), tmp_path / "cabin", REAL, "kabine 0.1.0")
    assert caught.value.code is Code.INVITATION_SPENT


def test_an_enrolment_that_was_cut_goes_on_with_the_same_keys(counter: Counter, tmp_path: Path) -> None:
    counter.drop_done = 1
    with pytest.raises(Refused, match="busy"):
        enrol(invitation(counter.address), tmp_path / "cabin", REAL, "kabine 0.1.0")
    enrol(invitation(counter.address), tmp_path / "cabin", REAL, "kabine 0.1.0")
    first, second = counter.claims
    assert (first.curve_key, first.signing_key) == (second.curve_key, second.signing_key)


def test_an_enrolled_folder_is_not_overwritten(counter: Counter, tmp_path: Path) -> None:
    enrol(invitation(counter.address), tmp_path / "cabin", REAL, "kabine 0.1.0")
    before = (tmp_path / "cabin" / CURVE_FILE).read_bytes()
    with pytest.raises(Refused, match="enrolled cabin"):
        enrol(invitation(counter.address), tmp_path / "cabin", REAL, "kabine 0.1.0")
    assert (tmp_path / "cabin" / CURVE_FILE).read_bytes() == before
    assert len(counter.claims) == 1


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(Refused, match="not empty"):
        enrol(invitation(NO_PORT), tmp_path, REAL, "kabine 0.1.0")
    assert os.listdir(tmp_path) == ["letter.txt"]


def test_nobody_at_the_hub_s_address(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"tcp://127\.0\.0\.1:9 .*cannot be reached"):
        enrol(invitation(NO_PORT), tmp_path / "cabin", REAL, "kabine 0.1.0")


def test_an_expired_invitation_is_said_so_when_the_hub_is_silent(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="has expired on 2020-01-01"):
        enrol(invitation(NO_PORT, datetime(2020, 1, 1, tzinfo=UTC)), tmp_path / "cabin", REAL, "kabine 0.1.0")


def test_an_invitation_that_was_not_copied_whole(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="missing or wrong"):
        enrol(invitation(NO_PORT)[:-5], tmp_path / "cabin", REAL, "kabine 0.1.0")
    assert not (tmp_path / "cabin").exists()


def test_a_directory_of_another_authority_is_refused(counter: Counter, tmp_path: Path) -> None:
    stranger = SigningPair(bytes(32))
    counter.signed = Signed(directory().body, stranger.private().sign(b"something else"))
    with pytest.raises(Refused) as caught:
        enrol(invitation(counter.address), tmp_path / "cabin", REAL, "kabine 0.1.0")
    assert caught.value.code is Code.BAD_SIGNATURE
    assert not (tmp_path / "cabin" / FILE).exists()
    assert not (tmp_path / "cabin" / DIRECTORY_FILE).exists()


def test_a_directory_that_came_altered_is_refused(counter: Counter, tmp_path: Path) -> None:
    counter.altered = True
    with pytest.raises(Refused, match="altered"):
        enrol(invitation(counter.address), tmp_path / "cabin", REAL, "kabine 0.1.0")


def test_a_key_that_others_may_read_is_refused(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "cabin"
    enrol(invitation(counter.address), path, REAL, "kabine 0.1.0")
    (path / CURVE_FILE).chmod(0o644)
    with NodeFolder.open(path, "edge") as folder, pytest.raises(Refused, match="Others than its owner"):
        CabinKeys.load(folder)


def test_a_key_of_the_wrong_length_is_refused(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "cabin"
    enrol(invitation(counter.address), path, REAL, "kabine 0.1.0")
    (path / SIGNING_FILE).write_bytes(b"short")
    with NodeFolder.open(path, "edge") as folder, pytest.raises(Refused, match="5 bytes, not 32"):
        CabinKeys.load(folder)


def test_a_damaged_directory_is_named_and_any_other_of_this_hub_heals_it(counter: Counter, tmp_path: Path) -> None:
    enrol(invitation(counter.address), tmp_path / "cabin", REAL, "kabine 0.1.0")
    with NodeFolder.open(tmp_path / "cabin", "edge") as folder:
        whole = folder.read_file(DIRECTORY_FILE)
        for damaged in (b"", whole[:-9], whole[:-1] + bytes([whole[-1] ^ 1])):
            folder.write_file(DIRECTORY_FILE, damaged)
            with pytest.raises(Refused, match=r"cabin/directory is damaged") as caught:
                read_directory(folder, AUTHORITY.public)
            assert "from another cabin" in caught.value.remedy
        folder.write_file(DIRECTORY_FILE, whole)
        assert read_directory(folder, AUTHORITY.public)[1].version == 1
