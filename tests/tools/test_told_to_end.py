"""Long commands that are told to end, as `timeout` and a service manager do it, or by Ctrl-C: no process, namespace or folder of theirs stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.waiting import until
from tests.tools.processes import working_in

ROOT = Path(__file__).parents[2]
IN_ROOM = """
import os, signal
from pathlib import Path
from tools import room
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever began the tests in the background has it ignored
room._MEMORY = Path(os.environ["ROOM"])
if __name__ == "__main__":
    from tools.__main__ import main
    main()
"""
MANY = ("--rounds", "1000000")
BENCH = ("bench", "sync", "--scale", "0.05", "--folder")
pytestmark = pytest.mark.timeout(600)


def first(process: int) -> int:
    """The thread of a process that is given what comes for it, as a rule."""
    return process


def another(process: int) -> int:
    """A thread that takes signals and is not the first one: whoever is given one for it leads it there, as the system may at any time."""
    statuses = {int(path.parent.name): path.read_text() for path in Path(f"/proc/{process}/task").glob("*/status")}
    blocked = {thread: int(said.split("SigBlk:")[1].split()[0], 16) for thread, said in statuses.items()}
    return min(thread for thread, mask in blocked.items() if thread != process and not mask >> signal.SIGTERM - 1 & 1)


def ended(
    command: tuple[str, ...],
    folder: Path,
    at_work: int,
    number: signal.Signals,
    given_to: Callable[[int], int] = first,
) -> str:
    """What a command said that was told to end when so many processes worked in its folder."""
    program = folder.parent / "program.py"
    program.write_text(IN_ROOM)
    order = [sys.executable, program, *command]
    with subprocess.Popen(
        order,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ROOM": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            until(lambda: os.listdir(folder) and len(working_in(folder)) >= at_work, "it is at work", 300)
            if number == signal.SIGINT:
                os.killpg(process.pid, number)  # as a terminal does
            else:
                os.kill(given_to(process.pid), number)
            said = process.communicate(timeout=240)[1]
        finally:
            process.kill()  # of one that hangs the test is to say so
    assert process.returncode == (1 if number == signal.SIGINT else -number), said
    assert os.listdir(folder) == []
    assert working_in(folder) == set()
    return said


@pytest.mark.parametrize(
    ("command", "at_work"),
    [
        (("simulate", "--days", "400", "--jobs", "1"), 0),
        (("simulate", "--days", "400", "--jobs", "2"), 0),
        (("torture", "rot", *MANY, "--jobs", "2"), 0),
        (("torture", "kill", *MANY, "--jobs", "1"), 1),
        (("torture", "network", *MANY), 2),
    ],
)
def test_by_a_signal_nothing_stays(tmp_path: Path, command: tuple[str, ...], at_work: int) -> None:
    """Nodes went on, and what lay in memory stayed there until the next start of the machine."""
    folder = tmp_path / "folder"
    folder.mkdir()
    if command[1] == "network" and os.geteuid() != 0:
        return  # it says so, and ends by itself
    assert ended(command, folder, at_work, signal.SIGTERM) == ""


def test_a_signal_is_heard_whichever_thread_it_is_given_to(tmp_path: Path) -> None:
    """Python acts upon it in the first one, which slept on a lock, and everything went on for ever."""
    folder = tmp_path / "folder"
    folder.mkdir()
    assert ended(("torture", "kill", *MANY, "--jobs", "1"), folder, 1, signal.SIGTERM, another) == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("workload", "more", "at_work"), [("W1", (), 3), ("W5", (), 2), ("W1", ("--fsync-ms", "1"), 3)]
)
def test_of_a_bench_nothing_stays_and_its_ends_do_not_speak(
    tmp_path: Path, workload: str, more: tuple[str, ...], at_work: int, number: signal.Signals
) -> None:
    """The terminal tells a whole group: each process said so, with a traceback."""
    folder = tmp_path / "folder"
    folder.mkdir()
    said = ended((*BENCH, str(folder), "--workload", workload, *more), folder, at_work, number)
    assert said.split() == [workload, "…", *(["Aborted!"] if number == signal.SIGINT else [])]
