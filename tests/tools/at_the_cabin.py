"""The commands of `kabine edge` on a cabin in a folder of its own; simulated devices, where a test asks for them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from click.testing import CliRunner, Result

from edge.config import FILE
from edge.knock import knock
from edge.orders import ShowStatus
from hardware.fitted import STAGE
from hardware.simulated.stage import Stage
from tools.edge import edge

TABLES = ("[printer]", "[presence]", "[lamp]", "[keyswitch]", "[kiosk]", "[visit]")
SIMULATED = """
[printer]
fitted = "simulated"
[presence]
fitted = "simulated"
leave_seconds = 0.2
[lamp]
fitted = "simulated"
[keyswitch]
fitted = "simulated"
hold_seconds = 0.1
[kiosk]
on = true
[visit]
empty_seconds = 0.3
"""


def kabine(*words: str | Path) -> Result:
    return CliRunner().invoke(edge, [str(word) for word in words])


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`kabine edge run`, as soon as it answers."""
    command = [sys.executable, "-c", "from tools.command import main; main()", "edge", "run", str(path)]
    node = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        while (told := knock(path, ShowStatus())) is None:
            assert node.poll() is None, node.communicate()[1].decode()
        list(told)
        yield node
    finally:
        node.send_signal(signal.SIGTERM)
        node.communicate(timeout=240)


def with_devices(path: Path) -> Stage:
    """All devices, simulated, and a screen."""
    text = (path / FILE).read_text()
    parts = [part for part in re.split(r"(?m)^(?=\[)", text) if not part.startswith(TABLES)]
    (path / FILE).write_text("".join(parts) + SIMULATED)
    return Stage(path / STAGE)


def let_in(browser: httpx.Client, address: str) -> bool:
    try:
        return browser.get(address).status_code < 400
    except httpx.TransportError:
        return False
