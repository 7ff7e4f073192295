"""The browser that stands in the cabin: Chromium, full screen, with a profile in memory that one visitor uses and no second.

It is a program of its own (`kabine edge screen`), so that a browser that fails takes nothing with it. It starts one as soon as the node's port is
open, while the node still loads. When a visitor has left, the next browser is started with an empty profile, and the one before is ended when the new
one has drawn its page in front of it; nobody sees the change. What Chromium is told here, a visitor cannot undo; what only a policy can forbid
(printing, downloads, developer tools) stands in docs/units/kabine-chromium.json.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from edge import hygiene
from edge.config import FILE, EdgeConfig
from edge.kiosk.boot_key import URL_FILE
from edge.kiosk.doorstep import LOOPBACK
from edge.knock import knock
from edge.orders import ShowStatus, Status
from protocol.errors import Trouble, Unavailable
from protocol.runtime.config import read_config

log = structlog.get_logger("screen")

LOOK_SECONDS: Final = 0.2  # how often it is asked whether the visitor has left
SOON_SECONDS: Final = 0.03  # the same while somebody waits for a browser
ANSWER_SECONDS: Final = 5.0
IN_FRONT_SECONDS_MAX: Final = (
    5.0  # then the one before is ended all the same: what it knows of its visitor weighs more than a dark second
)
DRAWN_SECONDS: Final = 0.1  # from its first sign of life to its picture on the glass
BLANK_SECONDS_MAX: Final = (
    20.0  # the node answers and the browser does not ask it: it stands before an error page of its own
)
AGAIN_SECONDS: Final = 1.0  # before a browser that failed is started anew
COMPLAINT_CHARS_MAX: Final = 500
PR_SET_PDEATHSIG: Final = 1
PROFILE: Final = "kabine-visitor-"
_IN_MEMORY: Final = ("tmpfs", "ramfs")
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--kiosk",
    "--incognito",
    "--no-first-run",
    "--no-default-browser-check",
    "--noerrdialogs",
    "--hide-crash-restore-bubble",
    "--password-store=basic",
    "--disable-breakpad",
    "--disable-extensions",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-notifications",
    "--deny-permission-prompts",
    "--disable-print-preview",
    # Fingers: no pinching, no swiping to the page before.
    "--disable-pinch",
    "--overscroll-history-navigation=0",
    "--touch-events=enabled",
    "--disable-features=Translate,MediaRouter,BackForwardCache,OverscrollHistoryNavigation,TouchpadOverscrollHistoryNavigation,GlobalMediaControls",
    # Whatever a page may ask for: there is no other machine than this one.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    # A tone when a sheet was taken needs no tap before it.
    "--autoplay-policy=no-user-gesture-required",
    "--ozone-platform-hint=auto",
)


def program() -> str:
    """Where Chromium is. Raises Unavailable."""
    for name in _NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise Unavailable("There is no Chromium on this machine.", "Install it: apt-get install chromium")


def memory(base: Path) -> Path:
    """`base`, once it is seen to lie in memory: a profile must never reach a disk. Raises Unavailable."""
    if not base.is_dir():
        raise Unavailable(f"{base} is no folder.", "Name one on a tmpfs, such as /run/user/1000 or /dev/shm.")
    kind = _file_system(base.resolve())
    if kind not in _IN_MEMORY:
        raise Unavailable(
            f"{base} lies on a disk ({kind}); what a visitor saw could be found there.",
            "Name a folder on a tmpfs with --memory, such as /run/user/1000 or /dev/shm.",
        )
    return base


def _file_system(path: Path) -> str:
    """Kind of the file system that `path` lies on (proc(5), mountinfo): the longest mount point wins, the later of two equal ones."""
    best, kind = -1, "unknown"
    for row in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, rest = row.partition(" - ")
        point = mount.split()[4].encode().decode("unicode_escape")
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), rest.split()[0]
    return kind


class Browser:
    """One Chromium with a profile of its own below `base`."""

    def __init__(self, chromium: str, base: Path, url: str, further: Sequence[str] = ()) -> None:
        self._profile = Path(tempfile.mkdtemp(prefix=PROFILE, dir=base))
        self.url = url
        self._said = self._profile / "said"
        home = {"HOME": str(self._profile), "XDG_CONFIG_HOME": str(self._profile), "XDG_CACHE_HOME": str(self._profile)}
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [chromium, *FLAGS, f"--user-data-dir={self._profile}", *further, url],
                env={**os.environ, **home},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,  # a process group of its own: all of it is ended together
                preexec_fn=_dies_with_us,  # noqa: PLW1509 - this program has one thread
            )

    @property
    def alive(self) -> bool:
        """Does it still run?"""
        return self._process.poll() is None

    def complaint(self) -> str:
        """The last thing it said about itself, without the address that it was given."""
        lines = self._said.read_text(errors="replace").splitlines() if self._said.exists() else []
        return (lines[-1] if lines else "").replace(self.url, "…")[:COMPLAINT_CHARS_MAX]

    def end(self) -> None:
        """End all of it, and leave nothing of its profile. It is not asked: there is nothing that it should still write down."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        # Its children write while they die.
        while self._profile.exists():
            shutil.rmtree(self._profile, ignore_errors=True)


class Screen:
    """Keeps one browser in front of whoever stands in the cabin of `folder`. `pause(seconds)` waits and answers whether to go on.

    Raises Unavailable when there is no browser, no memory for its profiles, or no screen to show."""

    def __init__(
        self,
        folder: Path,
        base: Path,
        further: Sequence[str],
        pause: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        kiosk = read_config(folder / FILE, EdgeConfig).kiosk
        if not kiosk.on:
            raise Unavailable(
                "This cabin serves no screen.", f"Set on = true below [kiosk] in {folder / FILE}, and restart its node."
            )
        self._base = memory(base)
        # Where no window manager makes it full screen, on a bare X server.
        self._further = ("--window-position=0,0", f"--window-size={kiosk.width_px},{kiosk.height_px}", *further)
        self._pause = pause
        self._chromium = program()
        self._clock = clock
        self._browser: Browser | None = None
        self._before: Status | None = (
            None  # how the node was when the browser was started, or first answered behind that
        )
        self._started_at = 0.0

    def run(self) -> None:
        """Until `pause` says that it is over. What an earlier run left is removed first."""
        hygiene.no_core_dumps()
        for left in self._base.glob(f"{PROFILE}*"):
            shutil.rmtree(left, ignore_errors=True)
        log.info("screen.ready")
        try:
            while self._look():
                pass
        finally:
            if self._browser is not None:
                self._browser.end()
            log.info("screen.ended")

    def _look(self) -> bool:
        if self._browser is None:
            url = self._url()
            # Before somebody listens there, a browser would show an error of its own.
            return self._renew(url, None) if _listens(url) else self._pause(SOON_SECONDS)
        if not self._browser.alive:
            log.warning("browser.failed", said=self._browser.complaint())
            self._browser.end()
            self._browser = None
            return self._pause(AGAIN_SECONDS)
        status = self._status()
        if status is not None and not status.visitor:
            url = self._url()
            if url and (self._used(status) or url != self._browser.url or self._blank(status)):
                return self._renew(url, status)
        if self._before is None:
            self._before = status
        return self._pause(LOOK_SECONDS)

    def _used(self, status: Status) -> bool:
        """Has somebody been in the cabin since this browser stands there? What was before another process nobody knows."""
        before = self._before
        return before is not None and (
            before.process != status.process or before.visits != status.visits or before.visitor
        )

    def _blank(self, status: Status) -> bool:
        if status.looks or self._clock() - self._started_at < BLANK_SECONDS_MAX:
            return False
        log.warning("browser.blank")
        return True

    def _renew(self, url: str, status: Status | None) -> bool:
        """A browser that nobody has used, in front of the one before, which is ended then."""
        before, self._before, self._started_at = self._browser, status, self._clock()
        self._browser = Browser(self._chromium, self._base, url, self._further)
        going_on = True
        if before is not None:
            going_on = self._in_front(self._browser, status)
            before.end()
        log.info("browser.renewed")
        return going_on

    def _in_front(self, browser: Browser, before: Status | None) -> bool:
        """Wait until the new browser is to be seen; whether to go on."""
        until = self._clock() + IN_FRONT_SECONDS_MAX
        while browser.alive and self._clock() < until:
            if not self._pause(SOON_SECONDS):
                return False
            status = self._status()
            if status is None:
                continue
            if before is None or status.process != before.process or status.looks > before.looks:
                return self._pause(DRAWN_SECONDS)
        return True

    def _status(self) -> Status | None:
        """None while no node answers: the page in the browser says so by itself, and goes on when one does."""
        try:
            for told in knock(self._folder, ShowStatus(0), ANSWER_SECONDS) or ():
                if isinstance(told, Status):
                    return told
        except Trouble as trouble:
            log.warning("node.silent", what=trouble.what)
        return None

    def _url(self) -> str:
        try:
            return (self._folder / URL_FILE).read_text().strip()
        except OSError:
            return ""


def _dies_with_us() -> None:
    """No browser that a visitor has used outlives the program that would have ended it, however that dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _listens(url: str) -> bool:
    port = urlsplit(url).port if url else None
    if port is None:
        return False
    try:
        socket.create_connection((LOOPBACK, port), ANSWER_SECONDS).close()
    except OSError:
        return False
    return True
