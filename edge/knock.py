"""Knock at the hatch of a running node: the asker's side, without an event loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge import hatch, orders
from edge.orders import Failed, Request, Told
from protocol.errors import Unavailable


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
