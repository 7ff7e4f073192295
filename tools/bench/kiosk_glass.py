"""The glass in the cabin for whoever measures: the real `kabine edge screen`, and a way to look into and to touch the browser that stands there.

A cabin's browser has no debugging port. Here it is started with one, and without a display; everything else is as it is in a cabin.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.screen import PROFILE
from protocol.errors import Unavailable

if TYPE_CHECKING:
    from playwright.sync_api import BrowserType, Page

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where a visitor's profile lies
FLAGS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0")
LOOK_SECONDS: Final = 0.005
STAND_SECONDS_MAX: Final = 180.0  # a machine may be busy
_PORT: Final = "DevToolsActivePort"


class Glass:
    """The program that keeps browsers in front of the cabin in `folder`; `base`: where their profiles lie."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.base = base
        flags = [f"--flag={flag}" for flag in FLAGS]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools", "edge", "screen", str(folder), "--memory", str(base), *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def profiles(self) -> list[Path]:
        """Of the browsers that stand there, the newest last."""
        return sorted(self.base.glob(f"{PROFILE}*"), key=_born)

    def browsers(self) -> list[int]:
        """The processes of all of them."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.base / PROFILE).encode() in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return [process for process in found if process != self.process.pid]

    def page(self, chromes: BrowserType) -> Page:
        """What the newest browser shows, as soon as it can be asked. Raises Unavailable."""
        from playwright.sync_api import Error

        until = time.monotonic() + STAND_SECONDS_MAX
        while time.monotonic() < until:
            for profile in reversed(self.profiles()):
                with contextlib.suppress(OSError, IndexError, Error):  # one that is about to go
                    port = (profile / _PORT).read_text().split()[0]
                    browser = chromes.connect_over_cdp(f"http://127.0.0.1:{port}")
                    for context in browser.contexts:
                        for page in context.pages:
                            return page
            time.sleep(LOOK_SECONDS)
        raise Unavailable("No browser stands there.", "Look whether `chromium --headless` starts on this machine.")

    def cut(self) -> None:
        """As when the power goes: nobody is asked."""
        self.process.kill()
        self.process.wait()
        while browsers := self.browsers():  # what dies by and by would still write into its profile
            for process in browsers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """End it as systemd does."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STAND_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.cut()


@contextlib.contextmanager
def profiles_in_memory() -> Iterator[Path]:
    """A folder for profiles, gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="kabine-glass-", dir=MEMORY))
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _born(profile: Path) -> float:
    try:
        return profile.stat().st_ctime if not (profile / "said").exists() else (profile / "said").stat().st_ctime
    except OSError:
        return 0.0
