"""A farewell that nobody cuts short: whoever presses Ctrl-C a second time wants it to be over, and does not want anything left behind."""

from __future__ import annotations

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
