"""Processes of one pool, each playing something of its own; whoever ends the pool, by Ctrl-C too, finds nothing of theirs left behind."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol, TypeVar

from tools.farewell import tidied_up

_INTERRUPT: Final = {signal.SIGINT}
Item = TypeVar("Item")
Played = TypeVar("Played")


class PlayAll(Protocol):
    """Plays all items with a function of a module, side by side; what each has given comes in the order of the items."""

    def __call__(self, play: Callable[[Item], Played], items: Iterable[Item], /) -> Iterator[Played]: ...


@contextmanager
def players(count: int, items_each: int | None = None) -> Iterator[PlayAll]:
    """`count` of them; one that has played `items_each` gives way to a new one."""
    # The terminal tells a whole group of Ctrl-C. Only whoever began this shall hear it, and tell the others: blocked here, it is blocked in them
    # while they load, and in those that come later, which a thread of the pool begins.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    try:
        pool = multiprocessing.get_context("spawn").Pool(count, _prepare, maxtasksperchild=items_each)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with pool:
        yield lambda play, items: pool.imap(partial(_tidily, play), items)


def _prepare() -> None:
    """In each, first of all."""
    signal.signal(signal.SIGINT, lambda *_: None)  # not ignored: programs that they start would ignore it too
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)


def _tidily(play: Callable[[Item], Played], item: Item) -> Played:
    """A pool tells its processes to end by SIGTERM: while they play they clear their folders away first; between two items there is nothing."""
    with tidied_up():
        return play(item)
