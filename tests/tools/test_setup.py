"""tools/setup.sh on a machine that has nothing, for somebody who may not install anything."""

from __future__ import annotations

import shutil
import subprocess
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


def test_the_interpreter_that_is_chosen_will_do() -> None:
    """Also where Debian's own is older than what somebody has installed beside it."""
    chosen = subprocess.run(["tools/setup.sh", "python"], cwd=REPOSITORY, capture_output=True, check=True, text=True)
    asked = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"
    assert subprocess.run([chosen.stdout.strip(), "-c", asked], check=False).returncode == 0
