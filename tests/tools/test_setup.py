"""tools/setup.sh on a machine that has nothing, for somebody who may not install anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("step", "missing"), [("venv python3 requirements.lock", "python3 python3-venv"), ("node", "nodejs npm")]
)
def test_all_that_is_missing_is_asked_for_at_once(tmp_path: Path, step: str, missing: str) -> None:
    for program in ("id", "grep"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    bash = shutil.which("bash")
    assert bash is not None
    words = [bash, "tools/setup.sh", *step.split()]
    done = subprocess.run(
        words, cwd=REPOSITORY, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    said, demo, tests = done.stderr.splitlines()
    assert f"missing {missing}, " in said
    assert demo.endswith("make demo:       sudo apt-get install python3 python3-venv nodejs npm")
    assert "sudo apt-get install chromium " in tests


def test_the_first_interpreter_that_will_do_is_chosen(tmp_path: Path) -> None:
    """Debian's own may be older than what somebody has installed beside it, or without venv."""
    old, other = tmp_path / "old", tmp_path / "other"
    for path, script in ((old, "exit 1"), (other, f'exec "{sys.executable}" "$@"')):
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def chosen(*candidates: Path) -> str:
        words = ["tools/setup.sh", "python", *map(str, candidates)]
        return subprocess.run(words, cwd=REPOSITORY, capture_output=True, check=True, text=True).stdout.strip()

    absent = tmp_path / "absent"
    assert chosen(Path(sys.executable), other) == sys.executable
    assert chosen(absent, old, other) == str(other)
    assert chosen(old, absent) == str(absent), "and what it lacks is said later"
