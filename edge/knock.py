"""Knock at the hatch of a running node: the asker's side, without an event loop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge import hatch, orders
from edge.orders import Failed, Request, Told
from protocol.errors import Unavailable
from protocol.runtime.folder import NodeFolder, Occupied

START_SECONDS: Final = 20.0  # a node that has a long buffer to verify listens some seconds after it was started
LOOK_SECONDS: Final = 0.1


def knock(folder: Path, request: Request, answer_seconds: float | None = None) -> Iterator[Told] | None:
    """What the node on `folder` tells, line by line, until it is done; None when no node runs there. `Failed` is raised as the trouble it names.

    Closing the iterator hangs up. Raises Unavailable when the node ends in the middle or says nothing for `answer_seconds`."""
    guest = hatch.reach(folder, answer_seconds)
    if guest is None:
        return None

    def listen() -> Iterator[Told]:
        with guest, guest.makefile("rb") as lines:
            guest.sendall(orders.line(request))
            try:
                for raw in lines:
                    told = orders.told(raw)
                    if isinstance(told, Failed):
                        raise orders.trouble(told)
                    yield told
            except OSError as error:
                raise Unavailable(
                    f"The node in {folder} does not answer.", "Look at its log, then restart `kabine edge run`."
                ) from error

    return listen()


def knock_or_open(
    folder: Path, request: Request, answer_seconds: float | None = None, *, looking: bool = True
) -> Iterator[Told] | NodeFolder:
    """As `knock`; where no node runs the folder itself, which is the caller's then (`looking`: only to look at it). A node that only starts has the
    folder already and no hatch yet: it is waited for. Raises Occupied when that lasts, and as NodeFolder.open does."""
    end = time.monotonic() + START_SECONDS
    while (told := knock(folder, request, answer_seconds)) is None:
        try:
            return NodeFolder.open(folder, "edge", looking=looking)
        except Occupied:
            if time.monotonic() > end:
                raise
        time.sleep(LOOK_SECONDS)
    return told
