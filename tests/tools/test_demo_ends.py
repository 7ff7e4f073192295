"""A demo that is told to end: nothing that it started goes on by itself, and nobody else works in its folder meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.knock import knock
from edge.orders import ShowStatus, Status
from protocol.errors import Unavailable
from tests.edge.house import sheet
from tests.journeys.stage import ROOT
from tests.journeys.waiting import until
from tools.command import kabine
from tools.demo import state_folder

SHEETS = 120  # captured for much longer than it takes to tell it to end
START_SECONDS = 240.0
END_SECONDS = 240.0
# A house with somebody in it who takes no notice of being told to end.
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
print("here", flush=True)
while True:
    signal.pause()
"""
HOUSE = f"""
import signal, subprocess, sys
from pathlib import Path
from tools.rig import rig
signal.signal(signal.SIGINT, signal.default_int_handler)
with rig(Path(sys.argv[1]), []) as house:
    house.processes["stubborn"] = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}])
    print("here", flush=True)
    signal.pause()
"""


def visited(state: Path) -> bool:
    """Somebody hands in: by then everything has been started."""
    for cabin in state.glob("house/cabins/*"):
        with contextlib.suppress(Unavailable):  # its node has not begun, or has ended since
            told = knock(cabin, ShowStatus(), START_SECONDS) or ()
            if any(isinstance(each, Status) and each.visitor for each in told):
                return True
    return False


def working_in(state: Path) -> list[str]:
    """Processes that were started with this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended since
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if f"{state}/house" in words:
                found.append(words)
    return found


@pytest.mark.timeout(900)
def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    state, scan = tmp_path / "state", sheet(tmp_path / "a.png")
    words = ["demo", "--once", *["--scan", str(scan)] * SHEETS, "--agency", "sozialamt-uckermark"]
    words += ["--out", str(tmp_path / "out"), "--state", str(state)]
    with subprocess.Popen([sys.executable, "-m", "tools", *words], stderr=subprocess.PIPE) as demo:
        until(lambda: demo.poll() is not None or visited(state), "papers are handed in", START_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=END_SECONDS)
    # A worker sees by itself that its cabin is gone.
    until(lambda: not working_in(state), "nothing of it goes on", END_SECONDS)


@pytest.mark.timeout(600)
def test_whoever_presses_ctrl_c_again_in_the_farewell_leaves_nothing_behind(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOUSE, str(tmp_path / "house")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as house:
        assert house.stdout is not None
        try:
            assert [house.stdout.readline(), house.stdout.readline()] == ["here\n", "here\n"]
            assert working_in(tmp_path), "the hub runs"
            house.send_signal(signal.SIGINT)
            assert house.stdout.readline() == "asked\n"
            for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
                house.send_signal(number)
            house.wait(END_SECONDS)
            assert house.stdout.read() == "", "whoever could say something has ended"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(house.pid, signal.SIGKILL)
    until(lambda: not working_in(tmp_path), "nothing of it goes on", END_SECONDS)


def test_two_demos_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with state_folder(tmp_path / "demo-run") as place:
        (place / "house").mkdir()
        with pytest.raises(Unavailable, match="Another `kabine demo` works") as caught:
            CliRunner().invoke(kabine, ["demo", "--screens", "--state", str(place)], catch_exceptions=False)
        assert "--state" in caught.value.remedy
        assert (place / "house").exists()
    with state_folder(place):
        assert not (place / "house").exists()
