"""A farewell that nobody cuts short: whoever tells a command to end, or presses Ctrl-C a second time, does not want anything left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

# Ctrl-C first: it is pressed most. Then `kill`, a window that is closed, and Ctrl-\.
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@contextmanager
def hurried_by_signals(hurry: Callable[[], None]) -> Iterator[None]:
    """Inside this block what would end this process calls `hurry` instead, however often it comes. What is ignored stays ignored (`nohup`); outside
    the main thread, which no signal reaches, nothing changes."""
    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, lambda *_: hurry())
        yield
    finally:
        for number, handling in before.items():
            signal.signal(number, handling)


@contextmanager
def tidied_up() -> Iterator[None]:
    """Whoever is told to end inside this block by anything but Ctrl-C, of which Python makes an exception by itself, leaves it in order, so that
    nothing half made stays; then the process ends as that signal ends processes. What is ignored stays ignored, and outside the main thread
    nothing changes. Not around an event loop: an exception in the midst of its own work may keep it from ever ending."""
    told: list[int] = []

    def end(number: int, _: object) -> None:
        if not told:  # once is enough: what is removed now shall not be cut short
            told.append(number)
            raise SystemExit(128 + number)

    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    before[number] = signal.signal(number, end)
        yield
    finally:
        for number, handling in before.items():
            signal.signal(number, handling)
        if told:
            os.kill(os.getpid(), told[0])
