"""The browser in the cabin, as it is really started: a profile in memory for each visitor, and nothing of it left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import VisitConfig
from edge.screen import FLAGS, PROFILE
from tests.journeys.kiosk import Cabin, cabins, chromium
from tests.journeys.waiting import until

MEMORY = Path("/dev/shm")
SIZE = "1920"


@pytest.fixture(scope="module")
def cabin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cabin]:
    chromium()
    visit = VisitConfig(empty_seconds=1.0)
    with cabins(tmp_path_factory.mktemp("screen"), SIZE, visit=visit, presence=True) as found:
        yield found[SIZE]


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    base = MEMORY / tmp_path.name
    base.mkdir()
    yield base
    assert list(base.iterdir()) == []
    base.rmdir()


def screen(cabin: Cabin, base: Path) -> subprocess.Popen[bytes]:
    # As root, and without a display: the two things that a test machine differs in from a cabin.
    flags = ("--flag=--headless", "--flag=--no-sandbox", "--flag=--disable-gpu")
    order = (sys.executable, "-m", "tools", "edge", "screen", str(cabin.folder), "--memory", str(base), *flags)
    return subprocess.Popen(order, stderr=subprocess.DEVNULL)


def profiles(base: Path) -> set[Path]:
    return set(base.glob(f"{PROFILE}*"))


def used_by(profile: Path) -> list[str]:
    """Command lines of the processes that run on this profile."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"--user-data-dir={profile}" in line:
            found.append(line)
    return found


def test_each_visitor_gets_a_browser_that_nobody_has_used(cabin: Cabin, base: Path) -> None:
    with screen(cabin, base) as running:
        try:
            until(lambda: len(profiles(base)) == 1, "a browser stands there")
            (first,) = profiles(base)
            until(lambda: any("--type=" in line for line in used_by(first)), "it runs")
            line = next(line for line in used_by(first) if "--type=" not in line and "--kiosk" in line)
            assert set(FLAGS) <= set(re.split(r" (?=-|http)", line))
            assert "remote-debugging" not in line
            cabin.stage.enter()
            until(lambda: occupied(cabin), "somebody is in the cabin")
            cabin.stage.leave()
            until(lambda: bool(profiles(base) - {first}), "another browser stands there")
            until(lambda: not first.exists(), "nothing is left of the first")
            until(lambda: not used_by(first), "all its processes have died")
            (second,) = profiles(base)
            leads = until(lambda: [int(p.name) for p in Path("/proc").glob("[0-9]*") if _leads(p, second)], "it runs")
            os.kill(leads[0], signal.SIGKILL)
            until(lambda: profiles(base) and second not in profiles(base), "a browser that failed is replaced")
        finally:
            running.send_signal(signal.SIGTERM)
            assert running.wait(90) == 0
    assert profiles(base) == set()


def _leads(process: Path, profile: Path) -> bool:
    try:
        line = (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return f"--user-data-dir={profile}" in line and "--type=" not in line


def occupied(cabin: Cabin) -> bool:
    status = cabin.house.status(cabin.site)
    return status is not None and status.visitor


def test_a_profile_never_lies_on_a_disk(cabin: Cabin, tmp_path: Path) -> None:
    order = (sys.executable, "-m", "tools", "edge", "screen", str(cabin.folder), "--memory", str(tmp_path))
    refused = subprocess.run(order, stderr=subprocess.PIPE, text=True, check=False)
    assert refused.returncode != 0
    assert "lies on a disk" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_cabin_whose_screen_is_off_says_how_to_turn_it_on(cabin: Cabin, tmp_path: Path) -> None:
    shutil.copy(cabin.folder / "kabine-node", tmp_path)
    config = (cabin.folder / "edge.toml").read_text()
    (tmp_path / "edge.toml").write_text(re.sub(r"(\[kiosk\].*?\n)on = true", r"\1on = false", config, flags=re.DOTALL))
    order = (sys.executable, "-m", "tools", "edge", "screen", str(tmp_path), "--memory", str(MEMORY))
    refused = subprocess.run(order, stderr=subprocess.PIPE, text=True, check=False)
    assert refused.returncode != 0
    assert "serves no screen" in refused.stderr
    assert "on = true" in refused.stderr
