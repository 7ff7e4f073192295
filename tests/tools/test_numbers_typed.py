"""Numbers that nobody means: refused where they are typed, as every other wrong word is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.command import kabine


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["simulate", "--days", "nan"], "--days"),
        (["simulate", "--days", "inf"], "--days"),
        (["scanner", "samples", "{place}", "--seed", "-5"], "--seed"),
        (["scanner", "virtual", "--seed", "-5"], "--seed"),
        (["torture", "evidence", "--only", "nope", "--out", "{place}/page.md"], "simulate"),
    ],
)
def test_it_is_said_which(words: list[str], told: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(kabine, [word.format(place=tmp_path) for word in words])
    assert (done.exit_code, type(done.exception)) == (2, SystemExit)
    assert told in done.output
    assert not list(tmp_path.iterdir())
