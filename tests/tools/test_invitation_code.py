"""`kabine cabin invite --qr`: what comes out is read by a camera. What is read in tests is always the same code; what a command prints is compared
with it, because its secret is another one each time."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import click
import cv2
import numpy as np
import pymupdf
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edge.invitation_picture import read_picture
from protocol.enrolment import read_invitation
from protocol.errors import Refused, Unavailable
from tests.edge.house import NO_PORT, invitation
from tools import invitation_code
from tools.command import kabine

TEXT = invitation(NO_PORT)
BLOCKS = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    (folder / "passphrase").write_text("sieben Störche\n")
    made = ["hub", "init", str(folder / "hub"), "--work-factor", "10", "--passphrase-file", str(folder / "passphrase")]
    assert CliRunner().invoke(kabine, made).exit_code == 0
    return folder / "hub"


def invite(hub: Path, *options: str | Path) -> Result:
    words = ["cabin", "invite", "templin", "--area", "12073", "--hub", str(hub), *map(str, options)]
    return CliRunner().invoke(kabine, words)


def printed(output: str) -> str:
    found = re.search("kabine-invite-1-[a-z2-7]+", output)
    assert found is not None
    return found[0]


def until(hub: Path) -> str:
    listed = CliRunner().invoke(kabine, ["cabin", "list", "--hub", str(hub), "--json"])
    return str(json.loads(listed.output)["cabins"][0]["invited_until"])


def test_a_terminal_shows_the_invitation_to_a_camera(tmp_path: Path) -> None:
    rows = click.unstyle(invitation_code.lines(TEXT)).splitlines()
    seen = [[BLOCKS[block][half] for block in row] for row in rows for half in (0, 1)]
    assert len(seen[0]) <= 80, "it fits a terminal"
    picture = cv2.resize(np.array(seen, np.uint8), None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    Image.fromarray(picture).save(tmp_path / "seen.png")
    assert read_invitation(read_picture(tmp_path / "seen.png")) == read_invitation(TEXT)


def test_the_terminal_s_own_colours_do_not_matter() -> None:
    for line in invitation_code.lines(TEXT).splitlines():
        assert line.startswith("\x1b[97m\x1b[40m")
        assert line.endswith("\x1b[0m")


def test_a_picture_is_read(tmp_path: Path) -> None:
    invitation_code.draw(TEXT, tmp_path / "invitation.PNG")
    assert read_invitation(read_picture(tmp_path / "invitation.PNG")) == read_invitation(TEXT)


def test_a_drawing_is_read_off_paper(tmp_path: Path) -> None:
    invitation_code.draw(TEXT, tmp_path / "invitation.svg")
    sheet = pymupdf.open("svg", (tmp_path / "invitation.svg").read_bytes())[0]
    sheet.get_pixmap(dpi=150).save(tmp_path / "scan.png")
    assert read_invitation(read_picture(tmp_path / "scan.png")) == read_invitation(TEXT)


def test_the_command_shows_the_invitation_that_it_prints(hub: Path) -> None:
    output = invite(hub, "--qr").output
    assert click.unstyle(invitation_code.lines(printed(output))) in output
    assert "Or photograph this" in output
    assert "█" not in invite(hub).output


@pytest.mark.parametrize("name", ["invitation.png", "invitation.svg"])
def test_the_file_is_for_whoever_carries_it_and_nobody_else(hub: Path, tmp_path: Path, name: str) -> None:
    output = invite(hub, "--qr-file", tmp_path / name).output
    assert f"The QR code is in {tmp_path / name}" in output
    assert ("PICTURE is the file, or" in output) == name.endswith(".png"), "a drawing is to be printed first"
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    (tmp_path / "again").mkdir()
    invitation_code.draw(printed(output), tmp_path / "again" / name)
    assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_program_gets_the_file_too(hub: Path, tmp_path: Path) -> None:
    told = json.loads(invite(hub, "--qr-file", tmp_path / "a.png", "--json").output)
    invitation_code.draw(told["invitation"], tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_an_ending_that_says_nothing_leaves_the_last_invitation_good(hub: Path, tmp_path: Path) -> None:
    invite(hub)
    before = until(hub)
    refused = invite(hub, "--qr-file", tmp_path / "invitation.gif").exception
    assert isinstance(refused, Refused)
    assert "neither an SVG nor a PNG" in refused.what
    assert invite(hub, "--qr", "--json").exit_code == 2
    assert until(hub) == before


def test_a_picture_that_cannot_be_written_leaves_the_line(hub: Path, tmp_path: Path) -> None:
    result = invite(hub, "--qr-file", tmp_path / "nowhere" / "invitation.png")
    assert isinstance(result.exception, Unavailable)
    assert "cannot be written" in result.exception.what
    assert read_invitation(printed(result.output)).site == "templin"
