"""SQLAlchemy's engines, kept from one life of a hub to the next: what it has compiled for one process holds for the next one too.

A process that begins anew compiles every statement that it executes, and a simulation begins hundreds. Connections are none of this: each life
opens its own, on the file as it finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

from cloud.storage import database
from tools.simulator.slip import swap


@contextmanager
def kept() -> Iterator[None]:
    """Within this block an engine that was disposed of serves whoever opens the same file next."""
    free: dict[str, list[Engine]] = {}
    made = database._engine

    def engine(url: str) -> Engine:
        waiting = free.setdefault(url, [])
        if waiting:
            return waiting.pop()
        fresh = made(url)
        event.listen(fresh, "engine_disposed", waiting.append)
        return fresh

    undo = swap(database, "_engine", engine)
    try:
        yield
    finally:
        undo()
