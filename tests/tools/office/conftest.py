"""A hub in a folder of its own for each test, and its operator's commands; the hub itself does not run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from protocol.errors import Trouble
from tests.tools.office.desk import PASSPHRASE, Run
from tools.command import kabine


@pytest.fixture(scope="session")
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
