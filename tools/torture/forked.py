"""Processes that begin as a copy of one that has loaded everything already: what a kill torture starts hundreds of times begins at once.

They are real ones, with memory, files and a session of their own; only that half a second of imports lies behind them.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_LOADED: Final = ["tools.hub", "cloud.app", "tools.edge", "edge.app", "tools.inbox", "tools.connector"]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_LOADED)


class Forked(subprocess.Popen[bytes]):
    """`kabine ARGUMENTS`; what it says goes to the end of `said`. For whoever holds it, as if it had been started in the common way."""

    def __init__(self, arguments: tuple[str, ...], said: Path) -> None:
        self.args = arguments
        self.stdin = self.stdout = self.stderr = None
        self._process = _context.Process(target=_begin, args=(arguments, str(said)), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        self.returncode = self._process.exitcode
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended. Raises TimeoutExpired."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        """Nothing when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()


def _begin(arguments: tuple[str, ...], said: str) -> None:
    os.setsid()
    errors = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(errors, stream)
    os.close(errors)
    sys.argv = ["kabine", *arguments]
    from tools.__main__ import main

    main()
