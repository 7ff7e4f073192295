"""A farewell that nobody cuts short: whoever tells a command to end, or presses Ctrl-C a second time, does not want anything left behind."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# Ctrl-C first: it is pressed most. Then `kill`, a window that is closed, and Ctrl-\.
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_MOMENT_SECONDS: Final = 0.01


@contextmanager
def hurried_by_signals(hurry: Callable[[], None]) -> Iterator[None]:
    """Inside this block what would end this process calls `hurry` instead, however often it comes. What is ignored stays ignored (`nohup`); outside
    the main thread, which no signal reaches, nothing changes."""
    with _heard(lambda _: hurry()):
        yield


@contextmanager
def _heard(hear: Callable[[int], None]) -> Iterator[None]:
    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, lambda number, _: hear(number))
        yield
    finally:
        for ending, handling in before.items():
            signal.signal(ending, handling)


@contextmanager
def in_one_piece() -> Iterator[None]:
    """Whoever is told to end inside this block hears of it at its end: where a process begins, so that it is noted somewhere by then. Otherwise an
    exception from within its constructor leaves one of which nobody knows."""
    told: list[int] = []
    try:
        with _heard(told.append):
            yield
    finally:
        if told:
            signal.raise_signal(told[0])


@contextmanager
def begun(command: Sequence[str], **more: Any) -> Iterator[subprocess.Popen[Any]]:
    """`subprocess.Popen`, and no such process is there any more when the block has ended."""
    process: subprocess.Popen[Any] | None = None
    try:
        with in_one_piece():
            process = subprocess.Popen(command, **more)
        yield process
    finally:
        if process is not None:
            with process:  # waits for it, and closes its pipes
                process.kill()


def seen_off(command: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
    """`subprocess.run` for a command that needs a while to leave things in order: whoever tells us to end waits until it has been told, and has. It
    hears of that from nobody else; a terminal would tell it a second time."""
    told: list[int] = []
    with subprocess.Popen(command, text=True, process_group=0, **more) as process:

        def tell(number: int) -> None:
            told.append(number)
            process.terminate()

        with _heard(tell):
            said, failed = process.communicate()
    if told:
        signal.raise_signal(told[0])
    return subprocess.CompletedProcess(command, process.returncode, said, failed)


@contextmanager
def tidied_up() -> Iterator[None]:
    """Whoever is told to end inside this block by anything but Ctrl-C, of which Python makes an exception by itself, leaves it in order, so that
    nothing half made stays; then the process ends as that signal ends processes. What is ignored stays ignored, and outside the main thread
    nothing changes. Not around an event loop: an exception in the midst of its own work may keep it from ever ending."""
    told: list[int] = []

    def end(number: int, _: object) -> None:
        if not told:  # once is enough: what is removed now shall not be cut short
            told.append(number)
            logging.disable()  # what others let pass they write down before, as if something had failed
            raise _Told(128 + number)

    before: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    before[number] = signal.signal(number, end)
        with _insisting() if before else nullcontext():
            yield
    finally:
        for ending, handling in before.items():
            signal.signal(ending, handling)
        if told:
            atexit._run_exitfuncs()  # what others have laid by for the end of the process
            os.kill(os.getpid(), told[0])


class _Told(SystemExit):
    """To end, by a signal."""


@contextmanager
def _insisting() -> Iterator[None]:
    """In a destructor, in what a weak reference calls and in what C calls Python believes no exception: it is printed, and all goes on. One that
    tells to end is raised once more, a moment later, from wherever that is."""
    told: list[_Told] = []

    def again(_number: int, _frame: object) -> None:
        raise told[-1].with_traceback(None)

    def unbelieved(what: UnraisableHookArgs) -> None:
        if isinstance(what.exc_value, _Told):
            told.append(what.exc_value)
            signal.signal(signal.SIGALRM, again)
            signal.setitimer(signal.ITIMER_REAL, _MOMENT_SECONDS)
        else:
            hook(what)

    hook, alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)
    sys.unraisablehook = unbelieved
    try:
        yield
    finally:
        sys.unraisablehook = hook
        if told:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, alarm)
