"""Processes of one pool, each playing something of its own; whoever ends the pool, by Ctrl-C too, finds nothing of theirs left behind."""

from __future__ import annotations

import atexit
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool
from typing import Final

_INTERRUPT: Final = {signal.SIGINT}


@contextmanager
def players(count: int, tasks_each: int | None = None) -> Iterator[Pool]:
    """`count` of them; one that has done `tasks_each` gives way to a new one."""
    # The terminal tells a whole group of Ctrl-C. Only whoever began this shall hear it, and tell the others: blocked here, it is blocked in them
    # while they load, and in those that come later, which a thread of the pool begins.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    try:
        pool = multiprocessing.get_context("spawn").Pool(count, _prepare, maxtasksperchild=tasks_each)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with pool:
        yield pool


def _prepare() -> None:
    """In each, first of all. A pool tells its processes to end by SIGTERM: as an exception it lets them clear away their folders."""
    signal.signal(signal.SIGINT, lambda *_: None)  # not ignored: programs that they start would ignore it too
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
    signal.signal(signal.SIGTERM, _end)
    atexit.register(signal.signal, signal.SIGTERM, signal.SIG_IGN)  # who ends by itself need not be told


def _end(number: int, _: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + number)
